//! Releases of several systems over one kernel.

use std::fs;
use std::process::Command;

use contract::manifest::{ImageName, Manifest};
use serde_json::Value;

use super::chain::{failed, json};
use super::place::Place;

const ROOT: &str = "[root]\nsource = [{ directory = 'root' }]\n";

/// Two systems; the second says what is different for it.
pub(crate) const TWO: &str = "\
[[system]]
name = 'debian'
[system.root]
source = [{ directory = 'root' }]
[[system]]
name = 'alpine'
[system.root]
source = [{ directory = 'other' }]
init = '/bin/start'
[system.policy]
secure_boot = 'required'
[system.uki]
command_line = 'console=ttyS1'
";

/// Inputs of two systems.
pub(crate) fn two() -> Place {
    let place = Place::new();
    place.write("other/bin/start", "#!/bin/sh\n");
    place.mode("other/bin/start", 0o755);
    place.configure(ROOT, TWO);
    place
}

fn built() -> Place {
    let place = two();
    place.sealboot(&["build", "--quiet"]).check("build", 0, &[]);
    place
}

fn manifest(place: &Place, name: &str) -> Manifest {
    Manifest::from_json(&fs::read(place.path(&format!("out/{name}.json"))).unwrap()).unwrap()
}

fn in_out(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.path("out")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn each_has_its_own_files_and_the_others_are_there_once() {
    let place = two();
    let ran = place.sealboot(&["build"]);
    let words = [
        "system    debian, started first; root read-only",
        "system    alpine; root read-only",
        "line      console=ttyS1",
        "alpine, ",
        "Release 1 of the systems debian, alpine is in out/:",
    ];
    ran.check("build", 0, &words);
    let shown = format!("{}{}", ran.stdout, ran.stderr);
    let plan = shown.lines().take_while(|line| !line.is_empty());
    for line in plan {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let of = |stem: &str, ends: &[&str]| ends.iter().map(|end| format!("{stem}.{end}")).collect();
    let image = ["roothash", "roothash.p7s", "squashfs"];
    let system = [&["efi", "json", "json.p7s"], &image[..]].concat();
    let mut expected: Vec<String> = [
        of("alpine", &system),
        of("debian", &system),
        of("modules", &image),
        vec![
            "disk.img".to_owned(),
            "report.html".to_owned(),
            "sbom.spdx.json".to_owned(),
        ],
    ]
    .concat();
    expected.sort();
    assert_eq!(in_out(&place), expected);

    let [debian, alpine] = ["debian", "alpine"].map(|name| manifest(&place, name));
    for (manifest, name) in [(&debian, "debian"), (&alpine, "alpine")] {
        let system = manifest.system.as_ref().unwrap();
        assert_eq!((system.name.as_str(), system.all.len()), (name, 2));
        let root = manifest.image(ImageName::Root).unwrap();
        assert_eq!(root.file, format!("{name}.squashfs"));
    }
    assert_eq!(
        debian.image(ImageName::Modules),
        alpine.image(ImageName::Modules)
    );
    let disk = json(&place, &["inspect", "out/disk.img"], 0);
    let files = disk["partitions"][0]["volume"]["files"].as_array().unwrap();
    let paths = files.iter().map(|file| file["path"].as_str().unwrap());
    let paths: Vec<&str> = paths.filter(|path| !path.starts_with("keys")).collect();
    for path in [
        "EFI/BOOT/BOOTX64.EFI",
        "EFI/Linux/debian.efi",
        "EFI/Linux/alpine.efi",
        "sealboot/modules.squashfs",
        "sealboot/alpine.json.p7s",
        "sealboot/debian.roothash.p7s",
    ] {
        assert_eq!(paths.iter().filter(|p| **p == path).count(), 1, "{path}");
    }
    let again = place.sealboot(&["--json", "build", "--quiet"]);
    let said: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(said["systems"], serde_json::json!(["debian", "alpine"]));
}

#[test]
fn a_system_has_what_it_says_and_else_what_all_have() {
    let place = built();
    let boot =
        |name: &str| json(&place, &["inspect", &format!("out/{name}.efi")], 0)["boot"].clone();
    let (debian, alpine) = (boot("debian"), boot("alpine"));
    let line = debian["command_line"].as_str().unwrap();
    assert!(line.starts_with("console=ttyS0"), "{line}");
    assert_eq!(alpine["command_line"], "console=ttyS1");
    assert_eq!(
        (&debian["init"], &alpine["init"]),
        (&"/sbin/init".into(), &"/bin/start".into())
    );
    let secure = (&debian["secure_boot"], &alpine["secure_boot"]);
    assert_eq!(secure, (&"optional".into(), &"required".into()));
    let shown = place.sealboot(&["inspect", "out/alpine.efi"]).stdout;
    for words in ["alpine of debian, alpine", "ID=\"sealboot-alpine\""] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn the_printed_configuration_is_the_same_release() {
    let place = built();
    let before = fs::read(place.path("out/disk.img")).unwrap();
    let printed = place.sealboot(&["build", "--print-config"]);
    printed.check("print", 0, &[]);
    for words in ["[[system]]", "console=ttyS1"] {
        assert!(printed.stdout.contains(words), "{}", printed.stdout);
    }
    assert!(!printed.stdout.contains("[root]"), "{}", printed.stdout);
    place.write("sealboot.toml", printed.stdout);
    place.sealboot(&["build", "--quiet"]).check("again", 0, &[]);
    assert!(fs::read(place.path("out/disk.img")).unwrap() == before);
}

/// Fewer systems, or none: nothing of the others stays.
#[test]
fn what_another_release_had_goes() {
    let place = built();
    place.write("out/alpine.txt", "the owner's own");
    let (one, _) = TWO.split_at(TWO.rfind("[[system]]").unwrap());
    place.configure(TWO, one);
    place.sealboot(&["build", "--quiet"]).check("one", 0, &[]);
    let left = in_out(&place);
    assert!(left.contains(&"debian.efi".to_owned()), "{left:?}");
    let alpine: Vec<_> = left.iter().filter(|name| name.contains("alpine")).collect();
    assert_eq!(alpine, ["alpine.txt"]);
    assert_eq!(failed(&json(&place, &["verify", "out"], 0)), []);

    place.configure(one, ROOT);
    place.sealboot(&["build", "--quiet"]).check("none", 0, &[]);
    let left = in_out(&place);
    assert!(!left.iter().any(|name| name.contains("debian")), "{left:?}");
    assert_eq!(failed(&json(&place, &["verify", "out"], 0)), []);
    place.configure(ROOT, TWO);
    place.sealboot(&["build", "--quiet"]).check("two", 0, &[]);
    let left = in_out(&place);
    assert!(!left.contains(&"kernel.efi".to_owned()), "{left:?}");
    assert!(!left.contains(&"root.squashfs".to_owned()), "{left:?}");
}

#[test]
fn all_of_it_is_verified_and_what_is_shared_once() {
    let place = built();
    let report = json(&place, &["verify", "out"], 0);
    assert_eq!(failed(&report), []);
    let checks = report["checks"].as_array().unwrap();
    let count = |within: &str, object: &str, check: &str| {
        let is = |key: &str, found: &Value, words: &str| found[key].as_str() == Some(words);
        let found = checks.iter().filter(|found| {
            is("within", found, within) && is("object", found, object) && is("check", found, check)
        });
        found.count()
    };
    let blocks = "data against the hash tree";
    assert_eq!(count("", "modules.squashfs", blocks), 1);
    for name in ["debian", "alpine"] {
        assert_eq!(count("", &format!("{name}.squashfs"), blocks), 1, "{name}");
        let on_disk = format!("EFI/Linux/{name}.efi");
        let signed = "signed by the db certificate";
        assert_eq!(count("disk.img", &on_disk, signed), 1, "{name}");
    }
    let copy = "a copy of EFI/Linux/debian.efi";
    assert_eq!(count("disk.img", "EFI/BOOT/BOOTX64.EFI", copy), 1);
    assert_eq!(
        count("disk.img", "release", "the same release as in the folder"),
        1
    );
    for file in [
        "alpine.efi",
        "alpine.json",
        "alpine.squashfs",
        "debian.json.p7s",
    ] {
        let report = json(&place, &["verify", &format!("out/{file}")], 0);
        assert_eq!(failed(&report), [], "{file}");
    }
}

type Change = fn(&Place);

/// What is done to `out`, and the object that must fail.
const IN_FOLDER: &[(&str, Change, &str)] = &[
    (
        "root",
        |p| flip(p, "alpine.squashfs", 40_000),
        "alpine.squashfs",
    ),
    (
        "first root",
        |p| flip(p, "debian.squashfs", 4_000),
        "debian.squashfs",
    ),
    (
        "shared",
        |p| flip(p, "modules.squashfs", 4_000),
        "modules.squashfs",
    ),
    ("manifest", |p| flip(p, "alpine.json", 20), "alpine.json"),
    (
        "no manifest",
        |p| p.remove("out/alpine.json"),
        "alpine.json",
    ),
    ("UKI", |p| flip(p, "alpine.efi", 0x900), "alpine.efi"),
    ("no UKI", |p| p.remove("out/alpine.efi"), "alpine.efi"),
    (
        "no system",
        |p| all_of(p, "alpine", |p, file| p.remove(file)),
        "alpine.efi",
    ),
    (
        "no manifests",
        |p| {
            p.remove("out/alpine.json");
            p.remove("out/debian.json");
        },
        "alpine.json",
    ),
    (
        "one in the other's place",
        |p| {
            all_of(p, "debian", |p, file| {
                fs::copy(p.path(file), p.path(&file.replace("debian", "alpine"))).unwrap();
            })
        },
        "alpine.efi",
    ),
    (
        "only UKIs",
        |p| {
            for end in ["json", "json.p7s", "squashfs", "roothash", "roothash.p7s"] {
                p.remove(&format!("out/alpine.{end}"));
                p.remove(&format!("out/debian.{end}"));
            }
        },
        "debian.json",
    ),
];

fn flip(place: &Place, file: &str, at: usize) {
    let path = place.path(&format!("out/{file}"));
    let mut bytes = fs::read(&path).unwrap();
    let at = at % bytes.len();
    bytes[at] ^= 0x10;
    fs::write(&path, bytes).unwrap();
}

fn all_of(place: &Place, name: &str, act: impl Fn(&Place, &str)) {
    for end in [
        "efi",
        "json",
        "json.p7s",
        "squashfs",
        "roothash",
        "roothash.p7s",
    ] {
        act(place, &format!("out/{name}.{end}"));
    }
}

#[test]
fn a_break_of_one_system_is_found() {
    let place = built();
    place.remove("out/disk.img");
    let good = place.path("good");
    let out = place.path("out");
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        let _ = fs::remove_dir_all(to);
        let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
        assert!(copied.unwrap().success());
    };
    copy(&out, &good);
    for (name, change, object) in IN_FOLDER {
        copy(&good, &out);
        change(&place);
        let failed = failed(&json(&place, &["verify", "out"], 3));
        let found = failed.iter().any(|(failed, _)| failed == object);
        assert!(found, "{name}: {object} is not in {failed:#?}");
    }
}

/// What mtools do to the boot partition, and the object that must fail.
const ON_DISK: &[(&str, &[&str], &str)] = &[
    (
        "no UKI",
        &["mdel", "::EFI/Linux/alpine.efi"],
        "EFI/Linux/alpine.efi",
    ),
    (
        "another is first",
        &["mcopy", "-o", "out/alpine.efi", "::EFI/BOOT/BOOTX64.EFI"],
        "EFI/BOOT/BOOTX64.EFI",
    ),
    (
        "none is first",
        &["mdel", "::EFI/BOOT/BOOTX64.EFI"],
        "EFI/BOOT/BOOTX64.EFI",
    ),
    (
        "no manifests",
        &["mdel", "::sealboot/*.json"],
        "sealboot/alpine.json",
    ),
    (
        "no root",
        &["mdel", "::sealboot/alpine.squashfs"],
        "sealboot/alpine.squashfs",
    ),
    (
        "a stranger",
        &[
            "mcopy",
            "-o",
            "stub/linuxx64.efi.stub",
            "::EFI/Linux/other.efi",
        ],
        "EFI/Linux/other.efi",
    ),
    (
        "only the first UKI",
        &["mdeltree", "::EFI/Linux", "::sealboot"],
        "EFI/Linux/alpine.efi",
    ),
];

#[test]
fn a_break_on_the_disk_is_found() {
    let place = built();
    for (name, words, object) in ON_DISK {
        fs::copy(place.path("out/disk.img"), place.path("disk.img")).unwrap();
        let image = format!("{}@@1M", place.path("disk.img").display());
        let mut mtools = place.command(words[0]);
        mtools.args(["-i", &image]).args(&words[1..]);
        let done = mtools.output().unwrap();
        assert!(done.status.success(), "{name}: {done:?}");
        let failed = failed(&json(&place, &["verify", "disk.img"], 3));
        let found = failed.iter().any(|(failed, _)| failed == object);
        assert!(found, "{name}: {object} is not in {failed:#?}");
    }
}
