//! What a TPM holds once a UKI was started, computed from the file and from what is enrolled.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use formats::efi_signature_list::{self as lists, CERT_X509};
use formats::pcr::{self, Pcr, SecureBoot};
use source::fetch::Digest;
use source::keys::verify_image_digest;

use crate::uki::{Section, Uki, digest};
use crate::{Error, Part};

/// Longest file of signature lists, in bytes.
const LISTS: usize = 1 << 20;

/// What is enrolled: the values of the four variables.
#[derive(Clone, Debug, Default)]
pub struct Enrolled {
    /// Signature lists, empty when there is none.
    pub pk: Vec<u8>,
    /// See `pk`.
    pub kek: Vec<u8>,
    /// See `pk`.
    pub db: Vec<u8>,
    /// See `pk`.
    pub dbx: Vec<u8>,
    /// The certificate, DER, of the key that signs the UKI, where that is known before it did.
    pub signer: Option<Vec<u8>>,
}

impl Enrolled {
    /// What the files of an owner's keys folder enrol, and `dbx`, a file of signature lists.
    pub fn open(folder: &Path, dbx: Option<&Path>) -> Result<Self, Error> {
        let read = |path: &Path| Part::open(path)?.all(LISTS);
        let list = |name: &str| read(&folder.join(format!("{name}.esl")));
        Ok(Self {
            pk: list("PK")?,
            kek: list("KEK")?,
            db: list("db")?,
            dbx: dbx.map(read).transpose()?.unwrap_or_default(),
            signer: None,
        })
    }

    /// What signed variables enrol: `PK.auth`, `KEK.auth`, `db.auth`.
    pub fn by_variables([pk, kek, db]: [&[u8]; 3]) -> Result<Self, Error> {
        let value = |auth| Ok::<_, Error>(lists::read_auth(auth)?.data);
        Ok(Self {
            pk: value(pk)?,
            kek: value(kek)?,
            db: value(db)?,
            ..Self::default()
        })
    }
}

/// The registers that are known before.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Its Authenticode digest, SHA-256.
    pub digest: [u8; 32],
    /// PCR 4, when firmware starts the UKI by the first entry that it tries.
    pub program: Pcr,
    /// PCR 7, where it is known what is enrolled.
    pub secure_boot: Option<Pcr>,
    /// PCR 11, when the kernel starts.
    pub stub: Pcr,
}

/// Measures a UKI as firmware and its stub do. With what is enrolled, firmware must start it: else
/// there is nothing that a TPM would hold.
pub fn measure(path: &Path, enrolled: Option<&Enrolled>) -> Result<Measured, Error> {
    let mut part = Part::open(path)?;
    let uki = Uki::open(&mut part)?;
    let program = digest(&mut part, &mut |_| {})?;
    let secure_boot = match enrolled {
        None => None,
        Some(enrolled) => {
            let authority = authority(&mut part, &uki, &program, enrolled)?;
            Some(pcr::secure_boot(&SecureBoot {
                on: true,
                pk: &enrolled.pk,
                kek: &enrolled.kek,
                db: &enrolled.db,
                dbx: &enrolled.dbx,
                authority: Some(&authority),
            }))
        }
    };
    let stub = pcr::stub(|name| {
        let section = uki.section(name);
        section.map(|section| hash(&mut part, section)).transpose()
    })?;
    Ok(Measured {
        digest: program,
        program: pcr::program(&program),
        secure_boot,
        stub,
    })
}

/// The entry of db whose certificate verifies the UKI's signature, as db has it.
fn authority(
    part: &mut Part<'_>,
    uki: &Uki,
    digest: &[u8; 32],
    enrolled: &Enrolled,
) -> Result<Vec<u8>, Error> {
    let signatures = uki.signatures(part)?;
    let signatures: Vec<&[u8]> = signatures.iter().map(Vec::as_slice).collect();
    let lists = lists::read(&enrolled.db)?;
    let certificates = lists.iter().filter(|list| list.signature_type == CERT_X509);
    let mut entries = certificates.flat_map(|list| &list.signatures);
    let entry = entries.find(|entry| match &enrolled.signer {
        Some(signer) => *signer == entry.data,
        None => verify_image_digest(&entry.data, digest, &signatures).is_ok(),
    });
    let entry = entry.ok_or_else(|| Error::NotStarted(part.name().to_owned()))?;
    Ok([&entry.owner.to_bytes()[..], &entry.data].concat())
}

fn hash(part: &mut Part<'_>, section: Section) -> Result<[u8; 32], Error> {
    let hashed = part
        .seek(SeekFrom::Start(section.offset))
        .and_then(|_| Digest::of_reader(&mut part.by_ref().take(section.size)));
    let (Digest(hash), _) = hashed.map_err(|source| part.unreadable(source))?;
    Ok(hash)
}
