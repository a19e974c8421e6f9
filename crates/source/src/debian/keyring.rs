//! The keys that an archive is signed with, and when a signature by one of them counts.
//!
//! The cryptography and the OpenPGP packets are the `pgp` crate's. Here is the policy, which that
//! crate leaves to its users (RFC 9580, sections 5.2 and 10.1):
//!
//! 1. the signature is over text, with SHA-256 or a stronger hash, and says when it was made;
//! 2. it was not made in the future, and has not expired;
//! 3. its key is in the ring: a primary key that may sign, or a subkey that the primary key has
//!    bound for signing and that has signed back;
//! 4. neither key is revoked, at any time, for any reason;
//! 5. neither had expired when the signature was made;
//! 6. the signature verifies.
//!
//! Designated revokers and revocations by others than the key itself are not looked at: they come
//! with an update of the keyring.

use super::clearsign::Message;
use crate::date;
use pgp::composed::{Deserializable, SignedPublicKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType, SubpacketData};
use pgp::types::{KeyDetails, Tag};
use std::path::{Path, PathBuf};

/// Debian's own keys: see `keys/README.md`.
const DEBIAN: &[u8] = include_bytes!("keys/debian-archive-keyring.pgp");

/// How far a clock may be off: seconds.
pub(crate) const CLOCK_SKEW: u64 = 3600;

const HASHES: &[HashAlgorithm] = &[
    HashAlgorithm::Sha256,
    HashAlgorithm::Sha384,
    HashAlgorithm::Sha512,
    HashAlgorithm::Sha3_256,
    HashAlgorithm::Sha3_512,
];

/// Public keys whose signatures count.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    keys: Vec<SignedPublicKey>,
}

/// Why a keyring cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the keyring {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not a keyring.
    #[error("{name} is not a keyring of OpenPGP public keys, binary or armored")]
    Parse {
        /// Its name.
        name: String,
        /// Why.
        source: Box<pgp::errors::Error>,
    },
    /// It holds no key.
    #[error("the keyring {name} holds no public key")]
    Empty {
        /// Its name.
        name: String,
    },
}

impl Keyring {
    /// Debian's archive keys, as shipped with this program.
    pub fn debian() -> Result<Self, Error> {
        let mut keyring = Self::default();
        keyring.add("of Debian", DEBIAN)?;
        Ok(keyring)
    }

    /// The keys of some files, binary or armored.
    pub fn from_files<P: AsRef<Path>>(paths: &[P]) -> Result<Self, Error> {
        let mut keyring = Self::default();
        for path in paths.iter().map(AsRef::as_ref) {
            let read = std::fs::read(path);
            let bytes = read.map_err(|source| Error::Read {
                path: path.to_owned(),
                source,
            })?;
            keyring.add(&path.display().to_string(), &bytes)?;
        }
        Ok(keyring)
    }

    /// Adds keys, binary or armored; `name` is for messages.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let parse = |error| Error::Parse {
            name: name.to_owned(),
            source: Box::new(error),
        };
        let before = self.keys.len();
        for block in blocks(bytes) {
            let (keys, _) = SignedPublicKey::from_reader_many(block).map_err(parse)?;
            for key in keys {
                self.keys.push(key.map_err(parse)?);
            }
        }
        if self.keys.len() == before {
            return Err(Error::Empty {
                name: name.to_owned(),
            });
        }
        Ok(())
    }

    /// Fingerprint and first user id of each key.
    pub fn keys(&self) -> impl Iterator<Item = (String, String)> {
        self.keys.iter().map(|key| (fingerprint(key), user(key)))
    }

    /// Who signed the message, by signatures that count; else why each one does not.
    ///
    /// `now` is in seconds since 1970.
    pub(crate) fn verify(&self, message: &Message, now: u64) -> Result<Vec<String>, Vec<String>> {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for signature in &message.signatures {
            match self.verify_one(signature, &message.text, now) {
                Ok(signer) => good.push(signer),
                Err(reason) => bad.push(format!("{}: {reason}", issuer(signature))),
            }
        }
        if good.is_empty() { Err(bad) } else { Ok(good) }
    }

    fn verify_one(&self, signature: &Signature, text: &str, now: u64) -> Result<String, String> {
        let config = signature
            .config()
            .ok_or("a signature of an unknown version")?;
        if signature.typ() != Some(SignatureType::Text) {
            return Err("not a signature over text".to_owned());
        }
        if !HASHES.contains(&config.hash_alg) {
            return Err(format!(
                "the hash {} is too weak or unknown",
                config.hash_alg
            ));
        }
        let unknown = |data: &SubpacketData| {
            matches!(
                data,
                SubpacketData::Other(..) | SubpacketData::Experimental(..)
            )
        };
        if config
            .hashed_subpackets
            .iter()
            .any(|packet| packet.is_critical && unknown(&packet.data))
        {
            return Err("it carries a condition that is not understood".to_owned());
        }
        let created = signature
            .created()
            .ok_or("it does not say when it was made")?;
        let created = u64::from(created.as_secs());
        if created > now.saturating_add(CLOCK_SKEW) {
            return Err(format!(
                "made in the future, {}; this machine's clock says {}",
                date::show(created),
                date::show(now)
            ));
        }
        if let Some(end) = ends(
            created,
            signature.signature_expiration_time().map(|d| d.as_secs()),
        ) && end <= now
        {
            return Err(format!("expired on {}", date::show(end)));
        }
        let mut reason = None;
        for key in &self.keys {
            match verify_by(key, signature, text, created) {
                None => {}
                Some(Ok(())) => return Ok(format!("{} ({})", user(key), fingerprint(key))),
                Some(Err(why)) => reason = Some(why),
            }
        }
        Err(reason.unwrap_or_else(|| "its key is not in the keyring".to_owned()))
    }
}

