//! Who vouches for an image where several certificates are trusted, as in a firmware's db: one of them signed
//! it, or one of them signed the certificate of who did.

use formats::pkcs7::{self, CertificateFields, SignedMessage, SignerInfo, read_certificate};

use super::verify::{VerifyError, verify, verify_image_digest};

/// Most certificates between a signer and a trusted one.
const DEPTH: usize = 8;

/// A signature that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// Index of the trusted certificate.
    pub by: usize,
    /// Certificates from the signer's on to the trusted one, DER.
    pub chain: Vec<Vec<u8>>,
}

/// The first Authenticode signature of an image with this digest that a trusted certificate (DER) vouches for.
/// Firmware takes certificates in db as anchors, roots or not (UEFI 2.10, section 32.5.3.3).
///
/// # Errors
///
/// Where none does: what is wrong with the signature of a trusted certificate, if there is one.
pub fn verify_image_by_any(
    trusted: &[&[u8]],
    digest: &[u8; 32],
    signatures: &[&[u8]],
) -> Result<Vouched, VerifyError> {
    let mut wrong = None;
    for (by, certificate) in trusted.iter().enumerate() {
        match verify_image_digest(certificate, digest, signatures) {
            Ok(()) => {
                let chain = vec![certificate.to_vec()];
                return Ok(Vouched { by, chain });
            }
            Err(VerifyError::NotSigned { .. }) => {}
            Err(error) => wrong = wrong.or(Some(error)),
        }
    }
    for signature in signatures {
        let message = pkcs7::read(signature)?;
        for signer in &message.signers {
            let Some((by, chain)) = anchored(trusted, &message, signer) else {
                continue;
            };
            let own = chain.first().map_or(&[][..], Vec::as_slice);
            match verify_image_digest(own, digest, &[signature]) {
                Ok(()) => return Ok(Vouched { by, chain }),
                Err(error) => wrong = wrong.or(Some(error)),
            }
        }
    }
    let found = signatures.len();
    Err(wrong.unwrap_or(VerifyError::NotSigned { found }))
}

/// The certificates from the signer's on to a trusted one, each signed by the next.
fn anchored(
    trusted: &[&[u8]],
    message: &SignedMessage,
    signer: &SignerInfo,
) -> Option<(usize, Vec<Vec<u8>>)> {
    let candidates: Vec<(&[u8], CertificateFields)> = (trusted.iter().copied())
        .chain(message.certificates.iter().map(Vec::as_slice))
        .filter_map(|der| Some((der, read_certificate(der).ok()?)))
        .collect();
    let is_signer = |fields: &CertificateFields| {
        fields.issuer == signer.issuer && fields.serial == signer.serial
    };
    let mut own = candidates.iter().find(|(_, fields)| is_signer(fields))?;
    let mut chain = vec![own.0.to_vec()];
    while chain.len() <= DEPTH {
        if let Some(by) = trusted.iter().position(|der| *der == own.0) {
            return Some((by, chain));
        }
        own = candidates.iter().find(|(der, fields)| {
            fields.subject == own.1.issuer
                && !chain.iter().any(|seen| seen == der)
                && verify(der, &own.1.signed, &own.1.signature).is_ok()
        })?;
        chain.push(own.0.to_vec());
    }
    None
}
