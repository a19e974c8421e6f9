//! Owner keys, read by openssl and efitools.

use std::fs;
use std::process::Command;

use crate::owner::Owner;
use source::keys::{FileSigner, RsaBits, Signer};

const NAMES: [&str; 3] = ["PK", "KEK", "db"];

fn openssl(arguments: &[&str]) -> (bool, String) {
    tests::answer("openssl", Command::new("openssl").args(arguments))
}

#[test]
fn openssl_takes_certificates_and_keys_of_every_size() {
    for (bits, size) in [
        (RsaBits::Rsa2048, "2048 bit"),
        (RsaBits::Rsa3072, "3072 bit"),
        (RsaBits::Rsa4096, "4096 bit"),
    ] {
        let owner = Owner::with("Test Owner", bits, None);
        for name in NAMES {
            let [key, certificate, der] =
                ["key", "crt", "cer"].map(|end| owner.path(&format!("{name}.{end}")));
            let [key, certificate, der] = [&key, &certificate, &der].map(|p| p.to_str().unwrap());
            let (good, said) = openssl(&[
                "verify",
                "-x509_strict",
                "-check_ss_sig",
                "-CAfile",
                certificate,
                certificate,
            ]);
            assert!(good, "{name}: {said}");
            let (_, text) = openssl(&["x509", "-in", certificate, "-noout", "-text"]);
            let authority = if name == "db" { "CA:FALSE" } else { "CA:TRUE" };
            let subject = format!("Subject: CN = Test Owner {name}");
            for expected in [
                size,
                authority,
                &subject,
                "Digital Signature",
                "Version: 3",
                "Signature Algorithm: sha256WithRSAEncryption",
                "Not Before: Dec 31 23:59:59 2025 GMT",
            ] {
                assert!(text.contains(expected), "{expected}: {text}");
            }
            assert!(!text.contains("Serial Number: -"), "{text}");
            let (good, said) = openssl(&["pkey", "-in", key, "-noout", "-check"]);
            assert!(good, "{name}: {said}");
            let private = openssl(&["pkey", "-in", key, "-pubout"]);
            let public = openssl(&["x509", "-in", certificate, "-noout", "-pubkey"]);
            assert_eq!(private, public);
            let (_, pem) = openssl(&["x509", "-inform", "DER", "-in", der]);
            assert_eq!(pem.as_bytes(), fs::read(certificate).unwrap());
        }
    }
}

#[test]
fn a_passphrase_opens_the_key_for_openssl_and_back() {
    let owner = Owner::with("Test Owner", RsaBits::Rsa2048, Some(b"correct horse"));
    let key = owner.path("db.key");
    let key = key.to_str().unwrap();
    let check = |pass: &str| openssl(&["pkey", "-in", key, "-noout", "-check", "-passin", pass]).0;
    assert!(check("pass:correct horse"));
    assert!(!check("pass:wrong"));

    // What openssl encrypts in its own default way is read here.
    let theirs = owner.file("theirs.key", b"");
    let (good, said) = openssl(&[
        "pkcs8",
        "-topk8",
        "-in",
        key,
        "-passin",
        "pass:correct horse",
        "-passout",
        "pass:other",
        "-out",
        theirs.to_str().unwrap(),
    ]);
    assert!(good, "{said}");
    let signer = FileSigner::load(&theirs, &owner.path("db.crt"), Some(b"other")).unwrap();
    signer.sign(b"message").unwrap();
}

#[test]
fn signature_lists_are_those_of_efitools() {
    let owner = Owner::new("Test Owner");
    for name in NAMES {
        let theirs = owner.file("theirs.esl", b"");
        let mut command = Command::new("cert-to-efi-sig-list");
        command.arg("-g").arg(crate::owner::GUID.to_string());
        command.arg(owner.path(&format!("{name}.crt"))).arg(&theirs);
        tests::stdout("efitools", &mut command);
        assert_eq!(
            fs::read(&theirs).unwrap(),
            owner.read(&format!("{name}.esl"))
        );

        let base = theirs.with_file_name("certificate");
        let mut command = Command::new("sig-list-to-certs");
        command.arg(owner.path(&format!("{name}.esl"))).arg(&base);
        tests::stdout("efitools", &mut command);
        let der = fs::read(base.with_file_name("certificate-0.der")).unwrap();
        assert_eq!(der, owner.read(&format!("{name}.cer")));
    }
}

#[test]
fn signed_variables_are_those_of_efitools() {
    let owner = Owner::new("Test Owner");
    let time = "2025-12-31 23:59:59";
    for (name, by, list, time, ours) in [
        ("PK", "PK", "PK.esl", time, "PK.auth"),
        ("KEK", "PK", "KEK.esl", time, "KEK.auth"),
        ("db", "KEK", "db.esl", time, "db.auth"),
        ("PK", "PK", "", "2026-01-01 00:00:00", "PK-empty.auth"),
    ] {
        let theirs = owner.file("theirs.auth", b"");
        let list = match list {
            "" => owner.file("empty", b""),
            list => owner.path(list),
        };
        let mut command = Command::new("sign-efi-sig-list");
        command.env("TZ", "UTC").args(["-t", time]);
        command.arg("-k").arg(owner.path(&format!("{by}.key")));
        command.arg("-c").arg(owner.path(&format!("{by}.crt")));
        command.arg(name).arg(list).arg(&theirs);
        tests::stdout("efitools", &mut command);
        assert_eq!(fs::read(&theirs).unwrap(), owner.read(ours), "{ours}");
    }
}
