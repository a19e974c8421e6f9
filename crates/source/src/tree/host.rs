//! Files of this machine.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use lanes::Pieces;
use rustix::fs::OFlags;

use super::Error;

/// A file of this machine, read when its content is asked for. Trees that have it share what is known
/// of it.
#[derive(Debug)]
pub struct HostFile {
    path: PathBuf,
    /// Its hash, and as what it was hashed.
    hashed: Mutex<Option<(Stamp, [u8; 32])>>,
}

impl PartialEq for HostFile {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for HostFile {}

impl HostFile {
    /// The file at a path, which need not be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Arc<Self> {
        Arc::new(Self {
            path: path.into(),
            hashed: Mutex::new(None),
        })
    }

    /// Opens it; it must have this size.
    pub(super) fn open(&self, size: u64) -> Result<Reader<'_>, Error> {
        Reader::open(&self.path, size)
    }

    /// Hashes its content with [`Pieces`], unless that is known. A file whose [`Stamp`] is the same as
    /// before is not read again, unless it is to be hashed `anew`.
    pub(super) fn hash(&self, size: u64, anew: bool, buffer: &mut [u8]) -> Result<[u8; 32], Error> {
        let mut file = self.open(size)?;
        let mut known = self.hashed.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some((stamp, hash)), false) = (*known, anew)
            && stamp == file.stamp
        {
            return Ok(hash);
        }
        let mut hash = Pieces::new();
        loop {
            match file.read(buffer) {
                Ok(0) => break,
                Ok(read) => hash.update(buffer.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::from_read(error)),
            }
        }
        let hash = hash.finish();
        *known = Some((file.stamp, hash));
        Ok(hash)
    }
}

/// What changes with a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: (u64, u64),
    size: u64,
    /// When content or metadata changed, by the file system's clock.
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(found: &Metadata) -> Self {
        Self {
            inode: (found.dev(), found.ino()),
            size: found.len(),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

/// Neither follow a link nor wait for a pipe that took the file's place.
const OPEN: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK);

/// A file of this machine that must have the size that was seen before.
pub(super) struct Reader<'a> {
    path: &'a Path,
    file: File,
    stamp: Stamp,
    size: u64,
    read: u64,
}

impl<'a> Reader<'a> {
    fn open(path: &'a Path, size: u64) -> Result<Self, Error> {
        let failed = |source| Error::File {
            path: path.to_owned(),
            source,
        };
        let mut options = OpenOptions::new();
        let options = options.read(true).custom_flags(OPEN.bits().cast_signed());
        let file = options.open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let changed = |found: String| Error::FileChanged {
            path: path.to_owned(),
            expected: size,
            found,
        };
        if !metadata.is_file() {
            return Err(changed("not a regular file".to_owned()));
        }
        if metadata.len() != size {
            return Err(changed(format!("{} bytes", metadata.len())));
        }
        let read = 0;
        Ok(Self {
            path,
            file,
            stamp: Stamp::of(&metadata),
            size,
            read,
        })
    }

    fn changed(&self, found: String) -> io::Error {
        let path = self.path.to_owned();
        let expected = self.size;
        let changed = Error::FileChanged {
            path,
            expected,
            found,
        };
        changed.into_read()
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let failed = |source| {
            let path = self.path.to_owned();
            Error::File { path, source }.into_read()
        };
        let left = self.size - self.read;
        if left == 0 {
            // One byte more than promised would make another file of it.
            return match self.file.read(&mut [0]).map_err(failed)? {
                0 => Ok(0),
                _ => Err(self.changed("longer".to_owned())),
            };
        }
        let most = usize::try_from(left).map_or(into.len(), |left| left.min(into.len()));
        match self.file.read(&mut into[..most]).map_err(failed)? {
            0 => Err(self.changed(format!("{} bytes", self.read))),
            n => {
                self.read += n as u64;
                Ok(n)
            }
        }
    }
}
