//! A part of a file, and readers that know how much there may be.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// A part of a file, read by position: several readers share one open file.
#[derive(Debug)]
pub struct Section {
    file: Arc<File>,
    start: u64,
    position: u64,
    size: u64,
}

impl Section {
    /// `size` bytes from `start` on, or less where the file ends.
    pub fn new(file: &Arc<File>, start: u64, size: u64) -> Self {
        Self {
            file: Arc::clone(file),
            start,
            position: 0,
            size,
        }
    }

    /// The file from its first byte to its end.
    pub fn whole(file: &Arc<File>) -> Self {
        Self::new(file, 0, u64::MAX)
    }

    /// What the system says of the file.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.size.saturating_sub(self.position);
        let most = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most) else {
            return Ok(0);
        };
        let at = self.start.saturating_add(self.position);
        let read = self.file.read_at(buffer, at)?;
        self.position = self.position.saturating_add(read as u64);
        Ok(read)
    }
}

impl Seek for Section {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let end = || -> io::Result<u64> {
            let length = self.file.metadata()?.len().saturating_sub(self.start);
            Ok(length.min(self.size))
        };
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => end()?.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// A reader that fails, not ends, where there is more than there should be.
pub(crate) struct Limited<R> {
    inner: R,
    left: u64,
    expected: &'static str,
}

impl<R> Limited<R> {
    /// At most `left` bytes; `expected` says who gave that number.
    pub(crate) fn new(inner: R, left: u64, expected: &'static str) -> Self {
        Self {
            inner,
            left,
            expected,
        }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other(format!("it is longer than {}", self.expected)))?;
        Ok(read)
    }
}
