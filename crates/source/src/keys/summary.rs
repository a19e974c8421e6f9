//! What a certificate says, in words for its owner.

use der::{Decode, Encode};
use serde::Serialize;
use sha2::{Digest, Sha256};
use x509_cert::Certificate;

/// The parts of a certificate that a person compares and watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateSummary {
    /// Distinguished name: `CN=sealboot owner db` (RFC 4514).
    pub subject: String,
    /// First day, UTC: `2026-11-23`.
    pub not_before: String,
    /// Last day, UTC.
    pub not_after: String,
    /// Size of the RSA key in bits.
    pub rsa_bits: u32,
    /// SHA-256 of the DER: upper-case hex with colons, as openssl and firmware setups show it.
    pub sha256: String,
}

/// Not an X.509 certificate in DER with an RSA key.
#[derive(Debug, thiserror::Error)]
#[error("it is no X.509 certificate in DER with an RSA key")]
pub struct NotACertificate(#[from] der::Error);

/// RSAPublicKey (RFC 8017, appendix A.1.1).
#[derive(der::Sequence)]
struct RsaPublicKey {
    modulus: der::asn1::Uint,
    exponent: der::asn1::Uint,
}

impl CertificateSummary {
    /// Reads a certificate, DER.
    pub fn read(bytes: &[u8]) -> Result<Self, NotACertificate> {
        let certificate = Certificate::from_der(bytes)?;
        let fields = certificate.tbs_certificate();
        let key = fields
            .subject_public_key_info()
            .subject_public_key
            .raw_bytes();
        let modulus = RsaPublicKey::from_der(key)?.modulus;
        let day = |time: &x509_cert::time::Time| {
            let date = time.to_date_time();
            format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
        };
        let digest = Sha256::digest(certificate.to_der()?);
        let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        Ok(Self {
            subject: fields.subject().to_string(),
            not_before: day(&fields.validity().not_before),
            not_after: day(&fields.validity().not_after),
            rsa_bits: modulus.as_bytes().len() as u32 * 8,
            sha256: pairs.join(":"),
        })
    }
}
