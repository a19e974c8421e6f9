//! Owner keys, help, and what prints without changing anything.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::place::{Place, SEALBOOT, run};

/// Every file of a keys folder, with its mode.
const FILES: [(&str, u32); 17] = [
    ("KEK.auth", 0o644),
    ("KEK.cer", 0o644),
    ("KEK.crt", 0o644),
    ("KEK.esl", 0o644),
    ("KEK.key", 0o600),
    ("PK-empty.auth", 0o644),
    ("PK.auth", 0o644),
    ("PK.cer", 0o644),
    ("PK.crt", 0o644),
    ("PK.esl", 0o644),
    ("PK.key", 0o600),
    ("db.auth", 0o644),
    ("db.cer", 0o644),
    ("db.crt", 0o644),
    ("db.esl", 0o644),
    ("db.key", 0o600),
    ("owner.guid", 0o644),
];

fn mode(place: &Place, name: &str) -> u32 {
    fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o7777
}

#[test]
fn created_keys_have_their_names_and_modes_whatever_the_umask_is() {
    for umask in ["000", "777"] {
        let place = Place::empty();
        let script = format!("umask {umask}; exec {SEALBOOT} keys create --no-passphrase");
        let ran = run(place.command("sh").args(["-c", &script]));
        ran.check(umask, 0, &[]);
        assert_eq!(mode(&place, "keys"), 0o700, "{umask}");
        let names: Vec<String> = place.files("keys").into_keys().collect();
        assert_eq!(names, FILES.map(|(name, _)| name));
        for (name, expected) in FILES {
            assert_eq!(
                mode(&place, &format!("keys/{name}")),
                expected,
                "{umask} {name}"
            );
        }
        assert!(ran.stdout.contains("NOT protected"), "{}", ran.stdout);
        assert_eq!(
            place.files(".").len(),
            FILES.len(),
            "something else was left"
        );
    }
}

#[test]
fn existing_keys_are_never_touched() {
    let place = Place::new();
    let before = place.files("keys");
    // Not even asked for a passphrase: what it is for cannot happen.
    for arguments in [&["--no-passphrase"][..], &[]] {
        let ran = place.sealboot(&[&["keys", "create"], arguments].concat());
        ran.check(
            "keys create",
            5,
            &["keys/", "exists already", "name another folder"],
        );
        assert_eq!(place.files("keys"), before);
    }
}

#[test]
fn a_passphrase_protects_what_it_opens() {
    let place = Place::new();
    place.remove("keys");
    place.write("passphrase", "correct horse\nsecond line\n");
    let with = |words: &[&str]| {
        let words = [words, &["--passphrase-file", "passphrase"]].concat();
        place.sealboot(&words)
    };
    with(&["keys", "create"]).check("create", 0, &[]);
    let key = fs::read_to_string(place.path("keys/db.key")).unwrap();
    assert!(
        key.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"),
        "{key}"
    );
    with(&["build"]).check("build", 0, &["Release 1 is in out/"]);

    place.sealboot(&["keys", "show"]).check("show", 0, &[]);
    let no_terminal = ["keys/db.key", "passphrase is needed", "--passphrase-file"];
    place
        .sealboot(&["build"])
        .check("no terminal", 5, &no_terminal);
    place.write("passphrase", "wrong horse\n");
    let wrong = ["keys/db.key", "does not open with this passphrase"];
    with(&["build"]).check("wrong passphrase", 5, &wrong);
}

#[test]
fn keys_are_told_as_json() {
    let place = Place::empty();
    let owner = "11111111-2222-3333-4444-555555555555";
    let name = ["--owner", owner, "--name", "Ada's", "--years", "3"];
    let create = ["keys", "create", "--no-passphrase", "--json"];
    let created = place.sealboot(&[&create[..], &name].concat());
    created.check("create", 0, &[]);
    let shown = place.sealboot(&["--json", "keys", "show"]);
    shown.check("show", 0, &[]);
    assert_eq!(created.stdout, shown.stdout);
    let rows: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    let names: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["name"])
        .collect();
    assert_eq!(names, ["PK", "KEK", "db"]);
    let subject = rows[2]["subject"].as_str().unwrap();
    assert!(subject.contains("Ada's db"), "{subject}");
    assert_eq!(
        fs::read_to_string(place.path("keys/owner.guid"))
            .unwrap()
            .trim(),
        owner
    );
}

#[test]
fn the_printed_configuration_reads_back_to_the_same() {
    let place = Place::new();
    let first = place.sealboot(&["build", "--print-config"]);
    first.check("print", 0, &[]);
    place.write("printed.toml", &first.stdout);
    let second = place.sealboot(&["build", "--print-config", "--config", "printed.toml"]);
    second.check("print again", 0, &[]);
    assert_eq!(second.stdout, first.stdout);
}

