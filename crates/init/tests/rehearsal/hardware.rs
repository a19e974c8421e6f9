//! Which modules are loaded.

use contract::boot::Boot;

use crate::machine::{KERNEL, LINE, Machine, OTHER, boot};

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

/// The line is signed, and so is the list in it. A module that init needs itself is loaded by name.
#[test]
fn modules_of_the_blacklist_get_no_device() {
    let line = format!("{LINE} modprobe.blacklist=virtio-blk,vfat");
    let machine = Machine::good();
    let with_list = Boot {
        command_line: line.clone(),
        ..boot()
    };
    machine.write("boot.json", with_list.to_json());
    let outcome = machine.start_with(&line);
    assert!(outcome.started(), "{}", outcome.said);
    assert!(!outcome.said.contains("virtio"), "{}", outcome.said);
    assert!(outcome.said.contains("kernel/vfat.ko"), "{}", outcome.said);
}

/// A device that its driver did not take, for want of firmware, and three that are none of that.
#[test]
fn drivers_are_asked_again_when_their_firmware_is_there() {
    let machine = Machine::good();
    let device = |name: &str, alias: &str| {
        let folder = format!("sys/devices/pci0/{name}");
        machine.write(&format!("{folder}/modalias"), format!("{alias}\n"));
        machine.link(&format!("sys/bus/virtio/devices/{name}"), &folder);
    };
    device("waits", "virtio:d00000002v00001AF4");
    device("works", "virtio:d00000002v00001AF4");
    machine.write("sys/devices/pci0/works/driver/uevent", "");
    device("unknown", "virtio:d000000FFv00001AF4");
    device("nameless", "");
    let outcome = machine.start();
    assert!(outcome.started(), "{}", outcome.said);
    let expected = "\
would mount /dev/mapper/sealboot-firmware at /lib/firmware (squashfs ro,nosuid,nodev,noexec)
would write waits to /sys/bus/virtio/drivers_probe
would mount /dev/mapper/sealboot-root";
    assert!(outcome.said.contains(expected), "{}", outcome.said);
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
fn what_a_driver_brings_is_driven_though_the_disk_is_there_already() {
    let machine = Machine::good();
    machine.write(
        "events",
        "usb:v0951p1666d0110dc00dsc00dp00ic08isc06ip62in00\n",
    );
    let outcome = machine.start();
    assert!(outcome.started(), "{}", outcome.said);
    let loaded = outcome.said.find("kernel/uas.ko").expect("it is loaded");
    assert!(
        loaded
            < outcome
                .said
                .find("modules loaded for this machine")
                .unwrap()
    );
}
