//! The kernel's lockdown: raised while Secure Boot is on.

use std::os::unix::fs::symlink;

use crate::machine::{LOCKDOWN, Machine, VENDOR, variable};

const WARNING: &str = "WARNING: this kernel is NOT LOCKED DOWN";

/// A machine whose kernel says this of its lockdown.
fn machine(says: &str) -> Machine {
    let machine = Machine::good();
    machine.write(LOCKDOWN, says);
    machine
}

#[test]
fn a_kernel_that_is_locked_down_is_left_alone() {
    for level in ["integrity", "confidentiality"] {
        let says = ["none", "integrity", "confidentiality"].map(|word| match word == level {
            true => format!("[{word}]"),
            false => word.to_owned(),
        });
        let outcome = machine(&says.join(" ")).start();
        assert!(outcome.started(), "{}", outcome.said);
        let words = format!("sealboot: the kernel is locked down: {level}\n");
        assert!(outcome.said.contains(&words), "{}", outcome.said);
        assert!(!outcome.said.contains("/lockdown"), "{}", outcome.said);
    }
}

#[test]
fn one_that_is_not_is_told_to() {
    let machine = machine("[none] integrity confidentiality\n");
    let outcome = machine.start();
    let written = "would write integrity to /sys/kernel/security/lockdown\n";
    assert!(outcome.said.contains(written), "{}", outcome.said);
    // The folder's file holds what was written, which is no answer of a kernel's.
    assert!(outcome.said.contains(WARNING), "{}", outcome.said);
    assert!(outcome.started(), "{}", outcome.said);
}

#[test]
fn one_that_cannot_be_starts_with_a_warning() {
    let without = Machine::good();
    without.remove(LOCKDOWN);
    let stays = Machine::good();
    stays.remove(LOCKDOWN);
    symlink("/dev/null", stays.path(LOCKDOWN)).unwrap();
    for machine in [without, stays] {
        let outcome = machine.start();
        assert!(outcome.said.contains(WARNING), "{}", outcome.said);
        assert!(outcome.started(), "{}", outcome.said);
    }
}

#[test]
fn without_secure_boot_nothing_is_changed() {
    let machine = machine("[none] integrity confidentiality\n");
    machine.write(&variable("SecureBoot", VENDOR), [6, 0, 0, 0, 0]);
    let outcome = machine.start();
    assert!(!outcome.said.contains("lockdown"), "{}", outcome.said);
    assert!(!outcome.said.contains("LOCKED"), "{}", outcome.said);
    assert!(outcome.started(), "{}", outcome.said);
}
