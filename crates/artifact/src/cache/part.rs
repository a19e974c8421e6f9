//! A file from some byte on, read from places of its own.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

/// See the module.
#[derive(Debug)]
pub(super) struct Part {
    file: File,
    start: u64,
    position: u64,
}

impl Part {
    pub(super) fn new(file: File, start: u64) -> Self {
        let position = 0;
        Self {
            file,
            start,
            position,
        }
    }
}

impl Read for Part {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self
            .file
            .read_at(into, self.start.saturating_add(self.position))?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Part {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => {
                let size = self.file.metadata()?.len().checked_sub(self.start);
                size.and_then(|size| size.checked_add_signed(by))
            }
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
