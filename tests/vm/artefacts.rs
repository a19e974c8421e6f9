//! Every file of a release, as the tools of others see it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use contract::manifest::Manifest;

use crate::release::{self, scratch, succeed};

fn out(name: &str) -> PathBuf {
    release::default().out.join(name)
}

fn key(name: &str) -> PathBuf {
    release::default().keys.join(name)
}

fn manifest() -> Manifest {
    Manifest::from_json(&fs::read(out("release.json")).unwrap()).unwrap()
}

/// `openssl smime -verify`: a detached signature by the db key.
fn verify_detached(signature: &Path, content: &Path) {
    let mut verify = Command::new("openssl");
    verify
        .args(["smime", "-verify", "-binary", "-inform", "DER", "-in"])
        .arg(signature);
    verify
        .arg("-content")
        .arg(content)
        .arg("-certfile")
        .arg(key("db.crt"));
    // The certificate signs itself: it is what the check trusts, whatever it may be used for.
    verify
        .arg("-CAfile")
        .arg(key("db.crt"))
        .args(["-purpose", "any", "-partial_chain"]);
    succeed(verify.args(["-out", "/dev/null"]));
}

#[test]
fn the_uki_is_signed_small_and_well_formed() {
    let uki = out("kernel.efi");
    succeed(
        Command::new("sbverify")
            .arg("--cert")
            .arg(key("db.crt"))
            .arg(&uki),
    );
    let other = Command::new("sbverify")
        .arg("--cert")
        .arg(key("PK.crt"))
        .arg(&uki)
        .output();
    assert!(
        !other.unwrap().status.success(),
        "sbverify takes any certificate"
    );
    let listing = succeed(Command::new("objdump").arg("-h").arg(&uki));
    for section in [".osrel", ".cmdline", ".uname", ".sbat", ".initrd", ".linux"] {
        assert!(
            listing.contains(&format!(" {section} ")),
            "{section} is missing:\n{listing}"
        );
    }
    let size = fs::metadata(&uki).unwrap().len();
    assert!(size <= 25_000_000, "the UKI has {size} bytes");
}

#[test]
fn the_kernel_in_the_uki_is_the_one_that_debian_signed() {
    let linux = scratch("kernel-in-uki").join("linux");
    let mut extract = Command::new("objcopy");
    extract
        .args(["-O", "binary", "--only-section=.linux"])
        .arg(out("kernel.efi"));
    succeed(extract.arg(&linux));
    let listing = succeed(Command::new("sbverify").arg("--list").arg(&linux));
    assert!(
        listing.contains("Debian"),
        "Debian's signature is gone: {listing}"
    );
}

#[test]
fn images_hold_what_their_signed_root_hashes_say() {
    for image in &manifest().images {
        let file = out(&image.file);
        let offset = format!("--hash-offset={}", image.hash_offset);
        let mut verify = Command::new("veritysetup");
        verify
            .arg("verify")
            .arg(&file)
            .arg(&file)
            .arg(&image.root_hash)
            .arg(&offset);
        succeed(&mut verify);
        let name = image.name.as_str();
        let root_hash = out(&format!("{name}.roothash"));
        assert_eq!(fs::read_to_string(&root_hash).unwrap(), image.root_hash);
        verify_detached(&out(&format!("{name}.roothash.p7s")), &root_hash);
        let listing = succeed(Command::new("unsquashfs").arg("-lls").arg(&file));
        assert!(listing.lines().count() > 100, "{name} is nearly empty");
        assert_eq!(fs::metadata(&file).unwrap().len(), image.size);
    }
}

#[test]
fn the_manifest_is_signed() {
    verify_detached(&out("release.json.p7s"), &out("release.json"));
    let other = scratch("manifest-changed").join("release.json");
    let changed = fs::read_to_string(out("release.json"))
        .unwrap()
        .replacen("version", "Version", 1);
    fs::write(&other, changed).unwrap();
    let refused = std::panic::catch_unwind(|| verify_detached(&out("release.json.p7s"), &other));
    assert!(refused.is_err(), "openssl takes any content");
}

#[test]
fn the_initrd_lists_and_holds_the_pinned_manifest() {
    let folder = scratch("initrd");
    let (packed, archive) = (folder.join("initrd.zst"), folder.join("initrd"));
    let mut extract = Command::new("objcopy");
    extract
        .args(["-O", "binary", "--only-section=.initrd"])
        .arg(out("kernel.efi"));
    succeed(extract.arg(&packed));
    // objcopy fills the section up to its alignment; zstd reads what the frame says.
    let packed = fs::read(&packed).unwrap();
    let file = fs::File::create(&archive).unwrap();
    let mut zstd = Command::new("zstd");
    zstd.args(["-d", "-q", "-c"])
        .stdin(std::process::Stdio::piped())
        .stdout(file);
    let mut child = zstd.spawn().expect("zstd starts");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), &packed).unwrap();
    child.wait().unwrap();
    // Two archives, one behind the other.
    let cpio = |script: &str| {
        let mut shell = Command::new("sh");
        succeed(shell.args(["-ec", script, "sh"]).arg(&archive))
    };
    let listing = cpio("(cpio -t --quiet; echo then; cpio -t --quiet) < \"$1\"");
    let (common, own) = listing.split_once("then\n").unwrap();
    let common: BTreeSet<&str> = common.lines().collect();
    for name in ["init", "dev/console"] {
        assert!(common.contains(name), "{name} is missing: {listing}");
    }
    assert!(
        common.iter().any(|name| name.ends_with("dm-verity.ko")),
        "{listing}"
    );
    assert_eq!(own, "boot.json\nrelease.json\n", "{listing}");
    let script = "(cpio -t --quiet > /dev/null; cpio -i --quiet --to-stdout release.json) < \"$1\"";
    assert_eq!(
        cpio(script),
        fs::read_to_string(out("release.json")).unwrap()
    );
}

