//! Which disk is taken.

use std::fs;

use contract::boot::Boot;

use crate::machine::{GUID, LOADER, Machine, OTHER, boot, variable};

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

#[test]
fn a_disk_that_comes_late_is_found_and_waiting_is_told_every_three_seconds() {
    let line = "quiet sealboot.pause=5";
    let patient = Boot {
        command_line: line.to_owned(),
        ..boot()
    };
    let machine = Machine::good();
    machine.write("boot.json", patient.to_json());
    machine.appears_after(25, "vda");
    let outcome = machine.start_with(line);
    assert!(outcome.started(), "{}", outcome.said);
    for second in [3, 6, 24] {
        let words = format!("started from: {second} of 30 s");
        assert!(outcome.said.contains(&words), "{words}:\n{}", outcome.said);
    }
    assert!(!outcome.said.contains("27 of 30 s"), "{}", outcome.said);

    let machine = Machine::good();
    machine.write("boot.json", patient.to_json());
    machine.appears_after(31, "vda");
    let outcome = machine.start_with(line);
    let words = "did not appear in 30 seconds";
    assert!(
        outcome.refused() && outcome.words().contains(words),
        "{}",
        outcome.said
    );
}

/// The good disk comes late, and what is there before it has its GUID, but is not it.
#[test]
fn nothing_but_the_whole_release_ends_the_wait() {
    type Break = fn(&Machine);
    let cases: &[(&str, Break, &str)] = &[
        (
            "another manifest",
            |m| m.release_on("sda1", "1.3"),
            "is not the manifest",
        ),
        (
            "an image missing",
            |m| m.remove("mounted/sda1/sealboot/root.squashfs"),
            "root.squashfs is missing",
        ),
        (
            "an image cut short",
            |m| m.write("mounted/sda1/sealboot/root.squashfs", [0; 100]),
            "root.squashfs has the wrong size",
        ),
        (
            "a signature missing",
            |m| m.remove("mounted/sda1/sealboot/root.roothash.p7s"),
            "root.roothash.p7s of root.squashfs cannot be read",
        ),
        (
            "a signature without end",
            |m| {
                let at = "mounted/sda1/sealboot/root.roothash.p7s";
                m.write(at, vec![0; (16 << 10) + 1]);
            },
            "root.roothash.p7s of root.squashfs cannot be read",
        ),
        (
            "a partition that does not mount",
            |m| m.write("refused", "/dev/sda1 5"),
            "/dev/sda1 cannot be mounted",
        ),
    ];
    for (name, change, why) in cases {
        let machine = Machine::good();
        machine.disk("sda", &[GUID]);
        machine.release_on("sda1", "1.4");
        machine.appears_after(5, "vda");
        change(&machine);
        let outcome = machine.start();
        assert!(outcome.started(), "{name}:\n{}", outcome.said);
        for words in ["boot partition /dev/vda1", why] {
            assert!(outcome.said.contains(words), "{name}:\n{}", outcome.said);
        }
    }
}

#[test]
fn of_two_copies_of_a_disk_the_first_is_taken_and_the_other_named() {
    let machine = Machine::good();
    machine.disk("sda", &[GUID]);
    machine.release_on("sda1", "1.4");
    let outcome = machine.start();
    assert!(outcome.started(), "{}", outcome.said);
    assert!(outcome.said.contains("boot partition /dev/sda1"));
    assert!(outcome.said.contains("/dev/vda1 is a copy of it"));
}

#[test]
fn a_damaged_copy_is_passed_over() {
    let machine = Machine::good();
    machine.disk("sda", &[GUID]);
    machine.release_on("sda1", "1.4");
    // The second image: what was mapped of the first disk must go.
    machine.write("refused", "sda1/sealboot/firmware.squashfs 5");
    let outcome = machine.start();
    assert!(outcome.started(), "{}", outcome.said);
    let [unmapped, unmounted, passed_over, taken] = [
        "would unmap sealboot-modules",
        "would unmount /run/sealboot/boot",
        "sealboot: /dev/sda1 passed over: the image firmware.squashfs cannot be mapped; going on with /dev/vda1",
        "would map sealboot-root",
    ]
    .map(|words| {
        let at = outcome.said.find(words);
        at.unwrap_or_else(|| panic!("{words}:\n{}", outcome.said))
    });
    assert!(unmapped < unmounted && unmounted < passed_over && passed_over < taken);
}

#[test]
fn when_every_copy_is_damaged_the_first_ones_reason_is_told() {
    let machine = Machine::good();
    machine.disk("sda", &[GUID]);
    machine.release_on("sda1", "1.4");
    let refused = "sda1/sealboot/root.squashfs 5\nvda1/sealboot/firmware.squashfs 5";
    machine.write("refused", refused);
    let outcome = machine.start();
    assert!(outcome.refused(), "{}", outcome.said);
    assert!(
        outcome
            .words()
            .contains("problem the image root.squashfs cannot be mapped")
    );
}
