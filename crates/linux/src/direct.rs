//! Reading and writing block devices past the page cache (open(2), `O_DIRECT`).

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::Error;

/// What memory, offset and length of a direct read or write must be multiples of, in bytes: at least the
/// block size of every device that is mapped here.
pub const ALIGNMENT: usize = 4096;

/// Memory for direct reads and writes.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
}

/// Opens a block device for direct reads, or for ordinary ones where it has none.
pub fn open(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true);
    let direct = options
        .clone()
        .custom_flags(OFlags::DIRECT.bits() as i32)
        .open(path);
    match direct {
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
            options.open(path)
        }
        other => other,
    }
    .map_err(Error::at("cannot open", path))
}

impl Buffer {
    /// `length` bytes.
    pub fn new(length: usize) -> Self {
        let bytes = vec![0; length + ALIGNMENT];
        let start = bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self {
            bytes,
            start,
            length,
        }
    }

    /// The first `length` bytes (at most the buffer's).
    pub fn bytes(&mut self, length: usize) -> &mut [u8] {
        let end = self.start + length.min(self.length);
        self.bytes.get_mut(self.start..end).unwrap_or_default()
    }

    /// Reads `length` bytes (at most the buffer's) at `offset` of `file`.
    pub fn read(&mut self, file: &File, offset: u64, length: usize) -> std::io::Result<&[u8]> {
        let bytes = self.bytes(length);
        file.read_exact_at(bytes, offset)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..3 * ALIGNMENT).map(|i| (i / 7) as u8).collect();
        std::fs::write(&path, &content).unwrap();
        let file = open(&path).unwrap();
        let mut buffer = Buffer::new(2 * ALIGNMENT);
        assert_eq!(
            (buffer.start + buffer.bytes.as_ptr() as usize) % ALIGNMENT,
            0
        );
        let read = buffer.read(&file, ALIGNMENT as u64, 2 * ALIGNMENT).unwrap();
        assert_eq!(read, &content[ALIGNMENT..]);
        assert!(
            buffer
                .read(&file, 2 * ALIGNMENT as u64, 2 * ALIGNMENT)
                .is_err()
        );
    }
}
