//! What is dumped: a stretch of something that can be read anywhere.

use std::io::{self, Read, Seek, SeekFrom};

/// Something to read from, anywhere in it.
trait Bytes: Read + Seek {}

impl<T: Read + Seek> Bytes for T {}

/// A stretch of a file; offsets are from its start.
pub struct Source<'a> {
    bytes: &'a mut dyn Bytes,
    start: u64,
    size: u64,
    position: u64,
}

impl<'a> Source<'a> {
    /// All of `bytes`.
    ///
    /// # Errors
    ///
    /// When they have no end.
    pub fn new(bytes: &'a mut (impl Read + Seek)) -> io::Result<Self> {
        let size = bytes.seek(SeekFrom::End(0))?;
        Ok(Self {
            bytes,
            start: 0,
            size,
            position: 0,
        })
    }

    /// How long it is, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where byte `offset` of it is in the file.
    pub fn place(&self, offset: u64) -> u64 {
        self.start.saturating_add(offset)
    }

    /// `size` bytes from `offset` on, or as many as there are.
    pub fn part(&mut self, offset: u64, size: u64) -> Source<'_> {
        let start = offset.min(self.size);
        Source {
            start: self.start.saturating_add(start),
            size: size.min(self.size - start),
            bytes: &mut *self.bytes,
            position: 0,
        }
    }

    /// `length` bytes from `offset` on, or as many as there are. The caller says by `length` what memory
    /// may hold.
    ///
    /// # Errors
    ///
    /// When the system does not give them.
    pub fn at(&mut self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let left = self.size.saturating_sub(offset);
        let mut bytes = Vec::new();
        if left == 0 {
            // An offset that no file has is none to seek.
            return Ok(bytes);
        }
        self.bytes
            .seek(SeekFrom::Start(self.start.saturating_add(offset)))?;
        let length = left.min(length as u64);
        (&mut *self.bytes).take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.size.saturating_sub(self.position);
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let length = buffer.len().min(most);
        if length == 0 {
            return Ok(0);
        }
        let place = self.place(self.position);
        self.bytes.seek(SeekFrom::Start(place))?;
        let read = self
            .bytes
            .read(buffer.get_mut(..length).unwrap_or_default())?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Source<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = crate::seek::target(to, self.position, self.size)?;
        Ok(self.position)
    }
}
