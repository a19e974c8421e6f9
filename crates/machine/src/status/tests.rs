use std::fs;
use std::path::Path;

use contract::boot;
use contract::manifest::{self, ImageName, Manifest};
use linux::device_mapper::Verity;

use super::*;

fn image(name: &str, digit: &str, state: ImageState, mounted_at: Option<&str>) -> Image {
    Image {
        name: name.to_owned(),
        root_hash: digit.repeat(64),
        state,
        mounted_at: mounted_at.map(str::to_owned),
    }
}

fn good() -> Status {
    Status {
        machine: Machine {
            vendor: "Dell Inc.".to_owned(),
            product: "PowerEdge R760".to_owned(),
            serial: "7QX1234".to_owned(),
        },
        kernel: "6.12.117+deb13-amd64".to_owned(),
        release: Some("2026.11.23".to_owned()),
        secure_boot: SecureBoot::On,
        execution: Execution::Signed,
        images: vec![
            image(
                "modules",
                "a",
                ImageState::Signed,
                Some("/usr/lib/modules/6.12.117+deb13-amd64"),
            ),
            image(
                "firmware",
                "b",
                ImageState::Signed,
                Some("/usr/lib/firmware"),
            ),
            image("root", "c", ImageState::Signed, Some("/")),
        ],
        root: Some(Root {
            file_system: "squashfs".to_owned(),
            source: "/dev/mapper/sealboot-root".to_owned(),
            writable: false,
        }),
    }
}

#[test]
fn the_first_screen() {
    let expected = "\
sealboot
-------------------------------------------------------------------------------
Release       2026.11.23
Machine       Dell Inc. PowerEdge R760, serial 7QX1234
Kernel        6.12.117+deb13-amd64
Secure Boot   on
Execution     only of what the images of this release hold
Root          squashfs /dev/mapper/sealboot-root, read-only
-------------------------------------------------------------------------------
modules       aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
              signature checked by the kernel, at
              /usr/lib/modules/6.12.117+deb13-amd64
firmware      bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
              signature checked by the kernel, at /usr/lib/firmware
root          cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
              signature checked by the kernel, at /
-------------------------------------------------------------------------------
";
    assert_eq!(good().render(), expected);
}

#[test]
fn what_is_wrong_is_said_loudly() {
    let mut status = good();
    status.machine = Machine::default();
    status.release = None;
    status.root = None;
    status.secure_boot = SecureBoot::SetupMode;
    status.execution = Execution::NotEnforced {
        found: "no policy is active".to_owned(),
    };
    status.images = vec![
        image("modules", "a", ImageState::Absent, None),
        image("firmware", "b", ImageState::Pinned, Some("/lib/firmware")),
        image(
            "root",
            "c",
            ImageState::Other {
                mapped_root_hash: "d".repeat(64),
            },
            Some("/"),
        ),
    ];
    let expected = "\
sealboot
-------------------------------------------------------------------------------
Release       none: this system was not started by sealboot's init
Machine       the firmware does not say
Kernel        6.12.117+deb13-amd64
Secure Boot   OFF, in SETUP MODE: anybody may enrol keys
Execution     NOT RESTRICTED, although this release asks for it: no policy is
              active
Root          not known
-------------------------------------------------------------------------------
modules       aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
              NOT MAPPED, not mounted
firmware      bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
              hash pinned by the initrd, signature not checked, at
              /lib/firmware
root          cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
mapped is     dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
              WRONG: mapped with another root hash, at /
-------------------------------------------------------------------------------
";
    assert_eq!(status.render(), expected);
}

#[test]
fn it_fits_whatever_the_machine_is_called() {
    let mut status = good();
    status.machine.product = "x".repeat(200);
    status.release = Some("9".repeat(60));
    for line in status.render().lines() {
        assert!(line.is_ascii() && line.len() < 80, "{line}");
    }
}

#[test]
fn programs_read_json() {
    let json = serde_json::to_value(good()).unwrap();
    assert_eq!(json["release"], "2026.11.23");
    assert_eq!(json["secure_boot"]["state"], "on");
    assert_eq!(json["execution"]["state"], "signed");
    assert_eq!(json["images"][2]["state"], "signed");
    assert_eq!(json["images"][2]["mounted_at"], "/");
    assert_eq!(json["root"]["writable"], false);
}

fn machine_folder(secure_boot: Option<(u8, u8)>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, content: &[u8]| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("sys/class/dmi/id/sys_vendor", b"QEMU\n");
    write("sys/class/dmi/id/product_name", b"Standard \x1b[2JPC\xff\n");
    write(
        "proc/self/mounts",
        b"rootfs / rootfs rw 0 0\n\
          /dev/mapper/sealboot-root / squashfs ro,relatime 0 0\n\
          /dev/mapper/sealboot-firmware /with\\040blank squashfs ro 0 0\n\
          tmpfs /run tmpfs rw 0 0\n",
    );
    if let Some((on, setup)) = secure_boot {
        for (name, value) in [("SecureBoot", on), ("SetupMode", setup)] {
            let path =
                format!("sys/firmware/efi/efivars/{name}-8be4df61-93ca-11d2-aa0d-00e098032b8c");
            write(&path, &[6, 0, 0, 0, value]);
        }
    }
    let images =
        [ImageName::Modules, ImageName::Firmware, ImageName::Root].map(|name| manifest::Image {
            name,
            file: format!("{name}.squashfs"),
            size: 16384,
            data_size: 8192,
            hash_offset: 8192,
            salt: String::new(),
            root_hash: "A".repeat(64),
        });
    let manifest = Manifest {
        version: "1.4".to_owned(),
        kernel: "6.12".to_owned(),
        images: images.to_vec(),
    };
    write("run/sealboot/release.json", &manifest.to_json());
    folder
}

