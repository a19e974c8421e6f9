//! `verify` by what a firmware trusts: a whole db, this machine's own; of a release in a registry; and what it says
//! on one screen.

use std::fs;

use formats::authenticode::image_digest;
use formats::efi_signature_list::{sha256_list, write as lists, x509_list};
use formats::efivars::DB;
use source::keys::load_certificate;
use uguid::{Guid, guid};

use crate::chain::{built, failed, json};
use crate::place::Place;

const OWNER: Guid = guid!("11111111-2222-3333-4444-123456789abc");

fn certificate(place: &Place, file: &str) -> Vec<u8> {
    load_certificate(&place.path(file)).unwrap().0
}

/// The detail of the check of a UKI's signature.
fn by(report: &serde_json::Value) -> String {
    let checks = report["checks"].as_array().unwrap().iter();
    let mut signed = checks.filter(|check| {
        check["object"] == "kernel.efi" && check["check"] == "signed by the db certificate"
    });
    signed.next().unwrap()["detail"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn what_any_certificate_of_a_db_signed_holds() {
    let place = built();
    for name in ["others", "third"] {
        let create = ["keys", "create", "--no-passphrase", "--keys", name];
        place.sealboot(&create).check("keys create", 0, &[]);
    }
    let [own, other, third] = ["keys", "others", "third"]
        .map(|folder| x509_list(OWNER, &certificate(&place, &format!("{folder}/db.crt"))));
    let with_db = |lists_in_it: &[_], code| {
        place.write("some.db", lists(lists_in_it));
        json(&place, &["verify", "out", "--db", "some.db"], code)
    };

    let report = with_db(std::slice::from_ref(&own), 0);
    assert_eq!(by(&report), "", "there is one only");
    let report = with_db(&[other.clone(), own.clone(), third.clone()], 0);
    assert_eq!(by(&report), "by CN=sealboot owner db");
    assert_eq!(report["others"].as_array().unwrap().len(), 2);
    let text = place.sealboot(&["verify", "out", "--db", "some.db"]).stdout;
    assert!(text.contains("signatures by one of these"), "{text}");

    let report = with_db(&[other.clone(), third], 3);
    let objects: Vec<String> = failed(&report)
        .into_iter()
        .map(|(object, _)| object)
        .collect();
    assert!(objects.contains(&"kernel.efi".to_owned()), "{objects:?}");
    let text = place.sealboot(&["verify", "out", "--db", "some.db"]).stdout;
    assert!(text.contains("does NOT start kernel.efi"), "{text}");

    // Firmware starts what db has the digest of, whoever signed it; the rest of the release it does not look at.
    let digest = image_digest(&fs::read(place.path("out/kernel.efi")).unwrap()).unwrap();
    let report = with_db(&[other, sha256_list(OWNER, &[digest])], 3);
    assert_eq!(by(&report), "its digest is in db");
    let objects: Vec<String> = failed(&report)
        .into_iter()
        .map(|(object, _)| object)
        .collect();
    assert!(!objects.contains(&"kernel.efi".to_owned()), "{objects:?}");
    assert!(
        objects.contains(&"release.json.p7s".to_owned()),
        "{objects:?}"
    );
}

#[test]
fn a_db_that_vouches_for_nothing_is_refused() {
    let place = built();
    let own = x509_list(OWNER, &certificate(&place, "keys/db.crt"));
    let cases: [(&str, Vec<u8>, &str); 4] = [
        (
            "hashes",
            lists(&[sha256_list(OWNER, &[[1; 32]])]),
            "no certificate with an RSA key",
        ),
        ("empty", Vec::new(), "no certificate with an RSA key"),
        (
            "cut",
            lists(&[own])[..90].to_vec(),
            "cannot be used as a db",
        ),
        (
            "pem",
            fs::read(place.path("keys/db.crt")).unwrap(),
            "cannot be used as a db",
        ),
    ];
    for (name, bytes, words) in cases {
        place.write(name, bytes);
        let ran = place.sealboot(&["verify", "out", "--db", name]);
        ran.check(name, 5, &["some.db", words][1..]);
    }
    let ran = place.sealboot(&["verify", "out", "--db", "nowhere"]);
    ran.check(
        "nowhere",
        5,
        &["nowhere cannot be used as a db", "No such file"],
    );
    let both = ["verify", "out", "--db", "cut", "--keys", "keys"];
    place
        .sealboot(&both)
        .check("both", 2, &["cannot be used with"]);
}

/// Where there is a firmware, it has a db of its own: not this owner's. Where there is none, that is said.
#[test]
fn this_machines_firmware_is_asked() {
    let place = built();
    let variable = std::path::Path::new(linux::efivars::FOLDER).join(DB.file_name());
    let ran = place.sealboot(&["verify", "out", "--firmware"]);
    match variable.exists() {
        true => assert!([Some(3), Some(5)].contains(&ran.code), "{}", ran.stderr),
        false => ran.check(
            "no firmware",
            5,
            &["does not say what it trusts", "no db in"],
        ),
    }
}

/// The dbx of a keys folder, by certificate and by a certificate's hash.
#[test]
fn a_revoked_certificate_does_not_verify() {
    for by_hash in [false, true] {
        let place = built();
        place
            .sealboot(&["keys", "rotate", "db", "--no-passphrase"])
            .check("rotate", 0, &[]);
        place
            .sealboot(&["keys", "rotate", "db", "--switch"])
            .check("switch", 0, &[]);
        let old = ["verify", "out", "--certificate", "keys/db.old/db.crt"];
        place.sealboot(&old).check("before", 0, &[]);
        let mut revoke = vec!["keys", "revoke", "keys/db.old/db.crt"];
        revoke.extend(by_hash.then_some("--by-hash"));
        revoke.extend(["--even-though", "1"]);
        let ran = place.sealboot(&revoke);
        ran.check("revoke", 0, &[]);
        let report = json(&place, &[&old[..], &["--dbx", "keys/dbx.esl"]].concat(), 3);
        let found = failed(&report);
        assert!(
            found.iter().any(|(object, _)| object == "kernel.efi"),
            "{found:?}"
        );
        let program = &report["summary"]["firmware"][0];
        assert_eq!(program["starts"], false, "{program}");
    }
}

/// shim asks for generations, which firmware does not look at.
#[test]
fn a_component_below_the_sbat_level_is_named() {
    let place = built();
    for (level, code) in [
        ("sbat,1,1\nuki,1\n", 0),
        ("sbat,1,1\nother,9\n", 0),
        ("sbat,1,1\nuki,2\n", 3),
    ] {
        place.write("level", level);
        let report = json(&place, &["verify", "out", "--sbat-level", "level"], code);
        let objects: Vec<String> = failed(&report)
            .into_iter()
            .map(|(object, _)| object)
            .collect();
        match code {
            0 => assert_eq!(objects, [""; 0]),
            _ => assert_eq!(objects, ["kernel.efi", "EFI/BOOT/BOOTX64.EFI"]),
        }
    }
    place.write("level", "uki,2\n");
    let ran = place.sealboot(&["verify", "out", "--sbat-level", "level"]);
    ran.check("no level", 3, &["level cannot be used as an SBAT level"]);
}

#[test]
fn a_release_that_holds_is_told_on_one_screen() {
    let place = built();
    let ran = place.sealboot(&["verify"]);
    ran.check("verify", 0, &[]);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines.len() <= 24, "{}", ran.stdout);
    for words in [
        "Firmware        starts kernel.efi",
        "starts EFI/BOOT/BOOTX64.EFI of disk.img",
        "What runs       release 1: Linux 6.12.1-test",
        "command line: ",
        "signatures by this certificate",
        "every block of modules.squashfs",
        "Not covered     partition table",
        "Everything that was checked holds",
    ] {
        assert!(
            ran.stdout.contains(words),
            "no {words:?} in\n{}",
            ran.stdout
        );
    }
    let report = json(&place, &["verify"], 0);
    let checks = report["checks"].as_array().unwrap();
    let explained = place.sealboot(&["verify", "--explain"]);
    explained.check("verify --explain", 0, &[]);
    for check in checks {
        let reason = check["because"].as_str().unwrap();
        assert!(!reason.is_empty(), "{check}");
        let start: Vec<&str> = reason.split(' ').take(4).collect();
        assert!(explained.stdout.contains(&start.join(" ")), "{check}");
    }
    let wide = explained.stdout.lines().find(|line| line.len() > 80);
    assert_eq!(wide, None);
}

#[test]
fn a_release_in_a_layout_is_verified_where_it_is() {
    let place = built();
    let push = ["oci", "push", "out", "oci:layout:1", "--cache", "cache"];
    place.sealboot(&push).check("push", 0, &[]);
    let report = json(&place, &["verify", "oci:layout:1"], 0);
    assert_eq!(report["path"], "oci:layout:1");
    assert_eq!(report["version"], "1");
    let before = place.files("layout");
    let create = ["keys", "create", "--no-passphrase", "--keys", "others"];
    place.sealboot(&create).check("keys create", 0, &[]);
    let ran = place.sealboot(&["verify", "oci:layout:1", "--keys", "others"]);
    ran.check("a stranger's", 3, &["oci:layout:1 does not hold"]);
    assert_eq!(place.files("layout"), before);
    let ran = place.sealboot(&["verify", "oci:layout:nothing"]);
    assert_ne!(ran.code, Some(0));
    assert!(ran.stderr.contains("nothing"), "{}", ran.stderr);
}
