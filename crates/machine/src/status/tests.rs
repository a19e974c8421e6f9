use std::fs;
use std::path::Path;

use contract::boot;
use contract::manifest::{self, ImageName, Manifest};
use linux::device_mapper::Verity;
use linux::network::{Address, Interface};

use super::*;
use crate::disk::{Bus, Content, Use, What};

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
        lockdown: Some("integrity".to_owned()),
        release: Some("2026.11.23".to_owned()),
        system: None,
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
        last_failure: None,
        disks: vec![disk("sda")],
        network: network(),
        recovery: Some(Recovery {
            console: Console::Shell,
            network: Networking::Automatic,
            authorized_keys: 1,
            host_key: Some("SHA256:abc".to_owned()),
        }),
        root: Some(Root {
            file_system: "squashfs".to_owned(),
            source: "/dev/mapper/sealboot-root".to_owned(),
            writable: false,
        }),
    }
}

fn disk(name: &str) -> Disk {
    let held = |number: u32, size, kind, label: &str, release: Option<&str>| Held {
        device: format!("{name}{number}"),
        size,
        name: String::new(),
        content: Some(Content {
            kind,
            label: label.to_owned(),
        }),
        release: release.map(str::to_owned),
        running: release.is_some(),
    };
    Disk {
        holds: vec![
            held(1, 512 << 20, "FAT32", "SEALBOOT-A", Some("1.4")),
            held(2, 2_000_000_000_000, "ext2/3/4", "data", None),
        ],
        disk: crate::disk::Disk {
            name: name.to_owned(),
            size: 2_000_398_934_016,
            sector_size: 512,
            bus: Bus::Ata,
            removable: false,
            read_only: false,
            model: "Samsung SSD 870".to_owned(),
            serial: "S5Y1".to_owned(),
            sequence: None,
            partitions: Vec::new(),
            uses: vec![Use {
                device: format!("{name}2"),
                what: What::Mounted("/mnt".to_owned()),
            }],
            system: true,
        },
    }
}

fn network() -> Network {
    let interface = |name: &str, index, link| Interface {
        name: name.to_owned(),
        index,
        hardware_address: format!("52:54:00:00:00:0{index}"),
        link,
    };
    let address = |text: &str, prefix| Address {
        interface: 2,
        address: text.parse().unwrap(),
        prefix,
    };
    Network::new(
        vec![interface("eth0", 2, true), interface("eth1", 3, false)],
        &[address("10.0.2.15", 24), address("fe80::1", 64)],
    )
}

#[test]
fn the_first_screen_ends_with_what_to_type() {
    let expected = "\
sealboot recovery
-------------------------------------------------------------------------------
Release       2026.11.23
Machine       Dell Inc. PowerEdge R760, serial 7QX1234
Secure Boot   on
Execution     only of what the images of this release hold
Images        modules, firmware, root: signature checked by the kernel
-------------------------------------------------------------------------------
sda           1.8 TiB ATA Samsung SSD 870 serial S5Y1
  sda1        512 MiB FAT32 \"SEALBOOT-A\", release 1.4, started from here
  sda2        1.8 TiB ext2/3/4 \"data\", mounted at /mnt
-------------------------------------------------------------------------------
eth0          10.0.2.15/24 fe80::1/64
eth1          no cable, or nothing at its end; 52:54:00:00:00:03
SSH           ssh root@10.0.2.15 for one key; this start's host key is
              SHA256:abc
-------------------------------------------------------------------------------
What to type:
  sealboot status               all of this again, and more
  lsblk -f                      disks, file systems, labels
  mount -o ro /dev/sda2 /mnt    look at a disk without changing files
  cat /run/sealboot/boot.log    what was said while this started
  nano FILE                     change a file
  reboot                        start again; poweroff ends
";
    assert_eq!(good().first_screen(), expected);
    assert!(expected.lines().count() <= 24, "no room for a prompt");
}

