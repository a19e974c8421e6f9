//! Two systems over one kernel on one disk, and what the firmware's boot entries choose.

use std::fs::{self, File};
use std::path::Path;

use contract::manifest::{ImageName, Manifest};
use formats::fat::Volume;
use formats::gpt::{self, SectorSize};

use crate::machine::{boot, boot_with};
use crate::refusals::{HANDED_OVER, STOPPED};
use crate::release::{self, Release, sealboot, succeed};
use crate::roots::{self, ALPINE_LOGIN, INITTAB, PROGRAM_LINE, PROGRAM_WORDS};

/// Each comes to its own first words; and neither is kept from it by damage of the other.
#[test]
fn two_systems_share_a_kernel_and_nothing_else() {
    let Some(alpine) = roots::alpine("systems-alpine") else {
        return;
    };
    let program = roots::program("systems-program");
    let release = release::build(
        "release-systems",
        &format!(
            "[[system]]\nname = 'alpine'\n\
             [system.root]\nsource = [{{ image = '{alpine}' }}]\n\
             [[system.root.add]]\npath = '/etc/inittab'\ncontent = '{INITTAB}'\n\
             [[system]]\nname = 'program'\n\
             [system.root]\nsource = [{{ image = '{program}' }}]\n\
             [system.uki]\ncommand_line = '{PROGRAM_LINE}'\n\
             [firmware]\nsource = []\n[image]\nlevel = 1\n"
        ),
    );
    let disk = release.out.join("disk.img");
    one_modules_image(&release);

    // 1. The first is what a machine starts that has no boot entry.
    let seen = boot(&release, &disk, ALPINE_LOGIN);
    seen.must(seen.met, "no login prompt of the first system");
    let words = "signature accepted by the kernel";
    for image in ["modules", "alpine"] {
        let mapped = format!("{image}.squashfs mapped, its {words}");
        seen.must(seen.serial.contains(&mapped), &mapped);
    }
    seen.must(
        !seen.serial.contains("program.squashfs"),
        "the other's root",
    );

    // 2. A boot entry starts the other, although the first one's root is damaged.
    let damage = damage(&disk);
    let damaged = |system: &'static str| ["--tamper", damage.as_str(), "--system", system];
    let seen = boot_with(&release, &disk, PROGRAM_WORDS, &damaged("program"));
    seen.must(seen.met, "the second system did not start");
    let mapped = seen.serial.contains("program.squashfs mapped");
    seen.must(mapped, "it has another root");
    seen.must(!seen.serial.contains("alpine.squashfs"), "the other's root");

    // 3. The damaged one does not start, also when a boot entry names it.
    let reason = [STOPPED, "system alpine", "alpine.squashfs"];
    let seen = boot_with(&release, &disk, &reason, &damaged("alpine"));
    seen.must(seen.met, "the reason was not on the screen");
    seen.must(!seen.serial.contains(HANDED_OVER), "it started");
}

/// Both manifests name the same image, which is in the folder and on the disk once.
fn one_modules_image(release: &Release) {
    let [alpine, program] = ["alpine", "program"].map(|name| {
        let manifest = fs::read(release.out.join(format!("{name}.json"))).unwrap();
        Manifest::from_json(&manifest).unwrap()
    });
    let modules = |manifest: &Manifest| manifest.image(ImageName::Modules).cloned().unwrap();
    assert_eq!(modules(&alpine), modules(&program));
    let mut inspect = sealboot();
    let facts = succeed(inspect.arg("inspect").arg(release.out.join("disk.img")));
    let listed = facts
        .lines()
        .filter(|line| line.ends_with(" sealboot/modules.squashfs"));
    assert_eq!(listed.count(), 1, "{facts}");
    let mut verify = sealboot();
    verify.arg("verify").arg(&release.out).arg("--keys");
    succeed(verify.arg(&release.keys));
}

/// Where on the disk the middle of the first system's root is.
fn damage(disk: &Path) -> String {
    let mut file = File::open(disk).unwrap();
    let sector = SectorSize::B512;
    let partition = gpt::read(&mut file, sector).unwrap().partitions.remove(0);
    let start = partition.offset(sector);
    let mut volume = Volume::open(file, start, partition.size(sector)).unwrap();
    let root = volume.file("sealboot/alpine.squashfs").unwrap();
    let offset = root.offset().expect("it is in one piece");
    (start + offset + root.size() / 2).to_string()
}
