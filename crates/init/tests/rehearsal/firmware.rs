//! What the firmware says, and what init makes of it.

use contract::boot::{Boot, SecureBoot};

use crate::machine::{LINE, Machine, VENDOR, boot, variable};

/// Attributes and value of the two variables, and what the screen says.
const NOT_ON: &[(&str, [u8; 2], [u8; 2], &str)] = &[
    ("off", [6, 0], [6, 0], "found Secure Boot is OFF to do"),
    (
        "setup mode",
        [6, 0],
        [6, 1],
        "found Secure Boot is OFF and the firmware is in SETUP MODE",
    ),
    (
        "on and in setup mode at once",
        [6, 1],
        [6, 1],
        "the firmware is in SETUP MODE",
    ),
    (
        "a look-alike that somebody left",
        [7, 1],
        [6, 0],
        "SecureBoot holds attributes 0x7",
    ),
];

fn firmware(machine: &Machine, secure_boot: [u8; 2], setup_mode: [u8; 2]) {
    for (name, [attributes, value]) in [("SecureBoot", secure_boot), ("SetupMode", setup_mode)] {
        machine.write(&variable(name, VENDOR), [attributes, 0, 0, 0, value]);
    }
}

#[test]
fn a_release_that_requires_secure_boot_does_not_start_without_it() {
    let required = Boot {
        secure_boot: SecureBoot::Required,
        ..boot()
    };
    for (name, secure_boot, setup_mode, words) in NOT_ON {
        let machine = Machine::good();
        machine.write("boot.json", required.to_json());
        firmware(&machine, *secure_boot, *setup_mode);
        let outcome = machine.start();
        assert!(outcome.refused(), "{name}:\n{}", outcome.said);
        assert!(outcome.words().contains(words), "{name}:\n{}", outcome.said);
        assert!(!outcome.said.contains("would mount /dev"), "{name}");
    }
    let machine = Machine::good();
    machine.write("boot.json", required.to_json());
    assert!(machine.start().started());
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
            .lines()
            .all(|line| line.starts_with("would") || line.chars().count() < 80),
        "{}",
        outcome.said
    );
    assert!(
        outcome
            .said
            .contains("modules.squashfs mapped, by its pinned root hash")
    );
    assert!(!outcome.said.contains("signature of"));
}

#[test]
fn a_command_line_that_was_added_to_is_refused_while_secure_boot_is_on() {
    let added = format!("{LINE} systemd.debug_shell");
    for line in [&added, "sealboot.pause=5"] {
        let outcome = Machine::good().start_with(line);
        assert!(outcome.refused(), "{}", outcome.said);
        let words = "the kernel's command line is not the one that was signed";
        assert!(outcome.words().contains(words), "{}", outcome.said);
        assert!(!outcome.said.contains("would mount /dev"));
    }
    let blanks = LINE.replace(' ', "  ");
    let outcome = Machine::good().start_with(&blanks);
    assert!(outcome.started(), "{}", outcome.said);

    let machine = Machine::good();
    firmware(&machine, [6, 0], [6, 0]);
    let outcome = machine.start_with(&added);
    assert!(outcome.started(), "{}", outcome.said);
    let words = "WARNING: the kernel's command line is not the release's";
    assert!(outcome.said.contains(words), "{}", outcome.said);
}
