//! `sealboot inspect` and `sealboot verify`: of what is no release, no longer one, or another's.

use contract::manifest::Manifest;

use super::*;

#[test]
fn every_row() {
    check("Looking inside", ROWS);
}

/// A release in `release`; `out` is as it was.
fn release(place: &Place) {
    let ran = place.sealboot(&["build", "--quiet", "--out", "release"]);
    ran.check("build", 0, &[]);
}

/// Reads a number of a file, little-endian.
fn number(bytes: &[u8], at: usize, size: usize) -> usize {
    let bytes = &bytes[at..at + size];
    (bytes.iter().rev()).fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// CRC-32 as a GPT has it (UEFI 2.10, section 5.3.2).
fn crc32(bytes: &[u8]) -> u32 {
    let shift = |crc: u32| (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
    let add = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| shift(crc));
    !bytes.iter().fold(!0, add)
}

/// Lets the first partition end far behind the disk, in both copies of the table, and makes all
/// checksums right.
fn partition_too_long(place: &Place) {
    release(place);
    let mut disk = fs::read(place.path("release/disk.img")).unwrap();
    for header in [512, disk.len() - 512] {
        let entries = number(&disk, header + 72, 8) * 512;
        disk[entries + 40..entries + 48].copy_from_slice(&(1_u64 << 40).to_le_bytes());
        let sum = crc32(&disk[entries..entries + 128 * 128]);
        disk[header + 88..header + 92].copy_from_slice(&sum.to_le_bytes());
        disk[header + 16..header + 20].fill(0);
        let sum = crc32(&disk[header..header + 92]);
        disk[header + 16..header + 20].copy_from_slice(&sum.to_le_bytes());
    }
    place.write("release/disk.img", disk);
}

/// Lets the root directory's cluster be followed by itself, in both tables.
fn cluster_loop(place: &Place) {
    const CLUSTER: usize = 2;
    release(place);
    let mut disk = fs::read(place.path("release/disk.img")).unwrap();
    let volume = 1 << 20;
    let fat = volume + number(&disk, volume + 14, 2) * 512;
    let size = number(&disk, volume + 36, 4) * 512;
    for table in [fat, fat + size] {
        let entry = table + 4 * CLUSTER;
        disk[entry..entry + 4].copy_from_slice(&(CLUSTER as u32).to_le_bytes());
    }
    place.write("release/disk.img", disk);
}

/// The image of the root without its hash tree, and the files beside it.
fn bare_squashfs(place: &Place) {
    release(place);
    let manifest = fs::read(place.path("release/release.json")).unwrap();
    let manifest = Manifest::from_json(&manifest).unwrap();
    let image = manifest.images.last().unwrap();
    cut(place, "release/root.squashfs", image.hash_offset);
}

fn make(place: &Place, line: &str) {
    let ran = place.line(line);
    assert_eq!(ran.code, Some(0), "are you root? {line}: {}", ran.stderr);
}

fn cut_to_half(place: &Place, name: &str) {
    release(place);
    let size = fs::metadata(place.path(name)).unwrap().len();
    cut(place, name, size / 2);
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // What is no artefact.
    ("nothing to inspect", nothing, "sealboot inspect absent", MISSING,
        &["absent cannot be inspected", "sealboot build", "No such file"]),
    ("nothing to verify", nothing, "sealboot verify absent.img", MISSING,
        &["absent.img cannot be verified", "sealboot build", "No such file"]),
    ("nothing to measure", nothing, "sealboot measure absent", MISSING,
        &["absent cannot be measured", "sealboot build", "No such file"]),
    ("a UKI to measure that is none", release, "sealboot measure release/release.json", REFUSED,
        &["release/release.json cannot be measured", "PE"]),
    ("a UKI that the keys do not start", |p| { release(p); p.remove("keys"); p.sealboot(&["keys", "create", "--no-passphrase"]).check("keys", 0, &[]); }, "sealboot measure release/kernel.efi", REFUSED,
        &["release/kernel.efi cannot be measured", "no certificate of db", "firmware does not start it"]),
    ("a UKI to measure without keys", |p| { release(p); p.remove("keys"); }, "sealboot measure release/kernel.efi", MISSING,
        &["PCR 7", "--no-keys", "keys/PK.esl"]),
    ("lists that are none", |p| { release(p); p.write("dbx.esl", "x"); p.write("keys/db.esl", "y"); }, "sealboot measure release/kernel.efi --dbx dbx.esl", REFUSED,
        &["release/kernel.efi cannot be measured"]),
    ("an empty file", |p| p.write("empty.efi", ""), "sealboot inspect empty.efi", REFUSED,
        &["empty.efi is empty"]),
    ("a text", nothing, "sealboot verify sealboot.toml", REFUSED,
        &["sealboot.toml is none of the formats known here", "version = "]),
    ("a text without fields", nothing, "sealboot inspect --fields sealboot.toml", REFUSED,
        &["sealboot.toml is none of the formats whose fields are known here", "version = ", "without --fields"]),
    ("a folder has no fields", nothing, "sealboot inspect --fields root", REFUSED,
        &["root is a folder", "a file or a disk is needed"]),
    ("a folder without anything known", nothing, "sealboot inspect root", REFUSED,
        &["root holds no release", "no file in it"]),
    ("a folder that is no release", nothing, "sealboot verify root", REFUSED,
        &["root holds no release", "none of kernel.efi"]),
    ("a pipe to inspect", |p| make(p, "mkfifo pipe"), "sealboot inspect pipe", REFUSED,
        &["pipe is a pipe", "a file or a disk is needed"]),
    ("a character device", |p| make(p, "mknod zero c 1 5"), "sealboot verify zero", REFUSED,
        &["zero is a character device"]),
    ("links in a circle", |p| { symlink("b.img", p.path("a.img")).unwrap(); symlink("a.img", p.path("b.img")).unwrap(); }, "sealboot inspect a.img", FAILED,
        &["a.img cannot be read", "symbolic links"]),
    ("a file that may not be read", |p| { p.write("disk.img", "x"); p.mode("disk.img", 0); for_a_user(p); }, "setpriv --reuid=1000 --regid=1000 --clear-groups ./sealboot inspect disk.img", FAILED,
        &["disk.img cannot be read", "Permission denied"]),
    ("a manifest of another version", |p| p.write("release.json", r#"{"format":9,"version":"1","kernel":"6","images":[]}"#), "sealboot inspect release.json", REFUSED,
        &["release.json", "unknown field `format`"]),
    ("a manifest without an end", |p| { release(p); cut(p, "release/release.json", 40); }, "sealboot inspect release/release.json", REFUSED,
        &["release.json cannot be inspected", "EOF"]),
    ("nowhere to print", nothing, "sealboot inspect keys/db.crt > /dev/full", FAILED,
        &["No space left"]),
    // What to verify with.
    ("no keys to verify with", |p| p.remove("keys"), "sealboot verify", KEYS,
        &["the certificate to verify with cannot be had", "--keys", "--certificate", "keys/db.crt", "No such file"]),
    ("a certificate that is none", nothing, "sealboot verify --certificate sealboot.toml", KEYS,
        &["sealboot.toml holds no certificate", "PEM or DER"]),
    ("a certificate that is a folder", nothing, "sealboot verify --certificate keys", KEYS,
        &["keys is a folder"]),
    ("a certificate that is a pipe", |p| make(p, "rm keys/db.crt && mkfifo keys/db.crt"), "sealboot verify", KEYS,
        &["keys/db.crt is a pipe"]),
    ("an empty certificate", |p| p.write("keys/db.crt", ""), "sealboot verify", KEYS,
        &["keys/db.crt holds no certificate"]),
    ("another of the owner's certificates", release, "sealboot verify release/kernel.efi --certificate keys/KEK.crt", REFUSED,
        &["does not hold: 1 of ", "signed by the db certificate", "no signature by this certificate"]),
    ("another owner's release", |p| { release(p); other_keys(p); }, "sealboot verify release --keys other", REFUSED,
        &["release does not hold", "kernel.efi: signed by the db certificate"]),
    ("a variable that another certificate vouches for", nothing, "sealboot verify keys/db.auth --certificate keys/db.crt", REFUSED,
        &["db.auth does not hold: nothing of it could be checked", "--keys names a folder"]),
    // What was a release.
    ("a UKI that is cut short", |p| { release(p); cut(p, "release/kernel.efi", 400); }, "sealboot inspect release/kernel.efi", REFUSED,
        &["kernel.efi", "beyond the end of the file"]),
    ("a UKI that is cut short, to verify", |p| { release(p); cut(p, "release/kernel.efi", 400); }, "sealboot verify release/kernel.efi", REFUSED,
        &["kernel.efi: signed by the db certificate", "beyond the end of the file"]),
    ("a program that is no UKI and not signed", nothing, "sealboot verify stub/linuxx64.efi.stub", REFUSED,
        &["does not hold", "no signature by this certificate; 0 by others"]),
    ("an image that is cut short", |p| cut_to_half(p, "release/modules.squashfs"), "sealboot verify release", REFUSED,
        &["modules.squashfs: size: the file is cut short"]),
    ("an image without a hash tree", bare_squashfs, "sealboot verify release/root.squashfs", REFUSED,
        &["root.squashfs does not hold: 1 of 2", "there is no hash tree"]),
    ("an image without its root hash", |p| { release(p); p.remove("release/root.roothash"); }, "sealboot verify release/root.squashfs", REFUSED,
        &["root.squashfs does not hold", "root.roothash"]),
    ("a release of which a file is a pipe", |p| { release(p); make(p, "rm release/root.squashfs && mkfifo release/root.squashfs"); }, "sealboot verify release", REFUSED,
        &["root.squashfs: there", "a pipe"]),
    ("a disk image that is cut short", |p| cut_to_half(p, "release/disk.img"), "sealboot inspect release/disk.img", REFUSED,
        &["disk.img cannot be inspected", "behind the end of the disk"]),
    ("a disk image that is cut short, to verify", |p| cut_to_half(p, "release/disk.img"), "sealboot verify release/disk.img", REFUSED,
        &["partition table: one copy is sound", "behind the end of the disk"]),
    ("a partition behind the end of the disk", partition_too_long, "sealboot inspect release/disk.img", REFUSED,
        &["disk.img cannot be inspected", "partition 1"]),
];

/// Its message counts clusters, which the size of init changes, so it is not in the document.
#[test]
fn a_folder_that_never_ends_does() {
    let place = Place::new();
    cluster_loop(&place);
    let inspect = place.sealboot(&["inspect", "release/disk.img"]);
    inspect.check("inspect", 0, &[]);
    let verify = place.sealboot(&["verify", "release/disk.img"]);
    verify.check("verify", REFUSED, &["disk.img does not hold", "FAT tables"]);
}
