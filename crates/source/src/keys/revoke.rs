//! What must not boot any more: dbx, and the updates that bring it to machines.
//!
//! `dbx.esl` holds everything that this owner ever revoked, `dbx.auth` adds it to a machine's dbx. Firmware
//! adds what it does not have yet (UEFI 2.10, section 8.2.2), so the newest one alone is enough for a machine
//! that missed those before, and what others put there stays.

use std::fs;
use std::path::{Path, PathBuf};

use formats::efi_signature_list::{
    SignatureList, Timestamp, read, sha256_list, write, x509_list, x509_sha256_list,
};
use formats::efivars::DBX;
use formats::pkcs7::read_certificate;
use sha2::{Digest, Sha256};
use uguid::Guid;

use super::change::{ChangeError, FolderChange, free_name};
use super::rotate::owner;
use super::times::Times;
use super::variable::{Change, sign_variable};
use super::{KeyFile, Signer};

/// One thing to revoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// An image, by its Authenticode SHA-256.
    Image([u8; 32]),
    /// A certificate, DER: whatever it signed.
    Certificate(Vec<u8>),
    /// The same by the SHA-256 of its TBSCertificate: 48 bytes in place of a kilobyte. Not all firmware
    /// knows it.
    CertificateHash([u8; 32]),
}

impl Revoked {
    /// A certificate (DER) by its hash.
    pub fn hash_of(certificate: &[u8]) -> Result<Self, formats::pkcs7::Error> {
        let signed = read_certificate(certificate)?.signed;
        Ok(Self::CertificateHash(Sha256::digest(signed).into()))
    }

    fn list(&self, owner: Guid) -> SignatureList {
        match self {
            Self::Image(hash) => sha256_list(owner, &[*hash]),
            Self::Certificate(der) => x509_list(owner, der),
            // No time: whenever it signed.
            Self::CertificateHash(hash) => x509_sha256_list(owner, hash, Timestamp::default()),
        }
    }
}

/// Puts revocations into a keys folder, signed by the KEK. Gives how many were new: with none, nothing is
/// written.
pub fn revoke(
    folder: &Path,
    kek: &dyn Signer,
    revoked: &[Revoked],
    now: u64,
) -> Result<usize, ChangeError> {
    resume(folder, now)?;
    let (mut lists, owner) = (already(folder)?, owner(folder)?);
    let before = lists.len();
    for one in revoked {
        let list = one.list(owner);
        if !lists.iter().any(|known| is_in(&list, known)) {
            lists.push(list);
        }
    }
    let new = lists.len() - before;
    if new == 0 {
        return Ok(0);
    }
    let list = write(&merged(lists));
    let time = Times::after(folder, now)?.take()?;
    let auth = sign_variable(&DBX, Change::Append, kek, time, &list)?;
    let (next, kept) = places(folder, now);
    let change = change(folder, &next, &kept);
    change.prepare(vec![
        KeyFile::public("dbx", "auth", &auth),
        KeyFile::public("dbx", "esl", &list),
    ])?;
    change.run()?;
    Ok(new)
}

/// Ends what was interrupted.
pub(super) fn resume(folder: &Path, now: u64) -> Result<(), ChangeError> {
    let (next, kept) = places(folder, now);
    match next.exists() {
        true => change(folder, &next, &kept).run(),
        false => Ok(()),
    }
}

/// Where new files are prepared, and where what they replace is kept.
fn places(folder: &Path, now: u64) -> (PathBuf, PathBuf) {
    let kept = free_name(folder, &format!("dbx.old-{}", super::day(now)));
    (folder.join("dbx.next"), kept)
}

fn change<'a>(folder: &'a Path, stage: &'a Path, kept: &'a Path) -> FolderChange<'a> {
    FolderChange {
        folder,
        stage,
        kept,
    }
}

/// What was revoked before.
fn already(folder: &Path) -> Result<Vec<SignatureList>, ChangeError> {
    let path = folder.join("dbx.esl");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let bytes = fs::read(&path).map_err(ChangeError::reading(&path))?;
    read(&bytes).map_err(|error| ChangeError::List { path, error })
}

fn is_in(list: &SignatureList, known: &SignatureList) -> bool {
    let data = |list: &SignatureList| -> Vec<Vec<u8>> {
        let signatures = list.signatures.iter();
        signatures.map(|entry| entry.data.clone()).collect()
    };
    let there = data(known);
    known.signature_type == list.signature_type
        && data(list).iter().all(|entry| there.contains(entry))
}

/// Lists of the same type and size become one: 44 bytes fewer for each hash.
fn merged(lists: Vec<SignatureList>) -> Vec<SignatureList> {
    let mut out: Vec<SignatureList> = Vec::new();
    let size = |list: &SignatureList| list.signatures.first().map(|entry| entry.data.len());
    for list in lists {
        let same = |other: &&mut SignatureList| {
            other.signature_type == list.signature_type && size(other) == size(&list)
        };
        match out.iter_mut().find(same) {
            Some(other) => other.signatures.extend(list.signatures),
            None => out.push(list),
        }
    }
    out
}
