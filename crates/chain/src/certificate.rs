//! Certificates: what files hold them, and which are the owner's.

use std::path::Path;

use formats::efi_signature_list::{self, CERT_SHA256, CERT_X509, CERT_X509_SHA256, SignatureList};
use formats::pkcs7::{CertificateFields, read_certificate};
use sha2::{Digest, Sha256};
use source::keys::CertificateSummary;
use uguid::Guid;

use crate::check::SbatLevel;
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
    /// More certificates whose signatures count as db's do: where a whole db is what is asked about.
    pub others: Vec<Certificate>,
    /// Authenticode digests, SHA-256, of what starts without a signature.
    pub hashes: Vec<Vec<u8>>,
    /// May change db; `None` when only the db certificate is known.
    pub kek: Option<Certificate>,
    /// May change KEK; likewise.
    pub pk: Option<Certificate>,
    /// What firmware refuses whoever signed it; `None` when that is not known.
    pub dbx: Option<Dbx>,
    /// What shim refuses by its generation; `None` when that is not asked about.
    pub sbat_level: Option<SbatLevel>,
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
    /// SHA-256 of what was signed of a certificate, its TBSCertificate.
    certificate_hashes: Vec<Vec<u8>>,
}

impl Dbx {
    /// Reads EFI signature lists.
    pub fn read(lists: &[u8]) -> Result<Self, Error> {
        let lists = efi_signature_list::read(lists)?;
        // The time behind a certificate's hash says since when, which needs a timestamp in the signature to help.
        let hash_alone = |mut entry: Vec<u8>| {
            entry.truncate(32);
            entry
        };
        let certificate_hashes = entries(&lists, CERT_X509_SHA256).map(hash_alone);
        Ok(Self {
            hashes: entries(&lists, CERT_SHA256).collect(),
            certificates: entries(&lists, CERT_X509).collect(),
            certificate_hashes: certificate_hashes.collect(),
        })
    }

    /// Why a program of that digest does not start, whose signature these certificates (DER) vouch for, from
    /// the signer's on; `None` when it does.
    pub(crate) fn why(&self, digest: &[u8; 32], chain: &[Vec<u8>]) -> Option<&'static str> {
        if self.hashes.iter().any(|hash| hash == digest) {
            return Some("its Authenticode digest is in dbx: firmware does not start it");
        }
        let revoked = chain.iter().any(|der| self.revokes(der));
        revoked.then_some("the certificate that signed it is in dbx: firmware does not start it")
    }

    fn revokes(&self, certificate: &[u8]) -> bool {
        let by_hash = || {
            let fields = read_certificate(certificate).ok()?;
            let hash = Sha256::digest(&fields.signed);
            Some(self.certificate_hashes.iter().any(|h| h[..] == hash[..]))
        };
        self.certificates.iter().any(|der| der == certificate) || by_hash() == Some(true)
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
        let mut owner = Self::with(open("db")?);
        owner.kek = Some(open("KEK")?);
        owner.pk = Some(open("PK")?);
        for name in ["db.esl", "KEK.esl"] {
            let path = folder.join(name);
            if path.exists() {
                let bytes = Part::open(&path)?.all(LISTS_LIMIT)?;
                owner
                    .also
                    .extend(entries(&efi_signature_list::read(&bytes)?, CERT_X509));
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
            others: Vec::new(),
            hashes: Vec::new(),
            kek: None,
            pk: None,
            dbx: None,
            sbat_level: None,
            also: Vec::new(),
        }
    }

    /// All that a db holds, EFI signature lists; `name` says where it was found. Of several certificates the first
    /// is the one that is named.
    pub fn of_db(name: &str, lists: &[u8]) -> Result<Self, Error> {
        let lists = efi_signature_list::read(lists)?;
        // Those with other keys than RSA vouch for nothing here.
        let usable = |der: Vec<u8>| Certificate::read(name, &der).ok();
        let mut certificates = entries(&lists, CERT_X509).filter_map(usable);
        let first = certificates.next();
        let mut owner = Self::with(first.ok_or_else(|| Error::NoCertificate(name.to_owned()))?);
        owner.others = certificates.collect();
        owner.hashes = entries(&lists, CERT_SHA256).collect();
        Ok(owner)
    }

    /// All certificates whose signatures count, the one that is named first.
    pub(crate) fn trusted(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.db).chain(&self.others)
    }

    /// Whether any of them makes something hold: which, where there are several. The complaint is the first one's.
    pub(crate) fn any<T, E>(
        &self,
        mut holds: impl FnMut(&[u8]) -> Result<T, E>,
    ) -> Result<String, E> {
        let first = match holds(&self.db.der) {
            Ok(_) => return Ok(self.said(&self.db)),
            Err(error) => error,
        };
        let other = (self.others.iter()).find(|other| holds(&other.der).is_ok());
        other.map(|other| self.said(other)).ok_or(first)
    }

    /// Which certificate it was, where there are several.
    pub(crate) fn said(&self, certificate: &Certificate) -> String {
        match self.others.is_empty() {
            true => String::new(),
            false => format!("by {}", certificate.summary.subject),
        }
    }
}

/// What lists of a type hold.
fn entries(lists: &[SignatureList], kind: Guid) -> impl Iterator<Item = Vec<u8>> {
    let lists = lists.iter().filter(move |list| list.signature_type == kind);
    lists.flat_map(|list| list.signatures.iter().map(|entry| entry.data.clone()))
}
