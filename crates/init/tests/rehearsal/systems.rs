//! Several systems on one partition: each starts by itself, whatever the others are like.

use std::fs;

use contract::esp;
use contract::manifest::{ImageName, Manifest};
use contract::system::System;

use crate::machine::{DATA, KERNEL, Machine, manifest};

const ALL: [&str; 2] = ["debian", "alpine"];

fn of(system: &str) -> Manifest {
    let mut manifest = manifest("1.4");
    manifest.system = Some(System {
        name: system.to_owned(),
        all: ALL.map(str::to_owned).to_vec(),
    });
    for image in &mut manifest.images {
        if image.name == ImageName::Root {
            image.file = esp::image_file(system);
        }
    }
    manifest
}

fn on_partition(name: &str) -> String {
    format!("mounted/vda1/sealboot/{name}")
}

/// Started by the UKI of `system`, with both on the partition.
fn machine(system: &str) -> Machine {
    let machine = Machine::good();
    machine.write("release.json", of(system).to_json());
    machine.remove(&on_partition("release.json"));
    machine.remove(&on_partition("root.squashfs"));
    machine.remove(&on_partition("root.roothash.p7s"));
    for name in ALL {
        let file = |name: &str| on_partition(name);
        machine.write(&file(&format!("{name}.json")), of(name).to_json());
        let image = vec![0; (DATA + 8192) as usize];
        machine.write(&file(&esp::image_file(name)), image);
        machine.write(&file(&esp::signature_file(name)), "signature");
    }
    machine
}

#[test]
fn the_one_that_the_initrd_pins_starts() {
    for system in ALL {
        let outcome = machine(system).start();
        assert!(outcome.started(), "{}", outcome.said);
        let first = format!("release 1.4, system {system}, kernel {KERNEL}");
        assert!(outcome.said.contains(&first), "{}", outcome.said);
        for file in ["modules.squashfs", "firmware.squashfs"] {
            assert!(outcome.said.contains(&format!("{file} mapped")), "{file}");
        }
        for other in ALL {
            let mapped = outcome.said.contains(&format!("{other}.squashfs mapped"));
            assert_eq!(mapped, other == system, "{}", outcome.said);
        }
    }
}

#[test]
fn what_the_other_is_like_does_not_matter() {
    let machine = machine("alpine");
    machine.write(&on_partition("debian.json"), "{");
    machine.remove(&on_partition("debian.squashfs"));
    machine.remove(&on_partition("debian.roothash.p7s"));
    let outcome = machine.start();
    assert!(outcome.started(), "{}", outcome.said);
}

#[test]
fn one_is_not_taken_for_the_other() {
    let machine = machine("alpine");
    for end in ["json", "squashfs", "roothash.p7s"] {
        let [from, to] = ALL.map(|name| machine.path(&on_partition(&format!("{name}.{end}"))));
        fs::copy(from, to).unwrap();
    }
    let outcome = machine.start();
    assert!(outcome.refused(), "{}", outcome.said);
    for words in [
        "release 1.4, system alpine (kernel",
        "sealboot/alpine.json on /dev/vda1 is not the manifest",
        "expected release 1.4, system alpine,",
        "found release 1.4, system debian, kernel",
    ] {
        assert!(outcome.words().contains(words), "{words}: {}", outcome.said);
    }
}
