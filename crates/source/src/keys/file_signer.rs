//! A signer whose private key is a file.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use formats::pkcs7;
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use zeroize::Zeroizing;

use super::{SignError, Signer, verify};

/// Signs with an RSA key in memory. The key is wiped when this is dropped.
pub struct FileSigner {
    key: KeyPair,
    certificate: Vec<u8>,
    name: String,
    open_permissions: Option<OpenPermissions>,
}

/// Others than the owner may read the private key's file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the private key {path} has mode {mode:03o}: others than its owner may read or change it; chmod 600 it"
)]
pub struct OpenPermissions {
    /// The file.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error("{path} cannot be read; the keys are files that their owner can read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// There is no such file.
    #[error(
        "there is no {path}; `sealboot keys create` makes keys, --sign-with names what signs instead"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Not a PKCS#8 private key in PEM.
    #[error(
        "{path} is not a private key: \"-----BEGIN PRIVATE KEY-----\" or \"-----BEGIN ENCRYPTED PRIVATE KEY-----\" (PKCS#8, PEM) is needed; `openssl pkey` converts others"
    )]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// It is encrypted and there is no passphrase.
    #[error("the private key {path} is encrypted: its passphrase is needed")]
    PassphraseNeeded {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be decrypted.
    #[error("the private key {path} does not open with this passphrase")]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// Another kind of key, or a broken one.
    #[error("the private key {path} cannot be used; RSA of 2048 to 8192 bits is needed")]
    NotRsa {
        /// The file.
        path: PathBuf,
    },
    /// The certificate cannot be read.
    #[error("the certificate {path} cannot be read; take it from your copy of the keys")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: pkcs7::Error,
    },
    /// No program was named that could sign.
    #[error("the command that signs is empty; its first word is a program")]
    NoCommand,
    /// The certificate is another key's.
    #[error("the private key {key} and the certificate {certificate} do not belong together")]
    Mismatch {
        /// The key's file.
        key: PathBuf,
        /// The certificate's file.
        certificate: PathBuf,
    },
}

/// A certificate, PEM or DER: as DER, and what is in it.
pub fn load_certificate(path: &Path) -> Result<(Vec<u8>, pkcs7::CertificateFields), LoadError> {
    let bytes = read(path)?;
    let der = match der::pem::decode_vec(&bytes) {
        Ok(("CERTIFICATE", der)) => der,
        _ => bytes,
    };
    let fields = pkcs7::read_certificate(&der).map_err(|source| LoadError::Certificate {
        path: path.to_owned(),
        source,
    })?;
    Ok((der, fields))
}

impl FileSigner {
    /// Loads a PKCS#8 private key (PEM) and its certificate (PEM or DER).
    pub fn load(
        key: &Path,
        certificate: &Path,
        passphrase: Option<&[u8]>,
    ) -> Result<Self, LoadError> {
        let pem = Zeroizing::new(read(key)?);
        let path = || key.to_owned();
        let pem = std::str::from_utf8(&pem).map_err(|_| LoadError::NotAKey { path: path() })?;
        let document = decrypt(pem, passphrase, key)?;
        let pair = KeyPair::from_pkcs8(document.as_bytes())
            .map_err(|_| LoadError::NotRsa { path: path() })?;

        let (der, _) = load_certificate(certificate)?;
        let mut signer = Self::of_pair(pair, der, key, certificate)?;
        let mode = fs::metadata(key).map_or(0o600, |metadata| metadata.permissions().mode());
        if mode & 0o077 != 0 {
            signer.open_permissions = Some(OpenPermissions {
                path: path(),
                mode: mode & 0o7777,
            });
        }
        Ok(signer)
    }

    /// Of a key and a certificate, DER, which must belong together; the paths say where they were found.
    pub(super) fn of_pair(
        pair: KeyPair,
        der: Vec<u8>,
        key: &Path,
        certificate: &Path,
    ) -> Result<Self, LoadError> {
        let fields = pkcs7::read_certificate(&der).map_err(|source| LoadError::Certificate {
            path: certificate.to_owned(),
            source,
        })?;
        let public_key: Result<PublicKeyX509Der<'_>, _> = pair.public_key().as_der();
        if public_key.map_or(true, |key| key.as_ref() != fields.public_key) {
            return Err(LoadError::Mismatch {
                key: key.to_owned(),
                certificate: certificate.to_owned(),
            });
        }
        Ok(Self::new(pair, der, key.display().to_string()))
    }

    /// Set when others may read the private key's file: to be told to the owner.
    pub fn open_permissions(&self) -> Option<&OpenPermissions> {
        self.open_permissions.as_ref()
    }

    pub(super) fn new(key: KeyPair, certificate: Vec<u8>, name: String) -> Self {
        Self {
            key,
            certificate,
            name,
            open_permissions: None,
        }
    }
}

impl Signer for FileSigner {
    fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let failed = |reason: String| SignError {
            key: self.name.clone(),
            reason,
        };
        let signature = rsa_sign(&self.key, message)
            .map_err(|()| failed("the cryptographic library gave no signature".to_owned()))?;
        // A fault while signing can reveal the key and would surface at boot only.
        verify(&self.certificate, message, &signature)
            .map_err(|error| failed(error.to_string()))?;
        Ok(signature)
    }
}

/// RSA PKCS#1 v1.5 with SHA-256.
pub(super) fn rsa_sign(key: &KeyPair, message: &[u8]) -> Result<Vec<u8>, ()> {
    let mut signature = vec![0; key.public_modulus_len()];
    // PKCS#1 v1.5 uses no randomness; the parameter is for PSS.
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        message,
        &mut signature,
    )
    .map_err(|_| ())?;
    Ok(signature)
}

pub(super) fn decrypt(
    pem: &str,
    passphrase: Option<&[u8]>,
    key: &Path,
) -> Result<SecretDocument, LoadError> {
    let path = || key.to_owned();
    let (label, document) =
        SecretDocument::from_pem(pem).map_err(|_| LoadError::NotAKey { path: path() })?;
    match label {
        "PRIVATE KEY" => Ok(document),
        "ENCRYPTED PRIVATE KEY" => {
            let passphrase =
                passphrase.ok_or_else(|| LoadError::PassphraseNeeded { path: path() })?;
            let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
                .map_err(|_| LoadError::NotAKey { path: path() })?;
            encrypted
                .decrypt(passphrase)
                .map_err(|_| LoadError::WrongPassphrase { path: path() })
        }
        _ => Err(LoadError::NotAKey { path: path() }),
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    fs::read(path).map_err(|source| {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::NotFound => LoadError::Missing { path },
            _ => LoadError::Read { path, source },
        }
    })
}
