//! PKCS#7 and Authenticode signatures, read and made by openssl and sbsigntool.

use std::fs;
use std::process::Command;

use crate::owner::Owner;
use formats::authenticode::{image_digest, signatures, signed_digest};
use source::keys::{
    Signer, sign_attached, sign_detached, verify_attached, verify_detached, verify_image,
};

const ROOT_HASH: &[u8] = b"2f1c5f39bb14ba84c82ff3f2c6c8b0f4c5f5c5f8a3a1b8ad57c3e0b1e8a7d9e1";

/// `openssl smime -verify` or `cms -verify`.
fn openssl(verb: &str, owner: &Owner, signature: &[u8], content: &[u8], trusted: &[&str]) -> bool {
    let signature = owner.file("signature.p7s", signature);
    let content = owner.file("content", content);
    let mut command = Command::new("openssl");
    command.args([verb, "-verify", "-binary", "-inform", "DER", "-in"]);
    command.arg(signature).arg("-content").arg(content);
    tests::answer("openssl", command.args(trusted)).0
}

#[test]
fn openssl_takes_detached_signatures_and_refuses_changed_ones() {
    let (owner, stranger) = (Owner::new("Owner"), Owner::new("Stranger"));
    let signature = sign_detached(&owner.signer("db"), ROOT_HASH).unwrap();
    for verb in ["smime", "cms"] {
        let trust = |owner: &Owner| {
            let path = owner.path("db.crt");
            ["-purpose", "any", "-CAfile", path.to_str().unwrap()].map(str::to_owned)
        };
        let (ours, theirs) = (trust(&owner), trust(&stranger));
        let ours = ours.each_ref().map(String::as_str);
        let theirs = theirs.each_ref().map(String::as_str);
        let check = |signature: &[u8], content: &[u8], trusted: &[&str]| {
            openssl(verb, &owner, signature, content, trusted)
        };
        assert!(check(&signature, ROOT_HASH, &["-noverify"]), "{verb}");
        assert!(check(&signature, ROOT_HASH, &ours), "{verb}");
        assert!(!check(&signature, ROOT_HASH, &theirs), "{verb}");
        let mut content = ROOT_HASH.to_vec();
        content[63] ^= 1;
        assert!(!check(&signature, &content, &["-noverify"]), "{verb}");
        let mut changed = signature.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(!check(&changed, ROOT_HASH, &["-noverify"]), "{verb}");
    }
}

#[test]
fn openssl_makes_the_same_bytes() {
    let owner = Owner::new("Owner");
    let theirs = |more: &[&str]| {
        let content = owner.file("content", ROOT_HASH);
        let mut command = Command::new("openssl");
        command.args(["smime", "-sign", "-binary", "-noattr", "-md", "sha256"]);
        command.args(["-outform", "DER"]).args(more).arg("-signer");
        command.arg(owner.path("db.crt")).arg("-inkey");
        command.arg(owner.path("db.key")).arg("-in").arg(content);
        tests::stdout("openssl", &mut command)
    };
    let certificate = owner.read("db.cer");
    let detached = theirs(&[]);
    let ours = sign_detached(&owner.signer("db"), ROOT_HASH).unwrap();
    assert_eq!(ours, detached);
    verify_detached(&certificate, &detached, ROOT_HASH).unwrap();
    verify_detached(&certificate, &detached, b"other").unwrap_err();

    let attached = theirs(&["-nodetach"]);
    let ours = sign_attached(&owner.signer("db"), ROOT_HASH).unwrap();
    assert_eq!(ours, attached);
    assert_eq!(verify_attached(&certificate, &attached).unwrap(), ROOT_HASH);
    verify_attached(&owner.read("KEK.cer"), &attached).unwrap_err();
    verify_attached(&certificate, &detached).unwrap_err();
}

#[test]
fn openssl_reads_the_content_of_attached_signatures_and_refuses_changed_ones() {
    let owner = Owner::new("Owner");
    let signature = sign_attached(&owner.signer("db"), ROOT_HASH).unwrap();
    let at = signature.windows(64).position(|w| w == ROOT_HASH).unwrap();
    let mut changed = signature.clone();
    changed[at] ^= 1;
    verify_attached(&owner.read("db.cer"), &changed).unwrap_err();
    for verb in ["smime", "cms"] {
        let read = |signature: &[u8]| {
            let signature = owner.file("signature.p7b", signature);
            let content = owner.path("read");
            let mut command = Command::new("openssl");
            command.args([verb, "-verify", "-binary", "-noverify", "-inform", "DER"]);
            command.arg("-in").arg(signature).arg("-out").arg(&content);
            let good = tests::answer("openssl", &mut command).0;
            good.then(|| fs::read(content).unwrap())
        };
        assert_eq!(read(&signature).as_deref(), Some(ROOT_HASH), "{verb}");
        assert_eq!(read(&changed), None, "{verb}");
    }
}

#[test]
fn what_sbsign_signs_is_verified_here() {
    let owner = Owner::new("Owner");
    let image = owner.file("image.efi", &crate::owner::stub());
    let signed = owner.file("signed.efi", b"");
    let mut command = Command::new("sbsign");
    command.arg("--key").arg(owner.path("db.key"));
    command.arg("--cert").arg(owner.path("db.crt"));
    command.arg("--output").arg(&signed).arg(&image);
    tests::stdout("sbsigntool", &mut command);
    let mut signed = fs::read(signed).unwrap();
    let headers = formats::pe::parse_headers(&signed).unwrap();
    let ours = formats::pe::checksum(&signed, headers.checksum_offset());
    assert_eq!(ours, headers.optional.check_sum.get());
    verify_image(owner.signer("db").certificate(), &signed).unwrap();
    verify_image(&owner.read("KEK.cer"), &signed).unwrap_err();
    signed[0x1000] ^= 1;
    verify_image(&owner.read("db.cer"), &signed).unwrap_err();
}

#[test]
fn the_digest_of_debians_kernel_is_the_one_that_debian_signed() {
    let deb = tests::kernel_deb("trixie");
    let scratch = tempfile::tempdir().unwrap();
    let mut command = Command::new("tar");
    let name = "./boot/vmlinuz-*";
    command
        .args(["--extract", "--wildcards", "--directory"])
        .arg(scratch.path());
    command
        .arg("--file")
        .arg(owner_file(&scratch, &tests::deb_tar(&deb)))
        .arg(name);
    tests::stdout("tar", &mut command);
    let kernel = fs::read_dir(scratch.path().join("boot")).unwrap().next();
    let kernel = fs::read(kernel.unwrap().unwrap().path()).unwrap();
    let found = signatures(&kernel).unwrap();
    assert_eq!(found.len(), 1);
    let message = formats::pkcs7::read(found[0]).unwrap();
    let (signed, content) = signed_digest(&message).unwrap();
    assert_eq!(signed, image_digest(&kernel).unwrap());
    message.signers[0].message(&content).unwrap();
}

fn owner_file(scratch: &tempfile::TempDir, bytes: &[u8]) -> std::path::PathBuf {
    let path = scratch.path().join("package.tar");
    fs::write(&path, bytes).unwrap();
    path
}
