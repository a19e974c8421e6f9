//! The PIN is asked for on the terminal, and not shown.

use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Duration;

use crate::place::{DIGEST, Place};
use crate::token::{MODULE, PIN, asker};

/// What the terminal shows when this is typed, and the signature.
fn asked(place: &Place, typed: &str) -> (String, Option<Vec<u8>>) {
    place.write("digest", DIGEST);
    let line = format!(
        "{} 'pkcs11:object=db?module-path={MODULE}' < digest > signature; echo ended with $?",
        asker().display()
    );
    let mut script = place.command("script");
    script.args(["--quiet", "--command", &line, "/dev/null"]);
    let script = script.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = script
        .spawn()
        .expect("script, of Debian's package bsdutils");
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut shown, mut byte) = (Vec::new(), [0]);
    while !shown.ends_with(b": ") && output.read(&mut byte).unwrap() == 1 {
        shown.extend(byte);
    }
    // The terminal is told not to show what is typed after the question was shown.
    std::thread::sleep(Duration::from_secs(1));
    input.write_all(typed.as_bytes()).unwrap();
    output.read_to_end(&mut shown).unwrap();
    child.wait().unwrap();
    let signature = std::fs::read(place.path("signature")).ok();
    (String::from_utf8_lossy(&shown).into_owned(), signature)
}

#[test]
fn a_pin_that_is_typed() {
    let place = Place::new();
    let (shown, signature) = asked(&place, &format!("{PIN}\n"));
    assert!(shown.contains("PIN of the token \"owner\": "), "{shown}");
    assert!(shown.contains("ended with 0"), "{shown}");
    assert!(!shown.contains("horse"), "{shown}");
    assert_eq!(signature, Some(place.expected("db.key", &DIGEST)));

    let (shown, _) = asked(&place, "wrong-one\n");
    assert!(
        shown.contains("ended with 6") && shown.contains("refuses this PIN"),
        "{shown}"
    );
    // The token remembers.
    let (shown, _) = asked(&place, "\n");
    for words in [
        "(a wrong one was given before): ",
        "the PIN is empty; it was not tried",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn nobody_to_ask() {
    let place = Place::new();
    let ran = place.run(
        &[&format!("pkcs11:object=db?module-path={MODULE}")],
        &DIGEST,
    );
    assert_eq!(ran.code, Some(6), "{}", ran.stderr);
    for words in ["there is no terminal to ask on", "pin-source=FILE"] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
}
