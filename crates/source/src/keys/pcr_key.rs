//! A key that signs states of a TPM's PCR 11: it has no certificate.

use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::SignError;
use super::file_signer::{LoadError, decrypt, read, rsa_sign};

/// Signs policies, RSA PKCS#1 v1.5 with SHA-256: what TPM2_VerifySignature takes.
pub struct PcrKey {
    pair: KeyPair,
    path: PathBuf,
}

impl PcrKey {
    /// Loads a PKCS#8 private key, PEM.
    pub fn load(path: &Path, passphrase: Option<&[u8]>) -> Result<Self, LoadError> {
        let pem = Zeroizing::new(read(path)?);
        let own = || path.to_owned();
        let pem = std::str::from_utf8(&pem).map_err(|_| LoadError::NotAKey { path: own() })?;
        let document = decrypt(pem, passphrase, path)?;
        let pair = KeyPair::from_pkcs8(document.as_bytes());
        Ok(Self {
            pair: pair.map_err(|_| LoadError::NotRsa { path: own() })?,
            path: own(),
        })
    }

    /// SubjectPublicKeyInfo, PEM: `.pcrpkey`.
    pub fn public_pem(&self) -> Result<String, SignError> {
        let failed = || self.failed("its public key cannot be encoded");
        let der: Result<PublicKeyX509Der<'_>, _> = self.pair.public_key().as_der();
        let der = der.map_err(|_| failed())?;
        let (label, end) = ("PUBLIC KEY", der::pem::LineEnding::LF);
        der::pem::encode_string(label, end, der.as_ref()).map_err(|_| failed())
    }

    /// By what a signature says which key made it: SHA-256 of the RSAPublicKey, DER (RFC 8017, appendix A.1.1).
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(self.pair.public_key().as_ref()).into()
    }

    /// Signs, and verifies what came.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = rsa_sign(&self.pair, message);
        let signature = signature.map_err(|()| self.failed("it gives no signature"))?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.pair.public_key().as_ref())
            .verify(message, &signature)
            .map_err(|_| self.failed("its signature does not verify"))?;
        Ok(signature)
    }

    fn failed(&self, reason: &str) -> SignError {
        SignError {
            key: self.path.display().to_string(),
            reason: reason.to_owned(),
        }
    }
}
