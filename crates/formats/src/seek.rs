//! Reading in any order: a stretch of something, and where a seek leads in what has a known size.

use std::io::{self, Read, Seek, SeekFrom};

/// A stretch of something that can be read in any order. It has a position of its own.
pub struct Window<'a, B: ?Sized> {
    pub(crate) bytes: &'a mut B,
    pub(crate) start: u64,
    pub(crate) size: u64,
    position: u64,
}

impl<'a, B: ?Sized> Window<'a, B> {
    /// `size` bytes of `bytes` from byte `start` on.
    pub fn new(bytes: &'a mut B, start: u64, size: u64) -> Self {
        Self {
            bytes,
            start,
            size,
            position: 0,
        }
    }
}

impl<B: Read + Seek + ?Sized> Read for Window<'_, B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.size.saturating_sub(self.position);
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let length = buffer.len().min(most);
        if length == 0 {
            // An offset that no file has is none to seek.
            return Ok(0);
        }
        let place = self.start.saturating_add(self.position);
        self.bytes.seek(SeekFrom::Start(place))?;
        let buffer = buffer.get_mut(..length).unwrap_or_default();
        let read = self.bytes.read(buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl<B: Read + Seek + ?Sized> Seek for Window<'_, B> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = target(to, self.position, self.size)?;
        Ok(self.position)
    }
}

/// The new position, in bytes; it may be behind the end, as in a file.
///
/// # Errors
///
/// `InvalidInput` when it would be before the start, or is no number.
pub fn target(to: SeekFrom, position: u64, size: u64) -> io::Result<u64> {
    let target = match to {
        SeekFrom::Start(offset) => Some(offset),
        SeekFrom::End(offset) => size.checked_add_signed(offset),
        SeekFrom::Current(offset) => position.checked_add_signed(offset),
    };
    target.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}
