//! Which modules are loaded.

use crate::machine::{KERNEL, Machine, OTHER};

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
