//! `--list`: its URIs are those to use.

use crate::place::{DIGEST, Place};

#[test]
fn each_key_comes_with_the_uri_to_use() {
    let place = Place::new();
    let uri = place.softhsm.uri("token=owner");
    let ran = place.run(&["--list", &uri], b"");
    let text = ran.stdout();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for words in [
        "\"owner\": SoftHSM project SoftHSM v2, serial ",
        "key \"db\", id 01, RSA of 2048 bits",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let listed = text
        .lines()
        .rfind(|line| line.contains("object=db;id=%01"))
        .unwrap();
    let ran = place.run(&[listed.trim()], &DIGEST);
    assert!(
        ran.bytes == place.expected("db.key", &DIGEST),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_pin_is_one_tokens() {
    let place = Place::new();
    place.softhsm.token("second");
    let (ran, log) = place.spied(&["--list", &place.softhsm.uri("")], b"");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let text = ran.stdout();
    for words in [
        "token=owner;serial=",
        "token=second;serial=",
        "Name one of them to see its keys",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!log.contains("C_Login"), "{log}");
    let ran = place.run(&["--list", &place.softhsm.uri("token=second")], b"");
    assert!(
        ran.stdout().contains("no private RSA key"),
        "{}",
        ran.stdout()
    );
    let ran = place.run(&["--list", &place.softhsm.uri("token=third")], b"");
    assert_eq!(ran.code, Some(4));
    assert!(ran.stderr.contains("it has 2 others"), "{}", ran.stderr);
}
