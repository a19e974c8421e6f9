//! `inspect --fields`: of everything that a build makes, of what is damaged, for people and programs.

use std::fs;
use std::process::Stdio;

use formats::efi_signature_list::{self, Timestamp, sha256_list, x509_sha256_list};
use serde_json::Value;
use uguid::guid;

use super::chain::{built, json};
use super::place::{Place, SEALBOOT};

/// What has fields, and one that each of them must show.
const FILES: &[(&str, &str)] = &[
    ("out/disk.img", "BPB_FATSz32"),
    ("out/kernel.efi", "c_filesize"),
    ("out/root.squashfs", "hash tree"),
    ("out/modules.squashfs", "inode number"),
    ("out/release.json.p7s", "issuerAndSerialNumber"),
    ("out/root.roothash.p7s", "encryptedDigest"),
    ("keys/db.crt", "PEM"),
    ("keys/KEK.cer", "subjectPublicKeyInfo"),
    ("keys/PK.esl", "SignatureOwner"),
    ("keys/db.auth", "EFI_VARIABLE_AUTHENTICATION_2"),
];

/// Every field lies in the file, unless it has no place there; how many there are.
fn count(fields: &Value, size: u64) -> usize {
    let fields = fields.as_array().unwrap();
    let one = |field: &Value| {
        let number = |key: &str| field[key].as_u64().unwrap();
        let end = number("offset") + number("size");
        let has_place = field["unpacked"] == false;
        assert!(!has_place || end <= size, "{field}");
        assert_ne!(field["name"], "ends here", "{field}");
        1 + count(&field["fields"], size)
    };
    fields.iter().map(one).sum()
}

#[test]
fn every_file_of_a_release_shows_its_fields() {
    let place = built();
    for (file, name) in FILES {
        let ran = place.sealboot(&["inspect", "--fields", file]);
        ran.check(file, 0, &[]);
        let narrow = ran.stdout.lines().all(|line| line.len() <= 80);
        assert!(narrow && ran.stdout.is_ascii(), "{file}: {}", ran.stdout);
        assert!(ran.stdout.contains(name), "{file}: {}", ran.stdout);
        let fields = json(&place, &["inspect", "--fields", file], 0);
        let size = fs::metadata(place.path(file)).unwrap().len();
        assert!(count(&fields, size) > 10, "{file}");
    }
}

/// The first field of that name, wherever it is.
fn find<'a>(fields: &'a Value, name: &str) -> Option<&'a Value> {
    fields
        .as_array()?
        .iter()
        .find_map(|field| match field["name"] == name {
            true => Some(field),
            false => find(&field["fields"], name),
        })
}

#[test]
fn what_is_damaged_shows_how_far_it_goes() {
    let place = built();
    let cut = |name: &str, end: usize| {
        let bytes = fs::read(place.path(name)).unwrap();
        place.write("cut", &bytes[..end]);
        let plain = place.sealboot(&["inspect", "cut"]);
        plain.check(name, 3, &["cut cannot be inspected"]);
        json(&place, &["inspect", "--fields", "cut"], 0)
    };
    let program = cut("out/kernel.efi", 1000);
    assert!(find(&program, "COFF file header").is_some(), "{program}");
    assert!(find(&program, "ends here").is_some(), "{program}");
    let disk = cut("out/disk.img", 5000);
    assert!(find(&disk, "PartitionTypeGUID").is_some(), "{disk}");
    assert!(find(&disk, "ends here").is_some(), "{disk}");
}

#[test]
fn an_offset_is_where_the_bytes_are() {
    let place = built();
    let disk = json(&place, &["inspect", "--fields", "out/disk.img"], 0);
    let bytes = fs::read(place.path("out/disk.img")).unwrap();
    let at = |name: &str| find(&disk, name).unwrap()["offset"].as_u64().unwrap() as usize;
    assert!(bytes[at("Primary GPT header")..].starts_with(b"EFI PART"));
    assert!(bytes[at("Backup GPT header")..].starts_with(b"EFI PART"));
    assert!(bytes[at("BS_FilSysType")..].starts_with(b"FAT32   "));
    assert!(bytes[at("DIR_Name")..].starts_with(b"ESP") || bytes[at("DIR_Name") + 11] == 8);
    // A file's clusters: the UKI is a PE image there, too.
    assert!(bytes[at("content")..].starts_with(b"MZ"));
}

#[test]
fn whoever_has_read_enough_is_no_error() {
    let place = built();
    let mut command = place.command(SEALBOOT);
    let arguments = ["inspect", "--fields", "out/kernel.efi"];
    let mut child = command
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn certificates_that_are_revoked_by_hash_are_shown() {
    let place = Place::empty();
    let owner = guid!("11111111-2222-3333-4444-123456789abc");
    let time = Timestamp::from_unix(1_700_000_000).unwrap();
    let lists = [
        sha256_list(owner, &[[1; 32]]),
        x509_sha256_list(owner, &[2; 32], Timestamp::default()),
        x509_sha256_list(owner, &[3; 32], time),
    ];
    place.write("dbx.esl", efi_signature_list::write(&lists));
    let facts = json(&place, &["inspect", "dbx.esl"], 0);
    assert_eq!(facts["others"], 0);
    let hashes = facts["certificate_hashes"].as_array().unwrap();
    let times: Vec<&Value> = hashes.iter().map(|hash| &hash["revoked_from"]).collect();
    assert_eq!(times, [&Value::Null, &Value::from("2023-11-14T22:13:20Z")]);
    assert_eq!(hashes[0]["sha256"], "02".repeat(32));
    let shown = place.sealboot(&["inspect", "dbx.esl"]).stdout;
    for line in [
        "cert. digest  0202",
        "revoked from  always",
        "revoked from  2023-11-14",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let fields = place.sealboot(&["inspect", "--fields", "dbx.esl"]).stdout;
    assert!(fields.contains("EFI_CERT_X509_SHA256_GUID"), "{fields}");
}
