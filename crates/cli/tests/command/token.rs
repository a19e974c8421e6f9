//! Signing with a key in a token: what comes out is what the key's file makes, the PIN is asked for once and
//! seen nowhere, and what is no token's signature is not taken.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use formats::efivars::{DB, DBX, KEK, PK};
use source::keys::Change;

use crate::bad_input::{FAILED, KEYS, MISSING, USAGE};
use crate::place::{Place, Ran, SEALBOOT, run};
use crate::rotation::{old_folder, update};
use crate::softhsm::{MODULE, PIN, Softhsm, asker};
use crate::trace::{strace, traced};

/// A place whose db key is in a token, and only there.
struct Token {
    place: Place,
    softhsm: Softhsm,
}

impl Token {
    fn new() -> Self {
        let place = Place::new();
        let softhsm = Softhsm::new(&place.path(""));
        softhsm.token("owner");
        softhsm.import("owner", &place.path("keys/db.key"), "db", "01");
        Self { place, softhsm }
    }

    /// What the key's file makes, before it goes away.
    fn expected(&self) -> std::collections::BTreeMap<String, Vec<u8>> {
        let ran = self
            .place
            .sealboot(&["build", "--quiet", "--out", "expected"]);
        ran.check("with the key's file", 0, &[]);
        fs::rename(self.place.path("keys/db.key"), self.place.path("db.away")).unwrap();
        self.place.files("expected")
    }

    /// The program, with `sealboot-pkcs11` of this folder first in PATH, and no terminal.
    fn command(&self, program: &str, asker: &Path) -> Command {
        let mut command = self.place.command("setsid");
        command.args(["--wait", program]);
        command.env("SOFTHSM2_CONF", &self.softhsm.settings);
        command.env("PATH", format!("{}:/usr/bin:/bin", asker.display()));
        command
    }

    fn sealboot(&self, words: &[&str]) -> Ran {
        let folder = asker().parent().unwrap().to_owned();
        run(self.command(SEALBOOT, &folder).args(words))
    }

    fn uri(&self) -> String {
        self.softhsm.uri("token=owner;object=db")
    }

    /// Puts the key of a file in the keys folder into the token, and away from the folder.
    fn take(&self, file: &str, label: &str, id: &str) -> String {
        let key = self.place.path("keys").join(file);
        self.softhsm.import("owner", &key, label, id);
        fs::remove_file(key).unwrap();
        self.softhsm.uri(&format!("token=owner;object={label}"))
    }

    /// Does a step of `sealboot keys`, which must work.
    fn keys(&self, step: &str, sign_with: &str) -> Ran {
        let words: Vec<&str> = step.split(' ').collect();
        let ran = self.sealboot(&[&["keys"], &words[..], &["--sign-with", sign_with]].concat());
        ran.check(step, 0, &[]);
        ran
    }
}

#[test]
fn a_token_signs_a_release_byte_for_byte() {
    let token = Token::new();
    let (place, uri) = (&token.place, token.uri());
    let expected = token.expected();
    let ran = token.sealboot(&["build", "--sign-with", &uri]);
    ran.check("build", 0, &["db in keys/; a token signs"]);
    assert!(place.files("out") == expected);
    place.remove("out");
    let setting = format!("version = '1'\nkeys.sign_with = ['{uri}']\n");
    place.configure("version = '1'\n", &setting);
    token.sealboot(&["build"]).check("keys.sign_with", 0, &[]);
    assert!(place.files("out") == expected);
    let image = [
        "image",
        "build",
        "root",
        "--level",
        "1",
        "--keys",
        "keys",
        "--sign-with",
        &uri,
    ];
    token.sealboot(&image).check("image build", 0, &[]);
    assert!(place.path("root.roothash.p7s").exists());
}

#[test]
fn a_token_signs_in_two_passes() {
    let token = Token::new();
    let (place, uri) = (&token.place, token.uri());
    let sign = ["sign", "out/to-sign", "--yes", "1", "--signatures"];
    let unsigned = place.sealboot(&["build", "--unsigned", "--quiet"]);
    unsigned.check("unsigned", 0, &[]);
    place
        .sealboot(&[&sign[..], &["by-file"]].concat())
        .check("by file", 0, &[]);
    let expected = token.expected();
    let ran = token.sealboot(&[&sign[..], &["by-token", "--sign-with", &uri]].concat());
    ran.check("by token", 0, &[]);
    let made = place.files("by-token");
    assert!(made.len() > 3, "{:?}", made.keys());
    assert!(made == place.files("by-file"));
    // And one digest at a time, as any program does.
    let one = format!("sealboot-pkcs11 {uri}");
    let ran = token.sealboot(&[&sign[..], &["one-by-one", "--sign-with", &one]].concat());
    ran.check("one by one", 0, &[]);
    assert!(made == place.files("one-by-one"));
    token
        .sealboot(&["attach", "out", "by-token"])
        .check("attach", 0, &[]);
    assert!(place.files("out") == expected);
}

