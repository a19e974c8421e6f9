//! A file on its way: the partial file beside its final place in the cache.

use super::Error;
use super::digest::Hasher;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The partial file of one file of the cache, locked: two builds that want the same file take turns.
pub(super) struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    /// The one that becomes the file at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let path = path.with_extension("part");
        let folder = path.parent().unwrap_or(&path);
        fs::create_dir_all(folder).map_err(Error::cache("create", folder))?;
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(Error::cache("write", &path))?;
            file.lock().map_err(Error::cache("lock", &path))?;
            // While this one waited, the lock's last owner may have renamed or removed the file.
            let ours = file.metadata().map_err(Error::cache("read", &path))?;
            let same = fs::symlink_metadata(&path)
                .is_ok_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino()));
            if same {
                return Ok(Self { path, file });
            }
        }
    }

    /// Hashes what is there, at most `size` bytes; whether that is anything.
    pub(super) fn hash(&mut self, size: u64) -> Result<(Hasher, bool), Error> {
        if self.length()? > size {
            self.truncate()?;
        }
        let mut hasher = Hasher::default();
        let mut read = || -> std::io::Result<()> {
            self.file.seek(SeekFrom::Start(0))?;
            hasher.read_all(&mut self.file)
        };
        read().map_err(Error::cache("read", &self.path))?;
        let resumed = hasher.length() > 0;
        Ok((hasher, resumed))
    }

    pub(super) fn length(&self) -> Result<u64, Error> {
        let metadata = self.file.metadata();
        metadata
            .map(|found| found.len())
            .map_err(Error::cache("read", &self.path))
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file
            .write_all(bytes)
            .map_err(Error::cache("write", &self.path))
    }

    pub(super) fn truncate(&mut self) -> Result<(), Error> {
        let mut cut = || {
            self.file.set_len(0)?;
            self.file.seek(SeekFrom::Start(0)).map(drop)
        };
        cut().map_err(Error::cache("truncate", &self.path))
    }

    /// Leaves what is there for the next run; an empty file is of no use to it.
    pub(super) fn keep(&mut self) -> Result<(), Error> {
        if self.length()? == 0 {
            self.remove()
        } else {
            Ok(())
        }
    }

    pub(super) fn remove(&mut self) -> Result<(), Error> {
        fs::remove_file(&self.path).map_err(Error::cache("remove", &self.path))
    }

    /// The open file itself, to be read by position.
    pub(super) fn file(&self) -> Result<File, Error> {
        let file = self.file.try_clone();
        file.map_err(Error::cache("read", &self.path))
    }

    /// Puts the complete file under its final name; it stays readable by this process.
    pub(super) fn finish(self, to: &Path) -> Result<File, Error> {
        self.file
            .sync_all()
            .map_err(Error::cache("write", &self.path))?;
        fs::rename(&self.path, to).map_err(Error::cache("rename to", to))?;
        self.file.unlock().map_err(Error::cache("unlock", to))?;
        Ok(self.file)
    }
}
