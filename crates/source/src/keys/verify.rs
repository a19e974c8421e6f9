//! Signatures, verified with a certificate. Whether the certificate is the right one, the caller
//! knows; validity times are not looked at: firmware and the kernel have no trusted clock.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use formats::{authenticode, hex, pkcs7};

/// Why a signature does not count.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The certificate or the signature cannot be read.
    #[error(transparent)]
    Pkcs7(#[from] pkcs7::Error),
    /// The image cannot be read.
    #[error(transparent)]
    Image(#[from] authenticode::Error),
    /// The signature is of something else, by another key, or damaged.
    #[error("the signature does not match the content and the certificate's key")]
    Mismatch,
    /// There is no signature by this certificate.
    #[error("there is no signature by this certificate; {found} by others were found")]
    NotSigned {
        /// How many signatures there are.
        found: usize,
    },
    /// Firmware and openssl look for the certificate in the signature.
    #[error("the certificate in the signature is damaged, or missing")]
    NoCertificate,
    /// Made with other algorithms than all verifiers take.
    #[error("the signature's algorithm is {0}; RSA is needed")]
    Algorithm(String),
    /// It brings content of its own, or is not about plain bytes.
    #[error("the signature is not a detached one of plain data")]
    NotDetached,
    /// The image was changed after it was signed.
    #[error(
        "the image's digest is {found}, its signature is for {signed}: it was changed after signing"
    )]
    Digest {
        /// SHA-256 of the image, hex.
        found: String,
        /// What was signed, hex.
        signed: String,
    },
}

/// RSA PKCS#1 v1.5 with SHA-256 over `message`, by the key in `certificate` (DER).
pub fn verify(certificate: &[u8], message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
    let fields = pkcs7::read_certificate(certificate)?;
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &fields.public_key)
        .verify(message, signature)
        .map_err(|_| VerifyError::Mismatch)
}

/// A detached PKCS#7 signature of `content`, by `certificate` (DER).
pub fn verify_detached(
    certificate: &[u8],
    signature: &[u8],
    content: &[u8],
) -> Result<(), VerifyError> {
    let message = pkcs7::read(signature)?;
    let signer = signer_of(&message, certificate)?;
    if message.content.is_some() || message.content_type != pkcs7::DATA {
        return Err(VerifyError::NotDetached);
    }
    verify(certificate, &signer.message(content)?, &signer.signature)
}

/// The content of an attached PKCS#7 signature, signed by `certificate` (DER).
pub fn verify_attached(certificate: &[u8], signature: &[u8]) -> Result<Vec<u8>, VerifyError> {
    let message = pkcs7::read(signature)?;
    let signer = signer_of(&message, certificate)?;
    let content = message.data()?;
    verify(certificate, &signer.message(content)?, &signer.signature)?;
    Ok(content.to_vec())
}

/// The Authenticode signature of a PE image, by `certificate` (DER). One of several is enough,
/// as for firmware.
pub fn verify_image(certificate: &[u8], image: &[u8]) -> Result<(), VerifyError> {
    let digest = authenticode::image_digest(image)?;
    verify_image_digest(certificate, &digest, &authenticode::signatures(image)?)
}

/// As [`verify_image`], for an image whose digest was computed as it went by: `signatures` are
/// all that are in its certificate table.
pub fn verify_image_digest(
    certificate: &[u8],
    digest: &[u8; 32],
    signatures: &[&[u8]],
) -> Result<(), VerifyError> {
    for signature in signatures {
        let message = pkcs7::read(signature)?;
        let signer = match signer_of(&message, certificate) {
            Err(VerifyError::NotSigned { .. }) => continue,
            other => other?,
        };
        let (signed, content) = authenticode::signed_digest(&message)?;
        verify(certificate, &signer.message(&content)?, &signer.signature)?;
        if signed != digest {
            let (found, signed) = (hex(digest), hex(&signed));
            return Err(VerifyError::Digest { found, signed });
        }
        return Ok(());
    }
    let found = signatures.len();
    Err(VerifyError::NotSigned { found })
}

/// The signer that the certificate names. The certificate must be in the message, byte for byte.
fn signer_of<'a>(
    message: &'a pkcs7::SignedMessage,
    certificate: &[u8],
) -> Result<&'a pkcs7::SignerInfo, VerifyError> {
    let fields = pkcs7::read_certificate(certificate)?;
    let found = message.signers.len();
    let mut signers = message.signers.iter();
    let signer = signers
        .find(|s| s.issuer == fields.issuer && s.serial == fields.serial)
        .ok_or(VerifyError::NotSigned { found })?;
    if ![pkcs7::RSA, pkcs7::SHA256_WITH_RSA].contains(&signer.signature_algorithm) {
        let algorithm = signer.signature_algorithm.to_string();
        return Err(VerifyError::Algorithm(algorithm));
    }
    match message.certificates.iter().any(|der| der == certificate) {
        true => Ok(signer),
        false => Err(VerifyError::NoCertificate),
    }
}
