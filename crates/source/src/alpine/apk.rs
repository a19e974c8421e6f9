//! `.apk` files of version 2 (apk-v2(5)): signature, control part and data, each a gzip member.
//!
//! What vouches for what, in the order in which it is checked:
//!
//! 1. a signature by a trusted key, over the control part as it is packed;
//! 2. where an index describes the package: the control part's checksum, which the index gives;
//! 3. the data's SHA-256, which the control part gives (`datahash`): over all bytes that follow
//!    the control part, to the end of the file.
//!
//! Reading needs no unpacking: the data is a [`Layer`], checked again as it streams. The scripts in
//! the control part are never looked at, but for their names.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY as SHA1, digest};
use base64ct::{Base64, Encoding};

use super::data::{Data, Placed};
use super::fields::{self, DATA_HASH, TRIGGERS};
use super::keyring::{Keyring, Untrusted};
use super::package::{self, Package};
use super::{data, member};
use crate::fetch::Digest;
use crate::layer::Layer;
use crate::section::Section;

/// The most that signature and control part may take together, packed, in bytes.
const MOST_HEAD: u64 = 8 << 20;

/// The most that the control part may take when it is unpacked, in bytes: most of it is scripts.
const MOST_CONTROL: u64 = 32 << 20;

/// SHA-1 of a package's control part, by which its index knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum(pub [u8; 20]);

/// The text is not such a checksum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a checksum; Q1 and 20 bytes in base64 are needed")]
pub struct NotAChecksum {
    /// The text, shortened.
    pub found: String,
}

/// A package file, believed.
#[derive(Clone, Debug)]
pub struct Apk {
    name: String,
    file: Arc<File>,
    package: Package,
    signer: String,
    scripts: Vec<String>,
    triggers: Vec<String>,
    /// Where the data starts, in bytes.
    data: u64,
    data_hash: Digest,
    placed: Vec<Placed>,
}

/// Why a file is not a usable package.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be opened or read.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its parts cannot be taken apart.
    #[error("{name} is not an Alpine package that can be read")]
    Parts {
        /// The file.
        name: String,
        /// Why.
        source: member::Error,
    },
    /// No trusted key vouches for it.
    #[error("{name} is refused; take it from another place, or name its key in alpine.keys")]
    Untrusted {
        /// The file.
        name: String,
        /// Why.
        source: Untrusted,
    },
    /// It is another one than its index describes.
    #[error(
        "{name} is not the package that its index describes: the checksum of its control part \
         is {found}, {expected} is expected"
    )]
    Other {
        /// The file.
        name: String,
        /// What it should be.
        expected: Checksum,
        /// What it is.
        found: Checksum,
    },
    /// Its control part describes no package.
    #[error("the .PKGINFO of {name} cannot be used")]
    Info {
        /// The file.
        name: String,
        /// Why.
        source: package::Error,
    },
    /// Its control part lacks what is needed.
    #[error("the control part of {name} has no {what}")]
    Missing {
        /// The file.
        name: String,
        /// What.
        what: &'static str,
    },
    /// Its data is not what its control part says, or no tar stream.
    #[error("the data of {name} cannot be used")]
    Data {
        /// The file.
        name: String,
        /// Why.
        source: data::Error,
    },
}

