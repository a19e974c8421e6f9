//! What a firmware does with the updates of `sealboot keys`: each is written to it from a booted release, and
//! what boots after it decides.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use formats::efivars::DB;
use sha2::{Digest, Sha256};

use crate::machine::{Seen, boot_with};
use crate::refusals::INIT;
use crate::release::{self, AS_READ, Release, scratch, sealboot, succeed};

/// What the firmware prints of a program that it does not start.
const REFUSED: &str = "Access Denied";

/// What the probe prints last.
const END: &str = "probe end";

fn config(version: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vm/keys");
    format!(
        "version = '{version}'\n{AS_READ}[firmware]\nsource = []\n\
         [root]\nmode = 'overlay'\n\
         source = [{{ recovery = true }}, {{ directory = '{}' }}]\n",
        folder.display()
    )
}

/// A release, and another of the same keys.
fn pair() -> &'static [Release; 2] {
    static PAIR: OnceLock<[Release; 2]> = OnceLock::new();
    PAIR.get_or_init(|| {
        let first = release::build("keys-1", &config("1"));
        let second = release::build_with("keys-2", &config("2"), &first.keys);
        [first, second]
    })
}

/// The keys of the pair with a new db key that signs, a release of it, and a machine that trusts both.
struct Rotated {
    keys: PathBuf,
    new: Release,
    variables: PathBuf,
}

fn rotated() -> &'static Rotated {
    static ROTATED: OnceLock<Rotated> = OnceLock::new();
    ROTATED.get_or_init(|| {
        let [old, _] = pair();
        let folder = scratch("keys-rotated");
        let keys = copy_of_keys(&folder);
        keys_verb(&keys, &["rotate", "db", "--no-passphrase"]);
        let append = fs::read(keys.join("db.next/db-append.auth")).unwrap();
        keys_verb(&keys, &["rotate", "db", "--switch"]);
        let new = Release {
            // What is enrolled when a machine is made: the old key only.
            keys: old.keys.clone(),
            out: release::build_with("keys-3", &config("3"), &keys).out,
        };
        let variables = folder.join("variables.fd");

        refused(&new, &variables);
        let script = format!(
            "apply append.auth\nbusybox tail -c +5 /sys/firmware/efi/efivars/{} | busybox sha256sum\n",
            DB.file_name()
        );
        let job = job("rotate-append", &[("append.auth", &append)], &script);
        let seen = starts(old, &variables, Some(&job));
        seen.must(
            said(&seen, "append.auth: db added to"),
            "db was not added to",
        );
        // Byte for byte what the keys folder says, so that PCR 7 can be told from it.
        let list = Sha256::digest(fs::read(keys.join("db.esl")).unwrap());
        let list: String = list.iter().map(|byte| format!("{byte:02x}")).collect();
        seen.must(said(&seen, &format!("{list}  -")), "db is not db.esl");
        Rotated {
            keys,
            new,
            variables,
        }
    })
}

/// The pair's keys in a folder, to be changed.
fn copy_of_keys(folder: &Path) -> PathBuf {
    let keys = folder.join("keys");
    let mut copy = Command::new("cp");
    succeed(copy.arg("-a").arg(&pair()[0].keys).arg(&keys));
    keys
}

fn keys_verb(keys: &Path, words: &[&str]) -> String {
    let mut command = sealboot();
    let (verb, rest) = words.split_first().unwrap();
    succeed(
        command
            .args(["keys", verb])
            .args(rest)
            .arg("--keys")
            .arg(keys),
    )
}

/// A disk with files and a script in which `apply FILE` hands them to the firmware and says how it ended.
fn job(name: &str, files: &[(&str, &[u8])], script: &str) -> PathBuf {
    let folder = scratch(&format!("keys-job-{name}"));
    let inside = folder.join("inside");
    fs::create_dir(&inside).unwrap();
    for (name, content) in files {
        fs::write(inside.join(name), content).unwrap();
    }
    let apply = "apply() { sealboot keys apply \"$@\"; echo \"$* ended with $?\"; }\n";
    fs::write(inside.join("job"), format!("{apply}{script}")).unwrap();
    let disk = folder.join("job.tar");
    let mut tar = Command::new("tar");
    succeed(tar.arg("-cf").arg(&disk).arg("-C").arg(&inside).arg("."));
    disk
}

fn run(release: &Release, variables: &Path, job: Option<&Path>, expect: &str) -> Seen {
    let mut more = vec!["--variables", variables.to_str().unwrap()];
    if let Some(job) = job {
        more.extend(["--second-disk", job.to_str().unwrap()]);
    }
    boot_with(release, &release.out.join("disk.img"), &[expect], &more)
}

/// It starts, with Secure Boot on.
#[track_caller]
fn starts(release: &Release, variables: &Path, job: Option<&Path>) -> Seen {
    let seen = run(release, variables, job, END);
    seen.must(seen.met, "the release did not start");
    seen.must(secure_boot(&seen) == "on", "Secure Boot is not on");
    seen
}

