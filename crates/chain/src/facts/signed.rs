//! Manifests, signatures, certificates, EFI signature lists and signed variables.

use contract::manifest::Manifest;
use formats::efi_signature_list::{self, CERT_SHA256, CERT_X509, CERT_X509_SHA256, Timestamp};
use formats::{authenticode, pkcs7};
use serde::Serialize;
use sha2::{Digest, Sha256};
use source::keys::CertificateSummary;

use super::fact;
use crate::kind::SMALL;
use crate::text::Text;
use crate::{Certificate, Error, Part, hex};

/// A manifest.
#[derive(Clone, Debug, Serialize)]
pub struct ManifestFacts {
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
    /// What it says.
    pub manifest: Manifest,
}

/// A PKCS#7 signature.
#[derive(Clone, Debug, Serialize)]
pub struct Signature {
    /// What is signed: `data`, `an EFI image` or an object identifier.
    pub content: String,
    /// Whether what is signed is elsewhere.
    pub detached: bool,
    /// The image digest that is signed, hex: Authenticode only.
    pub image_sha256: Option<String>,
    /// The lines that are signed, when they are inside and text: an execution policy.
    pub lines: Vec<String>,
    /// Who signed.
    pub signers: Vec<Signed>,
}

/// One signer.
#[derive(Clone, Debug, Serialize)]
pub struct Signed {
    /// Serial number of its certificate, hex.
    pub serial: String,
    /// `SHA-256`, or an object identifier.
    pub digest: String,
    /// Whether attributes are signed, with the digest among them.
    pub attributes: bool,
    /// Its certificate, when the signature brings it.
    pub certificate: Option<Named>,
}

/// A certificate.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    /// SHA-256 of the DER, hex.
    pub fingerprint: String,
    /// What it says; `None` when it is for another key than RSA, or damaged.
    pub certificate: Option<CertificateSummary>,
}

/// EFI signature lists.
#[derive(Clone, Debug, Serialize)]
pub struct Lists {
    /// Entries of type X.509.
    pub certificates: Vec<Named>,
    /// Entries of type SHA-256, hex.
    pub hashes: Vec<String>,
    /// Entries of type X509_SHA256.
    pub certificate_hashes: Vec<CertificateHash>,
    /// Entries of other types.
    pub others: usize,
    /// Who added the entries, each once.
    pub owners: Vec<String>,
}

/// A certificate that is revoked by its digest.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateHash {
    /// SHA-256 of its TBSCertificate, what its issuer signed, hex.
    pub sha256: String,
    /// From when on, UTC; `None`: always.
    pub revoked_from: Option<String>,
}

/// A signed EFI variable.
#[derive(Clone, Debug, Serialize)]
pub struct Variable {
    /// Time of the signature, UTC.
    pub time: String,
    /// Who signed it.
    pub signature: Option<Signature>,
    /// What it sets.
    pub lists: Lists,
}

pub(super) fn manifest(part: &mut Part<'_>) -> Result<ManifestFacts, Error> {
    manifest_of(&part.all(SMALL)?)
}

pub(super) fn manifest_of(bytes: &[u8]) -> Result<ManifestFacts, Error> {
    Ok(ManifestFacts {
        sha256: hex(&Sha256::digest(bytes)),
        manifest: Manifest::from_json(bytes)?,
    })
}

pub(super) fn signature(part: &mut Part<'_>) -> Result<Signature, Error> {
    signature_of(&part.all(SMALL)?)
}

pub(super) fn signature_of(bytes: &[u8]) -> Result<Signature, Error> {
    let message = pkcs7::read(bytes)?;
    let image = authenticode::signed_digest(&message).ok();
    let content = match image {
        Some(_) => "an EFI image".to_owned(),
        None if message.content_type == pkcs7::DATA => "data".to_owned(),
        None => message.content_type.to_string(),
    };
    let signers = message.signers.iter().map(|signer| Signed {
        serial: hex(&signer.serial),
        digest: match signer.digest_algorithm == pkcs7::SHA256 {
            true => "SHA-256".to_owned(),
            false => signer.digest_algorithm.to_string(),
        },
        attributes: signer.attributes.is_some(),
        certificate: message.certificate_of(signer).map(named),
    });
    Ok(Signature {
        content,
        detached: message.content.is_none(),
        image_sha256: image.map(|(digest, _)| hex(&digest)),
        lines: lines_of(&message).unwrap_or_default(),
        signers: signers.collect(),
    })
}

/// The lines of a signed text; `None` when it is elsewhere, or no text.
fn lines_of(message: &pkcs7::SignedMessage) -> Option<Vec<String>> {
    let text = std::str::from_utf8(message.data().ok()?).ok()?;
    let is_text = |c: char| c == '\n' || !c.is_control();
    let lines = || text.lines().map(str::to_owned).collect();
    text.chars().all(is_text).then(lines)
}

pub(super) fn certificate(part: &mut Part<'_>) -> Result<Named, Error> {
    let bytes = part.all(SMALL)?;
    Ok(named(&Certificate::read(part.name(), &bytes)?.der))
}

