use std::fs;
use std::os::unix::fs::PermissionsExt;

use formats::efi_signature_list::{read, read_auth, to_be_signed};
use formats::efivars::{DB, KEK, PK};
use uguid::{Guid, guid};

use super::*;

const OWNER: Guid = guid!("11111111-2222-3333-4444-123456789abc");

fn options(passphrase: Option<&[u8]>) -> KeySetOptions<'_> {
    KeySetOptions {
        rsa_bits: RsaBits::Rsa2048,
        owner: OWNER,
        common_name: "Test Owner",
        not_before: 1_798_761_599,
        validity_days: 3650,
        random: &[0xa5; RANDOM_SIZE],
        passphrase,
        others: &[],
    }
}

fn content<'a>(keys: &'a KeySet, name: &str) -> &'a [u8] {
    let file = keys.files.iter().find(|file| file.name == name);
    &file.unwrap_or_else(|| panic!("{name}")).content
}

#[test]
fn each_variable_is_signed_by_the_one_above_it() {
    let keys = create(&options(None)).unwrap();
    let names: Vec<_> = keys.files.iter().map(|file| file.name.as_str()).collect();
    let expected = [
        "KEK.auth",
        "KEK.cer",
        "KEK.crt",
        "KEK.esl",
        "KEK.key",
        "PK-empty.auth",
        "PK.auth",
        "PK.cer",
        "PK.crt",
        "PK.esl",
        "PK.key",
        "db.auth",
        "db.cer",
        "db.crt",
        "db.esl",
        "db.key",
        "owner.guid",
    ];
    assert_eq!(names, expected);
    for (variable, file, by) in [
        (PK, "PK.auth", "PK.cer"),
        (KEK, "KEK.auth", "PK.cer"),
        (DB, "db.auth", "KEK.cer"),
        (PK, "PK-empty.auth", "PK.cer"),
    ] {
        let auth = read_auth(content(&keys, file)).unwrap();
        let message = to_be_signed(variable.name, variable.vendor, 0x27, auth.time, &auth.data);
        verify_detached(content(&keys, by), &auth.signed_data, &message).unwrap();
        let mut other = message;
        other[0] ^= 1;
        verify_detached(content(&keys, by), &auth.signed_data, &other).unwrap_err();
        if file == "PK-empty.auth" {
            assert!(auth.data.is_empty());
            let pk = read_auth(content(&keys, "PK.auth")).unwrap();
            assert!(auth.time > pk.time);
        } else {
            let list = &read(&auth.data).unwrap()[0].signatures[0];
            assert_eq!(list.owner, OWNER);
            assert_eq!(list.data, content(&keys, &format!("{}.cer", variable.name)));
            assert_eq!(auth.data, content(&keys, &format!("{}.esl", variable.name)));
            assert_eq!(auth.time.to_string(), "2026-12-31T23:59:59Z");
        }
    }
}

#[test]
fn impossible_options_are_refused() {
    let cases: [(&str, KeySetOptions<'_>); 5] = [
        (
            "common name",
            KeySetOptions {
                common_name: "",
                ..options(None)
            },
        ),
        (
            "common name",
            KeySetOptions {
                common_name: "a\nb",
                ..options(None)
            },
        ),
        ("passphrase", options(Some(b""))),
        (
            "certificate can hold",
            KeySetOptions {
                validity_days: 0,
                ..options(None)
            },
        ),
        (
            "certificate can hold",
            KeySetOptions {
                not_before: u64::MAX,
                ..options(None)
            },
        ),
    ];
    for (expected, options) in cases {
        let error = create(&options).err().unwrap().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn folders_are_private_and_never_overwritten() {
    let keys = create(&options(None)).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("keys");
    keys.write(&folder).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&folder), 0o700);
    for file in &keys.files {
        let path = folder.join(&file.name);
        assert_eq!(fs::read(&path).unwrap(), *file.content);
        let expected = if file.name.ends_with(".key") {
            0o600
        } else {
            0o644
        };
        assert_eq!(mode(&path), expected, "{}", file.name);
    }

    let before = fs::read(folder.join("PK.key")).unwrap();
    let error = keys.write(&folder).unwrap_err().to_string();
    assert!(error.contains("exists already"), "{error}");
    assert!(error.contains(folder.to_str().unwrap()), "{error}");
    assert_eq!(fs::read(folder.join("PK.key")).unwrap(), before);

    let file = scratch.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(keys.write(&file), Err(WriteError::Exists(_))));
    let empty = scratch.path().join("empty");
    fs::create_dir(&empty).unwrap();
    keys.write(&empty).unwrap();
    assert_eq!(mode(&empty), 0o700);
    assert!(keys.write(&scratch.path().join("no/such")).is_err());
    // Nothing but the two folders and the file is left.
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 3);
}

#[test]
fn a_loaded_key_signs_what_its_certificate_verifies() {
    let keys = create(&options(Some(b"correct horse"))).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("keys");
    keys.write(&folder).unwrap();
    let load = |key: &str, certificate: &str, passphrase: Option<&[u8]>| {
        FileSigner::load(&folder.join(key), &folder.join(certificate), passphrase)
    };
    let good: Option<&[u8]> = Some(b"correct horse");
    for certificate in ["db.crt", "db.cer"] {
        let signer = load("db.key", certificate, good).unwrap();
        assert_eq!(signer.open_permissions(), None);
        let signature = signer.sign(b"message").unwrap();
        verify(signer.certificate(), b"message", &signature).unwrap();
        verify(signer.certificate(), b"massage", &signature).unwrap_err();
        let detached = sign_detached(&signer, b"content").unwrap();
        verify_detached(signer.certificate(), &detached, b"content").unwrap();
        verify_detached(signer.certificate(), &detached, b"other").unwrap_err();
        let stranger = content(&keys, "KEK.cer");
        let error = verify_detached(stranger, &detached, b"content").unwrap_err();
        assert!(matches!(error, VerifyError::NotSigned { found: 1 }));
    }

    let error = |key, certificate, passphrase| load(key, certificate, passphrase).err().unwrap();
    assert!(matches!(
        error("db.key", "db.crt", None),
        LoadError::PassphraseNeeded { .. }
    ));
    let wrong: Option<&[u8]> = Some(b"wrong");
    assert!(matches!(
        error("db.key", "db.crt", wrong),
        LoadError::WrongPassphrase { .. }
    ));
    assert!(matches!(
        error("db.key", "PK.crt", good),
        LoadError::Mismatch { .. }
    ));
    assert!(matches!(
        error("db.crt", "db.crt", good),
        LoadError::NotAKey { .. }
    ));
    assert!(matches!(
        error("db.key", "db.esl", good),
        LoadError::Certificate { .. }
    ));
    assert!(matches!(
        error("no.key", "db.crt", good),
        LoadError::Missing { .. }
    ));

    fs::set_permissions(folder.join("db.key"), fs::Permissions::from_mode(0o640)).unwrap();
    let signer = load("db.key", "db.crt", good).unwrap();
    assert_eq!(signer.open_permissions().unwrap().mode, 0o640);
}
