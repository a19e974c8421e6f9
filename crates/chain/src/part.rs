//! One artefact's bytes, and where on a disk they are.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use formats::seek::Window;

use crate::Error;

/// Something to read from, anywhere in it.
pub trait Bytes: Read + Seek {}

impl<T: Read + Seek + ?Sized> Bytes for T {}

/// One artefact: a file, or a file on a boot partition.
pub struct Part<'a> {
    name: String,
    size: u64,
    bytes: Box<dyn Bytes + 'a>,
    map: Map,
}

/// Where an artefact's bytes are on the disk.
#[derive(Clone, Default)]
pub(crate) struct Map {
    /// Where each piece starts in the artefact and on the disk, in bytes; none when the artefact
    /// is a file of its own.
    pieces: Vec<(u64, u64)>,
}

impl Map {
    /// `pieces` in their order: where each starts in the artefact, and on the disk.
    pub(crate) fn new(pieces: Vec<(u64, u64)>) -> Self {
        Self { pieces }
    }

    /// Where the byte at `offset` is on the disk; `None` when the artefact is a file of its own.
    pub(crate) fn disk_offset(&self, offset: u64) -> Option<u64> {
        let after = self.pieces.partition_point(|(start, _)| *start <= offset);
        let (start, place) = self.pieces.get(after.checked_sub(1)?)?;
        Some(place.saturating_add(offset - start))
    }
}

impl<'a> Part<'a> {
    /// A file of its own, or a block device.
    pub fn open(path: &Path) -> Result<Part<'static>, Error> {
        Part::named(&path.display().to_string(), path)
    }

    /// The same under another name.
    pub(crate) fn named(name: &str, path: &Path) -> Result<Part<'static>, Error> {
        let name = name.to_owned();
        match open(path) {
            Ok(Ok(file)) => Part::new(name, file),
            Ok(Err(found)) => Err(Error::NotAFile { what: name, found }),
            Err(source) => Err(Error::Read { what: name, source }),
        }
    }

    /// Bytes that are a file of their own.
    pub fn new(name: String, mut bytes: impl Bytes + 'a) -> Result<Self, Error> {
        match bytes.seek(SeekFrom::End(0)) {
            Ok(size) => Ok(Self {
                name,
                size,
                bytes: Box::new(bytes),
                map: Map::default(),
            }),
            Err(source) => Err(Error::Read { what: name, source }),
        }
    }

    /// A file of `size` bytes on a disk.
    pub(crate) fn on_disk(name: String, size: u64, bytes: impl Bytes + 'a, map: Map) -> Self {
        Self {
            name,
            size,
            bytes: Box::new(bytes),
            map,
        }
    }

    /// What it is called: its path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where its bytes are on the disk.
    pub(crate) fn map(&self) -> &Map {
        &self.map
    }

    /// `length` bytes from `offset` on. The caller says by `length` what memory may hold.
    pub fn bytes_at(&mut self, offset: u64, length: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; length];
        self.bytes
            .seek(SeekFrom::Start(offset))
            .and_then(|_| self.bytes.read_exact(&mut bytes))
            .map_err(|source| self.unreadable(source))?;
        Ok(bytes)
    }

    /// The first bytes: `most` of them, or all when there are fewer.
    pub fn start(&mut self, most: usize) -> Result<Vec<u8>, Error> {
        let length = usize::try_from(self.size).unwrap_or(most).min(most);
        self.bytes_at(0, length)
    }

    /// All bytes, at most `limit`.
    pub fn all(&mut self, limit: usize) -> Result<Vec<u8>, Error> {
        if self.size > limit as u64 {
            return Err(Error::TooLong {
                what: self.name.clone(),
                size: self.size,
                limit: limit as u64,
            });
        }
        self.start(limit)
    }

    /// `size` bytes of it from `offset` on, as an artefact of their own, wherever on
    /// a disk they are.
    pub(crate) fn window(&mut self, offset: u64, size: u64) -> Part<'_> {
        Part {
            name: self.name.clone(),
            size,
            bytes: Box::new(Window::new(&mut *self.bytes, offset, size)),
            map: Map::default(),
        }
    }

    pub(crate) fn unreadable(&self, source: io::Error) -> Error {
        Error::Read {
            what: self.name.clone(),
            source,
        }
    }
}

/// Opens what has bytes that can be read in any order; `Err` inside says what it is instead.
/// Looked at before it is opened: opening a pipe waits for whoever writes to it.
fn open(path: &Path) -> io::Result<Result<File, &'static str>> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_file() || kind.is_block_device() {
        return File::open(path).map(Ok);
    }
    Ok(Err(match kind {
        kind if kind.is_dir() => "a folder",
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a character device",
    }))
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }
}

impl Seek for Part<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}
