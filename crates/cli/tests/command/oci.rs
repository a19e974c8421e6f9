//! Images and releases to a real registry and back, as a person types it.

#[path = "../../../source/tests/oci/real_registry.rs"]
mod real_registry;

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::image::fixture::Contents;
use crate::place::Place;
use real_registry::Registry;

/// A place with a release in `out`.
fn built() -> Place {
    let place = Place::new();
    place.sealboot(&["build", "-q"]).check("build", 0, &[]);
    place
}

/// What the command says of itself with `--json`.
fn said(place: &Place, arguments: &[&str]) -> Value {
    let ran = place.sealboot(&[arguments, &["--json", "--cache", "cache"]].concat());
    ran.check(&arguments.join(" "), 0, &[]);
    serde_json::from_str(&ran.stdout).unwrap()
}

fn without_disk(place: &Place, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = place.files(folder);
    files.remove("disk.img");
    files
}

#[test]
fn a_release_comes_back_byte_for_byte() {
    let registry = Registry::start(false);
    let place = crate::policy::restricted();
    place.write("out/notes.txt", "the owner's own");
    let to = format!("oci://{}/team/release", registry.host);
    let pushed = said(&place, &["oci", "push", "out/", &to]);
    // Without a tag it is that of the version.
    assert_eq!(pushed["to"], format!("{to}:1"));
    assert_eq!(pushed["referrers"], 1);
    place.remove("out/notes.txt");
    let from = format!("{to}:1");
    let pulled = said(&place, &["oci", "pull", &from, "got"]);
    assert_eq!(pulled["digest"], pushed["digest"]);
    assert_eq!(place.files("got"), without_disk(&place, "out"));
    assert!(place.files("got").len() >= 10);
    place.sealboot(&["verify", "got"]).check("verify", 0, &[]);

    // Over an earlier release: what it had beside goes, what is the owner's stays.
    for (name, content) in [
        ("disk.img", "old"),
        ("firmware.squashfs", "old"),
        ("mine", "mine"),
    ] {
        place.write(&format!("got/{name}"), content);
    }
    said(&place, &["oci", "pull", &from, "got"]);
    let mut expected = without_disk(&place, "out");
    expected.insert("mine".to_owned(), b"mine".to_vec());
    assert_eq!(place.files("got"), expected);

    // With its disk image.
    said(
        &place,
        &["oci", "push", "--disk", "out", &format!("{to}:whole")],
    );
    said(&place, &["oci", "pull", &format!("{to}:whole"), "whole"]);
    assert_eq!(place.files("whole"), place.files("out"));

    // As any other artifact, into a layout, and out of it.
    said(&place, &["oci", "pull", &from, "oci-archive:release.tar"]);
    said(
        &place,
        &["oci", "pull", "oci-archive:release.tar", "carried"],
    );
    assert_eq!(place.files("carried"), without_disk(&place, "out"));

    // A pipe of words for people.
    let ran = place.sealboot(&["oci", "push", "out", &to, "--cache", "cache"]);
    ran.check("again", 0, &[]);
    assert!(ran.stdout.contains("0 blobs copied"), "{}", ran.stdout);
}

#[test]
fn a_release_that_does_not_hold_is_neither_sent_nor_taken() {
    let registry = Registry::start(false);
    let place = built();
    let to = format!("oci://{}/team/release:1", registry.host);
    // Data of an image: its size and root hash are right, its blocks are not.
    let good = fs::read(place.path("out/root.squashfs")).unwrap();
    let mut bad = good.clone();
    bad[100] ^= 1;
    place.write("out/root.squashfs", &bad);
    let ran = place.sealboot(&["oci", "push", "out", &to]);
    ran.check("altered", 3, &["out does not hold", "root.squashfs"]);
    let ran = place.sealboot(&["oci", "pull", &to, "got"]);
    ran.check("nothing was sent", 4, &["404"]);

    let ran = place.sealboot(&["oci", "push", "--unverified", "out", &to]);
    ran.check("unverified", 0, &["warning: the release is not verified"]);
    place.write("got/mine", "mine");
    let before = place.snapshot();
    let ran = place.sealboot(&["oci", "pull", &to, "got", "--cache", "cache"]);
    ran.check("altered", 3, &["got does not hold", "root.squashfs"]);
    assert_eq!(place.snapshot(), before);
    let ran = place.sealboot(&["oci", "pull", &to, "new", "--cache", "cache"]);
    ran.check("altered", 3, &["new does not hold"]);
    assert_eq!(place.snapshot(), before);

    // Another owner's.
    place.write("out/root.squashfs", &good);
    place
        .sealboot(&["oci", "push", "out", &to])
        .check("good", 0, &[]);
    let ran = place.sealboot(&["keys", "create", "--no-passphrase", "--keys", "other"]);
    ran.check("other keys", 0, &[]);
    let ran = place.sealboot(&[
        "oci", "pull", &to, "got", "--keys", "other", "--cache", "cache",
    ]);
    ran.check("other owner", 3, &["got does not hold", "kernel.efi"]);
    let ran = place.sealboot(&[
        "oci",
        "pull",
        &to,
        "got",
        "--certificate",
        "keys/db.crt",
        "--cache",
        "cache",
    ]);
    ran.check("by certificate", 0, &[]);
    place.sealboot(&["verify", "got"]).check("verify", 0, &[]);
}

#[test]
fn an_image_goes_there_and_back_and_is_no_release() {
    let registry = Registry::start(true);
    let place = Place::new();
    Contents::default().write(&place.path("image"));
    let to = format!("oci://{}/team/system:1", registry.host);
    // owner:s3cret
    let auth = format!(
        r#"{{"auths": {{"{}": {{"auth": "b3duZXI6czNjcmV0"}}}}}}"#,
        registry.host
    );
    place.write("home/.docker/config.json", auth);
    let pushed = said(&place, &["oci", "push", "oci:image:1.0", &to]);
    assert_eq!(pushed["copied"]["number"], 4);
    let again = said(&place, &["oci", "push", "oci:image:1.0", &to]);
    assert_eq!(
        (&again["copied"]["number"], &again["present"]["number"]),
        (&0.into(), &4.into())
    );
    said(&place, &["oci", "pull", &to, "oci-archive:image.tar"]);
    said(
        &place,
        &["oci", "pull", "oci-archive:image.tar", "oci:back"],
    );
    let back = place.files("back/blobs");
    assert_eq!(back, place.files("image/blobs"));
    let ran = place.sealboot(&["oci", "pull", &to, "got", "--cache", "cache"]);
    ran.check(
        "no release",
        3,
        &["is an image, not a release", "oci:FOLDER takes anything"],
    );
    assert!(!place.path("got").exists());
    place.remove("home/.docker/config.json");
    let ran = place.sealboot(&["oci", "push", "oci:image:1.0", &to]);
    ran.check("no login", 4, &["401", "docker login"]);
    assert!(!ran.stderr.contains("czNjcmV0"));
}
