//! UKIs of other makers, and of sealboot in others' hands: ukify, sbsign, osslsigncode, pesign.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use artifact::uki::build;
use chain::report::{Report, State};
use chain::{Certificate, Dbx, Owner as Trusted};
use formats::authenticode::image_digest;
use formats::cpio::{Entry, Kind, Writer};
use formats::efi_signature_list::{sha256_list, write as lists, x509_list};
use source::debian::{Archive, Wanted, download, from_apt_sources, resolve};
use source::fetch::{Cache, Client, Settings};
use source::tree::Tree;

use crate::owner::{GUID, Owner, parts, stub};

/// Debian 13's ukify, from its archive with signatures checked: it is run.
fn ukify() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ukify");
    let program = folder.join("ukify");
    let cache = Cache::open(folder).unwrap();
    let client = Client::new(cache, Settings::default()).unwrap();
    let mirrors = from_apt_sources(Path::new("/")).unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let archive = Archive::trixie(mirrors).unwrap();
    let index = archive.index(&client, now.as_secs(), None, &()).unwrap();
    let wanted: Wanted = "systemd-ukify".parse().unwrap();
    let follow = source::debian::Follow::SameSource;
    let packages = resolve(&index, &[wanted], follow, &[]).unwrap();
    let own = packages
        .into_iter()
        .filter(|one| one.name == "systemd-ukify");
    let own: Vec<_> = own.collect();
    let mut fetched = download(&client, &own, &(), &|layer, _| layer).unwrap();
    let mut tree = Tree::new();
    tree.add_layer(fetched.remove(0).layer).unwrap();
    fs::write(&program, tree.read("usr/bin/ukify", 1 << 20).unwrap()).unwrap();
    program
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Writer::new(Vec::new());
    for (name, bytes) in files {
        let entry = Entry::root(name.as_bytes(), 0o755, 0, Kind::File(bytes));
        archive.add(&entry).unwrap();
    }
    archive.finish().unwrap()
}

fn tool(package: &str, program: &str, arguments: &[&Path]) -> String {
    let (good, said) = tests::run(package, program, arguments);
    assert!(good, "{program} {arguments:?}: {said}");
    said
}

fn verify(file: &Path, owner: &Owner, dbx: Option<Dbx>) -> Report {
    let mut trusted = Trusted::with(Certificate::open(&owner.path("db.crt")).unwrap());
    trusted.dbx = dbx;
    chain::verify(file, &trusted, &mut |_, _| {}).unwrap()
}

pub fn state(report: &Report, check: &str) -> Option<State> {
    let found = report.checks.iter().find(|one| one.check == check);
    found.map(|one| one.state)
}

pub const SIGNED: &str = "signed by the db certificate";
const LAYOUT: &str = "its sections lie as PE and the UKI specification ask for";
const PINS: &str = "pins a manifest and boot settings";

#[test]
fn ukifys_uki_is_verified_and_every_change_of_it_found() {
    let (ukify, owner) = (ukify(), Owner::new("Owner"));
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    // Joined with zeros between them, as the kernel takes it.
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    let mut first = zstd(&archive(&[("init", b"#!/bin/sh\n")]));
    first.resize(first.len().next_multiple_of(4) + 1, 0);
    let initrds = [
        file("first", &first),
        file("second", &zstd(&archive(&[("more", b"more")]))),
    ];
    let stub = file("stub", &stub());
    let made = folder.path().join("made.efi");
    let mut command = Command::new("/usr/bin/python3");
    command.arg(&ukify).arg("build").arg("--linux").arg(&stub);
    for initrd in &initrds {
        command.arg("--initrd").arg(initrd);
    }
    command
        .arg("--stub")
        .arg(&stub)
        .args(["--uname", "6.12.0-test"]);
    command.args(["--cmdline", "quiet", "--os-release", "ID=other\n"]);
    command.args(["--signtool", "sbsign", "--secureboot-private-key"]);
    command
        .arg(owner.path("db.key"))
        .arg("--secureboot-certificate");
    command.arg(owner.path("db.crt")).arg("--output").arg(&made);
    tests::stdout("python3-pefile", &mut command);

    let report = verify(&made, &owner, None);
    assert!(report.holds, "{}", report.render());
    assert_eq!(state(&report, SIGNED), Some(State::Ok));
    assert_eq!(state(&report, LAYOUT), Some(State::Ok));
    // What its initrd does, nobody says.
    assert_eq!(state(&report, PINS), Some(State::NotChecked));
    assert!(!verify(&made, &Owner::new("Stranger"), None).holds);
    let bytes = fs::read(&made).unwrap();
    for at in (0x400..bytes.len() - 2000).step_by(bytes.len() / 23) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let report = verify(&file("changed.efi", &changed), &owner, None);
        assert!(!report.holds, "byte {at:#x}");
    }
}

