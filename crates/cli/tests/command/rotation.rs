//! New keys in the place of old ones, and revocations: what is in the keys folder after each step, and what the
//! updates hold and are signed by.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use formats::efi_signature_list::{
    Auth, CERT_SHA256, CERT_X509, CERT_X509_SHA256, read, read_auth,
};
use formats::efivars::{DB, DBX, KEK, PK, Variable};
use source::keys::{Change, load_certificate, meant_for, verify_detached};

use crate::place::{Place, Ran};

fn keys(place: &Place, words: &[&str]) -> Ran {
    place.sealboot(&[&["keys"], words].concat())
}

fn good(place: &Place, words: &[&str]) -> Ran {
    let ran = keys(place, words);
    ran.check(&words.join(" "), 0, &[]);
    ran
}

fn certificate(place: &Place, file: &str) -> Vec<u8> {
    load_certificate(&place.path(&format!("keys/{file}")))
        .unwrap()
        .0
}

fn auth(place: &Place, file: &str) -> Auth {
    read_auth(&fs::read(place.path(&format!("keys/{file}"))).unwrap()).unwrap()
}

/// The update is for that, signed by that certificate, and holds these certificates.
#[track_caller]
pub fn update(place: &Place, file: &str, of: (Variable, Change), by: &str, holds: &[&str]) -> Auth {
    let auth = auth(place, file);
    assert_eq!(meant_for(&auth), Some(of), "{file}");
    let message = formats::efi_signature_list::to_be_signed(
        of.0.name,
        of.0.vendor,
        of.1.attributes(&of.0),
        auth.time,
        &auth.data,
    );
    verify_detached(&certificate(place, by), &auth.signed_data, &message).unwrap();
    let lists = read(&auth.data).unwrap();
    let found: Vec<Vec<u8>> = lists
        .iter()
        .flat_map(|list| list.signatures.iter().map(|entry| entry.data.clone()))
        .collect();
    let expected: Vec<Vec<u8>> = holds.iter().map(|name| certificate(place, name)).collect();
    assert_eq!(found, expected, "{file}");
    auth
}

/// No file's content is gone: it is somewhere.
fn nothing_lost(place: &Place, before: &BTreeMap<String, Vec<u8>>) {
    let after: Vec<Vec<u8>> = place.files("keys").into_values().collect();
    for (name, content) in before {
        assert!(after.contains(content), "{name} is lost");
    }
}

fn mode(place: &Place, name: &str) -> u32 {
    fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o7777
}

pub fn old_folder(place: &Place, name: &str) -> String {
    let start = format!("{name}.old-");
    let entries = fs::read_dir(place.path("keys")).unwrap();
    let mut names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.find(|name| name.starts_with(&start)).unwrap()
}

#[test]
fn a_db_key_goes_through_both_to_the_new_one() {
    let place = Place::new();
    let first = place.files("keys");
    let old = certificate(&place, "db.crt");
    let mut times = vec![auth(&place, "db.auth").time];

    let ran = good(&place, &["rotate", "db", "--no-passphrase"]);
    assert!(
        ran.stdout.contains("keys/db.next/db-append.auth"),
        "{}",
        ran.stdout
    );
    assert_eq!(mode(&place, "keys/db.next"), 0o700);
    assert_eq!(mode(&place, "keys/db.next/db.key"), 0o600);
    // What signs is as before.
    for (name, content) in &first {
        assert_eq!(&place.files("keys")[name], content, "{name}");
    }
    let (append, replace) = ((DB, Change::Append), (DB, Change::Replace));
    let next = "db.next/db.crt";
    let one = update(&place, "db.next/db-append.auth", append, "KEK.crt", &[next]);
    let both = update(
        &place,
        "db.next/db.auth",
        replace,
        "KEK.crt",
        &["db.crt", next],
    );
    times.extend([one.time, both.time]);
    place.sealboot(&["build"]).check("old key", 0, &[]);
    let uki = fs::read(place.path("out/kernel.efi")).unwrap();
    source::keys::verify_image(&old, &uki).unwrap();

    let shown = good(&place, &["show"]).stdout;
    assert!(shown.contains("db.next new: signs after"), "{shown}");
    let before = place.files("keys");
    let ran = good(&place, &["rotate", "db", "--switch"]);
    assert!(ran.stdout.contains("keys/db.old/"), "{}", ran.stdout);
    nothing_lost(&place, &before);
    assert!(!place.path("keys/db.next").exists());
    assert_eq!(mode(&place, "keys/db.old"), 0o700);
    assert_eq!(mode(&place, "keys/db.old/db.key"), 0o600);
    assert_eq!(mode(&place, "keys/db.key"), 0o600);
    assert_eq!(certificate(&place, "db.old/db.crt"), old);
    good(&place, &["check"]);
    place.sealboot(&["build"]).check("new key", 0, &[]);
    let uki = fs::read(place.path("out/kernel.efi")).unwrap();
    source::keys::verify_image(&certificate(&place, "db.crt"), &uki).unwrap();
    place.sealboot(&["verify"]).check("verify", 0, &[]);

    let before = place.files("keys");
    good(&place, &["rotate", "db", "--finish"]);
    nothing_lost(&place, &before);
    times.push(update(&place, "db.auth", replace, "KEK.crt", &["db.crt"]).time);
    let kept = old_folder(&place, "db");
    assert_eq!(certificate(&place, &format!("{kept}/db.crt")), old);
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    good(&place, &["check"]);
    place.sealboot(&["build"]).check("new key alone", 0, &[]);
    place.sealboot(&["verify"]).check("verify", 0, &[]);
    // And once more on the same day: nothing of the first time is in the way.
    for step in ["--no-passphrase", "--switch", "--finish"] {
        good(&place, &["rotate", "db", step]);
    }
    nothing_lost(&place, &before);
    good(&place, &["check"]);
}

