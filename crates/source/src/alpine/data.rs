//! A package's data: the tar stream of its files, checked against its SHA-256 as it goes by.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY as SHA1};
use flate2::bufread::MultiGzDecoder;

use super::apk::Checksum;
use crate::fetch::{Digest, Hasher};
use crate::layer::EntryError;
use crate::layer::archive::{Archive, Entry, EntryKind};
use crate::section::Section;

/// Why data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read, or is not what was signed.
    #[error(transparent)]
    Read(io::Error),
    /// It is not a tar stream.
    #[error(transparent)]
    Tar(Box<EntryError>),
}

/// The data is not what the control part says.
#[derive(Debug, thiserror::Error)]
#[error(
    "the SHA-256 of the data is {found}, the control part says {expected}: the file was cut, \
     or altered after it was signed; get it again"
)]
pub struct NotSigned {
    /// What the control part says.
    expected: Digest,
    /// What it is.
    found: Digest,
}

/// Something that a package puts somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Its path, without slashes at the ends.
    pub(crate) path: Vec<u8>,
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
    /// Permission bits.
    pub(crate) mode: u16,
    /// `None` for a directory; SHA-1 of a file's content or of a link's target.
    pub(crate) content: Option<Checksum>,
}

/// The unpacked data. Its end is only reached when the hash is right.
pub(crate) struct Data {
    decoder: MultiGzDecoder<Hashed>,
    expected: Digest,
}

impl Data {
    /// The data from byte `start` of a file to its end.
    pub(crate) fn new(file: &Arc<File>, start: u64, expected: Digest) -> Self {
        let section = Section::new(file, start, u64::MAX);
        let input = Hashed {
            input: BufReader::with_capacity(1 << 17, section),
            hasher: Hasher::default(),
        };
        Self {
            decoder: MultiGzDecoder::new(input),
            expected,
        }
    }

    /// Reads what is left and compares the hash.
    fn check(&mut self) -> io::Result<()> {
        let input = self.decoder.get_mut();
        io::copy(input, &mut io::sink())?;
        let (found, _) = input.hasher.clone().finish();
        if found == self.expected {
            return Ok(());
        }
        let expected = self.expected;
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            NotSigned { expected, found },
        ))
    }
}

impl Read for Data {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.decoder.read(buffer) {
            Ok(0) if !buffer.is_empty() => self.check().map(|()| 0),
            // That it was altered says more than where the decompressor stumbled.
            Err(error) if error.raw_os_error().is_none() => {
                Err(self.check().err().unwrap_or(error))
            }
            read => read,
        }
    }
}

/// Hashes what is taken from it.
struct Hashed {
    input: BufReader<Section>,
    hasher: Hasher,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl BufRead for Hashed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        let taken = self.input.buffer().get(..amount).unwrap_or_default();
        self.hasher.update(taken);
        self.input.consume(amount);
    }
}

/// Reads the data to its end: what is in it, in its order.
pub(crate) fn placed(data: Data) -> Result<Vec<Placed>, Error> {
    let mut archive = Archive::new(data);
    let mut placed: Vec<Placed> = Vec::new();
    while let Some(entry) = archive.next_entry().map_err(unreadable)? {
        let content = match &entry.kind {
            EntryKind::Directory => None,
            EntryKind::File(_) => Some(hash(&mut archive.content()).map_err(content)?),
            EntryKind::Symlink(target) => Some(Checksum::of(target)),
            EntryKind::HardLink(target) => {
                let target = trimmed(target);
                let linked = placed.iter().find(|placed| placed.path == target);
                linked
                    .and_then(|placed| placed.content)
                    .or(Some(Checksum::of(target)))
            }
            _ => Some(Checksum::of(&[])),
        };
        placed.push(Placed::new(&entry, content));
    }
    archive.finish().map_err(unreadable)?;
    Ok(placed)
}

/// The tar reader's error, or what it was given by the data.
fn unreadable(error: EntryError) -> Error {
    match error.problem {
        crate::layer::EntryProblem::Read(source) => Error::Read(source),
        _ => Error::Tar(Box::new(error)),
    }
}

/// The same for an entry's content, whose errors hold the tar reader's.
fn content(error: io::Error) -> Error {
    match error.downcast() {
        Ok(error) => unreadable(error),
        Err(error) => Error::Read(error),
    }
}

fn hash(reader: &mut dyn Read) -> io::Result<Checksum> {
    let mut context = Context::new(&SHA1);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            read => context.update(buffer.get(..read).unwrap_or_default()),
        }
    }
    let mut sum = [0; 20];
    sum.copy_from_slice(context.finish().as_ref());
    Ok(Checksum(sum))
}

/// A path without what says nothing: `./etc/` is `etc`.
fn trimmed(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b"./").unwrap_or(path);
    let end = path.iter().rposition(|b| *b != b'/').map_or(0, |at| at + 1);
    let path = path.get(..end).unwrap_or_default();
    let start = path.iter().position(|b| *b != b'/').unwrap_or(0);
    path.get(start..).unwrap_or_default()
}

impl Placed {
    fn new(entry: &Entry, content: Option<Checksum>) -> Self {
        Self {
            path: trimmed(&entry.path).to_vec(),
            uid: entry.uid,
            gid: entry.gid,
            mode: entry.mode,
            content,
        }
    }
}
