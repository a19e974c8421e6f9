//! Releases that were altered: none may reach root's init, and the screen must say why.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::boots::SCREEN;
use crate::machine::boot;
use crate::release::{self, Release, scratch, succeed};

/// Where the boot partition starts in the disk image, for mtools.
const PARTITION: &str = "1M";

const UKI: &str = "EFI/BOOT/BOOTX64.EFI";

/// The default release's disk, under a name of its own.
fn copy(name: &str) -> (&'static Release, PathBuf) {
    let release = release::default();
    let disk = scratch(name).join("disk.img");
    succeed(
        Command::new("cp")
            .arg("--sparse=always")
            .arg(release.out.join("disk.img"))
            .arg(&disk),
    );
    (release, disk)
}

fn mtools(program: &str, disk: &Path, arguments: &[&str]) {
    let image = format!("{}@@{PARTITION}", disk.display());
    succeed(Command::new(program).args(["-i", &image]).args(arguments));
}

fn put(disk: &Path, from: &Path, to: &str) {
    mtools(
        "mcopy",
        disk,
        &["-o", from.to_str().unwrap(), &format!("::{to}")],
    );
}

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

/// Boots an altered disk: the reason must come, and neither `never` nor the first screen. What was
/// refused as it should be is removed: there are many such disks.
#[track_caller]
fn refused(release: &Release, disk: &Path, reason: &[&str], never: &str) {
    let seen = boot(release, disk, reason);
    seen.must(seen.met, "the reason was not on the screen");
    seen.must(!seen.serial.contains(SCREEN), "it reached the first screen");
    seen.must(!seen.serial.contains(never), "it came further than it may");
    fs::remove_dir_all(disk.parent().unwrap()).unwrap();
}

/// What init prints when it ends a boot; the reason follows.
pub const STOPPED: &str = "THIS RELEASE WAS NOT STARTED";

/// What init prints first.
pub const INIT: &str = "sealboot: release";

/// What init prints when it hands over.
pub const HANDED_OVER: &str = "sealboot: starting";

const FIRMWARE_REFUSES: &[&str] = &["Access Denied"];

#[test]
fn an_unsigned_uki() {
    let (release, disk) = copy("unsigned");
    let uki = disk.with_file_name("kernel.efi");
    fs::copy(release.out.join("kernel.efi"), &uki).unwrap();
    succeed(Command::new("sbattach").arg("--remove").arg(&uki));
    put(&disk, &uki, UKI);
    refused(release, &disk, FIRMWARE_REFUSES, INIT);
}

#[test]
fn a_uki_signed_by_a_stranger() {
    let (release, disk) = copy("stranger");
    let uki = disk.with_file_name("kernel.efi");
    fs::copy(release.out.join("kernel.efi"), &uki).unwrap();
    succeed(Command::new("sbattach").arg("--remove").arg(&uki));
    let (key, certificate) = stranger(&disk);
    let signed = disk.with_file_name("signed.efi");
    let mut sign = Command::new("sbsign");
    sign.arg("--key").arg(&key).arg("--cert").arg(&certificate);
    succeed(sign.arg("--output").arg(&signed).arg(&uki));
    put(&disk, &signed, UKI);
    refused(release, &disk, FIRMWARE_REFUSES, INIT);
}

#[test]
fn a_flipped_byte_in_the_ukis_initrd() {
    let (release, disk) = copy("initrd");
    let uki = disk.with_file_name("kernel.efi");
    fs::copy(release.out.join("kernel.efi"), &uki).unwrap();
    let listing = succeed(Command::new("objdump").arg("-h").arg(&uki));
    let row: Vec<&str> = listing
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|words| words.get(1) == Some(&".initrd"))
        .expect("the UKI has an initrd");
    let hex = |word: &str| u64::from_str_radix(word, 16).unwrap();
    flip(&uki, hex(row[5]) + hex(row[2]) / 2);
    put(&disk, &uki, UKI);
    refused(release, &disk, FIRMWARE_REFUSES, INIT);
}

fn flipped_image(name: &str, place: &str, at: impl Fn(u64) -> u64) {
    let (release, disk) = copy(&format!("flipped-{name}-{place}"));
    let file = format!("{name}.squashfs");
    let image = disk.with_file_name(&file);
    fs::copy(release.out.join(&file), &image).unwrap();
    let manifest = fs::read(release.out.join("release.json")).unwrap();
    let manifest = contract::manifest::Manifest::from_json(&manifest).unwrap();
    let data = manifest
        .images
        .iter()
        .find(|i| i.name.as_str() == name)
        .unwrap()
        .data_size;
    flip(&image, at(data));
    put(&disk, &image, &format!("sealboot/{file}"));
    refused(release, &disk, &[STOPPED, &file], HANDED_OVER);
}

#[test]
fn a_flipped_byte_in_the_root_image() {
    flipped_image("root", "data", |data| data / 2);
}

#[test]
fn a_flipped_byte_in_the_modules_image() {
    flipped_image("modules", "data", |data| data / 3);
}

#[test]
fn a_flipped_byte_in_the_firmware_image() {
    flipped_image("firmware", "data", |data| data - 5000);
}

#[test]
fn a_flipped_byte_in_the_superblock_of_the_root_image() {
    flipped_image("root", "superblock", |_| 40);
}

#[test]
fn a_missing_image() {
    let (release, disk) = copy("missing");
    mtools("mdel", &disk, &["::sealboot/firmware.squashfs"]);
    refused(release, &disk, &[STOPPED, "firmware.squashfs"], HANDED_OVER);
}

#[test]
fn a_root_hash_signature_by_another_key() {
    let (release, disk) = copy("signature");
    let (key, certificate) = stranger(&disk);
    let signature = disk.with_file_name("modules.roothash.p7s");
    let mut sign = Command::new("openssl");
    sign.args([
        "smime", "-sign", "-nocerts", "-noattr", "-binary", "-outform", "der",
    ]);
    sign.arg("-in").arg(release.out.join("modules.roothash"));
    sign.arg("-inkey")
        .arg(&key)
        .arg("-signer")
        .arg(&certificate);
    succeed(sign.arg("-out").arg(&signature));
    put(&disk, &signature, "sealboot/modules.roothash.p7s");
    refused(
        release,
        &disk,
        &[STOPPED, "signature", "modules"],
        HANDED_OVER,
    );
}

#[test]
fn an_altered_manifest() {
    let (release, disk) = copy("manifest");
    let manifest = disk.with_file_name("release.json");
    let mut text = String::new();
    File::open(release.out.join("release.json"))
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    let mut file = File::create(&manifest).unwrap();
    file.write_all(text.replacen("\"version\"", " \"version\"", 1).as_bytes())
        .unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    put(&disk, &manifest, "sealboot/release.json");
    refused(release, &disk, &[STOPPED, "release.json"], HANDED_OVER);
}

/// A key and certificate that the owner never saw.
fn stranger(beside: &Path) -> (PathBuf, PathBuf) {
    let (key, certificate) = (
        beside.with_file_name("stranger.key"),
        beside.with_file_name("stranger.crt"),
    );
    let mut make = Command::new("openssl");
    make.args([
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=stranger",
    ]);
    make.args(["-days", "3650", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate);
    succeed(&mut make);
    (key, certificate)
}