#[test]
fn updates_of_variables_are_signed_in_a_token() {
    let token = Token::new();
    let place = &token.place;
    let [pk, kek] = [("PK", "11"), ("KEK", "12")]
        .map(|(name, id)| token.take(&format!("{name}.key"), name, id));
    let replace = Change::Replace;

    let ran = token.keys("check KEK", &kek);
    assert!(ran.stdout.contains("KEK.crt verifies it"), "{}", ran.stdout);
    let ran = token.sealboot(&["keys", "check", "PK", "--sign-with", &kek]);
    ran.check("another key", KEYS, &["1 of 4 checks failed"]);
    let other = "the token's key is not the one of the certificate keys/PK.crt";
    assert!(ran.stdout.contains(other), "{}", ran.stdout);
    token
        .sealboot(&["keys", "check", "--sign-with", &kek])
        .check("all at once", USAGE, &["name it, 'keys check db'"]);

    token.keys("rotate db --no-passphrase", &kek);
    token.sealboot(&["keys", "rotate", "db", "--switch"]).check(
        "a db key signs nothing now",
        0,
        &[],
    );
    update(
        place,
        "db.auth",
        (DB, replace),
        "KEK.crt",
        &["db.old/db.crt", "db.crt"],
    );
    token.keys("rotate db --finish", &kek);
    update(place, "db.auth", (DB, replace), "KEK.crt", &["db.crt"]);

    token.keys("rotate kek --no-passphrase", &pk);
    let new = token.take("KEK.next/KEK.key", "KEK-2", "13");
    // Until it takes its place, what signs is the old one.
    let files = place.files("keys");
    token
        .sealboot(&["keys", "rotate", "kek", "--switch", "--sign-with", &kek])
        .check("the old key", KEYS, &["certificate keys/KEK.next/KEK.crt"]);
    assert!(place.files("keys") == files);
    token.keys("rotate kek --switch", &new);
    update(place, "db.auth", (DB, replace), "KEK.crt", &["db.crt"]);
    token.keys("rotate kek --finish", &pk);
    update(place, "KEK.auth", (KEK, replace), "PK.crt", &["KEK.crt"]);

    let kept = format!("{}/db.crt", old_folder(place, "db"));
    token.keys(&format!("revoke keys/{kept}"), &new);
    update(
        place,
        "dbx.auth",
        (DBX, Change::Append),
        "KEK.crt",
        &[&kept],
    );

    token.keys("rotate pk --no-passphrase", &pk);
    let next = "PK.next/PK.crt";
    update(
        place,
        "PK.next/PK-replace.auth",
        (PK, replace),
        "PK.crt",
        &[next],
    );
}

#[test]
fn the_program_beside_sealboot_comes_first() {
    let token = Token::new();
    let place = &token.place;
    fs::create_dir(place.path("bin")).unwrap();
    let beside = place.path("bin/sealboot");
    fs::copy(SEALBOOT, &beside).unwrap();
    fs::copy(asker(), place.path("bin/sealboot-pkcs11")).unwrap();
    let mut command = token.command(beside.to_str().unwrap(), &fake(place, "exit 9"));
    run(command.args(["build", "--sign-with", &token.uri()])).check("beside", 0, &[]);
    // What cannot be started does not hide one that can.
    place.mode("bin/sealboot-pkcs11", 0o644);
    let mut command = token.command(beside.to_str().unwrap(), &fake(place, "exit 9"));
    let ran = run(command.args(["build", "--sign-with", &token.uri()]));
    ran.check("in PATH", KEYS, &["fake/sealboot-pkcs11", "exit status: 9"]);
}

/// A folder with another `sealboot-pkcs11`, a shell script.
fn fake(place: &Place, script: &str) -> PathBuf {
    place.write("fake/sealboot-pkcs11", format!("#!/bin/sh\n{script}\n"));
    place.mode("fake/sealboot-pkcs11", 0o755);
    place.path("fake")
}