#[test]
fn a_new_kek_signs_db_and_dbx_anew() {
    let place = Place::new();
    place.sealboot(&["build"]).check("build", 0, &[]);
    good(&place, &["revoke", "out", "--even-though", "1"]);
    let before = auth(&place, "db.auth").time;
    good(&place, &["rotate", "kek", "--no-passphrase"]);
    let next = "KEK.next/KEK.crt";
    let append = (KEK, Change::Append);
    update(
        &place,
        "KEK.next/KEK-append.auth",
        append,
        "PK.crt",
        &[next],
    );
    let files = place.files("keys");
    good(&place, &["rotate", "kek", "--switch"]);
    nothing_lost(&place, &files);
    let replace = (KEK, Change::Replace);
    update(
        &place,
        "KEK.auth",
        replace,
        "PK.crt",
        &["KEK.old/KEK.crt", "KEK.crt"],
    );
    let db = update(
        &place,
        "db.auth",
        (DB, Change::Replace),
        "KEK.crt",
        &["db.crt"],
    );
    assert!(db.time > before);
    let dbx = auth(&place, "dbx.auth");
    assert_eq!(meant_for(&dbx), Some((DBX, Change::Append)));
    good(&place, &["check"]);
    good(&place, &["rotate", "kek", "--finish"]);
    update(&place, "KEK.auth", replace, "PK.crt", &["KEK.crt"]);
    good(&place, &["check"]);
}

#[test]
fn a_new_pk_is_signed_by_the_old_one_and_by_itself() {
    let place = Place::new();
    good(&place, &["rotate", "pk", "--no-passphrase"]);
    let replace = (PK, Change::Replace);
    let next = "PK.next/PK.crt";
    let by_old = update(
        &place,
        "PK.next/PK-replace.auth",
        replace,
        "PK.crt",
        &[next],
    );
    let by_itself = update(&place, "PK.next/PK.auth", replace, next, &[next]);
    let empty = update(&place, "PK.next/PK-empty.auth", replace, next, &[]);
    assert!(empty.time > by_old.time && empty.time > by_itself.time);
    let files = place.files("keys");
    good(&place, &["rotate", "pk", "--switch"]);
    nothing_lost(&place, &files);
    update(
        &place,
        "KEK.auth",
        (KEK, Change::Replace),
        "PK.crt",
        &["KEK.crt"],
    );
    good(&place, &["check"]);
    good(&place, &["rotate", "pk", "--finish"]);
    nothing_lost(&place, &files);
    good(&place, &["check"]);
}

#[test]
fn an_interrupted_switch_is_ended_by_the_same_again() {
    let place = Place::new();
    good(&place, &["rotate", "db", "--no-passphrase"]);
    // As an interruption leaves it: the old files are kept, one new one has its place.
    let files = ["db.auth", "db.cer", "db.crt", "db.esl", "db.key"];
    for name in files {
        let content = fs::read(place.path(&format!("keys/{name}"))).unwrap();
        place.write(&format!("keys/db.old/{name}"), content);
    }
    let move_one = "mv keys/db.next/db.crt keys/db.crt";
    place.line(move_one).check(move_one, 0, &[]);
    let again = ["interrupted", "type it again"];
    for step in ["--finish", "--no-passphrase"] {
        keys(&place, &["rotate", "db", step]).check(step, 5, &again);
    }
    good(&place, &["rotate", "db", "--switch"]);
    good(&place, &["check"]);
    good(&place, &["rotate", "db", "--finish"]);
    good(&place, &["check"]);
}

