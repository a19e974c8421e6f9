//! A private key on paper: everything that is needed to sign with it again, as lines of text that can be scanned or
//! typed ([`lines`]), and the keys folder that comes of them ([`restore`]).
//!
//! What is kept is, one behind the other: the private key as it is in its file (PKCS#8, DER; encrypted where
//! that is), its certificate (X.509, DER), and the owner's GUID (16 bytes, as in EFI signature lists).

mod error;
mod lines;
mod restore;

use std::fs;
use std::path::Path;

use aws_lc_rs::rsa::KeyPair;
use der::{Decode, Header, Reader, SliceReader};
use pkcs8::SecretDocument;
use uguid::Guid;
use zeroize::Zeroizing;

pub use error::BackupError;
pub use lines::{PER_LINE, read};
pub use restore::restore;

use super::file_signer::{FileSigner, LoadError, decrypt, load_certificate};

/// What a private key is called in PEM, without and with a passphrase.
const LABELS: [&str; 2] = ["PRIVATE KEY", "ENCRYPTED PRIVATE KEY"];

/// One key.
pub struct Backup {
    /// `PK`, `KEK` or `db`.
    pub name: String,
    /// Whether a passphrase protects it.
    pub is_encrypted: bool,
    /// The private key, PKCS#8, DER.
    key: Zeroizing<Vec<u8>>,
    /// Its certificate, DER.
    pub certificate: Vec<u8>,
    /// Who owns the entries in the firmware's lists.
    pub owner: Guid,
}

impl Backup {
    /// Of a key in a keys folder. The private key is not opened: no passphrase is needed.
    pub fn of_folder(folder: &Path, name: &str) -> Result<Self, BackupError> {
        let file = |end: &str| folder.join(format!("{name}.{end}"));
        let (certificate, _) = load_certificate(&file("crt"))?;
        let path = file("key");
        let read = |path: &Path| {
            fs::read(path).map_err(|source| BackupError::Read {
                path: path.to_owned(),
                source,
            })
        };
        let pem = Zeroizing::new(read(&path)?);
        let not_a_key = || LoadError::NotAKey { path: path.clone() };
        let pem = std::str::from_utf8(&pem).map_err(|_| not_a_key())?;
        let (label, document) = SecretDocument::from_pem(pem).map_err(|_| not_a_key())?;
        if !LABELS.contains(&label) {
            return Err(not_a_key().into());
        }
        let path = folder.join("owner.guid");
        let text = String::from_utf8(read(&path)?).unwrap_or_default();
        let owner = text.trim().parse();
        Ok(Self {
            name: name.to_owned(),
            is_encrypted: label == LABELS[1],
            key: Zeroizing::new(document.as_bytes().to_vec()),
            certificate,
            owner: owner.map_err(|_| BackupError::NoOwner(path))?,
        })
    }

    /// The bytes that are kept.
    fn payload(&self) -> Zeroizing<Vec<u8>> {
        let owner = self.owner.to_bytes();
        Zeroizing::new([&self.key[..], &self.certificate, &owner].concat())
    }

    /// A key out of those bytes.
    fn from_payload(name: &str, bytes: &[u8]) -> Result<Self, BackupError> {
        let damaged = || BackupError::Damaged(name.to_owned());
        let (key, rest) = first_value(bytes).ok_or_else(damaged)?;
        let (certificate, owner) = first_value(rest).ok_or_else(damaged)?;
        let owner: [u8; 16] = owner.try_into().map_err(|_| damaged())?;
        formats::pkcs7::read_certificate(certificate).map_err(|_| damaged())?;
        // PrivateKeyInfo starts with its version, EncryptedPrivateKeyInfo with an AlgorithmIdentifier (RFC 5958).
        let is_encrypted = pkcs8::PrivateKeyInfoRef::from_der(key).is_err();
        Ok(Self {
            name: name.to_owned(),
            is_encrypted,
            key: Zeroizing::new(key.to_vec()),
            certificate: certificate.to_vec(),
            owner: Guid::from_bytes(owner),
        })
    }

    /// As it was in its file.
    fn pem(&self) -> Result<Zeroizing<String>, BackupError> {
        let damaged = |_| BackupError::Damaged(self.name.clone());
        let document = SecretDocument::try_from(self.key.as_slice()).map_err(damaged)?;
        let label = LABELS[usize::from(self.is_encrypted)];
        document
            .to_pem(label, der::pem::LineEnding::LF)
            .map_err(damaged)
    }

    /// Opens it, to sign. The key and the certificate must belong together.
    pub fn open(&self, passphrase: Option<&[u8]>) -> Result<FileSigner, BackupError> {
        let shown = Path::new(&self.name).with_extension("backup");
        let document = decrypt(&self.pem()?, passphrase, &shown)?;
        let pair = KeyPair::from_pkcs8(document.as_bytes());
        let pair = pair.map_err(|_| LoadError::NotRsa {
            path: shown.clone(),
        })?;
        Ok(FileSigner::of_pair(
            pair,
            self.certificate.clone(),
            &shown,
            &shown,
        )?)
    }
}

/// The first DER value, and what follows it.
fn first_value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = SliceReader::new(bytes).ok()?;
    let header = Header::decode(&mut reader).ok()?;
    let start = usize::try_from(reader.position()).ok()?;
    let length = usize::try_from(header.length()).ok()?;
    bytes.split_at_checked(start.checked_add(length)?)
}

#[cfg(test)]
mod tests;
