//! What is dumped: a stretch of something that can be read anywhere.

use std::io::{self, Read, Seek, SeekFrom};

use crate::seek::Window;

/// Something to read from, anywhere in it.
trait Bytes: Read + Seek {}

impl<T: Read + Seek> Bytes for T {}

/// A stretch of a file; offsets are from its start.
pub struct Source<'a>(Window<'a, dyn Bytes + 'a>);

impl<'a> Source<'a> {
    /// All of `bytes`.
    ///
    /// # Errors
    ///
    /// When they have no end.
    pub fn new(bytes: &'a mut (impl Read + Seek)) -> io::Result<Self> {
        let size = bytes.seek(SeekFrom::End(0))?;
        Ok(Self(Window::new(bytes, 0, size)))
    }

    /// How long it is, in bytes.
    pub fn size(&self) -> u64 {
        self.0.size
    }

    /// Where byte `offset` of it is in the file.
    pub fn place(&self, offset: u64) -> u64 {
        self.0.start.saturating_add(offset)
    }

    /// `size` bytes from `offset` on, or as many as there are.
    pub fn part(&mut self, offset: u64, size: u64) -> Source<'_> {
        let start = offset.min(self.0.size);
        let size = size.min(self.0.size - start);
        Source(Window::new(
            &mut *self.0.bytes,
            self.0.start.saturating_add(start),
            size,
        ))
    }

    /// `length` bytes from `offset` on, or as many as there are. The caller says by `length` what memory
    /// may hold.
    ///
    /// # Errors
    ///
    /// When the system does not give them.
    pub fn at(&mut self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.part(offset, length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Source<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}
