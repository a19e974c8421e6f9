//! The boot sequence in a folder: what init would do, in which order, and when it refuses.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use contract::boot::{Boot, Check, Execute, Root, RootHashSignatures, SecureBoot};
use contract::esp;
use contract::manifest::{Image, ImageName, Manifest};
use formats::gpt::{Layout, Partition, SectorSize};

const KERNEL: &str = "6.12.0-test";
const GUID: &str = "11111111-2222-3333-4444-555555555555";
const OTHER: &str = "99999999-2222-3333-4444-555555555555";
const VENDOR: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
const LOADER: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

const DATA: u64 = 8192;

/// A machine in a folder.
struct Machine {
    folder: tempfile::TempDir,
}

/// What a rehearsal gave.
struct Outcome {
    said: String,
    code: Option<i32>,
}

fn manifest(version: &str) -> Manifest {
    let images = [ImageName::Modules, ImageName::Firmware, ImageName::Root].map(|name| Image {
        name,
        file: esp::image_file(name.as_str()),
        size: DATA + 8192,
        data_size: DATA,
        hash_offset: DATA,
        salt: "00ff".to_owned(),
        root_hash: "ab".repeat(32),
    });
    Manifest {
        version: version.to_owned(),
        kernel: KERNEL.to_owned(),
        images: images.to_vec(),
    }
}

fn boot() -> Boot {
    Boot {
        root_hash_signatures: RootHashSignatures::Checked,
        root: Root::ReadOnly,
        init: "/sbin/init".to_owned(),
        init_arguments: vec!["--one".to_owned()],
        check: Check::Full,
        secure_boot: SecureBoot::Optional,
        execute: Execute::Any,
    }
}

impl Machine {
    /// One that starts: Secure Boot on, the boot partition on `vda`, started from there.
    fn good() -> Self {
        let machine = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        machine.write("kernel-version", KERNEL);
        machine.write("release.json", manifest("1.4").to_json());
        machine.write("boot.json", boot().to_json());
        machine.modules();
        machine.write(&variable("SecureBoot", VENDOR), [6, 0, 0, 0, 1]);
        machine.write(&variable("SetupMode", VENDOR), [6, 0, 0, 0, 0]);
        machine.started_from(GUID);
        machine.disk("vda", &[GUID]);
        machine.release_on("vda1", "1.4");
        for image in ["root", "modules", "firmware"] {
            machine.write(&format!("dev/mapper/sealboot-{image}"), [0; DATA as usize]);
        }
        machine.root_image();
        machine
    }

    fn modules(&self) {
        let at = |name: &str| format!("usr/lib/modules/{KERNEL}/{name}");
        let required = contract::modules::REQUIRED.iter();
        let mut dep: String = required
            .map(|name| format!("kernel/{name}.ko:\n"))
            .collect();
        dep.push_str(
            "kernel/overlay.ko:\nkernel/virtio-blk.ko: kernel/virtio-ring.ko kernel/virtio.ko\n\
             kernel/virtio-ring.ko: kernel/virtio.ko\nkernel/virtio.ko:\nkernel/uas.ko:\n",
        );
        self.write(&at("modules.dep"), dep);
        self.write(
            &at("modules.alias"),
            "alias virtio:d00000002v* virtio_blk\nalias usb:v*ip62in* uas\n",
        );
        self.write(&at("modules.softdep"), "");
        self.write(&at("modules.builtin"), "kernel/sd_mod.ko\n");
        self.write(
            "sys/devices/pci0/virtio0/modalias",
            "virtio:d00000002v00001AF4\n",
        );
        self.write("sys/devices/pci0/odd/modalias", "odd:nobody-wants-it\n");
    }

    /// A disk whose EFI partitions have these GUIDs.
    fn disk(&self, name: &str, guids: &[&str]) {
        let partitions = (1..).zip(guids).map(|(number, guid)| Partition {
            number,
            type_guid: esp::PARTITION_TYPE,
            guid: guid.parse().unwrap(),
            first_lba: 2048 * u64::from(number),
            last_lba: 2048 * u64::from(number) + 100,
            attributes: 0,
            name: esp::SLOT_A_NAME.to_owned(),
        });
        let size = 8 << 20;
        let layout = Layout::new(
            SectorSize::B512,
            size,
            OTHER.parse().unwrap(),
            partitions.collect(),
        );
        self.write(&format!("dev/{name}"), "");
        let mut disk = File::options()
            .write(true)
            .read(true)
            .open(self.path(&format!("dev/{name}")))
            .unwrap();
        disk.set_len(size).unwrap();
        layout.unwrap().write(&mut disk).unwrap();
        let folder = format!("sys/devices/pci0/{name}");
        self.write(&format!("{folder}/size"), (size / 512).to_string());
        self.write(&format!("{folder}/queue/logical_block_size"), "512\n");
        self.link(&format!("sys/class/block/{name}"), &folder);
        for number in 1..=guids.len() {
            let folder = format!("{folder}/{name}{number}");
            self.write(&format!("{folder}/size"), "101\n");
            self.write(&format!("{folder}/partition"), number.to_string());
            self.link(&format!("sys/class/block/{name}{number}"), &folder);
        }
    }

