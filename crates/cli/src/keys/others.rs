//! Certificates of others that are to be in db beside the owner's: none unless the command line says so.

use std::path::Path;

use anyhow::{Context, anyhow};
use formats::efi_signature_list::{CERT_X509, SignatureList, read, x509_list};
use formats::efivars::DB;
use linux::efivars;
use source::keys::{AUTHORITIES, Authority, MICROSOFT, Signs, authority, load_certificate};

use crate::args::KeysCreate;
use crate::exit::{Code, WithCode};

/// What stands for the firmware of this machine in place of a file.
const MACHINE: &str = "machine";

/// A certificate, DER, and who it is.
pub struct Other {
    der: Vec<u8>,
    /// Who it is.
    pub authority: &'static Authority,
}

/// All that the command line names, each checked against its published fingerprint.
pub fn chosen(options: &KeysCreate) -> anyhow::Result<Vec<Other>> {
    let rows = [
        (
            "--with-option-rom-ca",
            Signs::OptionRoms,
            &options.with_option_rom_ca,
        ),
        (
            "--with-microsoft-uefi-ca",
            Signs::Uefi,
            &options.with_microsoft_uefi_ca,
        ),
        (
            "--with-windows-ca",
            Signs::Windows,
            &options.with_windows_ca,
        ),
    ];
    let mut all: Vec<Other> = Vec::new();
    for (option, signs, places) in rows {
        for place in places {
            let found = match place.as_os_str() == MACHINE {
                true => of_machine(&options.efivars, option, signs)?,
                false => vec![of_file(place, option, signs)?],
            };
            for other in found {
                if !all.iter().any(|known| known.der == other.der) {
                    all.push(other);
                }
            }
        }
    }
    Ok(all)
}

/// Their entries in db.
pub fn lists(others: &[Other]) -> Vec<SignatureList> {
    let list = |other: &Other| x509_list(MICROSOFT, &other.der);
    others.iter().map(list).collect()
}

fn of_file(path: &Path, option: &str, signs: Signs) -> anyhow::Result<Other> {
    let cannot = || format!("{option} {} cannot be used", path.display());
    std::fs::metadata(path).with_context(cannot).input_code()?;
    let (der, _) = load_certificate(path)
        .with_context(cannot)
        .code(Code::Refused)?;
    match authority(&der).filter(|known| known.signs == signs) {
        Some(authority) => Ok(Other { der, authority }),
        None => Err(anyhow!(
            "its SHA-256 is not the published one of {}",
            names(signs)
        ))
        .with_context(cannot)
        .code(Code::Refused),
    }
}

/// Those of the kind in the firmware's db.
fn of_machine(folder: &Path, option: &str, signs: Signs) -> anyhow::Result<Vec<Other>> {
    let cannot = || format!("{option} {MACHINE} cannot be used");
    let file = efivars::read(folder, &DB.file_name())
        .with_context(cannot)
        .code(Code::Missing)?
        .ok_or_else(|| anyhow!("this machine's firmware has no db in {}", folder.display()))
        .with_context(cannot)
        .code(Code::Missing)?;
    let (_, value) = DB.decode(&file).with_context(cannot).code(Code::Refused)?;
    let lists = read(value).with_context(cannot).code(Code::Refused)?;
    let entries = lists
        .into_iter()
        .filter(|list| list.signature_type == CERT_X509)
        .flat_map(|list| list.signatures);
    let found: Vec<Other> = entries
        .filter_map(|entry| {
            let authority = authority(&entry.data).filter(|known| known.signs == signs)?;
            let der = entry.data;
            Some(Other { der, authority })
        })
        .collect();
    match found.is_empty() {
        false => Ok(found),
        true => Err(anyhow!("this machine's db does not hold {}", names(signs)))
            .with_context(cannot)
            .code(Code::Missing),
    }
}

fn names(signs: Signs) -> String {
    let known = AUTHORITIES.iter().filter(|known| known.signs == signs);
    let names: Vec<&str> = known.map(|known| known.name).collect();
    names.join(" or ")
}