#[test]
fn printing_changes_nothing() {
    for what in ["--print-config", "--dry-run"] {
        let place = Place::new();
        place.remove("keys");
        let before = place.files(".");
        let ran = place.sealboot(&["build", what]);
        ran.check(what, 0, &[]);
        assert_eq!(place.files("."), before, "{what}");
        for folder in ["home", "out"] {
            assert!(!place.path(folder).exists(), "{what} made {folder}");
        }
        if what == "--dry-run" {
            for word in [
                "kernel/",
                "root/",
                "stub/",
                "squashfs",
                "db in keys",
                "out/",
            ] {
                assert!(ran.stdout.contains(word), "{word}: {}", ran.stdout);
            }
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_no_crash() {
    let place = Place::new();
    for verb in [
        "keys show",
        "--help",
        "build --print-config",
        "status --json",
    ] {
        // The reader ends at once; what is printed has nowhere to go.
        let script = format!("({SEALBOOT} {verb}; echo code $? >&2) | true");
        let ran = run(place.command("sh").args(["-c", &script]));
        assert!(ran.stderr.ends_with("code 0\n"), "{verb}: {}", ran.stderr);
        ran.check(verb, 0, &[]);
    }
    for verb in [
        "keys show",
        "build --json",
        "build --print-config",
        "status",
    ] {
        let ran = run(place
            .command("sh")
            .args(["-c", &format!("{SEALBOOT} {verb} >/dev/full")]));
        ran.check(verb, 1, &["standard output", "No space left"]);
    }
    let ran = run(place
        .command("sh")
        .args(["-c", &format!("{SEALBOOT} build 2>/dev/full")]));
    ran.check("progress that nobody can read", 0, &[]);
}

#[test]
fn check_proves_that_keys_sign_and_fit_together() {
    let place = Place::new();
    let check = |arguments: &[&str]| place.sealboot(&[&["keys", "check"], arguments].concat());
    let ran = check(&[]);
    ran.check("keys check", 0, &[]);
    assert_eq!(ran.stdout.matches("ok  ").count(), 12, "{}", ran.stdout);
    assert!(!ran.stdout.contains("FAILED"), "{}", ran.stdout);
    let read = |name: &str| fs::read(place.path(&format!("keys/{name}"))).unwrap();
    let flipped = |name: &str| {
        let mut bytes = read(name);
        *bytes.last_mut().unwrap() ^= 1;
        bytes
    };
    // The file, what is in its place, how many checks fail, and what is said.
    let cases: &[(&str, Option<Vec<u8>>, usize, &str)] = &[
        ("PK.key", None, 1, "there is no keys/PK.key"),
        ("db.key", Some(read("KEK.key")), 1, "do not belong together"),
        ("db.key", Some(b"x".to_vec()), 1, "is not a private key"),
        (
            "KEK.crt",
            Some(b"x".to_vec()),
            2,
            "keys/KEK.crt cannot be read",
        ),
        (
            "PK.cer",
            Some(read("db.cer")),
            1,
            "PK.cer is another certificate",
        ),
        (
            "KEK.esl",
            Some(read("db.esl")),
            2,
            "KEK.esl does not hold KEK.crt",
        ),
        ("db.esl", None, 2, "keys/db.esl cannot be read"),
        (
            "db.auth",
            Some(flipped("db.auth")),
            1,
            "db.auth enrols something else",
        ),
        (
            "KEK.auth",
            Some(read("PK.auth")),
            1,
            "KEK.auth enrols something else",
        ),
    ];
    for (name, instead, failing, words) in cases {
        let whole = read(name);
        place.remove(&format!("keys/{name}"));
        if let Some(bytes) = instead {
            place.write(&format!("keys/{name}"), bytes);
            place.mode(&format!("keys/{name}"), 0o600);
        }
        let ran = check(&[]);
        ran.check(
            name,
            5,
            &[&format!("{failing} of"), "the keys in keys/ do not hold"],
        );
        assert!(ran.stdout.contains(words), "{name}: {}", ran.stdout);
        place.write(&format!("keys/{name}"), whole);
        place.mode(&format!("keys/{name}"), 0o600);
    }
    // A signature by another key.
    let whole = read("db.auth");
    let mut other = whole.clone();
    let list = read("db.esl");
    let end = other.len() - list.len();
    other[end - 1] ^= 1;
    place.write("keys/db.auth", other);
    let ran = check(&["db"]);
    ran.check("another signature", 5, &["1 of 4 checks failed"]);
    place.write("keys/db.auth", whole);
    // A key that is kept elsewhere is no reason not to prove another.
    place.remove("keys/PK.key");
    check(&["db", "KEK"]).check("db and KEK", 0, &[]);
    check(&["dbx"]).check("no key", 2, &["dbx"]);
}

#[test]
fn check_opens_keys_with_their_passphrase() {
    let place = Place::empty();
    for (file, passphrase) in [("right", "correct horse"), ("wrong", "battery")] {
        place.write(file, passphrase);
    }
    let create = ["keys", "create", "--passphrase-file", "right"];
    place.sealboot(&create).check("keys create", 0, &[]);
    let check =
        |file: &str| place.sealboot(&["keys", "check", "--json", "--passphrase-file", file]);
    let ran = check("right");
    ran.check("the right one", 0, &[]);
    let rows: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(
        rows.as_array()
            .unwrap()
            .iter()
            .all(|row| row["problem"].is_null())
    );
    check("wrong").check("the wrong one", 5, &["3 of 12 checks failed"]);
    let ran = place.sealboot(&["keys", "check", "db"]);
    ran.check("none", 5, &["1 of 4 checks failed"]);
    assert!(
        ran.stdout.contains("a passphrase is needed"),
        "{}",
        ran.stdout
    );
}