#[test]
fn the_disk_holds_the_release() {
    let disk = out("disk.img");
    let table = succeed(Command::new("sgdisk").arg("-v").arg(&disk));
    assert!(table.contains("No problems found"), "{table}");
    let folder = scratch("disk");
    let volume = folder.join("volume");
    // The partition alone, for a checker that knows no partitions.
    let mut cut = Command::new("dd");
    cut.arg(format!("if={}", disk.display()))
        .arg(format!("of={}", volume.display()));
    succeed(cut.args(["bs=1M", "skip=1", "conv=sparse", "status=none"]));
    let mut cut = Command::new("truncate");
    succeed(cut.args(["-s", "-1M"]).arg(&volume));
    succeed(Command::new("fsck.vfat").arg("-n").arg(&volume));
    let listing = succeed(Command::new("mdir").args(["-/", "-b", "-i"]).arg(&volume));
    for name in [
        "EFI/BOOT/BOOTX64.EFI",
        "sealboot/release.json",
        "keys/db.auth",
        "keys/PK.cer",
    ] {
        assert!(
            listing.contains(&format!("::/{name}\n")),
            "{name} is missing: {listing}"
        );
    }
    assert!(
        !listing.contains(".key"),
        "a private key is on the disk: {listing}"
    );
    assert!(
        !listing.contains("empty"),
        "the empty PK is on the disk: {listing}"
    );
    for (on_disk, file) in [
        ("EFI/BOOT/BOOTX64.EFI", "kernel.efi"),
        ("sealboot/root.squashfs", "root.squashfs"),
    ] {
        let copy = folder.join(file);
        let mut copy_out = Command::new("mcopy");
        copy_out
            .args(["-n", "-i"])
            .arg(&volume)
            .arg(format!("::{on_disk}"));
        succeed(copy_out.arg(&copy));
        assert!(
            fs::read(&copy).unwrap() == fs::read(out(file)).unwrap(),
            "{on_disk} differs"
        );
    }
}

#[test]
fn the_modules_index_is_what_depmod_makes() {
    let kernel = manifest().kernel;
    let folder = scratch("depmod");
    let modules = folder.join("usr/lib/modules").join(&kernel);
    fs::create_dir_all(modules.parent().unwrap()).unwrap();
    let mut unpack = Command::new("unsquashfs");
    succeed(
        unpack
            .args(["-q", "-n", "-d"])
            .arg(&modules)
            .arg(out("modules.squashfs")),
    );
    std::os::unix::fs::symlink("usr/lib", folder.join("lib")).unwrap();
    let text = [
        "modules.dep",
        "modules.alias",
        "modules.softdep",
        "modules.symbols",
    ];
    let ours = text.map(|name| fs::read_to_string(modules.join(name)).unwrap());
    succeed(Command::new("depmod").arg("-b").arg(&folder).arg(&kernel));
    for (name, ours) in text.iter().zip(ours) {
        assert!(
            fs::read_to_string(modules.join(name)).unwrap() == ours,
            "{name} differs"
        );
    }
}

/// The bill of materials names what `build` put in: packages of the archive, each once, where they are.
#[test]
fn the_bill_of_materials_names_every_package() {
    let bill: serde_json::Value =
        serde_json::from_slice(&fs::read(out("sbom.spdx.json")).unwrap()).unwrap();
    let packages = bill["packages"].as_array().unwrap();
    let name_of = |id: &serde_json::Value| {
        let found = packages.iter().find(|package| package["SPDXID"] == *id);
        found.unwrap_or_else(|| panic!("no package {id}"))["name"].clone()
    };
    let relations = bill["relationships"].as_array().unwrap().iter();
    let contains = relations.filter(|relation| relation["relationshipType"] == "CONTAINS");
    let pairs: BTreeSet<(String, String)> = contains
        .map(|relation| {
            let names = ["spdxElementId", "relatedSpdxElement"].map(|end| name_of(&relation[end]));
            let [part, package] = names.map(|name| name.as_str().unwrap().to_owned());
            (part, package)
        })
        .collect();
    let kernel = format!("linux-image-{}", manifest().kernel);
    for (part, package) in [
        ("root", "busybox"),
        ("root", "libc6"),
        ("kernel", &*kernel),
        ("firmware", "firmware-realtek"),
        ("stub", "systemd-boot-efi"),
    ] {
        let pair = (part.to_owned(), package.to_owned());
        assert!(pairs.contains(&pair), "{pair:?} is not in {pairs:#?}");
    }
}
