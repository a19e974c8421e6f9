//! The owner's keys.

use std::time::{SystemTime, UNIX_EPOCH};

use source::keys::{KeySetOptions, RANDOM_SIZE, RsaBits, create};

use super::*;

#[test]
fn every_row() {
    check("Keys", ROWS);
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("no keys", |p| p.remove("keys"), "sealboot build", KEYS,
        &["there is no keys/db.key", "sealboot keys create"]),
    ("keys elsewhere", nothing, "sealboot build --keys elsewhere", KEYS,
        &["there is no elsewhere/db.key"]),
    ("no keys to show", nothing, "sealboot keys show --keys elsewhere", KEYS,
        &["elsewhere/PK.cer cannot be read", "sealboot keys create", "No such file"]),
    ("keys there already", nothing, "sealboot keys create --no-passphrase", KEYS,
        &["exists already", "never overwritten", "another folder"]),
    ("a folder for keys in no folder", nothing, "sealboot keys create --no-passphrase --keys no/such/keys", MISSING,
        &["no/such", "make that folder first"]),
    ("key of another certificate", |p| { other_keys(p); fs::copy(p.path("other/db.key"), p.path("keys/db.key")).unwrap(); }, "sealboot build", KEYS,
        &["keys/db.key", "keys/db.crt", "do not belong together"]),
    ("a key that is none", |p| p.write("keys/db.key", "secret"), "sealboot build", KEYS,
        &["keys/db.key is not a private key", "PKCS#8", "openssl pkey"]),
    ("a certificate that is none", |p| p.write("keys/db.crt", "certificate"), "sealboot build", KEYS,
        &["the certificate keys/db.crt cannot be read"]),
    ("half the keys", |p| p.remove("keys/KEK.auth"), "sealboot build", KEYS,
        &["keys/KEK.auth cannot be read", "your copy of the keys", "No such file"]),
    ("no passphrase file", nothing, "sealboot build --passphrase-file absent", KEYS,
        &["passphrase file absent cannot be read", "No such file"]),
    ("empty passphrase file", |p| p.write("empty", "\nx\n"), "sealboot keys create --keys new --passphrase-file empty", KEYS,
        &["first line of the passphrase file empty is empty"]),
    ("nobody to ask for a passphrase", nothing, "sealboot keys create --keys new", KEYS,
        &["passphrase is needed", "no terminal", "--passphrase-file", "--no-passphrase"]),
    ("a cut key", |p| cut(p, "keys/db.key", 700), "sealboot build", KEYS,
        &["keys/db.key is not a private key", "openssl pkey"]),
    ("an empty key", |p| p.write("keys/db.key", ""), "sealboot build", KEYS,
        &["keys/db.key is not a private key"]),
    ("an altered key", |p| alter_text(p, "keys/db.key", 800), "sealboot build", KEYS,
        &["keys/db.key"]),
    ("a cut certificate", |p| cut(p, "keys/db.crt", 500), "sealboot build", KEYS,
        &["the certificate keys/db.crt cannot be read"]),
    ("a key that is a folder", |p| { p.remove("keys/db.key"); p.write("keys/db.key/x", ""); }, "sealboot build", KEYS,
        &["keys/db.key", "Is a directory"]),
    ("certificate of another key", |p| { other_keys(p); fs::copy(p.path("other/db.crt"), p.path("keys/db.crt")).unwrap(); }, "sealboot build", KEYS,
        &["keys/db.key", "keys/db.crt", "do not belong together"]),
    ("wrong passphrase", |p| { protected(p); p.write("passphrase", "wrong horse\n"); }, "sealboot build --passphrase-file passphrase", KEYS,
        &["keys/db.key", "does not open with this passphrase"]),
    ("no terminal to type the passphrase on", protected, "sealboot build", KEYS,
        &["keys/db.key", "passphrase is needed", "--passphrase-file"]),
    ("a key for its owner only", |p| { for_a_user(p); other_owner(p, "keys/db.key"); }, "setpriv --reuid=1000 --regid=1000 --clear-groups ./sealboot build", KEYS,
        &["keys/db.key", "Permission denied"]),
    ("a second new key", |p| rotate(p, &["db"]), "sealboot keys rotate db --no-passphrase", KEYS,
        &["no other new key is made", "keys/db.next/", "--switch"]),
    ("a new key of another kind", |p| rotate(p, &["kek"]), "sealboot keys rotate db --no-passphrase", KEYS,
        &["KEK is being replaced", "one key is replaced at a time", "rotate kek --switch"]),
    ("a switch without a new key", nothing, "sealboot keys rotate db --switch", KEYS,
        &["there is no new db key", "sealboot keys rotate db"]),
    ("an end before the switch", |p| rotate(p, &["db"]), "sealboot keys rotate db --finish", KEYS,
        &["keys/db.next/", "does not sign yet", "--switch"]),
    ("a new key while the old one is trusted", |p| { rotate(p, &["db"]); rotate(p, &["db", "--switch"]); }, "sealboot keys rotate db --no-passphrase", KEYS,
        &["keys/db.old/", "still trusted", "--finish"]),
    ("switch and finish at once", nothing, "sealboot keys rotate db --switch --finish", USAGE,
        &["cannot be used with", "--finish"]),
    ("a token, and no program that asks it", nothing, "sealboot build --sign-with pkcs11:token=owner", MISSING,
        &["sealboot-pkcs11", "neither beside sealboot nor in PATH", "cargo xtask pkcs11"]),
    ("a PIN in a URI", nothing, "sealboot build --sign-with 'pkcs11:token=owner?pin-value=1234'", USAGE,
        &["holds a PIN (pin-value)", "it was not used", "pin-source=FILE"]),
    ("a space in a URI", nothing, "sealboot build --sign-with 'pkcs11:token=my token'", USAGE,
        &["has a space in it", "%20"]),
    ("checking all keys with what signs for one", nothing, "sealboot keys check --sign-with pkcs11:token=owner", USAGE,
        &["which it is was not said", "keys check db"]),
    ("rotating without the key above", |p| p.remove("keys/KEK.key"), "sealboot keys rotate db --no-passphrase", KEYS,
        &["there is no keys/KEK.key"]),
    ("rotating a key that is not there", nothing, "sealboot keys rotate db --no-passphrase --keys elsewhere", KEYS,
        &["elsewhere/db.crt cannot be read", "sealboot keys create"]),
    ("rotating with nobody to ask for a passphrase", nothing, "sealboot keys rotate db", KEYS,
        &["passphrase is needed", "--passphrase-file"]),
    ("rotating with a list of another key", |p| { other_keys(p); fs::copy(p.path("other/db.esl"), p.path("keys/db.esl")).unwrap(); }, "sealboot keys rotate db --no-passphrase", KEYS,
        &["keys/db.esl does not hold the certificate keys/db.crt", "keys check"]),
    ("rotating with a list that is none", |p| p.write("keys/db.esl", "list"), "sealboot keys rotate db --no-passphrase", KEYS,
        &["keys/db.esl cannot be used", "at least 28 are needed"]),
    ("rotating with a cut signed variable", |p| cut(p, "keys/PK.auth", 30), "sealboot keys rotate db --no-passphrase", KEYS,
        &["keys/PK.auth cannot be used", "your copy of the keys"]),
    ("rotating with a time that is none", |p| alter_month(p, "keys/db.auth"), "sealboot keys rotate db --no-passphrase", KEYS,
        &["keys/db.auth", "which is no time"]),
    ("rotating without the owner's GUID", |p| p.write("keys/owner.guid", "me"), "sealboot keys rotate db --no-passphrase", KEYS,
        &["keys/owner.guid holds \"me\"", "a GUID is needed"]),
    ("rotating to a name that is too long", nothing, "sealboot keys rotate db --no-passphrase --name 12345678901234567890123456789012345678901234567890", USAGE,
        &["the common name", "1 to 49 characters"]),
    ("revoking what is not there", nothing, "sealboot keys revoke absent.efi", MISSING,
        &["absent.efi cannot be revoked", "No such file"]),
    ("revoking what is neither", nothing, "sealboot keys revoke sealboot.toml", REFUSED,
        &["sealboot.toml cannot be revoked", "no UKI", "no certificate"]),
    ("revoking a folder without a UKI", nothing, "sealboot keys revoke root", MISSING,
        &["root cannot be revoked", "there is no UKI in it"]),
    ("revoking a cut image", |p| cut(p, "stub/linuxx64.efi.stub", 100), "sealboot keys revoke stub/linuxx64.efi.stub", REFUSED,
        &["stub/linuxx64.efi.stub cannot be hashed as firmware does it"]),
    ("revoking the key that signs", nothing, "sealboot keys revoke keys/db.crt --release fresh", REFUSED,
        &["keys/db.crt is not revoked", "--even-though db", "keys rotate db"]),
    ("revoking the KEK's certificate", nothing, "sealboot keys revoke keys/KEK.crt", REFUSED,
        &["keys/KEK.crt is the certificate of KEK", "rotate kek"]),
    ("revoking without a KEK", |p| { p.remove("keys/KEK.key"); fresh(p); }, "sealboot keys revoke stub/linuxx64.efi.stub --release fresh", KEYS,
        &["there is no keys/KEK.key"]),
    ("revoking with a newest release that cannot be read", nothing, "sealboot keys revoke stub/linuxx64.efi.stub", REFUSED,
        &["what the newest release in out needs cannot be told", "--release"]),
    ("revoking with a newest release that is not there", nothing, "sealboot keys revoke stub/linuxx64.efi.stub --release absent", MISSING,
        &["the newest release in absent", "No such file"]),
    ("revoking on top of a list that is none", |p| { p.write("keys/dbx.esl", "list"); fresh(p); }, "sealboot keys revoke stub/linuxx64.efi.stub --release fresh", KEYS,
        &["keys/dbx.esl cannot be used"]),
    ("applying what is not there", nothing, "sealboot keys apply absent.auth", MISSING,
        &["absent.auth cannot be applied", "No such file"]),
    ("applying what is none", |p| p.write("zeros.auth", [0; 64]), "sealboot keys apply zeros.auth", REFUSED,
        &["zeros.auth cannot be applied", "signed EFI variable"]),
    ("applying what was changed", |p| { let end = fs::metadata(p.path("keys/db.auth")).unwrap().len() - 1; alter(p, "keys/db.auth", end); }, "sealboot keys apply keys/db.auth", REFUSED,
        &["its signature holds for none of PK, KEK, db and dbx"]),
    ("applying an empty PK by accident", nothing, "sealboot keys apply keys/PK-empty.auth", USAGE,
        &["takes this machine's PK away", "--to-setup-mode"]),
    ("applying where there is no firmware to ask", nothing, "sealboot keys apply keys/db.auth --efivars root", MISSING,
        &["cannot be asked in root", "SecureBoot"]),
];

