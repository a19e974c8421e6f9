//! Owner keys: creating, loading, signing, verifying.
//!
//! PK may change KEK and itself, KEK may change db, and db says what boots (UEFI 2.10, section
//! 32.3). Each is a key of its own with a self-signed certificate. Only RSA PKCS#1 v1.5 with
//! SHA-256 (RFC 8017, section 8.2): firmware and the kernel's keyrings take nothing newer, and it
//! is deterministic.

mod authority;
mod backup;
mod certificate;
mod chain;
mod change;
mod command_signer;
mod create;
mod examine;
mod file_signer;
mod folder;
mod new_key;
mod pcr_key;
mod revoke;
mod role;
mod rotate;
mod summary;
mod times;
mod token_signer;
mod variable;
mod verify;

pub use authority::{AUTHORITIES, Authority, MICROSOFT, Signs, authority};
pub use backup::{Backup, BackupError, PER_LINE, read as read_backup, restore};
pub use chain::{Vouched, verify_image_by_any};
pub use change::ChangeError;
pub use command_signer::CommandSigner;
pub use create::{CreateError, KeyFile, KeySet, KeySetOptions, RANDOM_SIZE, create};
pub use examine::examine;
pub use file_signer::{FileSigner, LoadError, OpenPermissions, load_certificate};
pub use folder::WriteError;
pub use new_key::{KEY_RANDOM_SIZE, RsaBits};
pub use pcr_key::PcrKey;
pub use revoke::{Revoked, revoke};
pub use role::{ROLES, Role};
pub use rotate::{RotateOptions, Rotation, Stage};
pub use summary::{CertificateSummary, NotACertificate};
pub use token_signer::{TokenError, TokenSigner};
pub use variable::{Change, meant_for};
pub use verify::{
    VerifyError, verify, verify_attached, verify_detached, verify_image, verify_image_digest,
};

/// Something that can sign with the owner's key and shows the certificate that verifies it.
///
/// A signature that [`verify`] refuses for that certificate must not be handed out.
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

/// A PKCS#7 signature of `content`: detached, DER, no attributes. `openssl smime -verify` and
/// the kernel take it. It counts only after the certificate verified it as a whole.
pub fn sign_detached(signer: &dyn Signer, content: &[u8]) -> Result<Vec<u8>, SignError> {
    let certificate = signer.certificate();
    let signature = signer.sign(content)?;
    let message = formats::pkcs7::assemble(certificate, &signature).map_err(unusable)?;
    verify_detached(certificate, &message, content).map_err(unusable)?;
    Ok(message)
}

/// The same with `content` inside: what the kernel takes as a signed policy.
pub fn sign_attached(signer: &dyn Signer, content: &[u8]) -> Result<Vec<u8>, SignError> {
    let certificate = signer.certificate();
    let signature = signer.sign(content)?;
    let message =
        formats::pkcs7::assemble_attached(certificate, content, &signature).map_err(unusable)?;
    verify_attached(certificate, &message).map_err(unusable)?;
    Ok(message)
}

/// `2026-11-28`
fn day(seconds: u64) -> String {
    let time = formats::efi_signature_list::Timestamp::from_unix(seconds).unwrap_or_default();
    let text = time.to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

fn unusable(error: impl std::fmt::Display) -> SignError {
    SignError {
        key: "the key of this certificate".to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