fn gather(root: &Path) -> Status {
    let table = |name: &str| {
        let signature_key = (name == "sealboot-root").then(|| name.to_owned());
        let verity = Verity {
            data_device: "7:0".to_owned(),
            hash_device: "7:0".to_owned(),
            block_size: 4096,
            data_blocks: 2,
            hash_start_block: 3,
            root_hash: "a".repeat(64),
            salt: String::new(),
            signature_key,
        };
        Ok((name != "sealboot-modules").then_some(verity))
    };
    Status::gather(&Sources {
        root,
        kernel: "6.12".to_owned(),
        verity: &table,
    })
}

#[test]
fn the_running_system_is_read() {
    let folder = machine_folder(Some((1, 0)));
    let status = gather(folder.path());
    assert_eq!(status.machine.vendor, "QEMU");
    assert_eq!(status.machine.product, "Standard ?[2JPC?");
    assert_eq!(status.release.as_deref(), Some("1.4"));
    assert_eq!(status.secure_boot, SecureBoot::On);
    let images: Vec<_> = status
        .images
        .iter()
        .map(|i| (&*i.name, &i.state, i.mounted_at.as_deref()))
        .collect();
    assert_eq!(
        images,
        [
            ("modules", &ImageState::Absent, None),
            ("firmware", &ImageState::Pinned, Some("/with blank")),
            ("root", &ImageState::Signed, Some("/")),
        ]
    );
    let root = status.root.unwrap();
    assert_eq!((&*root.file_system, root.writable), ("squashfs", false));
}

#[test]
fn secure_boot_is_never_guessed() {
    for (variables, expected) in [
        (Some((0, 0)), SecureBoot::Off),
        (Some((0, 1)), SecureBoot::SetupMode),
    ] {
        assert_eq!(
            gather(machine_folder(variables).path()).secure_boot,
            expected
        );
    }
    for variables in [None, Some((7, 0))] {
        let state = gather(machine_folder(variables).path()).secure_boot;
        assert!(matches!(state, SecureBoot::Unreadable { .. }), "{state:?}");
    }
}

/// What the kernel and the release say of execution, and what is said of it.
#[test]
fn execution_is_what_the_kernel_enforces() {
    use boot::Execute::{Any, Signed};
    let securityfs = "securityfs /sys/kernel/security securityfs rw 0 0\n";
    let ipe = "sys/kernel/security/ipe";
    let (ours, theirs) = (
        format!("{ipe}/policies/sealboot/active"),
        format!("{ipe}/policies/theirs/active"),
    );
    let enforce = format!("{ipe}/enforce");
    let not_enforced = |found: &str| Execution::NotEnforced {
        found: found.to_owned(),
    };
    let other = Execution::Other {
        policy: "theirs".to_owned(),
    };
    type Case<'a> = (boot::Execute, &'a str, &'a [(&'a str, &'a str)], Execution);
    let cases: &[Case<'_>] = &[
        (
            Signed,
            securityfs,
            &[(&enforce, "1"), (&ours, "1")],
            Execution::Signed,
        ),
        (
            Any,
            securityfs,
            &[(&enforce, "1"), (&ours, "1")],
            Execution::Signed,
        ),
        (
            Any,
            securityfs,
            &[(&enforce, "1"), (&ours, "0")],
            Execution::Any,
        ),
        (Any, securityfs, &[], Execution::Any),
        (Any, "", &[], Execution::Any),
        (
            Any,
            securityfs,
            &[(&enforce, "1"), (&theirs, "1")],
            other.clone(),
        ),
        (
            Signed,
            securityfs,
            &[(&enforce, "1"), (&theirs, "1"), (&ours, "0")],
            other,
        ),
        (
            Signed,
            securityfs,
            &[(&enforce, "0"), (&ours, "1")],
            not_enforced("the policy sealboot is active, and not enforced"),
        ),
        (
            Signed,
            securityfs,
            &[(&enforce, "1"), (&ours, "0")],
            not_enforced("no policy is active"),
        ),
        (
            Signed,
            securityfs,
            &[],
            not_enforced("the kernel was started without IPE"),
        ),
    ];
    for (asked, mounts, files, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, content: &[u8]| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        write("run/sealboot/boot.json", &boot_settings(*asked).to_json());
        write("proc/self/mounts", mounts.as_bytes());
        for (path, content) in *files {
            write(path, content.as_bytes());
        }
        let found = gather(folder.path()).execution;
        assert_eq!(found, *expected, "{asked:?} {mounts:?} {files:?}");
    }
    // Nobody says anything.
    let folder = tempfile::tempdir().unwrap();
    let found = gather(folder.path()).execution;
    assert!(matches!(found, Execution::Unreadable { .. }), "{found:?}");
}

fn boot_settings(execute: boot::Execute) -> boot::Boot {
    boot::Boot {
        root_hash_signatures: boot::RootHashSignatures::Checked,
        root: boot::Root::ReadOnly,
        init: "/sbin/init".to_owned(),
        init_arguments: Vec::new(),
        check: boot::Check::Full,
        secure_boot: boot::SecureBoot::Optional,
        execute,
    }
}