#[test]
fn the_first_screen_says_why_the_last_boot_failed() {
    let mut status = good();
    status.last_failure = Some(Failure {
        release: "1.3".to_owned(),
        step: "mapping root".to_owned(),
        problem: "the signature of root was refused\x1b[2J".to_owned(),
        expected: Some("a signature by a certificate in db".to_owned()),
        next: "write the release again".to_owned(),
        kernel_log: Some("Oops".to_owned()),
        ..Failure::default()
    });
    let screen = status.first_screen();
    let expected = "\
Last boot     FAILED: release 1.3, mapping root
              the signature of root was refused?[2J
              expected: a signature by a certificate in db
              the kernel's last words: /run/sealboot/last-failure.json
              next: write the release again
";
    assert!(screen.contains(expected), "{screen}");
}

#[test]
fn without_a_shell_the_first_screen_names_none() {
    let mut status = good();
    let screen = |status: &mut Status, console, authorized_keys| {
        status.recovery = Some(Recovery {
            console,
            network: Networking::None,
            authorized_keys,
            host_key: None,
        });
        status.first_screen()
    };
    let none = screen(&mut status, Console::None, 0);
    assert!(none.ends_with("Nothing to log in to here. Ctrl-Alt-Del restarts the machine.\n"));
    assert!(none.contains("SSH           off: "), "{none}");
    assert!(none.contains("Network       off: "), "{none}");
    let ssh = screen(&mut status, Console::None, 2);
    assert!(ssh.contains("No shell on this console"), "{ssh}");
    assert!(!ssh.contains("What to type"), "{ssh}");
}

#[test]
fn many_disks_leave_room_for_the_rest() {
    let mut status = good();
    status.disks = (0..24).map(|number| disk(&format!("sd{number}"))).collect();
    status
        .images
        .push(image("other", "d", ImageState::Absent, None));
    let screen = status.first_screen();
    assert!(
        screen.contains("and 61 lines more: sealboot status\n"),
        "{screen}"
    );
    assert!(screen.contains("NOT VERIFIED"), "{screen}");
    assert!(screen.lines().count() < 40, "{screen}");
}

#[test]
fn all_of_it() {
    let expected = "\
sealboot
-------------------------------------------------------------------------------
Release       2026.11.23
Machine       Dell Inc. PowerEdge R760, serial 7QX1234
Kernel        6.12.117+deb13-amd64, locked down (integrity)
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
sda           1.8 TiB ATA Samsung SSD 870 serial S5Y1
  sda1        512 MiB FAT32 \"SEALBOOT-A\", release 1.4, started from here
  sda2        1.8 TiB ext2/3/4 \"data\", mounted at /mnt
eth0          10.0.2.15/24 fe80::1/64
eth1          no cable, or nothing at its end; 52:54:00:00:00:03
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
    status.disks = Vec::new();
    status.network = Network::default();
    status.secure_boot = SecureBoot::SetupMode;
    status.lockdown = Some("none".to_owned());
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
Kernel        6.12.117+deb13-amd64, NOT locked down: root can change it
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
Disks         none: no driver found one
Network       none: no driver found an interface
-------------------------------------------------------------------------------
";
    assert_eq!(status.render(), expected);
}

#[test]
fn it_fits_whatever_the_machine_is_called() {
    let mut status = good();
    status.machine.product = "x".repeat(200);
    status.release = Some("9".repeat(60));
    let both = status.render() + &status.first_screen();
    for line in both.lines() {
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
        system: Some(contract::system::System {
            name: "recovery".to_owned(),
            all: vec!["debian".to_owned(), "recovery".to_owned()],
        }),
        kernel: "6.12".to_owned(),
        images: images.to_vec(),
        policy: None,
        sources: Vec::new(),
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
        network: &Network::default,
    })
}

#[test]
fn the_running_system_is_read() {
    let folder = machine_folder(Some((1, 0)));
    let status = gather(folder.path());
    assert_eq!(status.machine.vendor, "QEMU");
    assert_eq!(status.machine.product, "Standard ?[2JPC?");
    assert_eq!(status.release.as_deref(), Some("1.4"));
    assert!(
        status
            .render()
            .contains("Release       1.4, system recovery\n")
    );
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
fn the_last_failure_and_the_settings_are_read_and_rubbish_is_nothing() {
    let folder = machine_folder(Some((1, 0)));
    let status = gather(folder.path());
    assert_eq!((status.last_failure, status.recovery), (None, None));
    let write = |path: &str, content: &[u8]| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write(
        "run/sealboot/last-failure.json",
        br#"{"release":"1.3","step":"mapping root","problem":"bad","next":"write again"}"#,
    );
    write(
        "etc/sealboot/recovery.json",
        br#"{"console":"none","network":"automatic","authorized_keys":3}"#,
    );
    write("run/sealboot/host-key.pub", b"rubbish\n");
    let status = gather(folder.path());
    assert_eq!(status.last_failure.unwrap().step, "mapping root");
    let recovery = status.recovery.unwrap();
    assert_eq!(
        (
            recovery.console,
            recovery.authorized_keys,
            recovery.host_key
        ),
        (Console::None, 3, None)
    );
    write("run/sealboot/last-failure.json", b"{");
    assert_eq!(gather(folder.path()).last_failure, None);
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
        surroundings: boot::Surroundings::default(),
        check: boot::Check::Full,
        secure_boot: boot::SecureBoot::Optional,
        execute,
        command_line: "quiet".to_owned(),
    }
}