impl Apk {
    /// Opens a local package file, which a key of the ring must have signed.
    pub fn open(path: impl AsRef<Path>, keyring: &Keyring) -> Result<Self, Error> {
        let path = path.as_ref();
        let cannot = |source| Error::Open {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(cannot)?;
        // A folder opens, and fails only when it is read.
        let size = file.metadata().map_err(cannot)?.len();
        let name = path.file_name().unwrap_or(path.as_os_str());
        let name = name.to_string_lossy().into_owned();
        Self::read(name, Arc::new(file), size, keyring, None)
    }

    /// Reads a file of `size` bytes to its end; `described` is what its index says of it.
    pub(crate) fn read(
        name: String,
        file: Arc<File>,
        size: u64,
        keyring: &Keyring,
        described: Option<&Package>,
    ) -> Result<Self, Error> {
        let mut head = Vec::new();
        let read = Section::new(&file, 0, MOST_HEAD).read_to_end(&mut head);
        read.map_err(|source| Error::Open {
            path: PathBuf::from(&name),
            source,
        })?;
        let parts = |source| Error::Parts {
            name: name.clone(),
            source,
        };
        let missing = |what| Error::Missing {
            name: name.clone(),
            what,
        };
        let (signatures, signed) = member::signatures(&head, MOST_CONTROL).map_err(parts)?;
        let (entries, rest) = member::first(signed, "control part", MOST_CONTROL).map_err(parts)?;
        let control = signed.strip_suffix(rest).unwrap_or(signed);
        let signer = keyring
            .verify(&signatures, control)
            .map_err(|source| Error::Untrusted {
                name: name.clone(),
                source,
            })?;
        let found = Checksum::of(control);
        if let Some(expected) = described.and_then(|package| package.checksum)
            && found != expected
        {
            return Err(Error::Other {
                name,
                expected,
                found,
            });
        }
        let in_info = |source| Error::Info {
            name: name.clone(),
            source,
        };
        let info = entries.iter().find(|entry| entry.name == ".PKGINFO");
        let info = info.ok_or_else(|| missing(".PKGINFO"))?;
        let mut fields =
            fields::info(&String::from_utf8_lossy(&info.bytes)).map_err(|e| in_info(e.into()))?;
        let data_hash = fields.get(DATA_HASH).parse();
        let data_hash = data_hash.map_err(|_| missing("datahash (SHA-256 of the data)"))?;
        let triggers = fields.get(TRIGGERS).split_ascii_whitespace();
        let triggers = triggers.map(str::to_owned).collect();
        fields.set(b'C', found.to_string());
        fields.set(b'S', size.to_string());
        let repository = described.map_or_else(|| Arc::from(""), |p| Arc::clone(&p.repository));
        let package = Package::from_fields(fields, &repository).map_err(in_info)?;
        let scripts = entries.iter().filter(|entry| entry.name != ".PKGINFO");
        let scripts = scripts.map(|entry| entry.name.trim_start_matches('.').to_owned());
        let scripts = scripts.collect();
        let data = (head.len() - rest.len()) as u64;
        let stream = Data::new(&file, data, data_hash);
        let placed = data::placed(stream).map_err(|source| Error::Data {
            name: name.clone(),
            source,
        })?;
        Ok(Self {
            name,
            file,
            package,
            signer,
            scripts,
            triggers,
            data,
            data_hash,
            placed,
        })
    }

    /// What it says of itself.
    pub fn package(&self) -> &Package {
        &self.package
    }

    /// File name of the key that signed it.
    pub fn signer(&self) -> &str {
        &self.signer
    }

    /// Names of the scripts that apk would run: `post-install`, `trigger` … None is run here.
    pub fn scripts(&self) -> &[String] {
        &self.scripts
    }

    /// Directories whose change would run the script `trigger`.
    pub fn triggers(&self) -> &[String] {
        &self.triggers
    }

    /// What it puts where, in the order of its data.
    pub(crate) fn placed(&self) -> &[Placed] {
        &self.placed
    }
}

impl Layer for Apk {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(Data::new(&self.file, self.data, self.data_hash)))
    }
}

impl Checksum {
    /// The checksum of bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
        let mut sum = [0; 20];
        // SHA-1 has 20 bytes.
        sum.copy_from_slice(digest(&SHA1, bytes).as_ref());
        Self(sum)
    }

    /// In hex, as a part of a file's name.
    pub(crate) fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl std::fmt::Display for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Q1{}", Base64::encode_string(&self.0))
    }
}

impl std::str::FromStr for Checksum {
    type Err = NotAChecksum;

    fn from_str(text: &str) -> Result<Self, NotAChecksum> {
        let wrong = || NotAChecksum {
            found: text.chars().take(80).collect(),
        };
        let mut sum = [0; 20];
        let encoded = text.strip_prefix("Q1").ok_or_else(wrong)?;
        let decoded = Base64::decode(encoded, &mut sum).map_err(|_| wrong())?;
        match decoded.len() {
            20 => Ok(Self(sum)),
            _ => Err(wrong()),
        }
    }
}
