//! `inspect` and `verify`: of a release that holds, of one that was changed, of anything.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use chain::{Owner, fields, inspect, verify};
use contract::manifest::Manifest;
use proptest::prelude::*;
use serde_json::Value;

use super::place::{Place, pe};

/// A release in `out/`, built in a fraction of a second.
pub(crate) fn built() -> Place {
    let place = Place::new();
    // More than one block of hashes.
    place.write(
        "root/data",
        (0..9_000_000_u32)
            .map(|n| (n.wrapping_mul(n) >> 7) as u8)
            .collect::<Vec<_>>(),
    );
    place.sealboot(&["build", "--quiet"]).check("build", 0, &[]);
    place
}

pub(crate) fn json(place: &Place, arguments: &[&str], code: i32) -> Value {
    let ran = place.sealboot(&[&["--json"], arguments].concat());
    ran.check(&format!("{arguments:?}"), code, &[]);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout))
}

/// What failed, and in which words the breaks are.
pub(crate) fn failed(report: &Value) -> Vec<(String, Vec<Value>)> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["state"] == "failed")
        .map(|check| {
            let object = check["object"].as_str().unwrap().to_owned();
            (object, check["breaks"].as_array().unwrap().clone())
        })
        .collect()
}

/// Changes the byte at `offset` of a file.
fn flip(path: &Path, offset: u64) {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], offset).unwrap();
}

fn root(place: &Place) -> contract::manifest::Image {
    let manifest = fs::read(place.path("out/release.json")).unwrap();
    let manifest = Manifest::from_json(&manifest).unwrap();
    manifest.images.last().unwrap().clone()
}

const FILES: &[(&str, &str)] = &[
    ("out", "folder"),
    ("out/disk.img", "disk"),
    ("out/kernel.efi", "uki"),
    ("out/root.squashfs", "image"),
    ("out/modules.squashfs", "image"),
    ("out/release.json", "manifest"),
    ("out/release.json.p7s", "signature"),
    ("out/root.roothash.p7s", "signature"),
    ("keys/db.crt", "certificate"),
    ("keys/KEK.cer", "certificate"),
    ("keys/PK.esl", "signature-list"),
    ("keys/db.auth", "signed-variable"),
    ("keys/KEK.auth", "signed-variable"),
];

#[test]
fn every_file_is_recognised_and_holds() {
    let place = built();
    for (file, kind) in FILES {
        let facts = json(&place, &["inspect", file], 0);
        assert_eq!(facts["kind"], *kind, "{file}");
        let report = json(&place, &["verify", file], 0);
        assert_eq!(report["kind"], *kind, "{file}");
        assert_eq!(failed(&report), [], "{file}");
        assert!(!report["checks"].as_array().unwrap().is_empty(), "{file}");
        for verb in ["inspect", "verify"] {
            let ran = place.sealboot(&[verb, file]);
            ran.check(&format!("{verb} {file}"), 0, &[]);
            let narrow = ran.stdout.lines().all(|line| line.len() <= 80);
            assert!(narrow && ran.stdout.is_ascii(), "{file}: {}", ran.stdout);
        }
    }
    // The certificate alone is enough for all that it signed.
    let report = json(
        &place,
        &["verify", "out", "--certificate", "keys/db.cer"],
        0,
    );
    assert_eq!(report["certificate"]["path"], "keys/db.cer");
}

#[test]
fn inspect_shows_what_is_pinned_and_who_signed() {
    let place = built();
    let uki = json(&place, &["inspect", "out/kernel.efi"], 0);
    let root = root(&place);
    let manifest: Value =
        serde_json::from_slice(&fs::read(place.path("out/release.json")).unwrap()).unwrap();
    assert_eq!(uki["pinned"]["manifest"], manifest);
    assert_eq!(uki["boot"]["init"], "/sbin/init");
    assert_eq!(uki["uname"], "6.12.1-test");
    let signer = &uki["signatures"][0]["signers"][0]["certificate"]["certificate"];
    assert_eq!(signer["subject"], "CN=sealboot owner db");
    let signed = &uki["signatures"][0]["image_sha256"];
    assert_eq!(*signed, uki["authenticode_sha256"]);
    let image = json(&place, &["inspect", "out/root.squashfs"], 0);
    assert_eq!(image["verity"]["root_hash"], root.root_hash.as_str());
    assert_eq!(image["verity"]["hash_offset"], root.hash_offset);
    let disk = json(&place, &["inspect", "out/disk.img"], 0);
    let files = disk["partitions"][0]["volume"]["files"].as_array().unwrap();
    let is_uki = |file: &Value| file["path"] == "EFI/BOOT/BOOTX64.EFI";
    assert!(files.iter().any(is_uki), "{files:?}");
}

#[test]
fn another_owners_certificate_verifies_nothing() {
    let place = built();
    let create = ["keys", "create", "--no-passphrase", "--keys", "others"];
    place.sealboot(&create).check("keys create", 0, &[]);
    let report = json(&place, &["verify", "out", "--keys", "others"], 3);
    let failed = failed(&report);
    for object in [
        "kernel.efi",
        "release.json.p7s",
        "root.roothash.p7s",
        "keys/db.cer",
    ] {
        assert!(
            failed.iter().any(|(name, _)| name == object),
            "{object}: {failed:?}"
        );
    }
    // What needs no key still holds.
    assert!(
        !failed.iter().any(|(name, _)| name == "root.squashfs"),
        "{failed:?}"
    );
}

