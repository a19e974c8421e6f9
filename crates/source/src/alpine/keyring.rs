//! The keys that packages and indexes are signed with, and when a signature counts.
//!
//! A key is a PEM file of an RSA public key (RFC 7468, "PUBLIC KEY"), as in `/etc/apk/keys`; a
//! signature names the key's file. One signature by a key of the ring is enough (apk-v2(5), "The
//! signatures"). Keys have no dates: they count until they are taken out of the ring.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY as RSA_SHA1, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA512, RsaParameters, UnparsedPublicKey,
};
use const_oid::db::rfc5912::RSA_ENCRYPTION;
use der::Decode;
use spki::SubjectPublicKeyInfoRef;

/// Alpine's own keys for x86_64: see `keys/README.md`.
const ALPINE: [(&str, &[u8]); 3] = [
    (
        "alpine-devel@lists.alpinelinux.org-4a6a0840.rsa.pub",
        include_bytes!("keys/alpine-devel@lists.alpinelinux.org-4a6a0840.rsa.pub"),
    ),
    (
        "alpine-devel@lists.alpinelinux.org-5261cecb.rsa.pub",
        include_bytes!("keys/alpine-devel@lists.alpinelinux.org-5261cecb.rsa.pub"),
    ),
    (
        "alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub",
        include_bytes!("keys/alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub"),
    ),
];

/// Names of the algorithms in the names of signatures. The first is the one that Alpine uses.
const ALGORITHMS: [(&str, &RsaParameters); 3] = [
    ("RSA", &RSA_SHA1),
    ("RSA256", &RSA_PKCS1_2048_8192_SHA256),
    ("RSA512", &RSA_PKCS1_2048_8192_SHA512),
];

/// The largest key file, in bytes: 8192 bits take 1,500.
const MOST_KEY: u64 = 1 << 16;

/// Public keys whose signatures count, by the name of their file.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    /// Each a `SubjectPublicKeyInfo` (DER).
    keys: BTreeMap<String, Vec<u8>>,
}

/// Why a keyring cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the key {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not a key.
    #[error(
        "{name} is not an RSA public key in a PEM file (BEGIN PUBLIC KEY), as in /etc/apk/keys"
    )]
    Parse {
        /// Its name.
        name: String,
    },
    /// Two files have one name.
    #[error("there are two keys named {name}; a signature names the file of its key")]
    Twice {
        /// The name.
        name: String,
    },
}

/// A signature as a package or an index carries it.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    /// `RSA`, `RSA256` …
    pub(crate) algorithm: String,
    /// File name of its key.
    pub(crate) key: String,
    /// The signature's bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Why none of some signatures counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// There is no signature.
    #[error("it is not signed")]
    Unsigned,
    /// Each with what is wrong with it.
    #[error("it has no valid signature: {}", .0.join("; "))]
    Signatures(Vec<String>),
}

impl Keyring {
    /// Alpine's own keys, as shipped with this program.
    pub fn alpine() -> Result<Self, Error> {
        let mut keyring = Self::default();
        for (name, pem) in ALPINE {
            keyring.add(name, pem)?;
        }
        Ok(keyring)
    }

    /// The keys of some files.
    pub fn from_files<P: AsRef<Path>>(paths: &[P]) -> Result<Self, Error> {
        let mut keyring = Self::default();
        for path in paths.iter().map(AsRef::as_ref) {
            let read = || {
                let mut pem = Vec::new();
                let file = std::fs::File::open(path)?;
                std::io::Read::read_to_end(&mut std::io::Read::take(file, MOST_KEY), &mut pem)?;
                Ok(pem)
            };
            let pem = read().map_err(|source| Error::Read {
                path: path.to_owned(),
                source,
            })?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            keyring.add(&name, &pem)?;
        }
        Ok(keyring)
    }

    /// Adds a key; `name` is that of its file, by which signatures know it.
    pub fn add(&mut self, name: &str, pem: &[u8]) -> Result<(), Error> {
        let wrong = || Error::Parse {
            name: name.to_owned(),
        };
        let (label, key) = der::pem::decode_vec(pem).map_err(|_| wrong())?;
        let info = SubjectPublicKeyInfoRef::from_der(&key).map_err(|_| wrong())?;
        if label != "PUBLIC KEY" || info.algorithm.oid != RSA_ENCRYPTION {
            return Err(wrong());
        }
        match self.keys.insert(name.to_owned(), key) {
            None => Ok(()),
            Some(_) => Err(Error::Twice {
                name: name.to_owned(),
            }),
        }
    }

    /// File names of the keys.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// The key of the first signature of `message` that counts; else why none does.
    pub(crate) fn verify(
        &self,
        signatures: &[Signature],
        message: &[u8],
    ) -> Result<String, Untrusted> {
        let mut wrong = Vec::new();
        for signature in signatures {
            match self.verify_one(signature, message) {
                Ok(()) => return Ok(signature.key.clone()),
                Err(reason) => wrong.push(format!("signature by {}: {reason}", signature.key)),
            }
        }
        match wrong.is_empty() {
            true => Err(Untrusted::Unsigned),
            false => Err(Untrusted::Signatures(wrong)),
        }
    }

    fn verify_one(&self, signature: &Signature, message: &[u8]) -> Result<(), String> {
        let mut algorithms = ALGORITHMS.iter();
        let Some((_, algorithm)) = algorithms.find(|(name, _)| *name == signature.algorithm) else {
            return Err(format!(
                "the algorithm {} is not known",
                signature.algorithm
            ));
        };
        let Some(key) = self.keys.get(&signature.key) else {
            let known: Vec<&str> = self.names().collect();
            return Err(format!(
                "its key is not among the trusted ones ({})",
                known.join(", ")
            ));
        };
        UnparsedPublicKey::new(*algorithm, key)
            .verify(message, &signature.bytes)
            .map_err(|_| "what is signed or the signature was altered".to_owned())
    }
}

impl Signature {
    /// From the name and the content of an entry: `.SIGN.RSA.someone-1234abcd.rsa.pub`.
    pub(crate) fn new(name: &str, bytes: Vec<u8>) -> Option<Self> {
        let (algorithm, key) = name.strip_prefix(".SIGN.")?.split_once('.')?;
        let shown = |text: &str| text.chars().filter(|c| !c.is_control()).take(120).collect();
        Some(Self {
            algorithm: shown(algorithm),
            key: shown(key),
            bytes,
        })
    }
}