#[test]
fn what_goes_wrong_has_its_exit_code() {
    let token = Token::new();
    let place = &token.place;
    place.earlier_release();
    place.write("wrong", "4729-horse-butter");
    let stranger = Place::empty();
    stranger
        .sealboot(&["keys", "create", "--no-passphrase"])
        .check("keys create", 0, &[]);
    token
        .softhsm
        .import("owner", &stranger.path("keys/db.key"), "strangers", "02");
    let module = format!("?module-path={MODULE}&pin-source");
    #[rustfmt::skip]
    let rows: &[(&str, String, i32, &[&str])] = &[
        ("no such token", token.softhsm.uri("token=absent"), KEYS, &["no token of", "sealboot-pkcs11 said why, above", "exit status: 4"]),
        ("no such key", token.softhsm.uri("object=absent"), KEYS, &["no private key of the token \"owner\" fits", "exit status: 5"]),
        ("another's key", token.softhsm.uri("object=strangers"), KEYS, &["the token's key is not the one of the certificate keys/db.crt"]),
        ("a wrong PIN", format!("pkcs11:object=db{module}=wrong"), KEYS, &["refuses this PIN", "exit status: 6"]),
        ("no PIN file", format!("pkcs11:object=db{module}=absent"), KEYS, &["the PIN file absent cannot be read", "exit status: 6"]),
        ("nobody to ask", format!("pkcs11:object=db?module-path={MODULE}"), KEYS, &["no terminal to ask on", "exit status: 6"]),
        ("no module", "pkcs11:object=db".to_owned(), USAGE, &["the URI names no module", "exit status: 2"]),
        ("no such module", "pkcs11:object=db?module-path=/absent.so".to_owned(), MISSING, &["/absent.so cannot be loaded", "exit status: 3"]),
        ("no URI", "pkcs11:object".to_owned(), USAGE, &["has no '='", "exit status: 2"]),
    ];
    for (case, uri, code, words) in rows {
        let ran = token.sealboot(&["build", "--sign-with", uri]);
        ran.check(case, *code, words);
        place.check_earlier_release(case);
    }
    let mut openssl = Command::new("openssl");
    openssl.args(["x509", "-in", "keys/db.crt", "-noout", "-modulus"]);
    let modulus = run(openssl.current_dir(place.path(""))).stdout;
    let modulus = modulus.trim().trim_start_matches("Modulus=");
    let digits = (0..modulus.len()).step_by(2).map(|at| &modulus[at..at + 2]);
    let bytes = digits.map(|digits| u8::from_str_radix(digits, 16).unwrap());
    place.write(
        "hello",
        [1, 0].into_iter().chain(bytes).collect::<Vec<u8>>(),
    );
    let key = format!("cat {}", place.path("hello").display());
    #[rustfmt::skip]
    let rows: &[(&str, String, i32, &[&str])] = &[
        ("it says nothing", "true".to_owned(), FAILED, &["did not answer as sealboot-pkcs11 does"]),
        ("it says something else", "echo hello".to_owned(), FAILED, &["did not answer as sealboot-pkcs11 does"]),
        ("it is killed", "kill -9 $$".to_owned(), KEYS, &["signal: 9"]),
        ("it ends after the key", format!("{key}; exit 1"), KEYS, &["signing with pkcs11:", "sealboot-pkcs11 ended with exit status: 1"]),
        ("half a signature", format!("{key}; head -c 32 > /dev/null; printf half"), KEYS, &["sealboot-pkcs11 ended with exit status: 0"]),
        ("zeros", format!("{key}; cat /dev/zero"), KEYS, &["no signature of the digest by the certificate's key"]),
    ];
    for (case, script, code, words) in rows {
        let mut command = token.command(SEALBOOT, &fake(place, script));
        let ran = run(command.args(["build", "--sign-with", &token.uri()]));
        ran.check(case, *code, words);
        place.check_earlier_release(case);
    }
}

#[test]
fn the_pin_is_asked_for_once() {
    let token = Token::new();
    let expected = token.expected();
    let line =
        format!("{SEALBOOT} build --quiet --sign-with 'pkcs11:object=db?module-path={MODULE}'");
    let mut script = token.command("script", asker().parent().unwrap());
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    let mut child = script
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut shown, mut byte) = (Vec::new(), [0]);
    while !shown.ends_with(b"\"owner\": ") && output.read(&mut byte).unwrap() == 1 {
        shown.extend(byte);
    }
    input.write_all(format!("{PIN}\n").as_bytes()).unwrap();
    output.read_to_end(&mut shown).unwrap();
    let shown = String::from_utf8_lossy(&shown);
    assert!(child.wait().unwrap().success(), "{shown}");
    assert_eq!(shown.matches("PIN of").count(), 1, "{shown}");
    assert!(token.place.files("out") == expected);
}

#[test]
fn the_pin_is_in_no_call_of_sealboot() {
    let token = Token::new();
    let mut command = token.command("strace", asker().parent().unwrap());
    let uri = token.uri();
    strace(&mut command, "read").args([SEALBOOT, "build", "--quiet", "--sign-with", &uri]);
    run(&mut command).check("strace", 0, &[]);
    let trace = fs::read_to_string(token.place.path("trace")).unwrap();
    let pin = traced(PIN.as_bytes());
    let with_pin: Vec<&str> = trace.lines().filter(|line| line.contains(&pin)).collect();
    // Read once from its file, by the other program.
    assert_eq!(with_pin.len(), 1, "{with_pin:?}");
    assert!(with_pin[0].contains("read("), "{with_pin:?}");
    let mut started = trace.lines().filter(|line| line.contains("execve("));
    let started = started
        .find(|line| line.contains(&traced(b"--many")))
        .unwrap();
    let process = started.split(' ').next().unwrap();
    assert!(with_pin[0].starts_with(process), "{with_pin:?}");
}
