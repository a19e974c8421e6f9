//! Signing with another program: what comes out is what the key's file makes, and nothing that is no
//! signature by the certificate's key is taken.

use std::fs;

use crate::place::Place;

/// Signs a digest with a key that is not in the keys folder.
const OPENSSL: &str = "openssl pkeyutl -sign -inkey away/db.key -pkeyopt digest:sha256";

/// A place whose private keys are elsewhere.
fn place() -> Place {
    let place = Place::new();
    fs::create_dir(place.path("away")).unwrap();
    fs::rename(place.path("keys/db.key"), place.path("away/db.key")).unwrap();
    place
}

fn with_file(place: &Place, out: &str) {
    fs::copy(place.path("away/db.key"), place.path("keys/db.key")).unwrap();
    let ran = place.sealboot(&["build", "--out", out]);
    ran.check("a build with the key's file", 0, &[]);
    place.remove("keys/db.key");
}

#[test]
fn openssl_signs_a_release_byte_for_byte() {
    let place = place();
    with_file(&place, "expected");
    let expected = place.files("expected");
    let ran = place.sealboot(&["build", "--sign-with", OPENSSL]);
    ran.check("--sign-with", 0, &["db in keys/; openssl signs"]);
    assert!(place.files("out") == expected);
    place.remove("out");
    // A word with spaces in it is one.
    place.write("a program", format!("#!/bin/sh\nexec {OPENSSL}\n"));
    place.mode("a program", 0o755);
    place.configure(
        "version = '1'\n",
        "version = '1'\nkeys.sign_with = ['./a program']\n",
    );
    place.sealboot(&["build"]).check("keys.sign_with", 0, &[]);
    assert!(place.files("out") == expected);
    let ran = place.sealboot(&["verify", "out"]);
    ran.check("verify", 0, &[]);
}

#[test]
fn openssl_signs_single_artefacts() {
    let place = place();
    let image = |more: &[&str]| {
        let build = ["image", "build", "root", "--level", "1", "--keys", "keys"];
        let ran = place.sealboot(&[&build, more].concat());
        ran.check("image build", 0, &[]);
        fs::read(place.path("root.roothash.p7s")).unwrap()
    };
    let signed = image(&["--sign-with", OPENSSL]);
    fs::copy(place.path("away/db.key"), place.path("keys/db.key")).unwrap();
    assert!(image(&[]) == signed);
}

#[test]
fn what_is_no_signature_is_refused() {
    let place = place();
    place.earlier_release();
    let stranger = Place::empty();
    let ran = stranger.sealboot(&["keys", "create", "--no-passphrase"]);
    ran.check("keys create", 0, &[]);
    let other = OPENSSL.replace("away", stranger.path("keys").to_str().unwrap());
    let other_digest = OPENSSL.replace("sha256", "sha1");
    for (command, words) in [
        (
            "absent-program",
            &["absent-program", "cannot be started"][..],
        ),
        ("false", &["the program false", "exit status: 1"]),
        ("true", &["the 0 bytes that it gave"]),
        ("cat", &["the 32 bytes that it gave"]),
        ("cat /dev/zero", &["more than 1024 bytes"]),
        (
            &other,
            &["the 256 bytes that it gave", "the certificate's key"],
        ),
        (&other_digest, &["exit status"]),
    ] {
        let ran = place.sealboot(&["build", "--sign-with", command]);
        ran.check(command, 5, words);
        place.check_earlier_release(command);
    }
    let ran = place.sealboot(&["build", "--sign-with", " "]);
    ran.check("nothing", 2, &["it names no program"]);
    let ran = place.sealboot(&["build", "--sign-with", "a", "--passphrase-file", "b"]);
    ran.check("both", 2, &["cannot be used with"]);
}