fn ours(owner: &Owner) -> Vec<u8> {
    let stub = stub();
    build(&stub, &parts(&stub), &owner.signer("db")).unwrap()
}

#[test]
fn ukify_finds_the_sections_of_ours() {
    let owner = Owner::new("Owner");
    let path = owner.file("kernel.efi", &ours(&owner));
    let mut command = Command::new("/usr/bin/python3");
    command
        .arg(ukify())
        .arg("inspect")
        .arg(&path)
        .arg("--json=short");
    let said = tests::stdout("python3-pefile", &mut command);
    let said: serde_json::Value = serde_json::from_slice(&said).unwrap();
    for (section, text) in [
        (".osrel", Some("ID=test\n")),
        (".cmdline", Some("quiet")),
        (".uname", Some("6.12.0-test")),
        (".sbat", None),
        (".linux", None),
        (".initrd", None),
    ] {
        let found = &said[section];
        assert!(found["size"].as_u64() > Some(0), "{section}: {said}");
        if let Some(text) = text {
            assert_eq!(found["text"], text);
        }
    }
    assert_eq!(said[".initrd"]["size"], 5000);
}

#[test]
fn several_signatures_on_one_uki_each_count() {
    let (first, second, third) = (Owner::new("One"), Owner::new("Two"), Owner::new("Three"));
    let path = first.file("kernel.efi", &ours(&first));
    let both = first.path("both.efi");
    let (key, certificate) = (second.path("db.key"), second.path("db.crt"));
    let [k, c, o] = ["--key", "--cert", "--output"].map(Path::new);
    tool(
        "sbsigntool",
        "sbsign",
        &[k, &key, c, &certificate, o, &both, &path],
    );
    let (key, certificate) = (third.path("db.key"), third.path("db.crt"));
    let all = first.path("all.efi");
    let [sign, k, c, i, o, h, sha] =
        ["sign", "-key", "-certs", "-in", "-out", "-h", "sha256"].map(Path::new);
    tool(
        "osslsigncode",
        "osslsigncode",
        &[sign, k, &key, c, &certificate, h, sha, i, &path, o, &all],
    );
    for (file, owners) in [(&both, [&first, &second]), (&all, [&third, &third])] {
        for owner in owners {
            let report = verify(file, owner, None);
            assert_eq!(
                state(&report, SIGNED),
                Some(State::Ok),
                "{}",
                report.render()
            );
        }
        assert!(!verify(file, &Owner::new("Stranger"), None).holds);
    }
    let said = tool(
        "pesign",
        "pesign",
        &[Path::new("-S"), Path::new("-i"), &both],
    );
    assert!(said.contains("One db") && said.contains("Two db"), "{said}");
    let listed = chain::inspect(&both).unwrap();
    let listed = serde_json::to_value(listed).unwrap();
    assert_eq!(
        listed["signatures"].as_array().map(Vec::len),
        Some(2),
        "{listed:#}"
    );

    // Dbx, by what it is or by who signed, it does not start whoever else signed it.
    let digest = image_digest(&fs::read(&both).unwrap()).unwrap();
    let by_hash = Dbx::read(&lists(&[sha256_list(GUID, &[digest])])).unwrap();
    let signer = first.read("db.cer");
    let by_signer = Dbx::read(&lists(&[x509_list(GUID, &signer)])).unwrap();
    let other = Dbx::read(&lists(&[sha256_list(GUID, &[[7; 32]])])).unwrap();
    for (dbx, expected) in [
        (by_hash, State::Failed),
        (by_signer, State::Failed),
        (other, State::Ok),
    ] {
        let report = verify(&both, &first, Some(dbx));
        assert_eq!(state(&report, "not revoked by dbx"), Some(expected));
    }
}
