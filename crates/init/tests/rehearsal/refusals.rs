//! Machines that do not start, and what their screens must say.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::machine::{KERNEL, Machine, VENDOR, variable};

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
        "an error that is none about the signature",
        |m| m.write("refused", "sealboot-modules 22"),
        &[
            "the image modules.squashfs cannot be mapped",
            "Invalid argument",
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
