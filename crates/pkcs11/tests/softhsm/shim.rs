//! Tokens that count tries, have a keypad, or want the PIN at each signature: SoftHSM with a module around it.

use std::process::Command;

use crate::place::{CKA_ALWAYS_AUTHENTICATE, DIGEST, Place, Ran, run};
use crate::token::{MODULE, PIN, asker};
use crate::tool;

/// Flags of a token (PKCS#11 3.1, section 3.2).
const PROTECTED_AUTHENTICATION_PATH: &str = "100";
const USER_PIN_FINAL_TRY: &str = "20000";
const USER_PIN_LOCKED: &str = "40000";

fn place() -> Place {
    let place = Place::new();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/softhsm/shim.c");
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-o"])
        .arg(place.path("shim.so"));
    tool::stdout("gcc", compiler.args([source, "-ldl"]));
    place
}

/// Signs by way of the module around SoftHSM's.
fn signed(place: &Place, uri: &str, settings: &[(&str, &str)], digests: &[u8]) -> Ran {
    let module = place.path("shim.so").display().to_string();
    let mut command = place.command(asker().to_str().unwrap());
    command.envs(settings.iter().copied()).arg("--many");
    run(command.arg(uri.replace(MODULE, &module)), digests)
}

#[test]
fn the_last_try_is_not_a_files() {
    let place = place();
    // A PIN that is right, so that a try would show.
    let uri = place.softhsm.uri("object=db");
    for (flags, words) in [
        (
            USER_PIN_FINAL_TRY,
            &["has ONE try left", "was not read"][..],
        ),
        (
            USER_PIN_LOCKED,
            &["is locked after too many wrong ones; nothing was tried"],
        ),
    ] {
        let ran = signed(&place, &uri, &[("SHIM_FLAGS", flags)], &DIGEST);
        assert_eq!((ran.code, ran.bytes.len()), (Some(6), 0), "{}", ran.stderr);
        for words in words {
            assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
        }
    }
    let ran = signed(&place, &uri, &[], &DIGEST);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn a_keypad_is_used_where_there_is_one() {
    let place = place();
    let uri = format!("pkcs11:object=db?module-path={MODULE}");
    let flags = ("SHIM_FLAGS", PROTECTED_AUTHENTICATION_PATH);
    let ran = signed(&place, &uri, &[flags, ("SHIM_PIN", PIN)], &DIGEST);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let words = "Type the PIN of the token \"owner\" on its own keypad.";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    assert!(ran.bytes.ends_with(&place.expected("db.key", &DIGEST)));
    let ran = signed(&place, &uri, &[flags, ("SHIM_PIN", "mistyped")], &DIGEST);
    assert_eq!((ran.code, ran.bytes.len()), (Some(6), 0), "{}", ran.stderr);
    assert!(ran.stderr.contains("refuses this PIN"), "{}", ran.stderr);
}

#[test]
fn a_key_that_wants_its_pin_at_each_signature_gets_it() {
    let place = place();
    place.with("careful", "05", CKA_ALWAYS_AUTHENTICATE, true);
    let uri = place.softhsm.uri("object=careful");
    let digests = [DIGEST, [7; 32], DIGEST];
    let ran = signed(&place, &uri, &[("SHIM_STEPS", "1")], &digests.concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let expected = digests.map(|digest| place.expected("careful.key", &digest));
    assert!(ran.bytes.ends_with(&expected.concat()));
}