fn named(der: &[u8]) -> Named {
    Named {
        fingerprint: hex(&Sha256::digest(der)),
        certificate: CertificateSummary::read(der).ok(),
    }
}

pub(super) fn lists(part: &mut Part<'_>) -> Result<Lists, Error> {
    lists_of(&part.all(SMALL)?)
}

fn lists_of(bytes: &[u8]) -> Result<Lists, Error> {
    let mut lists = Lists {
        certificates: Vec::new(),
        hashes: Vec::new(),
        certificate_hashes: Vec::new(),
        others: 0,
        owners: Vec::new(),
    };
    for list in efi_signature_list::read(bytes)? {
        for entry in list.signatures {
            let owner = entry.owner.to_string();
            if !lists.owners.contains(&owner) {
                lists.owners.push(owner);
            }
            match list.signature_type {
                CERT_X509 => lists.certificates.push(named(&entry.data)),
                CERT_SHA256 => lists.hashes.push(hex(&entry.data)),
                CERT_X509_SHA256 => lists.certificate_hashes.push(certificate_hash(&entry.data)),
                _ => lists.others += 1,
            }
        }
    }
    Ok(lists)
}

/// The digest and the time behind it; the reader made sure of the length.
fn certificate_hash(data: &[u8]) -> CertificateHash {
    let (hash, time) = data.split_at_checked(32).unwrap_or((data, &[]));
    let time = time.first_chunk().filter(|time| **time != [0; 16]);
    CertificateHash {
        sha256: hex(hash),
        revoked_from: time.map(|time| Timestamp::from_bytes(*time).to_string()),
    }
}

pub(super) fn variable(part: &mut Part<'_>) -> Result<Variable, Error> {
    let auth = efi_signature_list::read_auth(&part.all(SMALL)?)?;
    Ok(Variable {
        time: auth.time.to_string(),
        signature: signature_of(&auth.signed_data).ok(),
        lists: lists_of(&auth.data)?,
    })
}

impl ManifestFacts {
    pub(super) fn write(&self, text: &mut Text) {
        let Manifest {
            version,
            system,
            kernel,
            images,
            policy,
            sources,
        } = &self.manifest;
        fact(text, "release", version);
        if let Some(system) = system {
            let all = system.all.join(", ");
            fact(text, "system", &format!("{} of {all}", system.name));
        }
        fact(text, "kernel", kernel);
        fact(text, "SHA-256", &self.sha256);
        for source in sources {
            fact(text, "made of", &source.reference);
            fact(text, "  digest", &source.digest);
        }
        for image in images {
            let shape = format!(
                "{}, {} bytes, {} of data, hash tree at byte {}",
                image.file, image.size, image.data_size, image.hash_offset
            );
            fact(text, image.name.as_str(), &shape);
            fact(text, "  salt", &image.salt);
            fact(text, "  root hash", &image.root_hash);
        }
        if let Some(policy) = policy {
            fact(text, "policy", policy);
        }
    }
}

impl Signature {
    pub(super) fn write(&self, text: &mut Text) {
        let place = match self.detached {
            true => "detached",
            false => "attached",
        };
        fact(text, "signature of", &format!("{}, {place}", self.content));
        if let Some(digest) = &self.image_sha256 {
            fact(text, "signed digest", digest);
        }
        for line in &self.lines {
            text.row(4, "", 0, line);
        }
        for signer in &self.signers {
            let Signed { digest, serial, .. } = signer;
            let what = match signer.attributes {
                true => format!("{digest}, with attributes"),
                false => format!("{digest}, no attributes"),
            };
            fact(text, "signed with", &what);
            fact(text, "serial number", serial);
            match &signer.certificate {
                Some(certificate) => certificate.write(text),
                None => fact(text, "certificate", "not in the signature"),
            }
        }
    }
}

impl Named {
    pub(super) fn write(&self, text: &mut Text) {
        match &self.certificate {
            Some(summary) => {
                fact(text, "certificate", &summary.subject);
                let valid = format!(
                    "{} to {}, RSA {}",
                    summary.not_before, summary.not_after, summary.rsa_bits
                );
                fact(text, "valid", &valid);
            }
            None => fact(text, "certificate", "not one with an RSA key"),
        }
        fact(text, "SHA-256", &self.fingerprint);
    }
}

impl Lists {
    pub(super) fn write(&self, text: &mut Text) {
        for owner in &self.owners {
            fact(text, "owner", owner);
        }
        for certificate in &self.certificates {
            certificate.write(text);
        }
        for hash in &self.hashes {
            fact(text, "image digest", hash);
        }
        for certificate in &self.certificate_hashes {
            fact(text, "cert. digest", &certificate.sha256);
            let from = certificate.revoked_from.as_deref();
            fact(text, "revoked from", from.unwrap_or("always"));
        }
        if self.others > 0 {
            fact(text, "other entries", &self.others.to_string());
        }
    }
}

impl Variable {
    pub(super) fn write(&self, text: &mut Text) {
        fact(text, "time", &self.time);
        if let Some(signature) = &self.signature {
            signature.write(text);
        }
        text.exactly("  it sets:");
        self.lists.write(text);
    }
}