    /// What is on a partition.
    fn release_on(&self, device: &str, version: &str) {
        let at = |name: &str| format!("mounted/{device}/sealboot/{name}");
        self.write(&at("release.json"), manifest(version).to_json());
        for image in ["root", "modules", "firmware"] {
            self.write(
                &at(&esp::image_file(image)),
                vec![0; (DATA + 8192) as usize],
            );
            self.write(&at(&esp::signature_file(image)), "signature");
        }
    }

    fn root_image(&self) {
        let at = |name: &str| format!("mounted/sealboot-root/{name}");
        for place in [
            "dev",
            "proc",
            "sys",
            "run",
            "usr/lib/firmware",
            &format!("usr/lib/modules/{KERNEL}"),
        ] {
            fs::create_dir_all(self.path(&at(place))).unwrap();
        }
        symlink("/usr/lib", self.path(&at("lib"))).unwrap();
        self.write(&at("usr/sbin/real-init"), "#!");
        fs::set_permissions(
            self.path(&at("usr/sbin/real-init")),
            fs::Permissions::from_mode(0o755),
        )
        .unwrap();
        fs::create_dir_all(self.path(&at("sbin"))).unwrap();
        symlink("/usr/sbin/real-init", self.path(&at("sbin/init"))).unwrap();
    }