#[test]
fn times_go_on_after_the_newest_file_whatever_the_clock_says() {
    let place = Place::new();
    good(&place, &["rotate", "db", "--no-passphrase"]);
    good(&place, &["rotate", "db", "--switch"]);
    // Made when the clock was wrong. Its signature is not looked at: its time is.
    let mut bytes = fs::read(place.path("keys/db-append.auth")).unwrap();
    bytes[..2].copy_from_slice(&2040u16.to_le_bytes());
    place.write("keys/db-append.auth", bytes);
    let newest = auth(&place, "db-append.auth").time;
    good(&place, &["rotate", "db", "--finish"]);
    assert!(auth(&place, "db.auth").time > newest);
}

#[test]
fn one_passphrase_opens_and_protects_or_another_does() {
    let place = Place::empty();
    for (name, text) in [("old", "correct horse"), ("new", "battery staple")] {
        place.write(name, text);
    }
    good(&place, &["create", "--passphrase-file", "old"]);
    let rotate = ["rotate", "db", "--passphrase-file", "old"];
    good(
        &place,
        &[&rotate[..], &["--new-passphrase-file", "new"]].concat(),
    );
    let key = fs::read_to_string(place.path("keys/db.next/db.key")).unwrap();
    assert!(
        key.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"),
        "{key}"
    );
    // A db key signs nothing when it takes its place: no passphrase is needed for that.
    good(&place, &["rotate", "db", "--switch"]);
    good(&place, &["check", "db", "--passphrase-file", "new"]);
    let no_terminal = ["passphrase is needed", "--passphrase-file"];
    keys(&place, &["rotate", "db", "--finish"]).check("finish", 5, &no_terminal);
    good(
        &place,
        &["rotate", "db", "--finish", "--passphrase-file", "old"],
    );
    good(&place, &["rotate", "kek", "--passphrase-file", "old"]);
    let key = fs::read_to_string(place.path("keys/KEK.next/KEK.key")).unwrap();
    assert!(
        key.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"),
        "{key}"
    );
    good(
        &place,
        &["rotate", "kek", "--switch", "--passphrase-file", "old"],
    );
}

#[test]
fn revocations_add_up_and_the_newest_update_has_all() {
    let place = Place::new();
    place
        .sealboot(&["build", "--out", "first"])
        .check("first", 0, &[]);
    place.configure("version = '1'", "version = '2'");
    place.sealboot(&["build"]).check("second", 0, &[]);
    let kinds = |place: &Place| -> Vec<_> {
        let lists = read(&fs::read(place.path("keys/dbx.esl")).unwrap()).unwrap();
        let entry = |list: &formats::efi_signature_list::SignatureList| {
            (list.signature_type, list.signatures.len())
        };
        lists.iter().map(entry).collect()
    };

    let ran = good(&place, &["revoke", "first/kernel.efi"]);
    assert!(ran.stdout.contains("keys/dbx.auth"), "{}", ran.stdout);
    assert_eq!(kinds(&place), [(CERT_SHA256, 1)]);
    let digest =
        formats::authenticode::image_digest(&fs::read(place.path("first/kernel.efi")).unwrap());
    let lists = read(&auth(&place, "dbx.auth").data).unwrap();
    assert_eq!(lists[0].signatures[0].data, digest.unwrap());
    let time = auth(&place, "dbx.auth").time;
    // The folder is the same UKI: nothing new.
    let files = place.files("keys");
    let ran = good(&place, &["revoke", "first"]);
    assert!(ran.stdout.contains("already"), "{}", ran.stdout);
    assert_eq!(place.files("keys"), files);

    let ran = place.sealboot(&["keys", "create", "--no-passphrase", "--keys", "other"]);
    ran.check("other keys", 0, &[]);
    good(&place, &["revoke", "other/db.crt"]);
    good(&place, &["revoke", "other/db.cer", "--by-hash"]);
    nothing_lost(&place, &files);
    let all = [(CERT_SHA256, 1), (CERT_X509, 1), (CERT_X509_SHA256, 1)];
    assert_eq!(kinds(&place), all);
    let newest = auth(&place, "dbx.auth");
    assert!(newest.time > time);
    assert_eq!(newest.data, fs::read(place.path("keys/dbx.esl")).unwrap());
    assert_eq!(meant_for(&newest), Some((DBX, Change::Append)));
    // PCR 7 with it: `measure` reads the list.
    let dbx = ["measure", "--dbx", "keys/dbx.esl", "out/kernel.efi"];
    place.sealboot(&dbx).check("measure", 0, &[]);

    // What the newest release needs is not revoked but when it is named.
    for (what, name) in [("out", "2"), ("out/kernel.efi", "2"), ("keys/db.crt", "db")] {
        let files = place.files("keys");
        let name_it = format!("--even-though {name}");
        let ran = keys(&place, &["revoke", "first", what]);
        ran.check(what, 3, &["is not revoked", &name_it]);
        let ran = keys(&place, &["revoke", what, "--even-though", "3"]);
        ran.check(what, 3, &["is not revoked", &name_it]);
        assert_eq!(place.files("keys"), files, "{what}");
    }
    good(&place, &["revoke", "out", "--even-though", "2"]);
    // The certificate signs, and the newest release was signed with it: each is named.
    let one = ["revoke", "keys/db.crt", "--even-though", "db"];
    keys(&place, &one).check("one name", 3, &["--even-though 2"]);
    good(&place, &[&one[..], &["--even-though", "2"]].concat());
    // Signed by the old key, and still needed by the newest release.
    let place = Place::new();
    place.sealboot(&["build"]).check("build", 0, &[]);
    for step in ["--no-passphrase", "--switch"] {
        good(&place, &["rotate", "db", step]);
    }
    let ran = keys(&place, &["revoke", "keys/db.old/db.crt"]);
    ran.check(
        "signer",
        3,
        &["the newest release, 1 in out", "--even-though 1"],
    );
}

