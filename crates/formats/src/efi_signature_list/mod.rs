//! EFI signature lists (`.esl`) and signed variables (`.auth`): what PK, KEK, db and dbx hold,
//! and what changes them.
//!
//! Specification: UEFI 2.10, section 32.4.1 (EFI_SIGNATURE_DATA) and section 8.2.2
//! (EFI_VARIABLE_AUTHENTICATION_2).

mod auth;
#[cfg(feature = "build")]
mod fields;
mod format;
mod reader;
mod time;
mod writer;

pub use auth::{Auth, assemble, read_auth, to_be_signed};
#[cfg(feature = "build")]
pub(crate) use fields::time_fields;
#[cfg(feature = "build")]
pub use fields::{auth_fields, fields};
#[cfg(feature = "build")]
pub(crate) use format::CERT_TYPE_PKCS7;
pub use format::{CERT_SHA256, CERT_X509, CERT_X509_SHA256};
pub use reader::{Error, read};
pub use time::Timestamp;
pub use writer::{sha256_list, write, x509_list, x509_sha256_list};

use uguid::Guid;

/// One list: signatures of one type and size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureList {
    /// [`CERT_X509`], [`CERT_SHA256`], [`CERT_X509_SHA256`] or another type.
    pub signature_type: Guid,
    /// Header of this type; empty for the types above.
    pub header: Vec<u8>,
    /// The signatures; all data have the same length.
    pub signatures: Vec<Signature>,
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Who added it.
    pub owner: Guid,
    /// X.509: the certificate, DER. SHA-256: the hash, 32 bytes. SHA-256 of
    /// a certificate: the hash and a time, 48 bytes.
    pub data: Vec<u8>,
}

#[cfg(test)]
mod tests;
