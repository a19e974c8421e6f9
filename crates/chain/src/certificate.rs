//! Certificates: what files hold them, and which are the owner's.

use std::path::Path;

use formats::efi_signature_list::{self, CERT_SHA256, CERT_X509};
use formats::pkcs7::{CertificateFields, read_certificate};
use source::keys::CertificateSummary;

use crate::{Error, Part};

/// Longest certificate file that is read, in bytes.
const LIMIT: usize = 1 << 16;

/// Longest file of signature lists, in bytes.
const LISTS_LIMIT: usize = 1 << 20;

/// One certificate.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Where it was found.
    pub name: String,
    /// DER.
    pub der: Vec<u8>,
    /// What it says.
    pub summary: CertificateSummary,
}

/// The certificates that the owner trusts.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Signs what boots.
    pub db: Certificate,
    /// May change db; `None` when only the db certificate is known.
    pub kek: Option<Certificate>,
    /// May change KEK; likewise.
    pub pk: Option<Certificate>,
    /// What firmware refuses whoever signed it; `None` when that is not known.
    pub dbx: Option<Dbx>,
    /// Certificates, DER, that the owner has enrolled beside these: an old key that is still trusted, or a
    /// certificate of somebody else.
    pub also: Vec<Vec<u8>>,
}

/// What a dbx holds that is looked at here: more is in those of Microsoft's, for programs of others.
#[derive(Clone, Debug, Default)]
pub struct Dbx {
    /// Authenticode digests, SHA-256.
    hashes: Vec<Vec<u8>>,
    /// Certificates, DER.
    certificates: Vec<Vec<u8>>,
}

impl Dbx {
    /// Reads EFI signature lists.
    pub fn read(lists: &[u8]) -> Result<Self, Error> {
        let mut dbx = Self::default();
        for list in efi_signature_list::read(lists)? {
            let entries = list.signatures.into_iter().map(|entry| entry.data);
            match list.signature_type {
                CERT_SHA256 => dbx.hashes.extend(entries),
                CERT_X509 => dbx.certificates.extend(entries),
                _ => {}
            }
        }
        Ok(dbx)
    }

    /// Why a program of that digest, signed by that certificate, does not start; `None` when it does.
    pub(crate) fn why(&self, digest: &[u8; 32], certificate: &[u8]) -> Option<&'static str> {
        if self.hashes.iter().any(|hash| hash == digest) {
            return Some("its Authenticode digest is in dbx: firmware does not start it");
        }
        let revoked = self.certificates.iter().any(|der| der == certificate);
        revoked.then_some("the certificate that signed it is in dbx: firmware does not start it")
    }
}

impl Certificate {
    /// Reads a file, PEM or DER.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut part = Part::open(path)?;
        let bytes = part.all(LIMIT)?;
        Self::read(part.name(), &bytes)
    }

    /// Reads PEM or DER; `name` says where it was found.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let wrong = || Error::NotACertificate(name.to_owned());
        let der = match der::pem::decode_vec(bytes) {
            Ok(("CERTIFICATE", der)) => der,
            Ok(_) => return Err(wrong()),
            Err(_) => bytes.to_vec(),
        };
        let summary = CertificateSummary::read(&der).map_err(|_| wrong())?;
        // Signatures are checked with these fields: a certificate without them helps nobody.
        read_certificate(&der)?;
        Ok(Self {
            name: name.to_owned(),
            der,
            summary,
        })
    }

    /// Its fields, which [`Certificate::read`] has seen.
    pub fn fields(&self) -> Result<CertificateFields, Error> {
        Ok(read_certificate(&self.der)?)
    }
}

impl Owner {
    /// The owner's keys folder: `db.crt`, `KEK.crt`, `PK.crt`, and what `db.esl` and `KEK.esl` list, where they
    /// are there. Private keys are not looked at.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let open = |name: &str| Certificate::open(&folder.join(format!("{name}.crt")));
        let mut owner = Self {
            db: open("db")?,
            kek: Some(open("KEK")?),
            pk: Some(open("PK")?),
            dbx: None,
            also: Vec::new(),
        };
        for name in ["db.esl", "KEK.esl"] {
            let path = folder.join(name);
            if path.exists() {
                let bytes = Part::open(&path)?.all(LISTS_LIMIT)?;
                owner.also.extend(listed(&bytes)?);
            }
        }
        owner.also.retain(|der| {
            let own = [Some(&owner.db), owner.kek.as_ref(), owner.pk.as_ref()];
            !own.into_iter().flatten().any(|own| own.der == *der)
        });
        Ok(owner)
    }

    /// A single certificate: the one in db that signs what boots.
    pub fn with(db: Certificate) -> Self {
        Self {
            db,
            kek: None,
            pk: None,
            dbx: None,
            also: Vec::new(),
        }
    }
}

/// The certificates in a signature list.
fn listed(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let lists = efi_signature_list::read(bytes)?;
    let certificates = lists
        .into_iter()
        .filter(|list| list.signature_type == CERT_X509)
        .flat_map(|list| list.signatures);
    Ok(certificates.map(|entry| entry.data).collect())
}
