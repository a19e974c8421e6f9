//! The reason of a boot that failed, told by the next one.

use std::fs;

use contract::failure::{Failure, LARGEST};
use contract::running;

use crate::machine::Machine;

fn variable() -> String {
    format!("sys/firmware/efi/efivars/{}", Failure::file_name())
}

fn kept(machine: &Machine) -> Option<Failure> {
    let file = fs::read(machine.path(&variable())).ok()?;
    assert_eq!(file[..4], [7, 0, 0, 0], "non-volatile, boot, run time");
    assert!(file.len() <= 4 + LARGEST);
    Some(Failure::from_json(&file[4..]).unwrap())
}

fn left(machine: &Machine) -> Option<Failure> {
    let path = machine.path(running::LAST_FAILURE.trim_start_matches('/'));
    let json = fs::read(path).ok()?;
    Some(Failure::from_json(&json).unwrap())
}

#[test]
fn a_refusal_is_kept_told_left_and_forgotten() {
    let machine = Machine::good();
    machine.write("refused", "sealboot-root 126");
    let outcome = machine.start();
    assert!(outcome.refused(), "{}", outcome.said);
    let kept_then = kept(&machine).expect("the reason is kept");
    assert_eq!(kept_then.step, "mapping root.squashfs");
    assert!(kept_then.problem.contains("signature of root.squashfs"));
    assert!(kept_then.release.starts_with("1.4"));
    let order = [
        "THIS RELEASE WAS NOT STARTED",
        "would remount /sys/firmware/efi/efivars with nosuid,nodev,noexec",
        "would remount /sys/firmware/efi/efivars with ro,",
        "would wait",
    ];
    let at = order.map(|words| outcome.said.find(words).expect(words));
    assert!(at.is_sorted(), "{}", outcome.said);

    // It fails once more, for another reason: that one counts.
    machine.restart();
    machine.write("refused", "/dev/vda1 5");
    let outcome = machine.start();
    assert!(outcome.refused());
    assert!(
        outcome
            .words()
            .contains("before this start: the kernel does not accept the signature")
    );
    assert!(
        kept(&machine)
            .unwrap()
            .problem
            .contains("cannot be mounted")
    );

    machine.restart();
    machine.remove("refused");
    let outcome = machine.start();
    assert!(outcome.started(), "{}", outcome.said);
    let words = "before this start: the boot partition /dev/vda1 cannot be mounted";
    assert!(outcome.said.contains(words), "{}", outcome.said);
    assert_eq!(left(&machine).unwrap().step, "finding the boot partition");
    assert_eq!(kept(&machine), None);

    machine.restart();
    let outcome = machine.start();
    assert!(outcome.started() && !outcome.said.contains("before this start"));
    assert_eq!(left(&machine), None);
}

#[test]
fn what_cannot_be_kept_is_said_and_stops_nothing() {
    let machine = Machine::good();
    machine.write("refused", "sealboot-root 126");
    // Nothing can be written below a file.
    let folder = machine.path(&variable());
    fs::create_dir(folder).unwrap();
    let outcome = machine.start();
    assert!(outcome.refused(), "{}", outcome.said);
    let words = "the reason cannot be kept: cannot write the EFI variable SealbootLastFailure";
    assert!(outcome.said.contains(words), "{}", outcome.said);
}

/// A record as the kernel writes it.
fn record(machine: &Machine, number: u32, head: &str, log: &str) {
    let path = format!("sys/fs/pstore/dmesg-efi_pstore-{number}");
    machine.write(&path, format!("{head}\n{log}"));
}

#[test]
fn a_kernels_last_words_are_the_reason_and_their_records_go() {
    let machine = Machine::good();
    // An older reason of init's, which the panic replaces.
    machine.write("refused", "sealboot-root 126");
    assert!(machine.start().refused());
    machine.restart();
    machine.remove("refused");
    record(
        &machine,
        1,
        "Oops#1 Part1",
        "<4>[    1.0] BUG: unable to handle\n",
    );
    let panic = "<0>[   12.3] Kernel panic - not syncing: sysrq triggered crash\n<0>\x1b[2J end\n";
    record(&machine, 2, "Panic#2 Part1", panic);
    record(&machine, 3, "Panic#2 Part2", "<6>[   11.0] before\n");
    let outcome = machine.start();
    assert!(outcome.started(), "{}", outcome.said);
    let words = "before this start: the kernel stopped: Kernel panic - not syncing: sysrq triggered crash\n";
    assert!(outcome.said.contains(words), "{}", outcome.said);
    let log = left(&machine).unwrap().kernel_log.unwrap();
    assert!(
        log.starts_with("<6>[   11.0] before\n<0>[   12.3] Kernel panic"),
        "{log}"
    );
    assert!(log.contains("?[2J end") && !log.contains("BUG"), "{log}");
    assert_eq!(
        fs::read_dir(machine.path("sys/fs/pstore")).unwrap().count(),
        0
    );
    assert_eq!(kept(&machine), None);
}

#[test]
fn a_long_log_is_whole_for_the_root_and_its_end_is_kept_meanwhile() {
    let machine = Machine::good();
    let log = format!(
        "{}<0>[ 9.0] Kernel panic - not syncing: x\n",
        "<6>line\n".repeat(1000)
    );
    record(&machine, 1, "Panic#1 Part1", &log);
    machine.write("refused", "kernel/loop.ko 8");
    // Firmware comes after modules: the record is not lost by a boot that fails before it.
    assert!(machine.start().refused());
    assert_eq!(
        fs::read_dir(machine.path("sys/fs/pstore")).unwrap().count(),
        1
    );
    machine.restart();
    machine.remove("refused");
    assert!(machine.start().started());
    assert_eq!(left(&machine).unwrap().kernel_log.unwrap(), log);
}

#[test]
fn a_fault_that_the_kernel_survived_is_told_as_such() {
    let machine = Machine::good();
    record(
        &machine,
        1,
        "Oops#1 Part1",
        "<1>[ 1.0] BUG: kernel NULL pointer dereference\n",
    );
    let outcome = machine.start();
    let words = "before this start: the kernel met a fault: BUG: kernel NULL pointer dereference";
    assert!(outcome.said.contains(words), "{}", outcome.said);
}

#[test]
fn a_variable_that_holds_something_else_is_told_and_removed() {
    let machine = Machine::good();
    machine.write(&variable(), b"\x07\0\0\0{\"\x1b[2J\":1}");
    let outcome = machine.start();
    assert!(outcome.started(), "{}", outcome.said);
    assert!(
        outcome
            .said
            .contains("before this start: the EFI variable SealbootLastFailure holds no failure")
    );
    assert!(!outcome.said.contains('\x1b'));
    assert!(!machine.path(&variable()).exists());
}