    fn started_from(&self, guid: &str) {
        let text = guid
            .to_uppercase()
            .encode_utf16()
            .chain([0])
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>();
        self.write(
            &variable("LoaderDevicePartUUID", LOADER),
            [vec![6, 0, 0, 0], text].concat(),
        );
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    fn link(&self, at: &str, to: &str) {
        fs::create_dir_all(self.path(at).parent().unwrap()).unwrap();
        symlink(self.path(to), self.path(at)).unwrap();
    }

    fn start(&self) -> Outcome {
        let output = Command::new(env!("CARGO_BIN_EXE_sealboot-init"))
            .arg("--test-root")
            .arg(self.folder.path())
            .args(["--test-cmdline", "quiet sealboot.wait=7 sealboot.pause=5"])
            .output()
            .unwrap();
        Outcome {
            said: String::from_utf8(output.stdout).unwrap(),
            code: output.status.code(),
        }
    }
}

fn variable(name: &str, vendor: &str) -> String {
    format!("sys/firmware/efi/efivars/{name}-{vendor}")
}

impl Outcome {
    /// The screen's words without their line breaks.
    fn words(&self) -> String {
        self.said.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn started(&self) -> bool {
        self.code == Some(0) && self.said.contains("would start /sbin/init")
    }

    fn refused(&self) -> bool {
        let ends = self.said.contains("THIS RELEASE WAS NOT STARTED")
            && self.said.ends_with("would wait 5 seconds\nwould restart\n");
        self.code == Some(1) && ends && !self.said.contains("would start")
    }
}

/// Times and descriptors differ from run to run.
fn steady(said: &str) -> String {
    let line = |line: &str| {
        let line = line.split_once(" MiB in ").map_or(line, |(head, _)| head);
        match line.split_once("/proc/self/fd/") {
            Some((head, tail)) => format!(
                "{head}<fd>{}",
                tail.trim_start_matches(|c: char| c.is_ascii_digit())
            ),
            None => line.to_owned(),
        }
    };
    said.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_release_starts_in_this_order() {
    let outcome = Machine::good().start();
    let table = |image: &str| {
        let hash = "ab".repeat(32);
        format!(
            "would map sealboot-{image} as 1   4096 4096 2 3 sha256 {hash} 00ff with signature of 9 bytes\n\
             sealboot: {image}.squashfs mapped, its signature accepted by the kernel\n\
             would read /dev/mapper/sealboot-{image}\n\
             sealboot: {image}.squashfs checked: 0\n"
        )
    };
    let expected = format!(
        "\
would mount devtmpfs at /dev (devtmpfs nosuid,noexec,mode=0755)
would mount proc at /proc (proc nosuid,nodev,noexec)
would mount sysfs at /sys (sysfs nosuid,nodev,noexec)
would mount tmpfs at /run (tmpfs nosuid,nodev,mode=0755)
sealboot: release 1.4, kernel {KERNEL}
would listen to device events
would load /usr/lib/modules/{KERNEL}/kernel/efivarfs.ko
would load /usr/lib/modules/{KERNEL}/kernel/loop.ko
would load /usr/lib/modules/{KERNEL}/kernel/dm_verity.ko
would load /usr/lib/modules/{KERNEL}/kernel/squashfs.ko
would load /usr/lib/modules/{KERNEL}/kernel/vfat.ko
would load /usr/lib/modules/{KERNEL}/kernel/nls_cp437.ko
would load /usr/lib/modules/{KERNEL}/kernel/nls_ascii.ko
would load /usr/lib/modules/{KERNEL}/kernel/virtio.ko
would load /usr/lib/modules/{KERNEL}/kernel/virtio-ring.ko
would load /usr/lib/modules/{KERNEL}/kernel/virtio-blk.ko
sealboot: 10 kernel modules loaded for this machine
would mount efivarfs at /sys/firmware/efi/efivars (efivarfs nosuid,nodev,noexec)
sealboot: Secure Boot is on
would mount /dev/vda1 at /run/sealboot/boot (vfat ro,nosuid,nodev,noexec,codepage=437,iocharset=ascii)
sealboot: boot partition /dev/vda1 ({GUID})
{}{}{}would mount /dev/mapper/sealboot-root at /sysroot (squashfs ro)
would mount /dev/mapper/sealboot-modules at /mounted/sealboot-root/usr/lib/modules/{KERNEL} (squashfs ro,nosuid,nodev,noexec)
would mount /dev/mapper/sealboot-firmware at /mounted/sealboot-root/usr/lib/firmware (squashfs ro,nosuid,nodev,noexec)
sealboot: starting /sbin/init
would move /dev to /mounted/sealboot-root/dev
would move /sys to /mounted/sealboot-root/sys
would move /run to /mounted/sealboot-root/run
would move /proc to /mounted/sealboot-root/proc
would start /sbin/init --one in /sysroot",
        table("modules"),
        table("firmware"),
        table("root"),
    );
    assert_eq!(steady(&outcome.said), expected);
    assert!(outcome.started());
}

#[test]
fn what_it_leaves_behind_is_what_it_pinned() {
    let machine = Machine::good();
    assert!(machine.start().started());
    let left = |path: &str| fs::read(machine.path(path.trim_start_matches('/'))).unwrap();
    assert_eq!(left(contract::running::MANIFEST), manifest("1.4").to_json());
    assert_eq!(left(contract::running::BOOT), boot().to_json());
    let log = String::from_utf8(left(contract::running::LOG)).unwrap();
    assert!(log.starts_with("sealboot: release 1.4"), "{log}");
}

/// What breaks a good machine, and what the screen must say then.
type Refusal = (&'static str, fn(&Machine), &'static [&'static str]);

const REFUSALS: &[Refusal] = &[
    (
        "no pinned release",
        |m| m.remove("release.json"),
        &["release.json in the initrd cannot be used"],
    ),
    (
        "a boot.json with an unknown key",
        |m| m.write("boot.json", "{\"x\":1}"),
        &["boot.json in the initrd", "unknown field `x`"],
    ),
    (
        "another kernel",
        |m| m.write("kernel-version", "6.1"),
        &["expected 6.12.0-test", "found 6.1"],
    ),
    (
        "no dm-verity",
        |m| {
            m.write(
                &format!("usr/lib/modules/{KERNEL}/modules.dep"),
                "kernel/efivarfs.ko:\nkernel/loop.ko:\n",
            )
        },
        &["dm_verity is neither in"],
    ),
    (
        "dm-verity refused",
        |m| m.write("refused", "dm_verity.ko 8"),
        &["module dm_verity", "Exec format error"],
    ),
    (
        "no UEFI",
        |m| fs::remove_dir_all(m.path("sys/firmware")).unwrap(),
        &["was not started by UEFI"],
    ),
    (
        "SecureBoot unreadable",
        |m| m.remove(&variable("SecureBoot", VENDOR)),
        &["Secure Boot state is not known", "SecureBoot holds nothing"],
    ),
    (
        "SetupMode odd",
        |m| m.write(&variable("SetupMode", VENDOR), [6, 0, 0, 0, 9]),
        &["Secure Boot state is not known", "SetupMode holds"],
    ),
    (
        "no disk",
        |m| fs::remove_dir_all(m.path("sys/class/block")).unwrap(),
        &[
            "the disk to start from did not appear in 7 seconds",
            "no disk at all",
        ],
    ),
    (
        "a disk without a table",
        |m| m.write("dev/vda", [0; 4096]),
        &[
            "did not appear",
            "vda of 8 MiB: the disk has no GUID partition table",
        ],
    ),
    (
        "another release on the partition",
        |m| m.release_on("vda1", "1.3"),
        &[
            "is not the manifest that this UKI was signed with",
            "expected release 1.4",
            "found release 1.3",
        ],
    ),
    (
        "no manifest on the partition",
        |m| m.remove("mounted/vda1/sealboot/release.json"),
        &["sealboot/release.json on /dev/vda1 cannot be read"],
    ),
    (
        "a manifest that plays with the console",
        |m| m.write("mounted/vda1/sealboot/release.json", "{\"\\u001b[2J\":1}"),
        &["is not the manifest", "unknown field `?[2J`"],
    ),
    (
        "a manifest without end",
        |m| m.write("mounted/vda1/sealboot/release.json", vec![b' '; 2 << 20]),
        &["cannot be read", "larger than 1048576 bytes"],
    ),
    (
        "a partition that does not mount",
        |m| m.write("refused", "/dev/vda1 5"),
        &[
            "the boot partition /dev/vda1 cannot be mounted",
            "Input/output error",
        ],
    ),
    (
        "an image missing",
        |m| m.remove("mounted/vda1/sealboot/firmware.squashfs"),
        &["the image firmware.squashfs is missing"],
    ),
    (
        "an image cut short",
        |m| m.write("mounted/vda1/sealboot/root.squashfs", [0; 100]),
        &[
            "root.squashfs has the wrong size",
            "expected 16384 bytes",
            "found 100 bytes",
        ],
    ),
    (
        "a signature missing",
        |m| m.remove("mounted/vda1/sealboot/modules.roothash.p7s"),
        &["the signature modules.roothash.p7s of modules.squashfs cannot be read"],
    ),
    (
        "a signature by another key",
        |m| m.write("refused", "sealboot-modules 126"),
        &[
            "does not accept the signature of modules.squashfs",
            "made with another key",
        ],
    ),
    (
        "a damaged signature",
        |m| m.write("refused", "sealboot-modules 74"),
        &[
            "does not accept the signature of modules.squashfs",
            "damaged",
        ],
    ),
    (
        "an image that cannot be read",
        |m| m.write("dev/mapper/sealboot-root", [0; 4096]),
        &["the image root.squashfs cannot be read at byte 4096"],
    ),
    (
        "no place for modules",
        |m| {
            fs::remove_dir(m.path(&format!("mounted/sealboot-root/usr/lib/modules/{KERNEL}")))
                .unwrap()
        },
        &["the root image has no folder lib/modules/6.12.0-test"],
    ),
    (
        "no place for /run",
        |m| fs::remove_dir(m.path("mounted/sealboot-root/run")).unwrap(),
        &["the root image has no folder run"],
    ),
    (
        "no init",
        |m| m.remove("mounted/sealboot-root/usr/sbin/real-init"),
        &["the root image has no program /sbin/init"],
    ),
    (
        "an init that is no program",
        |m| {
            fs::set_permissions(
                m.path("mounted/sealboot-root/usr/sbin/real-init"),
                fs::Permissions::from_mode(0o644),
            )
            .unwrap()
        },
        &["the root image has no program /sbin/init"],
    ),
];

#[test]
fn what_does_not_check_is_refused_in_words() {
    for (name, change, expected) in REFUSALS {
        let machine = Machine::good();
        change(&machine);
        let outcome = machine.start();
        assert!(outcome.refused(), "{name}:\n{}", outcome.said);
        for words in *expected {
            assert!(
                outcome.words().contains(words),
                "{name}: {words}:\n{}",
                outcome.said
            );
        }
        let reached_root = outcome.said.contains("at /sysroot");
        let is_about_root = name.contains("place") || name.contains("init");
        assert!(!reached_root || is_about_root, "{name}:\n{}", outcome.said);
    }
}

#[test]
fn without_secure_boot_the_pinned_hash_counts_and_the_screen_warns() {
    let machine = Machine::good();
    machine.write(&variable("SecureBoot", VENDOR), [6, 0, 0, 0, 0]);
    machine.write(&variable("SetupMode", VENDOR), [6, 0, 0, 0, 1]);
    machine.remove("mounted/vda1/sealboot/modules.roothash.p7s");
    let outcome = machine.start();
    assert!(outcome.started(), "{}", outcome.said);
    assert!(
        outcome
            .said
            .contains("WARNING: Secure Boot is OFF and the firmware is in SETUP MODE")
    );
    assert!(
        outcome
            .said
            .contains("modules.squashfs mapped, by its pinned root hash")
    );
    assert!(!outcome.said.contains("signature of"));
}

#[test]
fn a_kernel_that_checks_no_signatures_is_given_none() {
    let machine = Machine::good();
    let unsupported = Boot {
        root_hash_signatures: RootHashSignatures::Unsupported,
        check: Check::AsRead,
        ..boot()
    };
    machine.write("boot.json", unsupported.to_json());
    let outcome = machine.start();
    assert!(outcome.started(), "{}", outcome.said);
    assert!(!outcome.said.contains("signature of") && !outcome.said.contains("checked:"));
}

#[test]
fn an_overlay_makes_the_places_that_are_missing() {
    let machine = Machine::good();
    machine.write(
        "boot.json",
        Boot {
            root: Root::Overlay,
            ..boot()
        }
        .to_json(),
    );
    // In a rehearsal the overlay shows what stands for it.
    fs::create_dir_all(machine.path("mounted")).unwrap();
    fs::rename(
        machine.path("mounted/sealboot-root"),
        machine.path("mounted/overlay"),
    )
    .unwrap();
    fs::remove_dir(machine.path("mounted/overlay/run")).unwrap();
    let outcome = machine.start();
    assert!(outcome.started(), "{}", outcome.said);
    for words in [
        "would load /usr/lib/modules/6.12.0-test/kernel/overlay.ko",
        "would mount /dev/mapper/sealboot-root at /run/sealboot/root (squashfs ro)",
        "would mount tmpfs at /run/sealboot/changes",
        "lowerdir=",
        "would move /run to /mounted/overlay/run",
    ] {
        assert!(outcome.said.contains(words), "{words}:\n{}", outcome.said);
    }
}

#[test]
fn the_partition_that_was_started_from_is_taken_among_several() {
    let machine = Machine::good();
    machine.disk("sda", &[OTHER, "11111111-0000-0000-0000-000000000000"]);
    machine.release_on("sda1", "1.4");
    machine.release_on("sda2", "1.3");
    assert!(machine.start().said.contains("boot partition /dev/vda1"));
    machine.started_from(OTHER);
    fs::remove_dir_all(machine.path("run")).unwrap();
    fs::remove_file(machine.path("sysroot")).unwrap();
    assert!(machine.start().said.contains("boot partition /dev/sda1"));
}

#[test]
fn without_the_firmwares_word_any_copy_of_the_release_will_do() {
    let machine = Machine::good();
    machine.remove(&variable("LoaderDevicePartUUID", LOADER));
    machine.disk("sda", &[OTHER]);
    machine.release_on("sda1", "1.3");
    let outcome = machine.start();
    assert!(outcome.started(), "{}", outcome.said);
    assert!(
        outcome.said.contains("would mount /dev/sda1")
            && outcome.said.contains("boot partition /dev/vda1")
    );

    let machine = Machine::good();
    machine.started_from(OTHER);
    let outcome = machine.start();
    assert!(outcome.started(), "{}", outcome.said);
    assert!(outcome.said.contains(&format!(
        "waiting for partition {OTHER}, which this release was started from: 3 of 7 s"
    )));
    assert!(
        outcome
            .said
            .contains("looking for this release on any EFI partition")
    );
}

#[test]
fn modules_are_loaded_for_what_comes_later() {
    let machine = Machine::good();
    machine.started_from(OTHER);
    machine.write(
        "events",
        "usb:v0951p1666d0110dc00dsc00dp00ic08isc06ip62in00\nodd:thing\n",
    );
    let outcome = machine.start();
    assert!(outcome.said.contains("kernel/uas.ko"), "{}", outcome.said);
}

#[test]
fn a_driver_that_the_kernel_refuses_stops_nothing() {
    let machine = Machine::good();
    let folder = format!("usr/lib/modules/{KERNEL}");
    machine.write(
        &format!("{folder}/modules.softdep"),
        "softdep squashfs pre: uas\n",
    );
    machine.write("refused", "uas.ko 19\nvirtio-blk.ko 19");
    let outcome = machine.start();
    assert!(
        outcome.said.contains("kernel/uas.ko\nwould load"),
        "{}",
        outcome.said
    );
    assert!(outcome.started(), "{}", outcome.said);
}

#[test]
fn it_does_not_run_by_accident() {
    for arguments in [&[][..], &["--test-root", "/nowhere"], &["single"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_sealboot-init"))
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("never as PID 1"));
    }
}
