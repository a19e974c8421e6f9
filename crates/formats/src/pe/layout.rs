//! An image that is not written yet: its headers, and what follows them.

use std::io::{self, Read, Write};

use super::checksum::Checksum;
use super::reader::Headers;

/// What is in a section.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// So many, which are given when the image is written.
    Later(u64),
}

impl Data<'_> {
    /// Length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Later(size) => *size,
        }
    }
}

impl<'a> From<&'a [u8]> for Data<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

/// See the module. The checksum in its headers is 0.
#[derive(Debug)]
pub struct Layout<'a> {
    /// As they are written.
    pub(super) head: Vec<u8>,
    pub(super) headers: Headers,
    /// One behind the other.
    pub(super) pieces: Vec<Piece<'a>>,
    /// Of the image, in bytes.
    pub(super) size: u64,
}

/// A part of an image behind its headers.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    Zeros(u64),
    Data(Data<'a>),
}

/// Who gives the bytes that come [later](Data::Later): called for each such section, in their order,
/// and writes exactly as many as it is to have.
pub type Give<'a> = dyn FnMut(&mut dyn Write) -> io::Result<()> + 'a;

impl<'a> Layout<'a> {
    /// Size of the image, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The image's headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Writes the image, from its first byte to its last.
    pub fn write(&self, out: &mut dyn Write, give: &mut Give<'_>) -> io::Result<()> {
        out.write_all(&self.head)?;
        for piece in &self.pieces {
            match piece {
                Piece::Data(Data::Bytes(bytes)) => out.write_all(bytes)?,
                Piece::Data(Data::Later(size)) => {
                    let mut exact = Exact { out, left: *size };
                    give(&mut exact)?;
                    if exact.left > 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Piece::Zeros(count) => {
                    io::copy(&mut io::repeat(0).take(*count), out)?;
                }
            }
        }
        Ok(())
    }

    /// The whole image in memory, with its checksum; `None` when some of it comes later.
    pub fn into_image(self) -> Option<Vec<u8>> {
        let mut image = Vec::with_capacity(usize::try_from(self.size).ok()?);
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        self.write(&mut image, &mut |_| Err(missing())).ok()?;
        let mut checksum = Checksum::default();
        checksum.update(&image);
        let field = image.get_mut(self.headers.checksum_offset()..);
        let (field, _) = field?.split_first_chunk_mut()?;
        *field = checksum.finish().to_le_bytes();
        Some(image)
    }

    /// Puts data behind what there is, at a multiple of `alignment`, and pads it; where, and its padded
    /// size.
    pub(super) fn append(&mut self, data: Data<'a>, alignment: u64) -> (u64, u64) {
        let offset = self.size.next_multiple_of(alignment);
        let size = data.size().next_multiple_of(alignment);
        self.pieces.push(Piece::Zeros(offset - self.size));
        self.pieces.push(Piece::Data(data));
        self.pieces.push(Piece::Zeros(size - data.size()));
        self.size = offset + size;
        (offset, size)
    }
}

/// Takes so many bytes and no more.
struct Exact<'a> {
    out: &'a mut dyn Write,
    left: u64,
}

impl Write for Exact<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            return Err(io::Error::other("it became longer while it was read"));
        }
        let written = self.out.write(bytes)?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
