//! The tamper matrix: what `sealboot verify` says and what a machine does when one structure of a
//! release's disk was changed. Either the machine refuses, or what starts is provably the same.
//!
//! `docs/reference/tamper-matrix.md` is the result; `UPDATE_REFERENCE=1` writes it anew.

mod change;
mod place;
mod table;

use std::fmt::Write;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use contract::manifest::Manifest;
use serde_json::Value;

use crate::machine::boot;
use crate::refusals::{HANDED_OVER, INIT, STOPPED};
use crate::release::{self, Release, scratch, sealboot};
use change::{At, Change, Copy};
use place::{Disk, Structure};
use table::{Machine, ROWS, Row};

const DOCUMENT: &str = "docs/reference/tamper-matrix.md";

/// What the root's probe prints last.
const PROBE: &str = "probe end";

const HEAD: &str = "\
# Tamper matrix

What happens when one structure of a release's disk is changed, as the tests find it
(`tests/vm/tamper`; `UPDATE_REFERENCE=1` writes this file anew). *verify* is `sealboot verify` of
the changed disk with the owner's keys: the checks that fail. *Machine* is a virtual machine with
Secure Boot on that starts the disk.

Where the machine starts although `verify` fails, what was changed decides nothing: the primary
and the backup copy of a table stand in for each other, the `.roothash` files and the manifest's
signature are for people and for `verify`, and the pinned manifest says all that the dm-verity
superblock does.

| Structure | Change | verify | Machine |
|---|---|---|---|
";

/// What `verify` says of every row, beside what the machine does.
#[test]
fn verify_names_what_was_changed() {
    let (newer, older) = release::pair();
    let copy = Copy::new(&scratch("tamper-verify"), newer, older);
    let report = verify(newer, &copy.path);
    assert_eq!(report["holds"], true, "an untouched disk: {report:#}");
    let mut text = HEAD.to_owned();
    for row in ROWS {
        copy.apply(row.structure, row.change);
        let report = verify(newer, &copy.path);
        located(row, newer, &report);
        let (name, words) = (row.name, row.words);
        let (said, machine) = (says(&report), does(row.machine));
        writeln!(text, "| {name} | {words} | {said} | {machine} |").unwrap();
        copy.restore();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(DOCUMENT);
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        fs::write(&path, text).unwrap();
        return;
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    for (ours, theirs) in text.lines().zip(written.lines()) {
        assert_eq!(
            ours, theirs,
            "{DOCUMENT}: UPDATE_REFERENCE=1 writes it anew"
        );
    }
    assert_eq!(text.lines().count(), written.lines().count(), "{DOCUMENT}");
}

/// Two tests of every other row each: a runner starts as many machines as it has threads for.
#[test]
fn a_machine_refuses_or_starts_the_same_first_half() {
    start(0);
}

#[test]
fn a_machine_refuses_or_starts_the_same_second_half() {
    start(1);
}

fn start(half: usize) {
    let (newer, older) = release::pair();
    let copy = Copy::new(&scratch(&format!("tamper-boot-{half}")), newer, older);
    let tried = ROWS.iter().filter(|row| row.machine != Machine::NotTried);
    let mut failures = Vec::new();
    for row in tried.skip(half).step_by(2) {
        copy.apply(row.structure, row.change);
        // The other rows are worth knowing, too.
        let result = catch_unwind(|| started(row, newer, older, &copy.path));
        failures.extend(result.err().map(|_| format!("{}, {}", row.name, row.words)));
        copy.restore();
    }
    assert!(failures.is_empty(), "failed: {failures:#?}");
}

fn started(row: &Row, newer: &Release, older: &Release, disk: &Path) {
    let case = format!("{}, {}", row.name, row.words);
    let (expect, never) = match row.machine {
        Machine::FirmwareRefuses => (vec!["Access Denied"], INIT),
        Machine::FirmwareFindsNothing => (vec!["No bootable option"], INIT),
        Machine::InitStops(words) => ([&[STOPPED], words].concat(), HANDED_OVER),
        Machine::Same | Machine::Older => (vec![INIT, HANDED_OVER, PROBE], ""),
        Machine::NotTried => return,
    };
    let seen = boot(newer, disk, &expect);
    seen.must(seen.met, &format!("{case}: {expect:?} did not come"));
    let release = match row.machine {
        Machine::Same => newer,
        Machine::Older => older,
        _ => {
            for never in [never, PROBE] {
                let far = seen.serial.contains(never);
                seen.must(!far, &format!("{case}: it came to {never:?}"));
            }
            return;
        }
    };
    let status: Value = serde_json::from_str(&seen.probe("status")).expect("status is JSON");
    let rows = status["images"].as_array().expect("images");
    for image in &manifest(release).images {
        let name = image.name.as_str();
        let mapped = |row: &Value| row["name"] == name && row["root_hash"] == *image.root_hash;
        let same = rows.iter().any(mapped);
        seen.must(
            same,
            &format!("{case}: {name} has another root hash: {status:#}"),
        );
    }
}

fn manifest(release: &Release) -> Manifest {
    Manifest::from_json(&fs::read(release.out.join("release.json")).unwrap()).unwrap()
}

fn verify(release: &Release, disk: &Path) -> Value {
    let mut command = sealboot();
    command
        .args(["--json", "verify", "--keys"])
        .arg(&release.keys);
    let output = command.arg(disk).output().expect("sealboot verify starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    let expected = if report["holds"] == true { 0 } else { 3 };
    assert_eq!(output.status.code(), Some(expected), "{said}");
    report
}

fn failed(report: &Value) -> impl Iterator<Item = &Value> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks.filter(|check| check["state"] == "failed")
}

/// The first failed check in words. How many more follow an initrd that was replaced depends on its
/// compressed size, which the keys change.
fn says(report: &Value) -> String {
    let words = |check: &Value| {
        let part = |name: &str| check[name].as_str().unwrap().to_owned();
        format!("{}: {}", part("object"), part("check"))
    };
    let failed: Vec<String> = failed(report).map(words).collect();
    match failed.as_slice() {
        [] => "holds".to_owned(),
        [one] => format!("FAILED: {one}"),
        [one, ..] => format!("FAILED: {one}; and more"),
    }
}

fn does(machine: Machine) -> String {
    match machine {
        Machine::FirmwareRefuses => "firmware refuses the UKI: Access Denied".to_owned(),
        Machine::FirmwareFindsNothing => "firmware finds nothing to start".to_owned(),
        Machine::InitStops(words) => {
            let words: Vec<&str> = words.iter().map(|word| word.trim()).collect();
            format!("init stops and names it: {}", words.join(", "))
        }
        Machine::Same => "starts, with the same root hashes".to_owned(),
        Machine::Older => {
            "starts the older release: all of it is signed, too; see SECURITY.md".to_owned()
        }
        Machine::NotTried => "not tried".to_owned(),
    }
}

/// A flipped bit in what has hashes or copies of its own is named with its block.
fn located(row: &Row, release: &Release, report: &Value) {
    let Change::Flip(At::Middle) = row.change else {
        return;
    };
    if !matches!(
        row.structure,
        Structure::Data(_) | Structure::HashTree(_) | Structure::Inodes(_)
    ) {
        return;
    }
    let span = Disk::open(&release.out.join("disk.img")).find(row.structure);
    let place = span.offset + span.size / 2;
    let breaks = failed(report).flat_map(|check| check["breaks"].as_array().unwrap());
    let mut places = breaks.filter_map(|found| found["disk_offset"].as_u64());
    let found = places.any(|start| (start..start + 4096).contains(&place));
    assert!(found, "{}: byte {place} is not named: {report:#}", row.name);
}