/// Verifies with the primary key or a subkey that is the signature's issuer; `None` if none is.
fn verify_by(
    key: &SignedPublicKey,
    signature: &Signature,
    text: &str,
    created: u64,
) -> Option<Result<(), String>> {
    // The library's own words are about its source code.
    let cryptographic = |verified: Result<(), pgp::errors::Error>| {
        verified.map_err(|_| "the text or the signature was altered".to_owned())
    };
    if is_issuer(signature, &key.primary_key) {
        let usable = primary_is_usable(key, created, true);
        return Some(
            usable
                .and_then(|()| cryptographic(signature.verify(&key.primary_key, text.as_bytes()))),
        );
    }
    let subkey = key
        .public_subkeys
        .iter()
        .find(|subkey| is_issuer(signature, &subkey.key))?;
    let usable = primary_is_usable(key, created, false);
    let usable = usable.and_then(|()| subkey_is_usable(key, subkey, created));
    Some(usable.and_then(|()| cryptographic(signature.verify(&subkey.key, text.as_bytes()))))
}

/// Whether the signature names that key; one that names none is not looked at.
fn is_issuer(signature: &Signature, key: &impl KeyDetails) -> bool {
    let fingerprints = signature.issuer_fingerprint();
    if !fingerprints.is_empty() {
        return fingerprints
            .iter()
            .all(|found| **found == key.fingerprint());
    }
    signature
        .issuer_key_id()
        .iter()
        .any(|found| **found == key.legacy_key_id())
}

/// Not revoked, and valid at the time `at`; if `to_sign`, allowed to sign data itself.
fn primary_is_usable(key: &SignedPublicKey, at: u64, to_sign: bool) -> Result<(), String> {
    let primary = &key.primary_key;
    let revoked = |signature: &Signature| signature.verify_key(primary).is_ok();
    if key.details.revocation_signatures.iter().any(revoked) {
        return Err(format!("the key {} is revoked", fingerprint(key)));
    }
    // What the key says of itself: the newest of its own signatures over each user id, and over
    // itself alone.
    let mut own: Vec<&Signature> = Vec::new();
    for user in &key.details.users {
        let by_itself = user.signatures.iter().filter(|signature| {
            signature
                .verify_certification(primary, Tag::UserId, &user.id)
                .is_ok()
        });
        let newest = by_itself.max_by_key(|signature| signature.created().map(|t| t.as_secs()));
        own.extend(newest);
    }
    let direct = key
        .details
        .direct_signatures
        .iter()
        .filter(|s| s.verify_key(primary).is_ok());
    let direct = direct.max_by_key(|signature| signature.created().map(|t| t.as_secs()));
    if own.is_empty() && direct.is_none() {
        return Err(format!(
            "the key {} has no valid signature by itself",
            fingerprint(key)
        ));
    }
    own.extend(direct);
    if to_sign && !own.iter().any(|signature| signature.key_flags().sign()) {
        return Err(format!(
            "the key {} is not meant for signing",
            fingerprint(key)
        ));
    }
    let created = u64::from(primary.created_at().as_secs());
    for signature in own {
        check_time(created, signature, at, &fingerprint(key))?;
    }
    Ok(())
}