/// The firmware does not start it.
#[track_caller]
fn refused(release: &Release, variables: &Path) {
    let seen = run(release, variables, None, REFUSED);
    seen.must(seen.met, "the firmware did not say that it refuses it");
    seen.must(!seen.serial.contains(INIT), "the release started");
}

fn said(seen: &Seen, line: &str) -> bool {
    seen.probe("job").lines().any(|said| said == line)
}

fn secure_boot(seen: &Seen) -> String {
    let status: serde_json::Value =
        serde_json::from_str(&seen.probe("status")).expect("status is JSON");
    status["secure_boot"]["state"].as_str().unwrap().to_owned()
}

/// A store of its own, to be changed.
fn copy(variables: &Path, name: &str) -> PathBuf {
    let to = scratch(name).join("variables.fd");
    fs::copy(variables, &to).unwrap();
    to
}

#[test]
fn a_rotated_db_key_is_trusted_beside_the_old_one_and_then_alone() {
    let ([old, _], rotated) = (pair(), rotated());
    let variables = copy(&rotated.variables, "keys-finish");
    starts(old, &variables, None);
    starts(&rotated.new, &variables, None);

    let keys = scratch("keys-finished").join("keys");
    succeed(Command::new("cp").arg("-a").arg(&rotated.keys).arg(&keys));
    keys_verb(&keys, &["rotate", "db", "--finish"]);
    let last = fs::read(keys.join("db.auth")).unwrap();
    let first = fs::read(old.keys.join("db.auth")).unwrap();
    let files: [(&str, &[u8]); 2] = [("last.auth", &last), ("first.auth", &first)];
    // What is older than what the firmware has does not bring the old key back.
    // By what the firmware trusts then, the disk that the machine runs from holds.
    let script = "apply last.auth\napply first.auth\n\
                  sealboot verify --firmware --quiet /dev/vda >verified; echo \"verify ended with $?\"\n\
                  busybox grep -e NOT -e FAILED verified\n";
    let job = job("rotate-finish", &files, script);
    let seen = starts(&rotated.new, &variables, Some(&job));
    seen.must(
        said(&seen, "verify ended with 0"),
        "the machine's firmware does not vouch for its disk",
    );
    seen.must(said(&seen, "last.auth: db replaced"), "db was not replaced");
    seen.must(
        said(&seen, "first.auth ended with 1"),
        "the firmware took an older update",
    );
    refused(old, &variables);
    starts(&rotated.new, &variables, None);
}

#[test]
fn a_revoked_release_starts_no_more_and_another_of_the_same_key_does() {
    let [old, newest] = pair();
    let folder = scratch("keys-revoked");
    let keys = copy_of_keys(&folder);
    let variables = folder.join("variables.fd");
    let [uki, out] = [old.out.join("kernel.efi"), newest.out.clone()];
    let words = [uki.to_str().unwrap(), "--release", out.to_str().unwrap()];
    keys_verb(&keys, &[&["revoke"], &words[..]].concat());
    let dbx = fs::read(keys.join("dbx.auth")).unwrap();
    let job = job("revoke", &[("dbx.auth", &dbx)], "apply dbx.auth\n");
    let seen = starts(old, &variables, Some(&job));
    seen.must(
        said(&seen, "dbx.auth: dbx added to"),
        "dbx was not added to",
    );
    refused(old, &variables);
    starts(newest, &variables, None);
}

fn revoked_by_certificate(by_hash: bool) {
    let ([old, other], rotated) = (pair(), rotated());
    let name = format!("keys-revoked-certificate-{by_hash}");
    let variables = copy(&rotated.variables, &name);
    let keys = variables.with_file_name("keys");
    succeed(Command::new("cp").arg("-a").arg(&rotated.keys).arg(&keys));
    let certificate = keys.join("db.old/db.crt");
    let mut words = vec!["revoke", certificate.to_str().unwrap()];
    words.extend(["--release", rotated.new.out.to_str().unwrap()]);
    if by_hash {
        words.push("--by-hash");
    }
    keys_verb(&keys, &words);
    let dbx = fs::read(keys.join("dbx.auth")).unwrap();
    let job = job(&name, &[("dbx.auth", &dbx)], "apply dbx.auth\n");
    let seen = starts(&rotated.new, &variables, Some(&job));
    seen.must(
        said(&seen, "dbx.auth: dbx added to"),
        "dbx was not added to",
    );
    refused(old, &variables);
    refused(other, &variables);
    starts(&rotated.new, &variables, None);
}

#[test]
fn a_revoked_certificate_stops_all_that_it_signed() {
    revoked_by_certificate(false);
}

#[test]
fn a_certificate_revoked_by_its_hash_stops_all_that_it_signed() {
    revoked_by_certificate(true);
}