#[test]
fn the_steps_are_told_as_json() {
    let place = Place::new();
    let json = |words: &[&str]| -> serde_json::Value {
        let ran = good(&place, &[words, &["--json"]].concat());
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let begun = json(&["rotate", "db", "--no-passphrase"]);
    assert_eq!(begun["step"], "begun");
    assert_eq!(begun["apply"][0]["file"], "keys/db.next/db-append.auth");
    assert_eq!(begun["apply"][0]["append"], true);
    let switched = json(&["rotate", "db", "--switch"]);
    assert_eq!(switched["other"], "keys/db.old");
    let finished = json(&["rotate", "db", "--finish"]);
    assert_eq!(finished["apply"][0]["append"], false);
    let stub = place.path("stub/linuxx64.efi.stub");
    let revoked = json(&["revoke", stub.to_str().unwrap()]);
    assert_eq!(revoked["new"], 1);
    assert_eq!(revoked["apply"], "keys/dbx.auth");
}

/// In place of a firmware: a folder. What a firmware does with it is in `tests/vm/keys.rs`.
#[test]
fn updates_are_written_with_the_attributes_that_they_were_signed_for() {
    let place = Place::new();
    let secure = |on: u8, setup: u8| {
        let global = formats::efivars::GLOBAL;
        place.write(&format!("efi/SecureBoot-{global}"), [6, 0, 0, 0, on]);
        place.write(&format!("efi/SetupMode-{global}"), [6, 0, 0, 0, setup]);
    };
    let apply = |files: &[&str]| keys(&place, &[&["apply", "--efivars", "efi"], files].concat());
    apply(&["keys/db.auth"]).check("no firmware", 6, &["SecureBoot"]);
    secure(1, 0);
    // A folder keeps what is written, so it is not what a variable then holds.
    let ran = apply(&["keys/db.auth"]);
    ran.check("db", 7, &["does not hold what it should"]);
    let written = fs::read(place.path(&format!("efi/{}", DB.file_name()))).unwrap();
    let file = fs::read(place.path("keys/db.auth")).unwrap();
    assert_eq!(written, [&[0x27, 0, 0, 0][..], &file].concat());
    good(&place, &["rotate", "db", "--no-passphrase"]);
    apply(&["keys/db.next/db-append.auth"]).check("append", 7, &[]);
    let written = fs::read(place.path(&format!("efi/{}", DB.file_name()))).unwrap();
    assert_eq!(written[..4], [0x67, 0, 0, 0]);
    // Nothing of several is written when one is no good.
    let before = place.files("efi");
    let empty = apply(&["keys/db.auth", "keys/PK-empty.auth"]);
    empty.check("empty PK", 2, &["setup mode", "--to-setup-mode"]);
    assert_eq!(place.files("efi"), before);
}
