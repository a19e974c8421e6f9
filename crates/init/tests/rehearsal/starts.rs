//! Machines that start: in which order, with what left behind.

use std::fs;
use std::process::Command;

use contract::boot::{Boot, Check, Root, RootHashSignatures, Surroundings};

use crate::machine::{GUID, KERNEL, Machine, boot, manifest, steady};

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
would mount securityfs at /sys/kernel/security (securityfs nosuid,nodev,noexec)
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
would mount efivarfs at /sys/firmware/efi/efivars (efivarfs ro,nosuid,nodev,noexec)
sealboot: Secure Boot is on
sealboot: the kernel is locked down: integrity
would mount /dev/vda1 at /run/sealboot/boot (vfat ro,nosuid,nodev,noexec,codepage=437,iocharset=ascii)
sealboot: boot partition /dev/vda1 ({GUID})
{}{}{}would mount /dev/mapper/sealboot-root at /sysroot (squashfs ro)
would mount /dev/mapper/sealboot-modules at /mounted/sealboot-root/usr/lib/modules/{KERNEL} (squashfs ro,nosuid,nodev,noexec)
would mount /dev/mapper/sealboot-firmware at /mounted/sealboot-root/usr/lib/firmware (squashfs ro,nosuid,nodev,noexec)
would remount /sys/firmware/efi/efivars with nosuid,nodev,noexec
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

#[test]
fn a_watchdog_runs_until_the_hand_over() {
    let machine = Machine::good();
    machine.write("watchdog", "iTCO_wdt");
    let outcome = machine.start();
    assert!(outcome.started(), "{}", outcome.said);
    let said = "sealboot: watchdog: iTCO_wdt after 60 s\n";
    assert_eq!(outcome.said.matches(said).count(), 1, "{}", outcome.said);
    let [started, mounted, stopped, moved] = [
        said,
        "mount /dev/vda1",
        "would stop the watchdog",
        "would move",
    ]
    .map(|words| outcome.said.find(words).expect(words));
    assert!(started < mounted && mounted < stopped && stopped < moved);

    let machine = Machine::good();
    machine.write("watchdog", "iTCO_wdt");
    machine.write("refused", "watchdog 16");
    let outcome = machine.start();
    assert!(outcome.started(), "{}", outcome.said);
    assert!(outcome.said.contains("no watchdog: cannot start watchdog"));
}

#[test]
fn a_containers_command_starts_as_its_image_says() {
    let machine = Machine::good();
    let around = Surroundings {
        environment: vec!["PATH=/bin".to_owned(), "A=b c".to_owned()],
        directory: "/srv".to_owned(),
        user: 1000,
        group: 100,
        groups: vec![4, 7],
    };
    let of_a_container = Boot {
        surroundings: around,
        ..boot()
    };
    machine.write("boot.json", of_a_container.to_json());
    let outcome = machine.start();
    let expected = "would be user 1000:100 [4, 7] in /srv with PATH=/bin A=b c\n\
                    would start /sbin/init --one in /sysroot";
    assert!(outcome.said.contains(expected), "{}", outcome.said);
}
