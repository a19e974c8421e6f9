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
