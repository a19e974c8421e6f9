//! Certificates of others in db: only what is asked for, only what is known.

use std::fs;

use formats::efi_signature_list::{CERT_X509, read};
use formats::efivars::DB;
use formats::varstore::Store;
use source::keys::{MICROSOFT, authority};

use crate::place::{Place, Ran};

/// A variable store with Microsoft's certificates of 2011 in db, as Debian's package ovmf has it.
const OVMF: &str = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd";

/// The value of that db.
fn db() -> Vec<u8> {
    let store = fs::read(OVMF).unwrap_or_else(|error| panic!("{OVMF} (package ovmf): {error}"));
    let store = Store::parse(&store).unwrap();
    let mut variables = store.variables.into_iter();
    variables
        .find(|variable| variable.name == "db")
        .unwrap()
        .data
}

/// A machine of which `efi` is the efivarfs, and each of Microsoft's certificates as a file.
fn place() -> Place {
    let place = Place::empty();
    place.write(&format!("efi/{}", DB.file_name()), DB.encode(&db()));
    for list in read(&db()).unwrap() {
        let der = &list.signatures[0].data;
        if let Some(known) = authority(der) {
            place.write(&format!("{}.cer", known.name.replace(' ', "-")), der);
        }
    }
    place
}

const UEFI: &str = "Microsoft-Corporation-UEFI-CA-2011.cer";
const WINDOWS: &str = "Microsoft-Windows-Production-PCA-2011.cer";

fn create(place: &Place, words: &[&str]) -> Ran {
    let start = ["keys", "create", "--no-passphrase", "--efivars", "efi"];
    place.sealboot(&[&start[..], words].concat())
}

/// Owner and certificate of every entry of a list that is not the keys' owner's.
fn others(place: &Place, name: &str) -> Vec<(uguid::Guid, Vec<u8>)> {
    let lists = read(&fs::read(place.path(&format!("keys/{name}"))).unwrap()).unwrap();
    let own = fs::read_to_string(place.path("keys/owner.guid")).unwrap();
    let own: uguid::Guid = own.trim().parse().unwrap();
    let entries = lists.iter().flat_map(|list| {
        assert_eq!(list.signature_type, CERT_X509);
        list.signatures.iter()
    });
    let entries = entries.map(|entry| (entry.owner, entry.data.clone()));
    entries.filter(|(owner, _)| *owner != own).collect()
}

#[test]
fn none_is_the_default() {
    let place = place();
    create(&place, &[]).check("create", 0, &[]);
    for name in ["db.esl", "KEK.esl", "PK.esl"] {
        assert_eq!(others(&place, name), [], "{name}");
    }
}

#[test]
fn what_is_asked_for_is_in_db_and_what_it_lets_in_is_said() {
    for uefi in [UEFI, "machine"] {
        let place = place();
        let words = [
            "--with-microsoft-uefi-ca",
            uefi,
            "--with-windows-ca",
            WINDOWS,
        ];
        let ran = create(&place, &words);
        ran.check(uefi, 0, &[]);
        for said in [
            "db also trusts Microsoft Corporation UEFI CA 2011",
            "every boot loader and tool that Microsoft signed for others",
            "db also trusts Microsoft Windows Production PCA 2011",
        ] {
            assert!(ran.stdout.contains(said), "{said}: {}", ran.stdout);
        }
        let expected = [UEFI, WINDOWS].map(|file| (MICROSOFT, fs::read(place.path(file)).unwrap()));
        assert_eq!(others(&place, "db.esl"), expected);
        assert_eq!(others(&place, "KEK.esl"), []);
        let auth = fs::read(place.path("keys/db.auth")).unwrap();
        let auth = formats::efi_signature_list::read_auth(&auth).unwrap();
        assert_eq!(auth.data, fs::read(place.path("keys/db.esl")).unwrap());
        place.sealboot(&["keys", "check"]).check("check", 0, &[]);
        for file in ["keys/db.esl", "keys/db.auth"] {
            place.sealboot(&["verify", file]).check(file, 0, &[]);
        }
        // A new key keeps them.
        for step in ["--no-passphrase", "--switch", "--finish"] {
            let ran = place.sealboot(&["keys", "rotate", "db", step]);
            ran.check(step, 0, &[]);
            assert_eq!(others(&place, "db.esl"), expected, "{step}");
        }
    }
}

#[test]
fn what_is_not_known_is_refused_and_nothing_is_made() {
    let place = place();
    let other = ["keys", "create", "--no-passphrase", "--keys", "other"];
    place.sealboot(&other).check("other", 0, &[]);
    for (option, file, code, words) in [
        (
            "--with-microsoft-uefi-ca",
            "other/db.crt",
            3,
            "not the published one",
        ),
        // Known, and something else than what was asked for: it would let in more.
        (
            "--with-option-rom-ca",
            UEFI,
            3,
            "Microsoft Option ROM UEFI CA 2023",
        ),
        ("--with-windows-ca", UEFI, 3, "Windows UEFI CA 2023"),
        (
            "--with-option-rom-ca",
            "machine",
            6,
            "db does not hold Microsoft Option ROM UEFI CA 2023",
        ),
        ("--with-option-rom-ca", "absent", 6, "No such file"),
        ("--with-windows-ca", "other/db.key", 3, "cannot be used"),
    ] {
        let ran = create(&place, &[option, file]);
        ran.check(file, code, &[option, words]);
        assert!(!place.path("keys").exists(), "{option} {file}");
    }
    place.remove("efi");
    let ran = create(&place, &["--with-windows-ca", "machine"]);
    ran.check("no efivarfs", 6, &["has no db in efi"]);
}
