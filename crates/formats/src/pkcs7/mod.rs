//! PKCS#7 signatures: one SignedData builder and reader for root hashes, manifests,
//! Authenticode and EFI variables.
//!
//! Specification: RFC 2315 (PKCS#7 1.5), section 9. Always SHA-256 and RSA PKCS#1 v1.5
//! (`rsaEncryption`), one signer named by issuer and serial number, its certificate included, no
//! time: the same inputs give the same bytes, and every verifier here (firmware, the kernel's
//! keyrings, `openssl`) takes it.
//!
//! Signing is two steps, and none of them sees a private key: the caller signs the message (or
//! the attributes), then the signature is assembled with the certificate.

mod fields;
mod format;
mod parts;
mod reader;
mod writer;

pub use fields::{certificate_fields, fields, is_certificate, is_message};
pub use format::{CONTENT_TYPE, DATA, MESSAGE_DIGEST, RSA, SHA256, SHA256_WITH_RSA, SIGNED_DATA};
pub(crate) use format::{element, elements};
pub use reader::{CertificateFields, SignedMessage, SignerInfo, read, read_certificate};
pub(crate) use writer::{Content, content_info, digest_algorithm, signed_data};
pub use writer::{assemble, assemble_attached, assemble_bare};

/// Why DER bytes are not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not DER, or another structure.
    #[error("{what} cannot be read: {source}")]
    Der {
        /// Which structure.
        what: &'static str,
        /// What the DER reader found.
        source: der::Error,
    },
    /// DER, but not what is needed.
    #[error("{what}: {found}; {expected} is needed")]
    Value {
        /// Which structure and field.
        what: &'static str,
        /// What is there.
        found: String,
        /// What should be there.
        expected: &'static str,
    },
}

#[cfg(test)]
pub(crate) mod tests;
