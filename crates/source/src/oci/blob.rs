//! Content that is known by its digest: a part of an open file.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::Error;
use crate::fetch::Digest;
use crate::section::Section;

/// Where some bytes are. The file is held open: what happens to its name does not matter.
#[derive(Clone, Debug)]
pub(super) struct Blob {
    file: Arc<File>,
    /// In bytes.
    offset: u64,
    /// In bytes.
    pub(super) size: u64,
    /// Where it is, for messages.
    pub(super) place: String,
}

impl Blob {
    pub(super) fn new(file: &Arc<File>, offset: u64, size: u64, place: impl Into<String>) -> Self {
        Self {
            file: Arc::clone(file),
            offset,
            size,
            place: place.into(),
        }
    }

    /// From its first byte.
    pub(super) fn reader(&self) -> Section {
        Section::new(&self.file, self.offset, self.size)
    }

    /// Checks size and digest. What comes from it may be parsed only afterwards.
    pub(super) fn check(&self, expected: Digest, size: u64) -> Result<(), Error> {
        let differs = |found| Error::Size {
            digest: expected,
            place: self.place.clone(),
            expected: size,
            found,
        };
        if self.size != size {
            return Err(differs(self.size));
        }
        let (found, read) = Digest::of_reader(&mut self.reader()).map_err(|e| self.failed(e))?;
        match () {
            () if read != size => Err(differs(read)),
            () if found != expected => Err(Error::Digest {
                place: self.place.clone(),
                expected,
                found,
            }),
            () => Ok(()),
        }
    }

    /// All bytes, after their digest was checked; `name` says what they are in messages.
    pub(super) fn document(
        &self,
        digest: Digest,
        name: &str,
        limit: u64,
    ) -> Result<Vec<u8>, Error> {
        let bytes = self.bytes(name, limit)?;
        let found = Digest::of(&bytes);
        match found == digest {
            true => Ok(bytes),
            false => Err(Error::Digest {
                place: self.place.clone(),
                expected: digest,
                found,
            }),
        }
    }

    /// All bytes; `name` says what they are in messages.
    pub(super) fn bytes(&self, name: &str, limit: u64) -> Result<Vec<u8>, Error> {
        if self.size > limit {
            return Err(Error::TooLarge {
                name: name.to_owned(),
                size: self.size,
                limit,
            });
        }
        let mut bytes = Vec::new();
        let read = self.reader().read_to_end(&mut bytes);
        read.map_err(|error| self.failed(error))?;
        Ok(bytes)
    }

    fn failed(&self, source: std::io::Error) -> Error {
        Error::Read {
            action: "read",
            path: self.place.clone().into(),
            source,
        }
    }
}

/// Opens a file of this machine, of which nothing is believed: a pipe does not make it wait.
pub(super) fn open(path: &Path) -> Result<Option<(Arc<File>, u64)>, Error> {
    use std::os::unix::fs::OpenOptionsExt;
    let failed = |source| Error::Read {
        action: "open",
        path: path.to_owned(),
        source,
    };
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let opened = File::options().read(true).custom_flags(nonblock).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        let kind = match metadata.is_dir() {
            true => std::io::ErrorKind::IsADirectory,
            false => std::io::ErrorKind::InvalidInput,
        };
        return Err(failed(kind.into()));
    }
    Ok(Some((Arc::new(file), metadata.len())))
}
