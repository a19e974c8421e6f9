//! One artefact each: what `image`, `initrd`, `uki` and `disk` make is what `build` makes all of.

use std::fs;
use std::io::Cursor;

use chain::inspect;
use formats::pe::Pe;
use formats::verity::{self, Superblock};
use serde_json::Value;

use super::chain::json;
use super::image::fixture::Contents;
use super::place::{Place, pe};

/// Holds the hash tree of a file against what was printed of it.
#[track_caller]
fn holds(place: &Place, file: &str, made: &Value) {
    let bytes = fs::read(place.path(file)).unwrap();
    assert_eq!(made["size"], bytes.len());
    assert_eq!(made["data_size"], made["hash_offset"]);
    let offset = made["hash_offset"].as_u64().unwrap();
    let superblock = Superblock::parse(&bytes[offset as usize..]).unwrap();
    assert_eq!(hex(&superblock.salt), made["salt"]);
    let root_hash = made["root_hash"].as_str().unwrap();
    let digits = (0..32).map(|at| u8::from_str_radix(&root_hash[2 * at..][..2], 16).unwrap());
    let root_hash: Vec<u8> = digits.collect();
    let root_hash = root_hash.try_into().unwrap();
    let threads = verity::processors();
    verity::verify(
        &mut Cursor::new(bytes),
        offset,
        &superblock,
        &root_hash,
        threads,
    )
    .unwrap();
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn an_image_of_anything() {
    let place = Place::new();
    Contents::default().write(&place.path("oci"));
    let tar = place.line("tar --create --file root.tar --directory root .");
    tar.check("tar", 0, &[]);
    for from in [
        &["oci:oci"][..],
        &["root"],
        &["root.tar"],
        &["oci:oci", "root.tar"],
    ] {
        let arguments = [&["image", "build", "--level", "1"], from].concat();
        let made = json(&place, &arguments, 0);
        assert_eq!(made["file"], "root.squashfs");
        holds(&place, "root.squashfs", &made);
        let first = fs::read(place.path("root.squashfs")).unwrap();
        json(&place, &arguments, 0);
        let second = fs::read(place.path("root.squashfs")).unwrap();
        assert!(first == second, "{from:?}: same inputs, other bytes");
        let inspected = place.sealboot(&["inspect", "root.squashfs"]);
        inspected.check("inspect", 0, &[]);
        assert!(
            inspected.stdout.contains("squashfs"),
            "{}",
            inspected.stdout
        );
    }
    // Nothing beside what was asked for.
    assert!(!place.path("root.roothash").exists() && !place.path("out").exists());
}

#[test]
fn the_same_squashfs_without_a_hash_tree_and_with_one_afterwards() {
    let place = Place::new();
    let with = json(&place, &["image", "build", "root", "--block-size", "64"], 0);
    let whole = fs::read(place.path("root.squashfs")).unwrap();
    let arguments = [
        "image",
        "build",
        "root",
        "-o",
        "a/b",
        "--no-verity",
        "--block-size",
        "64",
    ];
    place
        .sealboot(&arguments)
        .check("no folder", 1, &["a/b cannot be written", "not found"]);
    fs::create_dir(place.path("a")).unwrap();
    let without = json(&place, &arguments, 0);
    assert!(without.get("root_hash").is_none(), "{without}");
    let bytes = fs::read(place.path("a/b")).unwrap();
    assert_eq!(without["size"], bytes.len());
    assert_eq!(with["hash_offset"], bytes.len());
    assert!(whole.starts_with(&bytes));

    let hashed = json(&place, &["image", "hash", "a/b", "--keys", "keys"], 0);
    holds(&place, "a/b", &hashed);
    let now = fs::read(place.path("a/b")).unwrap();
    assert!(now.starts_with(&bytes) && now.len() == whole.len());
    let written = fs::read_to_string(place.path("a/b.roothash")).unwrap();
    assert_eq!(hashed["root_hash"], written);
    let inspected = place.sealboot(&["inspect", "a/b.roothash.p7s"]);
    inspected.check("signature", 0, &[]);

    // A file of any length is filled up.
    place.write("data", [7_u8; 5000]);
    let hashed = json(&place, &["image", "hash", "data"], 0);
    assert_eq!(hashed["data_size"], 8192);
    holds(&place, "data", &hashed);
}

#[test]
fn a_signed_image_is_signed_as_a_release_is() {
    let place = Place::new();
    let made = json(&place, &["image", "build", "root", "--keys", "keys"], 0);
    let written = fs::read_to_string(place.path("root.roothash")).unwrap();
    assert_eq!(made["root_hash"], written);
    let line = "openssl x509 -in keys/db.crt -out db.pem && openssl smime -verify -binary \
                -inform DER -in root.roothash.p7s -content root.roothash -noverify \
                -certfile db.pem -nointern -out /dev/null";
    place
        .line(line)
        .check("openssl", 0, &["Verification successful"]);
}

#[test]
fn a_uki_of_files() {
    let place = Place::new();
    place.write("vmlinuz", pe());
    place.write("stub.efi", pe());
    place.write("initrd.img", "an initrd");
    let files = [
        "--kernel",
        "vmlinuz",
        "--initrd",
        "initrd.img",
        "--stub",
        "stub.efi",
    ];
    let line = ["--command-line", "quiet root=/dev/x"];
    let arguments = [&["uki", "build"][..], &files, &line].concat();
    let made = json(&place, &arguments, 0);
    assert_eq!(
        (&made["signed"], &made["file"]),
        (&false.into(), &"kernel.efi".into())
    );
    let unsigned = fs::read(place.path("kernel.efi")).unwrap();
    let pe = Pe::parse(&unsigned).unwrap();
    let content = |name| pe.content(pe.section(name).unwrap());
    assert_eq!(content(".cmdline"), b"quiet root=/dev/x");
    assert_eq!(content(".initrd"), b"an initrd");
    assert_eq!(content(".linux"), fs::read(place.path("vmlinuz")).unwrap());

    let signed = [&arguments[..], &["--keys", "keys", "-o", "signed.efi"]].concat();
    assert_eq!(json(&place, &signed, 0)["signed"], true);
    let line = "openssl x509 -in keys/db.crt -out db.pem && sbverify --cert db.pem signed.efi";
    let ran = place.line(line);
    assert_eq!(
        ran.code,
        Some(0),
        "sbverify is in Debian's sbsigntool: {}",
        ran.stderr
    );
    let ran = place.sealboot(&arguments);
    ran.check("words", 0, &[]);
    assert!(
        ran.stdout.contains("not signed: --keys signs it"),
        "{}",
        ran.stdout
    );
}

#[test]
fn the_initrd_of_a_release_is_the_one_in_its_uki() {
    let place = Place::new();
    let ran = place.sealboot(&["initrd", "build"]);
    ran.check(
        "no release",
        6,
        &["out/release.json cannot be read", "sealboot build"],
    );
    place.sealboot(&["build", "--quiet"]).check("build", 0, &[]);
    let made = json(&place, &["initrd", "build"], 0);
    assert_eq!(made["version"], "1");
    let initrd = fs::read(place.path("initrd.img")).unwrap();
    let uki = fs::read(place.path("out/kernel.efi")).unwrap();
    let uki = Pe::parse(&uki).unwrap();
    assert!(uki.content(uki.section(".initrd").unwrap()) == initrd);

    place.remove("initrd.img");
    let ran = place.sealboot(&["initrd", "build", "--system", "blue"]);
    ran.check("no systems", 2, &["--system names one of several systems"]);
    place.remove("kernel");
    place.add_kernel("6.13.0-other");
    let ran = place.sealboot(&["initrd", "build"]);
    ran.check(
        "other kernel",
        3,
        &["over kernel 6.12.1-test", "is 6.13.0-other"],
    );
    let json = fs::read_to_string(place.path("out/release.json")).unwrap();
    place.write("out/release.json", json.replace('\n', ""));
    let ran = place.sealboot(&["initrd", "build"]);
    ran.check("altered", 3, &["is not as sealboot writes it"]);
    assert!(!place.path("initrd.img").exists());
}

#[test]
fn a_disk_of_files() {
    let place = Place::new();
    place.write("uki", pe());
    place.write("data", vec![3; 3 << 20]);
    let files = [
        "disk",
        "build",
        "uki=EFI/BOOT/BOOTX64.EFI",
        "data=sealboot/data",
    ];
    let arguments = [&files[..], &["--size", "64"]].concat();
    let made = json(&place, &arguments, 0);
    assert_eq!(made["size"], 64 << 20);
    assert_eq!(made["content"], (3 << 20) + pe().len() as u64);
    let first = fs::read(place.path("disk.img")).unwrap();
    assert_eq!(first.len(), 64 << 20);
    json(&place, &arguments, 0);
    assert!(first == fs::read(place.path("disk.img")).unwrap());
    assert!(inspect(&place.path("disk.img")).is_ok());
    let line = "sgdisk --verify disk.img && MTOOLS_SKIP_CHECK=1 mdir -b -/ -i disk.img@@1M ::/";
    let listed = place.line(line);
    listed.check("sgdisk and mdir", 0, &[]);
    for path in ["::/EFI/BOOT/BOOTX64.EFI", "::/sealboot/data"] {
        assert!(listed.stdout.contains(path), "{}", listed.stdout);
    }
    // Another content is another disk.
    place.write("data", vec![4; 3 << 20]);
    json(&place, &arguments, 0);
    let second = fs::read(place.path("disk.img")).unwrap();
    assert_ne!(first[512..1024], second[512..1024]);

    place.remove("disk.img");
    let plan = place.sealboot(&[&arguments[..], &["--dry-run"]].concat());
    plan.check("plan", 0, &[]);
    assert!(plan.stdout.contains("sealboot/data"), "{}", plan.stdout);
    assert!(!place.path("disk.img").exists());
}
