//! Owner keys: creating, loading, signing, verifying.

/// Something that can sign with the owner's key and shows the certificate that verifies it.
///
/// Only RSA PKCS#1 v1.5 with SHA-256 (RFC 8017, section 8.2): firmware and the kernel's
/// keyrings take nothing newer, and it is deterministic.
pub trait Signer {
    /// The X.509 certificate, DER.
    fn certificate(&self) -> &[u8];
    /// The signature over `message` (which is hashed here).
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// Why a signature could not be made.
#[derive(Debug, thiserror::Error)]
#[error("signing with {key} failed: {reason}")]
pub struct SignError {
    /// Which key: its file or URI, never its content.
    pub key: String,
    /// What the signer said.
    pub reason: String,
}