fn rotate(place: &Place, words: &[&str]) {
    let words = match words {
        [_] => [&["keys", "rotate", "--no-passphrase"], words].concat(),
        _ => [&["keys", "rotate"], words].concat(),
    };
    place.sealboot(&words).check("rotate", 0, &[]);
}

/// A release that is whole.
fn fresh(place: &Place) {
    let words = ["build", "--quiet", "--out", "fresh"];
    place.sealboot(&words).check("fresh", 0, &[]);
}

/// A signed variable's time becomes 2026-13-01, midnight.
fn alter_month(place: &Place, name: &str) {
    let mut bytes = fs::read(place.path(name)).unwrap();
    bytes[..7].copy_from_slice(&[0xea, 0x07, 13, 1, 0, 0, 0]);
    place.write(name, bytes);
}

/// The keys' files, under a passphrase.
fn protected(place: &Place) {
    place.remove("keys");
    place.write("passphrase", "correct horse\n");
    let words = ["keys", "create", "--passphrase-file", "passphrase"];
    place.sealboot(&words).check("protected keys", 0, &[]);
}

fn other_owner(place: &Place, name: &str) {
    std::os::unix::fs::chown(place.path(name), Some(1001), Some(1001)).unwrap();
    place.mode(name, 0o600);
}

/// No error: a machine that trusts an old certificate takes nothing else, and does not look at
/// the time.
#[test]
fn keys_that_have_expired_sign_with_a_warning() {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    for (from, expected) in [
        (now - 86_400 * 10, Some("expired on")),
        (now + 86_400 * 10, Some("is valid from")),
        (now - 3600, None),
    ] {
        let place = Place::new();
        place.remove("keys");
        let keys = create(&KeySetOptions {
            rsa_bits: RsaBits::Rsa2048,
            owner: uguid::Guid::ZERO,
            common_name: "test",
            not_before: from,
            validity_days: 5,
            random: &[7; RANDOM_SIZE],
            passphrase: None,
            others: &[],
        });
        keys.unwrap().write(&place.path("keys")).unwrap();
        let ran = place.sealboot(&["build"]);
        ran.check("build", 0, &["Release 1 is in out/"]);
        let warned = ran
            .stderr
            .lines()
            .find(|line| line.starts_with("warning: "));
        assert_eq!(warned.is_some(), expected.is_some(), "{}", ran.stderr);
        if let (Some(warned), Some(expected)) = (warned, expected) {
            assert!(
                warned.contains("keys/db.crt") && warned.contains(expected),
                "{warned}"
            );
        }
    }
}