/// Bound to its primary key for signing, not revoked, valid at the time `at`.
fn subkey_is_usable(
    key: &SignedPublicKey,
    subkey: &pgp::composed::SignedPublicSubKey,
    at: u64,
) -> Result<(), String> {
    let name = format!("{:X}", subkey.key.fingerprint());
    let by_primary = |signature: &&Signature| {
        signature
            .verify_subkey_binding(&key.primary_key, &subkey.key)
            .is_ok()
    };
    let genuine: Vec<&Signature> = subkey.signatures.iter().filter(by_primary).collect();
    if genuine
        .iter()
        .any(|s| s.typ() == Some(SignatureType::SubkeyRevocation))
    {
        return Err(format!("the subkey {name} is revoked"));
    }
    let bindings = genuine
        .iter()
        .filter(|s| s.typ() == Some(SignatureType::SubkeyBinding));
    let Some(binding) = bindings.max_by_key(|s| s.created().map(|t| t.as_secs())) else {
        return Err(format!("the subkey {name} is not bound to its key"));
    };
    // Without the signature back, anybody could claim another's subkey as their own.
    let back = binding.embedded_signature();
    let bound_back = back.is_some_and(|back| {
        back.verify_primary_key_binding(&subkey.key, &key.primary_key)
            .is_ok()
    });
    if !binding.key_flags().sign() || !bound_back {
        return Err(format!("the subkey {name} is not meant for signing"));
    }
    check_time(
        u64::from(subkey.key.created_at().as_secs()),
        binding,
        at,
        &name,
    )
}

/// Whether a key made at `created` and described by `own` was valid at the time `at`.
fn check_time(created: u64, own: &Signature, at: u64, name: &str) -> Result<(), String> {
    if at < created {
        return Err(format!(
            "the key {name} was made later, on {}",
            date::show(created)
        ));
    }
    match ends(
        created,
        own.key_expiration_time().map(|duration| duration.as_secs()),
    ) {
        Some(end) if end <= at => Err(format!("the key {name} had expired on {}", date::show(end))),
        _ => Ok(()),
    }
}

/// When something ends: zero seconds mean never (RFC 9580, section 5.2.3.13).
fn ends(start: u64, seconds: Option<u32>) -> Option<u64> {
    seconds
        .filter(|seconds| *seconds > 0)
        .map(|seconds| start.saturating_add(seconds.into()))
}

fn fingerprint(key: &SignedPublicKey) -> String {
    format!("{:X}", key.fingerprint())
}

fn user(key: &SignedPublicKey) -> String {
    let first = key.details.users.first();
    first.map_or_else(
        || "nameless key".to_owned(),
        |user| {
            String::from_utf8_lossy(user.id.id())
                .chars()
                .filter(|c| !c.is_control())
                .collect()
        },
    )
}

/// What the signature says of its maker, not checked.
fn issuer(signature: &Signature) -> String {
    let fingerprint = signature
        .issuer_fingerprint()
        .first()
        .map(|found| format!("{found:X}"));
    let id = || {
        signature
            .issuer_key_id()
            .first()
            .map(|id| format!("{id}").to_uppercase())
    };
    match fingerprint.or_else(id) {
        Some(key) => format!("signature by {key}"),
        None => "signature by an unnamed key".to_owned(),
    }
}

/// The armored blocks of a file; a binary one is one block.
fn blocks(bytes: &[u8]) -> Vec<&[u8]> {
    const BEGIN: &[u8] = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";
    let starts = bytes
        .windows(BEGIN.len())
        .enumerate()
        .filter(|(_, window)| *window == BEGIN);
    let mut starts: Vec<usize> = starts.map(|(at, _)| at).collect();
    // The high bit of a packet's first byte is always set; armor is ASCII.
    if starts.is_empty() || bytes.first().is_some_and(|byte| byte & 0x80 != 0) {
        return vec![bytes];
    }
    starts.push(bytes.len());
    starts
        .windows(2)
        .filter_map(|pair| bytes.get(*pair.first()?..*pair.last()?))
        .collect()
}
