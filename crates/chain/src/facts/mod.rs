//! What a file is and what is in it: facts, no verdict. Whether any of it is to be trusted is
//! for [`crate::verify`] to say.

mod disk;
mod image;
mod program;
mod signed;

use std::path::Path;

use serde::Serialize;

use crate::kind::{Kind, recognise};
use crate::text::Text;
use crate::{Error, Part};

pub use disk::{Disk, FileOnDisk, Partition, Volume};
pub use image::{Image, Squashfs, Verity};
pub use program::{Kernel, Program, Section};
pub use signed::{CertificateHash, Lists, ManifestFacts, Named, Signature, Signed, Variable};

/// Columns of the label before a fact.
const LABEL: usize = 16;

/// What a file is.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// Its path.
    pub path: String,
    /// In bytes; of a folder, that of its files.
    pub size: u64,
    /// Its format.
    pub kind: Kind,
    /// What is in it.
    #[serde(flatten)]
    pub contents: Contents,
}

/// What is in a file.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Contents {
    /// A UKI or another PE image.
    Program(Box<Program>),
    /// A squashfs image.
    Image(Image),
    /// A disk.
    Disk(Disk),
    /// A folder: its files.
    Folder {
        /// Those whose format is known.
        files: Vec<Facts>,
        /// Names of the others.
        other_files: Vec<String>,
    },
    /// `release.json`.
    Manifest(ManifestFacts),
    /// A PKCS#7 signature.
    Signature(Signature),
    /// A certificate.
    Certificate(Named),
    /// EFI signature lists.
    Lists(Lists),
    /// A signed EFI variable.
    Variable(Variable),
}

/// Looks at a file, a release folder or a block device.
///
/// # Errors
///
/// When it cannot be read, or is not what it seems to be.
pub fn inspect(path: &Path) -> Result<Facts, Error> {
    if path.is_dir() {
        return folder(path);
    }
    let mut facts = look(&mut Part::open(path)?, true)?;
    facts.path = path.display().to_string();
    Ok(facts)
}

/// `deep`: into the files of a disk, too.
fn look(part: &mut Part<'_>, deep: bool) -> Result<Facts, Error> {
    let kind = recognise(part)?;
    let contents = match kind {
        Kind::Uki | Kind::Pe => Contents::Program(Box::new(program::look(part)?)),
        Kind::Image => Contents::Image(image::look(part)?),
        Kind::Disk => Contents::Disk(disk::look(part, deep)?),
        Kind::Manifest => Contents::Manifest(signed::manifest(part)?),
        Kind::Signature => Contents::Signature(signed::signature(part)?),
        Kind::Certificate => Contents::Certificate(signed::certificate(part)?),
        Kind::SignatureList => Contents::Lists(signed::lists(part)?),
        Kind::SignedVariable => Contents::Variable(signed::variable(part)?),
        // A part is never a folder.
        Kind::Folder => Contents::Folder {
            files: Vec::new(),
            other_files: Vec::new(),
        },
    };
    Ok(Facts {
        path: part.name().to_owned(),
        size: part.size(),
        kind,
        contents,
    })
}

fn folder(path: &Path) -> Result<Facts, Error> {
    let unreadable = |source| Error::Read {
        what: path.display().to_string(),
        source,
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.path().is_file() {
            names.push(entry.file_name());
        }
    }
    names.sort();
    let (mut files, mut other_files, mut size) = (Vec::new(), Vec::new(), 0);
    for name in names {
        let shown = name.to_string_lossy().into_owned();
        let looked = Part::named(&shown, &path.join(&name)).and_then(|mut part| {
            size += part.size();
            look(&mut part, false)
        });
        match looked {
            Ok(facts) => files.push(facts),
            Err(Error::Unknown { .. } | Error::Empty(_)) => other_files.push(shown),
            Err(error) => other_files.push(format!("{shown} ({error})")),
        }
    }
    if files.is_empty() {
        return Err(Error::NotARelease {
            what: path.display().to_string(),
            problem: "no file in it has a format that is known here",
        });
    }
    Ok(Facts {
        path: path.display().to_string(),
        size,
        kind: Kind::Folder,
        contents: Contents::Folder { files, other_files },
    })
}

impl Facts {
    /// For a person: at most 80 columns of ASCII.
    pub fn render(&self) -> String {
        let mut text = Text::default();
        self.write(&mut text);
        text.finish()
    }

    fn write(&self, text: &mut Text) {
        text.line(&format!(
            "{}: {}, {} bytes",
            self.path,
            self.kind.words(),
            self.size
        ));
        match &self.contents {
            Contents::Program(facts) => facts.write(text),
            Contents::Image(facts) => facts.write(text),
            Contents::Disk(facts) => facts.write(text),
            Contents::Folder { files, other_files } => {
                for name in other_files {
                    text.row(2, "other file", LABEL - 2, name);
                }
                write_all(text, files);
            }
            Contents::Manifest(facts) => facts.write(text),
            Contents::Signature(facts) => facts.write(text),
            Contents::Certificate(facts) => facts.write(text),
            Contents::Lists(facts) => facts.write(text),
            Contents::Variable(facts) => facts.write(text),
        }
    }
}

fn write_all(text: &mut Text, files: &[Facts]) {
    for file in files {
        text.gap();
        file.write(text);
    }
}

/// A fact with its label.
fn fact(text: &mut Text, label: &str, value: &str) {
    text.row(2, label, LABEL - 2, value);
}
