//! Which disk is taken.

use std::fs;

use crate::machine::{LOADER, Machine, OTHER, variable};

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
