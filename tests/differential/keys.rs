//! Owner keys, read by openssl and efitools.

use std::fs;
use std::process::Command;

use crate::owner::Owner;
use formats::authenticode;
use formats::efi_signature_list::{Timestamp, read_auth};
use source::keys::{
    FileSigner, KEY_RANDOM_SIZE, Revoked, Role, RotateOptions, Rotation, RsaBits, Signer, revoke,
};

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

fn sign_efi_sig_list(owner: &Owner, words: &[&str], by: &str, time: Timestamp) -> Vec<u8> {
    let [variable, list, append @ ..] = words else {
        panic!("{words:?}");
    };
    let theirs = owner.file("theirs.auth", b"");
    let time = time.to_string().replace('T', " ").replace('Z', "");
    let mut command = Command::new("sign-efi-sig-list");
    command.env("TZ", "UTC").args(append).args(["-t", &time]);
    command.arg("-k").arg(owner.path(&format!("{by}.key")));
    command.arg("-c").arg(owner.path(&format!("{by}.crt")));
    command.arg(variable).arg(list).arg(&theirs);
    tests::stdout("efitools", &mut command);
    fs::read(&theirs).unwrap()
}

#[test]
fn updates_of_a_rotation_are_those_of_efitools() {
    for (role, above) in [("db", "KEK"), ("KEK", "PK")] {
        let owner = Owner::new("Test Owner");
        let keys = owner.path("");
        let rotation = Rotation::new(&keys, Role::named(role).unwrap());
        let options = RotateOptions {
            rsa_bits: RsaBits::Rsa2048,
            common_name: "Test Owner",
            now: crate::owner::NOT_BEFORE,
            validity_days: 3650,
            random: &[0xa5; KEY_RANDOM_SIZE],
            passphrase: None,
        };
        rotation.begin(&owner.signer(above), &options).unwrap();

        // The list of the old certificate, and after it that of the new one, each as efitools makes it.
        let list = |certificate: &str| {
            let theirs = owner.file("theirs.esl", b"");
            let mut command = Command::new("cert-to-efi-sig-list");
            command.arg("-g").arg(crate::owner::GUID.to_string());
            command.arg(owner.path(certificate)).arg(&theirs);
            tests::stdout("efitools", &mut command);
            fs::read(&theirs).unwrap()
        };
        let new = list(&format!("{role}.next/{role}.crt"));
        let both = [list(&format!("{role}.crt")), new.clone()].concat();
        assert_eq!(both, owner.read(&format!("{role}.next/{role}.esl")));
        for (file, list, append) in [
            (format!("{role}-append.auth"), new, &["-a"][..]),
            (format!("{role}.auth"), both.clone(), &[]),
        ] {
            let ours = owner.read(&format!("{role}.next/{file}"));
            let time = read_auth(&ours).unwrap().time;
            let list = owner.file("list", &list);
            let words = [&[role, list.to_str().unwrap()], append].concat();
            assert_eq!(
                sign_efi_sig_list(&owner, &words, above, time),
                ours,
                "{file}"
            );
        }

        let base = owner.file("certificate", b"");
        let mut command = Command::new("sig-list-to-certs");
        let whole = owner.path(&format!("{role}.next/{role}.esl"));
        tests::stdout("efitools", command.arg(whole).arg(&base));
        for (number, file) in [
            (1, format!("{role}.next/{role}.cer")),
            (0, format!("{role}.cer")),
        ] {
            let der = base.with_file_name(format!("certificate-{number}.der"));
            assert_eq!(fs::read(der).unwrap(), owner.read(&file));
        }

        // What takes the old one away.
        rotation
            .switch(Some(&new_signer(&owner, role)), options.now)
            .unwrap();
        rotation
            .finish(Some(&owner.signer(above)), options.now)
            .unwrap();
        let ours = owner.read(&format!("{role}.auth"));
        let time = read_auth(&ours).unwrap().time;
        let alone = owner.file("list", &list(&format!("{role}.crt")));
        let words = [role, alone.to_str().unwrap()];
        assert_eq!(sign_efi_sig_list(&owner, &words, above, time), ours);
    }
}

fn new_signer(owner: &Owner, role: &str) -> FileSigner {
    let [key, certificate] =
        ["key", "crt"].map(|end| owner.path(&format!("{role}.next/{role}.{end}")));
    FileSigner::load(&key, &certificate, None).unwrap()
}

#[test]
fn revocations_are_those_of_efitools() {
    let owner = Owner::new("Test Owner");
    let keys = owner.path("");
    let stub = owner.file("stub.efi", &crate::owner::stub());
    let image = authenticode::image_digest(&fs::read(&stub).unwrap()).unwrap();
    let certificate = owner.read("db.cer");
    let revoked = [
        Revoked::Image(image),
        Revoked::Certificate(certificate.clone()),
        Revoked::hash_of(&certificate).unwrap(),
    ];
    let kek = owner.signer("KEK");
    assert_eq!(
        revoke(&keys, &kek, &revoked, crate::owner::NOT_BEFORE).unwrap(),
        3
    );

    let theirs = owner.file("theirs.esl", b"");
    let mut lists = Vec::new();
    let guid = crate::owner::GUID.to_string();
    let mut command = Command::new("hash-to-efi-sig-list");
    tests::stdout("efitools", command.arg(&stub).arg(&theirs));
    // It takes no owner: the entry has its own, 16 bytes behind the list's header.
    let mut list = fs::read(&theirs).unwrap();
    list[28..44].copy_from_slice(&crate::owner::GUID.to_bytes());
    lists.push(list);
    for program in ["cert-to-efi-sig-list", "cert-to-efi-hash-list"] {
        let mut command = Command::new(program);
        command.args(["-g", &guid]).arg(owner.path("db.crt"));
        tests::stdout("efitools", command.arg(&theirs));
        lists.push(fs::read(&theirs).unwrap());
    }
    assert_eq!(lists.concat(), owner.read("dbx.esl"));
    let ours = owner.read("dbx.auth");
    let time = read_auth(&ours).unwrap().time;
    let list = owner.path("dbx.esl");
    let words = ["dbx", list.to_str().unwrap(), "-a"];
    assert_eq!(sign_efi_sig_list(&owner, &words, "KEK", time), ours);
}
