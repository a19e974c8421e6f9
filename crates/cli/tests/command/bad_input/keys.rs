//! The owner's keys.

use std::time::{SystemTime, UNIX_EPOCH};

use source::keys::{KeySetOptions, RANDOM_SIZE, RsaBits, create};

use super::*;

#[test]
fn every_row() {
    check("Keys", ROWS);
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("no keys", |p| p.remove("keys"), "sealboot build", KEYS,
        &["there is no keys/db.key", "sealboot keys create"]),
    ("keys elsewhere", nothing, "sealboot build --keys elsewhere", KEYS,
        &["there is no elsewhere/db.key"]),
    ("no keys to show", nothing, "sealboot keys show --keys elsewhere", KEYS,
        &["elsewhere/PK.cer cannot be read", "sealboot keys create", "No such file"]),
    ("keys there already", nothing, "sealboot keys create --no-passphrase", KEYS,
        &["exists already", "never overwritten", "another folder"]),
    ("a folder for keys in no folder", nothing, "sealboot keys create --no-passphrase --keys no/such/keys", MISSING,
        &["no/such", "make that folder first"]),
    ("key of another certificate", |p| { other_keys(p); fs::copy(p.path("other/db.key"), p.path("keys/db.key")).unwrap(); }, "sealboot build", KEYS,
        &["keys/db.key", "keys/db.crt", "do not belong together"]),
    ("a key that is none", |p| p.write("keys/db.key", "secret"), "sealboot build", KEYS,
        &["keys/db.key is not a private key", "PKCS#8", "openssl pkey"]),
    ("a certificate that is none", |p| p.write("keys/db.crt", "certificate"), "sealboot build", KEYS,
        &["the certificate keys/db.crt cannot be read"]),
    ("half the keys", |p| p.remove("keys/KEK.auth"), "sealboot build", KEYS,
        &["keys/KEK.auth cannot be read", "your copy of the keys", "No such file"]),
    ("no passphrase file", nothing, "sealboot build --passphrase-file absent", KEYS,
        &["passphrase file absent cannot be read", "No such file"]),
    ("empty passphrase file", |p| p.write("empty", "\nx\n"), "sealboot keys create --keys new --passphrase-file empty", KEYS,
        &["first line of the passphrase file empty is empty"]),
    ("nobody to ask for a passphrase", nothing, "sealboot keys create --keys new", KEYS,
        &["passphrase is needed", "no terminal", "--passphrase-file", "--no-passphrase"]),
    ("a cut key", |p| cut(p, "keys/db.key", 700), "sealboot build", KEYS,
        &["keys/db.key is not a private key", "openssl pkey"]),
    ("an empty key", |p| p.write("keys/db.key", ""), "sealboot build", KEYS,
        &["keys/db.key is not a private key"]),
    ("an altered key", |p| alter_text(p, "keys/db.key", 800), "sealboot build", KEYS,
        &["keys/db.key"]),
    ("a cut certificate", |p| cut(p, "keys/db.crt", 500), "sealboot build", KEYS,
        &["the certificate keys/db.crt cannot be read"]),
    ("a key that is a folder", |p| { p.remove("keys/db.key"); p.write("keys/db.key/x", ""); }, "sealboot build", KEYS,
        &["keys/db.key", "Is a directory"]),
    ("certificate of another key", |p| { other_keys(p); fs::copy(p.path("other/db.crt"), p.path("keys/db.crt")).unwrap(); }, "sealboot build", KEYS,
        &["keys/db.key", "keys/db.crt", "do not belong together"]),
    ("wrong passphrase", |p| { protected(p); p.write("passphrase", "wrong horse\n"); }, "sealboot build --passphrase-file passphrase", KEYS,
        &["keys/db.key", "does not open with this passphrase"]),
    ("no terminal to type the passphrase on", protected, "sealboot build", KEYS,
        &["keys/db.key", "passphrase is needed", "--passphrase-file"]),
    ("a key for its owner only", |p| { for_a_user(p); other_owner(p, "keys/db.key"); }, "setpriv --reuid=1000 --regid=1000 --clear-groups ./sealboot build", KEYS,
        &["keys/db.key", "Permission denied"]),
];

/// The keys' files, under a passphrase.
fn protected(place: &Place) {
    place.remove("keys");
    place.write("passphrase", "correct horse\n");
    let words = ["keys", "create", "--passphrase-file", "passphrase"];
    place.sealboot(&words).check("protected keys", 0, &[]);
}

fn other_owner(place: &Place, name: &str) {
    std::os::unix::fs::chown(place.path(name), Some(1001), Some(1001)).unwrap();
    place.mode(name, 0o600);
}

/// No error: a machine that trusts an old certificate takes nothing else, and does not look at
/// the time.
#[test]
fn keys_that_have_expired_sign_with_a_warning() {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    for (from, expected) in [
        (now - 86_400 * 10, Some("expired on")),
        (now + 86_400 * 10, Some("is valid from")),
        (now - 3600, None),
    ] {
        let place = Place::new();
        place.remove("keys");
        let keys = create(&KeySetOptions {
            rsa_bits: RsaBits::Rsa2048,
            owner: uguid::Guid::ZERO,
            common_name: "test",
            not_before: from,
            validity_days: 5,
            random: &[7; RANDOM_SIZE],
            passphrase: None,
        });
        keys.unwrap().write(&place.path("keys")).unwrap();
        let ran = place.sealboot(&["build"]);
        ran.check("build", 0, &["Release 1 is in out/"]);
        let warned = ran
            .stderr
            .lines()
            .find(|line| line.starts_with("warning: "));
        assert_eq!(warned.is_some(), expected.is_some(), "{}", ran.stderr);
        if let (Some(warned), Some(expected)) = (warned, expected) {
            assert!(
                warned.contains("keys/db.crt") && warned.contains(expected),
                "{warned}"
            );
        }
    }
}
