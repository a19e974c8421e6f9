//! Releases that must boot.

use crate::machine::boot;
use crate::refusals::{HANDED_OVER, INIT};
use crate::release;

/// What is last on the first screen.
pub const SCREEN: &str = "What to type:";

#[test]
fn the_built_in_release_reaches_its_first_screen() {
    let release = release::default();
    // The refusals look for the absence of these: here they must come.
    let expect = [INIT, HANDED_OVER, SCREEN];
    let seen = boot(release, &release.out.join("disk.img"), &expect);
    seen.must(seen.met, "the first screen did not come");
    let on = seen
        .serial
        .lines()
        .any(|line| line.contains("Secure Boot") && line.contains("on"));
    seen.must(on, "the first screen does not say that Secure Boot is on");
    let signed = seen
        .serial
        .contains("Execution     only of what the images of this release hold");
    seen.must(
        signed,
        "the first screen does not say that execution is restricted",
    );
}

#[test]
fn images_are_verity_backed_and_their_signatures_were_taken_by_the_kernel() {
    let release = release::probe();
    let seen = boot(release, &release.out.join("disk.img"), &["probe end"]);
    seen.must(seen.met, "the probe did not end");
    let manifest = std::fs::read(release.out.join("release.json")).unwrap();
    let manifest = contract::manifest::Manifest::from_json(&manifest).unwrap();
    let status: serde_json::Value =
        serde_json::from_str(&seen.probe("status")).expect("status is JSON");
    for image in &manifest.images {
        let name = image.name.as_str();
        let row = status["images"]
            .as_array()
            .and_then(|rows| rows.iter().find(|row| row["name"] == name))
            .unwrap_or_else(|| panic!("{name} is not mapped: {status}"));
        seen.must(
            row["root_hash"] == image.root_hash.as_str(),
            "another root hash is mapped",
        );
        seen.must(
            row["state"] == "signed",
            "the kernel did not check the signature",
        );
    }
    let mounts = seen.probe("mounts");
    let verity = mounts
        .lines()
        .filter(|line| line.starts_with("/dev/mapper/") || line.starts_with("/dev/dm-"))
        .filter(|line| line.contains(" squashfs ro"))
        .count();
    seen.must(
        verity >= 2,
        "modules and firmware are not mounted from device-mapper",
    );
    seen.must(
        mounts.lines().any(|line| line.contains(" / overlay rw")),
        "root is no overlay",
    );
    seen.must(
        seen.probe("modules").starts_with("ntfs3 "),
        "a module of the image did not load",
    );
}

#[test]
fn a_kernel_that_cannot_check_signatures_boots_by_pinned_hash() {
    let release = release::bookworm();
    let seen = boot(
        release,
        &release.out.join("disk.img"),
        &["sealboot", SCREEN],
    );
    seen.must(seen.met, "the first screen did not come");
    seen.must(
        seen.serial.contains("6.1."),
        "this is not Debian 12's kernel",
    );
}
