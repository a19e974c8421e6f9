//! What comes out is what the key's file makes.

use crate::place::{DIGEST, Place, run};
use crate::token::MODULE;

#[test]
fn a_signature_that_openssl_verifies() {
    let place = Place::new();
    let ran = place.run(&[&place.softhsm.uri("token=owner;object=db")], &DIGEST);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(ran.bytes, place.expected("db.key", &DIGEST));
    place.write("signature", &ran.bytes);
    let how = [
        "pkeyutl",
        "-verify",
        "-inkey",
        "db.key",
        "-pkeyopt",
        "digest:sha256",
    ];
    place.openssl(&[&how[..], &["-in", "digest", "-sigfile", "signature"]].concat());
}

#[test]
fn every_way_to_name_the_key() {
    let place = Place::new();
    place.rsa("other.key");
    place
        .softhsm
        .import("owner", &place.path("other.key"), "other", "0a00ff");
    let expected = place.expected("db.key", &DIGEST);
    let other = place.expected("other.key", &DIGEST);
    for (path, expected) in [
        ("token=owner;object=db", &expected),
        ("object=db", &expected),
        ("id=%01", &expected),
        ("id=%01;object=db;type=private", &expected),
        (
            "model=SoftHSM%20v2;manufacturer=SoftHSM%20project;object=%64%62",
            &expected,
        ),
        ("token=owner;object=other", &other),
        ("token=owner;id=%0a%00%FF", &other),
    ] {
        let ran = place.run(&[&place.softhsm.uri(path)], &DIGEST);
        assert!(&ran.bytes == expected, "{path}: {}", ran.stderr);
    }
    for query in [
        "module-name=softhsm2&pin-source=pin".to_owned(),
        "pin-source=file:pin&module-name=softhsm2".to_owned(),
        format!(
            "module-path={MODULE}&pin-source=file://{}",
            place.softhsm.pin.display()
        ),
    ] {
        let ran = place.run(&[&format!("pkcs11:object=db?{query}")], &DIGEST);
        assert!(ran.bytes == expected, "{query}: {}", ran.stderr);
    }
}

#[test]
fn many_digests_in_one_session() {
    let place = Place::new();
    let digests = [DIGEST, [0; 32], [255; 32]];
    let uri = place.softhsm.uri("object=db");
    let (ran, log) = place.spied(&["--many", &uri], &digests.concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let modulus = place.openssl(&["rsa", "-in", "db.key", "-noout", "-modulus"]);
    let modulus = String::from_utf8(modulus).unwrap();
    let (start, signatures) = ran.bytes.split_at(2 + 256);
    assert_eq!(start[..2], [1, 0]);
    let hex: String = start[2..]
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    assert_eq!(format!("Modulus={hex}\n"), modulus);
    let expected = digests.map(|digest| place.expected("db.key", &digest));
    assert_eq!(signatures, expected.concat());
    // One PIN, and of each message the digest only.
    let calls = |name: &str| log.lines().filter(|line| line.ends_with(name)).count();
    assert_eq!([calls(": C_Login"), calls(": C_SignInit")], [1, 3], "{log}");
    assert!(
        log.contains("[in] pData[ulDataLen]") && log.contains(" / 51"),
        "{log}"
    );
    // Nothing to sign is fine, and says which key it is.
    let ran = place.run(&["--many", &uri], b"");
    assert_eq!((ran.code, ran.bytes.as_slice()), (Some(0), start));
}

#[test]
fn what_a_module_prints_is_in_no_signature() {
    let place = Place::new();
    // pkcs11-spy writes to standard error where no file is named; here both streams are the pipe.
    let uri = place
        .softhsm
        .uri("object=db")
        .replace(MODULE, "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so");
    let mut command = place.command(crate::token::asker().to_str().unwrap());
    command
        .env("PKCS11SPY", MODULE)
        .env("PKCS11SPY_OUTPUT", "/dev/stdout")
        .arg(uri);
    let ran = run(&mut command, &DIGEST);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.bytes, place.expected("db.key", &DIGEST));
    assert!(ran.stderr.contains("C_Login"), "{}", ran.stderr);
}

#[test]
fn what_is_no_digest_is_not_signed() {
    let place = Place::new();
    let uri = place.softhsm.uri("object=db");
    for (input, words) in [
        (&b""[..], "has 0 bytes"),
        (&DIGEST[..31], "has 31 bytes"),
        (&[DIGEST, DIGEST].concat()[..33], "more than the 32 bytes"),
    ] {
        let ran = place.run(&[&uri], input);
        assert_eq!((ran.code, ran.bytes.len()), (Some(2), 0), "{words}");
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    let ran = place.run(&["--many", &uri], &[DIGEST, DIGEST].concat()[..40]);
    assert_eq!((ran.code, ran.bytes.len()), (Some(2), 2 + 256 + 256));
    assert!(ran.stderr.contains("has 8 bytes"), "{}", ran.stderr);
}