#[test]
fn every_break_is_named_with_its_place() {
    let place = built();
    let image = root(&place);
    let block = image.data_size / 4096 / 2;
    flip(&place.path("out/root.squashfs"), block * 4096 + 17);
    flip(&place.path("out/root.squashfs"), 9 * 4096);
    flip(&place.path("out/release.json"), 20);
    fs::remove_file(place.path("out/modules.roothash")).unwrap();
    let report = json(&place, &["verify", "out"], 3);
    let failed = failed(&report);
    let of = |object: &str| {
        let found = failed.iter().find(|(name, _)| name == object);
        found
            .unwrap_or_else(|| panic!("{object}: {failed:?}"))
            .1
            .clone()
    };
    let breaks = of("root.squashfs");
    let offsets: Vec<_> = breaks
        .iter()
        .map(|b| b["offset"].as_u64().unwrap())
        .collect();
    assert_eq!(offsets, [9 * 4096, block * 4096]);
    assert_eq!(
        breaks[1]["what"],
        format!("data block {block} of the image root")
    );
    assert_eq!(breaks[1]["expected"].as_str().unwrap().len(), 64);
    assert_eq!(of("release.json")[0]["offset"], 20);
    assert_eq!(of("modules.roothash")[0]["what"], "the file is missing");
    assert!(
        !failed.iter().any(|(name, _)| name == "kernel.efi"),
        "{failed:?}"
    );

    // On the disk: where the same block is there.
    let disk = place.path("out/disk.img");
    let content = fs::read(&disk).unwrap();
    let start = &fs::read(place.path("out/modules.squashfs")).unwrap()[..64];
    let at = content
        .windows(64)
        .position(|window| window == start)
        .unwrap() as u64;
    flip(&disk, at + 100);
    let report = json(&place, &["verify", "out/disk.img"], 3);
    let (object, breaks) = &self::failed(&report)[0];
    assert_eq!(object, "sealboot/modules.squashfs");
    assert_eq!(breaks[0]["offset"], 0);
    assert_eq!(breaks[0]["disk_offset"], at);
}

#[test]
fn a_second_program_on_the_disk_is_named() {
    let place = built();
    let image = format!("{}@@1M", place.path("out/disk.img").display());
    for (file, bytes) in [("EFI/BOOT/grub.efi", pe()), ("notes.txt", b"x".to_vec())] {
        place.write("other", bytes);
        let mut copy = Command::new("mcopy");
        copy.args(["-i", &image])
            .arg(place.path("other"))
            .arg(format!("::{file}"));
        let status = copy
            .status()
            .expect("mcopy; it is in Debian's package mtools");
        assert!(status.success());
    }
    let report = json(&place, &["verify", "out/disk.img"], 3);
    let failed = failed(&report);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0].0, "EFI/BOOT/grub.efi");
    let checks = report["checks"].as_array().unwrap();
    let others = checks.iter().find(|check| check["object"] == "other files");
    assert!(
        others.unwrap()["detail"].to_string().contains("notes.txt"),
        "{checks:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Any damage anywhere: a report or an error, never a panic.
    #[test]
    fn damaged_files_never_panic(
        file in 0..FILES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..24),
        end in prop::option::of(any::<prop::sample::Index>()),
        dense in 0_usize..3,
    ) {
        thread_local!(static PLACE: Place = built());
        PLACE.with(|place| {
            let path = place.path(FILES[file].0);
            if path.is_dir() {
                return;
            }
            let good = fs::read(&path).unwrap();
            // Most of a disk is free: look for trouble where the structures are, too.
            let reach = [good.len(), good.len().min(4 << 20), good.len().min(2048)][dense];
            let changed = place.path("changed").join(path.file_name().unwrap());
            fs::create_dir_all(changed.parent().unwrap()).unwrap();
            let mut bad = good;
            for (at, value) in &damage {
                bad[at.index(reach)] = *value;
            }
            if let Some(end) = end {
                bad.truncate(end.index(reach));
            }
            fs::write(&changed, bad).unwrap();
            let owner = Owner::open(&place.path("keys")).unwrap();
            let _ = inspect(&changed).map(|facts| facts.render());
            let _ = fields(&changed).map(|fields| fields.render());
            let _ = verify(&changed, &owner, &mut |_, _| {}).map(|report| report.render());
        });
    }

    /// Bytes that start like something known.
    #[test]
    fn arbitrary_files_never_panic(
        start in prop::sample::select(vec![
            &b"MZ"[..], b"hsqs", b"EFI PART", b"070701", b"\x28\xb5\x2f\xfd", b"verity\0\0", b"\x30\x82", b"{", b"-----BEGIN CERTIFICATE-----\n",
            b"\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72", b"",
        ]),
        name in prop::sample::select(vec!["a.efi", "a.squashfs", "a.img", "a.auth", "a.esl", "a.fd", "a"]),
        rest in prop::collection::vec(any::<u8>(), 0..3000),
    ) {
        thread_local!(static PLACE: Place = Place::new());
        PLACE.with(|place| {
            place.write(name, [start, &rest].concat());
            let owner = Owner::open(&place.path("keys")).unwrap();
            let _ = inspect(&place.path(name)).map(|facts| facts.render());
            let _ = fields(&place.path(name)).map(|fields| fields.render());
            let _ = verify(&place.path(name), &owner, &mut |_, _| {});
        });
    }
}