#[test]
fn setup_mode_takes_the_keys_and_the_empty_pk_brings_it_back() {
    let ([own, _], stranger) = (pair(), &rotated().new);
    let variables = scratch("keys-setup-mode").join("variables.fd");
    let read = |name: &str| fs::read(own.keys.join(name)).unwrap();
    let [pk, kek, db, empty] = ["PK.auth", "KEK.auth", "db.auth", "PK-empty.auth"].map(read);
    let files: [(&str, &[u8]); 3] = [("PK.auth", &pk), ("KEK.auth", &kek), ("db.auth", &db)];
    let enrol = job("enrol", &files, "apply db.auth KEK.auth PK.auth\n");
    let more = ["--setup-mode", "--variables", variables.to_str().unwrap()];
    let with_job = [&more[..], &["--second-disk", enrol.to_str().unwrap()]].concat();
    let disk = own.out.join("disk.img");
    let seen = boot_with(own, &disk, &[END], &with_job);
    seen.must(seen.met, "the release did not start in setup mode");
    seen.must(
        secure_boot(&seen) == "setup-mode",
        "it is not in setup mode",
    );
    seen.must(
        said(&seen, "db.auth KEK.auth PK.auth ended with 0"),
        "the keys were not enrolled",
    );

    refused(stranger, &variables);
    let script = "apply empty.auth\napply --to-setup-mode empty.auth\n";
    let back = job("empty", &[("empty.auth", &empty)], script);
    let seen = starts(own, &variables, Some(&back));
    seen.must(
        said(&seen, "empty.auth ended with 2"),
        "nobody said that it was meant",
    );
    seen.must(said(&seen, "empty.auth: PK removed"), "PK was not removed");
    let seen = run(stranger, &variables, None, END);
    seen.must(
        seen.met,
        "a stranger's release does not start in setup mode",
    );
    seen.must(
        secure_boot(&seen) == "setup-mode",
        "it is not back in setup mode",
    );
}

/// Every update of KEK and PK, in the order in which they are applied, on one machine.
#[test]
fn rotated_kek_and_pk_are_taken_and_the_old_ones_refused() {
    let [old, _] = pair();
    let folder = scratch("keys-above");
    let keys = copy_of_keys(&folder);
    let variables = folder.join("variables.fd");
    let read = |name: &str| fs::read(keys.join(name)).unwrap();

    keys_verb(&keys, &["rotate", "kek", "--no-passphrase"]);
    let kek_append = read("KEK.next/KEK-append.auth");
    keys_verb(&keys, &["rotate", "kek", "--switch"]);
    let db_by_new = read("db.auth");
    keys_verb(&keys, &["rotate", "kek", "--finish"]);
    let kek_alone = read("KEK.auth");
    // By the old KEK, later than all that the firmware has of db: only its key is wrong.
    let late = folder.join("late");
    succeed(Command::new("cp").arg("-a").arg(&old.keys).arg(&late));
    fs::write(late.join("later.auth"), &kek_alone).unwrap();
    keys_verb(&late, &["rotate", "db", "--no-passphrase"]);
    let db_by_old = fs::read(late.join("db.next/db.auth")).unwrap();

    let old_empty = read("PK-empty.auth");
    keys_verb(&keys, &["rotate", "pk", "--no-passphrase"]);
    keys_verb(&keys, &["rotate", "pk", "--switch"]);
    let (pk_replace, kek_by_new) = (read("PK-replace.auth"), read("KEK.auth"));
    let new_empty = read("PK-empty.auth");
    keys_verb(&keys, &["rotate", "pk", "--finish"]);

    let files: [(&str, &[u8]); 8] = [
        ("db-by-new.auth", &db_by_new),
        ("kek-append.auth", &kek_append),
        ("kek-alone.auth", &kek_alone),
        ("db-by-old.auth", &db_by_old),
        ("kek-by-new.auth", &kek_by_new),
        ("pk-replace.auth", &pk_replace),
        ("old-empty.auth", &old_empty),
        ("new-empty.auth", &new_empty),
    ];
    let rows = [
        // Nobody knows the new KEK yet.
        ("db-by-new.auth", 1),
        ("kek-append.auth", 0),
        ("db-by-new.auth", 0),
        ("kek-alone.auth", 0),
        ("db-by-old.auth", 1),
        // Nor the new PK.
        ("kek-by-new.auth", 1),
        ("pk-replace.auth", 0),
        ("kek-by-new.auth", 0),
        ("--to-setup-mode old-empty.auth", 1),
        ("--to-setup-mode new-empty.auth", 0),
    ];
    let script: String = rows
        .iter()
        .map(|(words, _)| format!("apply {words}\n"))
        .collect();
    let job = job("above", &files, &script);
    let seen = starts(old, &variables, Some(&job));
    let ended: Vec<String> = seen
        .probe("job")
        .lines()
        .filter(|line| line.contains(" ended with "))
        .map(str::to_owned)
        .collect();
    let expected = rows.map(|(words, code)| format!("{words} ended with {code}"));
    seen.must(ended == expected, &format!("expected {expected:#?}"));
    let seen = run(old, &variables, None, END);
    seen.must(seen.met, "the release did not start");
    seen.must(
        secure_boot(&seen) == "setup-mode",
        "it is not in setup mode",
    );
}
