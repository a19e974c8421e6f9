//! Certificates: what files hold them, and which are the owner's.

use std::path::Path;

use formats::pkcs7::{CertificateFields, read_certificate};
use source::keys::CertificateSummary;

use crate::{Error, Part};

/// Longest certificate file that is read, in bytes.
const LIMIT: usize = 1 << 16;

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
    /// The owner's keys folder: `db.crt`, `KEK.crt`, `PK.crt`. Private keys are not looked at.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let open = |name: &str| Certificate::open(&folder.join(format!("{name}.crt")));
        Ok(Self {
            db: open("db")?,
            kek: Some(open("KEK")?),
            pk: Some(open("PK")?),
        })
    }

    /// A single certificate: the one in db that signs what boots.
    pub fn with(db: Certificate) -> Self {
        Self {
            db,
            kek: None,
            pk: None,
        }
    }
}
