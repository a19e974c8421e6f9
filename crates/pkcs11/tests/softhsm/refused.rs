//! What cannot be done: which exit code, which words, and that no PIN was tried that need not be.

use crate::place::{CKA_ALWAYS_AUTHENTICATE, CKA_SIGN, DIGEST, Place};
use crate::token::PIN;

/// What is asked, how it ends, what it says, and how often a PIN is tried.
type Row = (&'static str, i32, &'static [&'static str], usize);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("token=absent", 4, &["no token of", "fits the URI; there are", "pkcs11:token=owner;serial=", "pkcs11:token=second;serial="], 0),
    ("token=owner;serial=1", 4, &["no token of"], 0),
    ("manufacturer=me", 4, &["no token of"], 0),
    ("slot-id=12345", 4, &["no token of"], 0),
    ("", 4, &["several tokens of", "name one of", "pkcs11:token=owner;serial=", "pkcs11:token=second;serial="], 0),
    ("token=second", 5, &["the token \"second\" has no private key"], 1),
    ("token=owner;object=absent", 5, &["no private key of the token \"owner\" fits the URI; there are", "object=db;id=%01;type=private: \"db\", id 01, RSA of 2048 bits"], 1),
    ("token=owner;id=%99", 5, &["no private key of the token \"owner\" fits"], 1),
    ("token=owner", 5, &["several keys of the token \"owner\" fit the URI; name one of", "object=db;id=%01;", "object=next;id=%02;", "\"decrypts\", id 04, RSA of 2048 bits, does not sign"], 1),
    ("token=owner;object=curve", 5, &["is not RSA", "object=curve;id=%03", "CKK_EC"], 1),
    // SoftHSM signs in one step only; the PIN, given between two, was right.
    ("token=owner;object=careful", 5, &["it wants the PIN at each signature (CKA_ALWAYS_AUTHENTICATE)"], 2),
    ("token=owner;object=decrypts", 5, &["may not sign (CKA_SIGN is off)", "\"decrypts\", id 04"], 1),
];

/// Two tokens, and keys of all kinds.
fn place() -> Place {
    let place = Place::new();
    place.rsa("next.key");
    place
        .softhsm
        .import("owner", &place.path("next.key"), "next", "02");
    let curve = [
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-out",
        "curve.key",
    ];
    place.openssl(&curve);
    place
        .softhsm
        .import("owner", &place.path("curve.key"), "curve", "03");
    place.with("decrypts", "04", CKA_SIGN, false);
    place.with("careful", "05", CKA_ALWAYS_AUTHENTICATE, true);
    place.softhsm.token("second");
    place
}

fn logins(log: &str) -> usize {
    log.lines()
        .filter(|line| line.ends_with(": C_Login"))
        .count()
}

#[test]
fn tokens_and_keys_that_do_not_fit() {
    let place = place();
    for (path, code, words, tried) in ROWS {
        let (ran, log) = place.spied(&[&place.softhsm.uri(path)], &DIGEST);
        assert_eq!(
            (ran.code, ran.bytes.len()),
            (Some(*code), 0),
            "{path}: {}",
            ran.stderr
        );
        for word in *words {
            assert!(ran.stderr.contains(word), "{path}: {word}\n{}", ran.stderr);
        }
        assert_eq!(logins(&log), *tried, "{path}: {log}");
        std::fs::remove_file(place.path("spy")).unwrap();
    }
    // A key that is not meant does not make one that is ambiguous.
    let ran = place.run(&[&place.softhsm.uri("token=owner;object=db")], &DIGEST);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn two_tokens_with_one_label_are_told_apart_by_serial() {
    let place = Place::new();
    place.softhsm.token("owner");
    let ran = place.run(&[&place.softhsm.uri("token=owner")], &DIGEST);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    let uris = ran
        .stderr
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pkcs11:"));
    let uris: Vec<&str> = uris.collect();
    assert_eq!(uris.len(), 2, "{}", ran.stderr);
    let codes = uris
        .iter()
        .map(|path| place.run(&[&place.softhsm.uri(path)], &DIGEST).code);
    let mut codes: Vec<_> = codes.collect();
    codes.sort();
    // One has the key, the other has none.
    assert_eq!(codes, [Some(0), Some(5)]);
}

#[test]
fn a_wrong_pin_is_tried_once() {
    let place = Place::new();
    place.write("pin", "4729-horse-butter\n");
    let uri = place.softhsm.uri("object=db");
    let (ran, log) = place.spied(&["--many", &uri], &DIGEST);
    assert_eq!(
        (ran.code, ran.bytes.len(), logins(&log)),
        (Some(6), 0, 1),
        "{log}"
    );
    for words in [
        "the token \"owner\" refuses this PIN",
        "counts wrong PINs, and will lock",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("4729"), "{}", ran.stderr);
    // The right one still opens it.
    place.write("pin", PIN);
    assert_eq!(place.run(&[&uri], &DIGEST).code, Some(0));
}

#[test]
fn pins_that_are_none_are_not_tried() {
    let place = Place::new();
    let uri = place.softhsm.uri("object=db");
    for (pin, words) in [
        (Some("\n1234"), "the first line of the PIN file"),
        (Some(""), "is empty"),
        (None, "cannot be read: No such file"),
    ] {
        match pin {
            Some(pin) => place.write("pin", pin),
            None => std::fs::remove_file(&place.softhsm.pin).unwrap(),
        }
        let (ran, log) = place.spied(&[&uri], &DIGEST);
        assert_eq!((ran.code, logins(&log)), (Some(6), 0), "{}", ran.stderr);
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
}

#[test]
fn modules_that_are_none() {
    let place = Place::new();
    place.write("text.so", "no library");
    let text = place.path("text.so").display().to_string();
    for (query, code, words) in [
        ("", 2, "the URI names no module; add ?module-path=FILE"),
        (
            "?module-path=/absent.so",
            3,
            "/absent.so cannot be loaded: there is no such file",
        ),
        (&format!("?module-path={text}"), 3, "cannot be loaded"),
        (
            "?module-path=/lib/x86_64-linux-gnu/libm.so.6",
            3,
            "it is no PKCS#11 module",
        ),
        (
            "?module-name=absent",
            3,
            "neither absent.so nor libabsent.so is in",
        ),
        (
            "?pin-value=4321",
            2,
            "pin-value would put the PIN where every user",
        ),
        ("?module-nam=x", 2, "\"module-nam\" is not known"),
    ] {
        let ran = place.run(&[&format!("pkcs11:object=db{query}")], &DIGEST);
        assert_eq!(
            (ran.code, ran.bytes.len()),
            (Some(code), 0),
            "{query}: {}",
            ran.stderr
        );
        assert!(ran.stderr.contains(words), "{query}: {}", ran.stderr);
        assert!(!ran.stderr.contains("4321"), "{}", ran.stderr);
    }
    let mut command = place.command(crate::token::asker().to_str().unwrap());
    command
        .env("SOFTHSM2_CONF", "/absent")
        .arg(place.softhsm.uri("object=db"));
    let ran = crate::place::run(&mut command, &DIGEST);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("it does not start"), "{}", ran.stderr);
}
