//! Signatures: made where the key is, taken where the release is.

use std::fs;
use std::path::Path;

use source::fetch::Digest;
use source::keys::{SignError, Signer, verify};

use super::check::{json, small_if_there};
use super::format::{MADE, Made, SIGNATURE_END, VERSION};
use super::{Error, ToSign};

/// Signs everything; the files of the folder that goes back: name, and content.
pub fn sign(what: &ToSign, signer: &dyn Signer) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let (wanted, found) = (
        &what.request.certificate_sha256,
        Digest::of(signer.certificate()).to_string(),
    );
    if found != *wanted {
        let wanted = wanted.clone();
        return Err(Error::OtherKey { wanted, found });
    }
    let mut files = Vec::new();
    for (item, message) in what.all() {
        let signature = signer.sign(message)?;
        files.push((format!("{}{SIGNATURE_END}", item.name), signature));
    }
    let made = Made {
        format: VERSION,
        release: what.request.release.clone(),
        request_sha256: Digest::of(&what.request.to_json()).to_string(),
        certificate_sha256: found,
    };
    // Serialising strings into memory has no way to fail.
    let mut made = serde_json::to_vec_pretty(&made).unwrap_or_default();
    made.push(b'\n');
    files.push((MADE.to_owned(), made));
    Ok(files)
}

/// Signatures that hold for a release: a signer that can sign nothing else.
pub struct Signatures {
    certificate: Vec<u8>,
    /// Messages and their signatures.
    made: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Signatures {
    /// Reads a folder of signatures, and verifies each over what the release here needs signed. What
    /// another program signed may be without `signatures.json`.
    pub fn read(folder: &Path, what: &ToSign) -> Result<Self, Error> {
        let request = &what.request;
        let about = folder.join(MADE);
        let about: Option<Made> = about.exists().then(|| json(&about)).transpose()?;
        if let Some(about) = &about {
            check(about, folder, what)?;
        }
        surplus(folder, what)?;
        let certificate = &what.certificate;
        let mut made = Vec::new();
        for (item, message) in what.all() {
            let path = folder.join(format!("{}{SIGNATURE_END}", item.name));
            let Some(signature) = small_if_there(&path)? else {
                let item = item.name.clone();
                return Err(Error::Missing { item, path });
            };
            let holds = |message: &[u8]| verify(certificate, message, &signature).is_ok();
            if !holds(message) {
                let other = what.all().find(|(_, message)| holds(message));
                let name = item.name.clone();
                return Err(match other {
                    Some((found, _)) => Error::Mixed {
                        path,
                        item: name,
                        found: found.name.clone(),
                    },
                    None => Error::Bad {
                        path,
                        item: name,
                        certificate: request.certificate_sha256.clone(),
                    },
                });
            }
            made.push((message.to_vec(), signature));
        }
        let expected = Digest::of(&request.to_json()).to_string();
        match about.filter(|about| about.request_sha256 != expected) {
            Some(about) => Err(Error::OtherRequest {
                expected,
                found: about.request_sha256,
            }),
            None => Ok(Self {
                certificate: certificate.clone(),
                made,
            }),
        }
    }
}

/// What is said of the signatures, before any is looked at: it tells best what was mixed up.
fn check(about: &Made, folder: &Path, what: &ToSign) -> Result<(), Error> {
    let request = &what.request;
    if about.format != VERSION {
        return Err(Error::Format {
            path: folder.join(MADE),
            found: about.format,
        });
    }
    if about.release != request.release {
        return Err(Error::OtherRelease {
            expected: request.release.clone(),
            found: about.release.clone(),
        });
    }
    if about.certificate_sha256 != request.certificate_sha256 {
        return Err(Error::OtherSigner {
            expected: request.certificate_sha256.clone(),
            found: about.certificate_sha256.clone(),
        });
    }
    Ok(())
}

/// Refuses signatures of what the release does not have.
fn surplus(folder: &Path, what: &ToSign) -> Result<(), Error> {
    let failed = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(item) = name.strip_suffix(SIGNATURE_END) else {
            continue;
        };
        if !what.request.items.iter().any(|own| own.name == item) {
            return Err(Error::Surplus { path });
        }
    }
    Ok(())
}

impl Signer for Signatures {
    fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let made = self.made.iter().find(|(signed, _)| signed == message);
        made.map(|(_, signature)| signature.clone())
            .ok_or_else(|| SignError {
                key: "the folder of signatures".to_owned(),
                reason: "there is no signature of that in it".to_owned(),
            })
    }
}
