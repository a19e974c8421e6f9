//! Hashes what is written while it is written.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;

use super::format::{BLOCK_SIZE, Error};
use super::tree::{Built, TreeBuilder, append, io, store};

const BYTES: u64 = BLOCK_SIZE as u64;

/// A file whose hash tree grows along with it, so that nothing has to be read again.
///
/// Made for writers that go from the start to the end of the data, and return to its first block
/// when all else is known. That block is held back; any other that is written again, or passed
/// over, is read back at the end. The hashes are always those of what was written.
pub struct HashingWriter<F> {
    file: F,
    builder: TreeBuilder,
    salt: Vec<u8>,
    threads: NonZeroUsize,
    /// Where the next byte is written or read.
    position: u64,
    /// Everything before this went into the builder.
    end: u64,
    /// The first block, and which bytes of it were written.
    first: Box<[Option<u8>; BLOCK_SIZE]>,
    /// Blocks that are not what the builder took.
    stale: BTreeSet<u64>,
    /// Something failed: what the file holds is not known any more.
    lost: bool,
}

impl<F: Read + Write + Seek + Send> HashingWriter<F> {
    /// The data starts at byte 0 of `file`. The salt has at most 256 bytes.
    pub fn new(mut file: F, salt: &[u8], threads: NonZeroUsize) -> Result<Self, Error> {
        let builder = TreeBuilder::new(salt, threads)?;
        let position = file.stream_position().map_err(io("finding a place", 0))?;
        Ok(Self {
            file,
            builder,
            salt: salt.to_vec(),
            threads,
            position,
            end: 0,
            first: Box::new([None; BLOCK_SIZE]),
            stale: BTreeSet::new(),
            lost: false,
        })
    }

    /// Writes superblock and tree behind the first `data_size` bytes: what
    /// [`append`] does, without reading them.
    pub fn finish(mut self, data_size: u64, uuid: [u8; 16]) -> Result<Built, Error> {
        if self.lost || self.end != data_size || !data_size.is_multiple_of(BYTES) {
            return append(&mut self.file, data_size, &self.salt, uuid, self.threads);
        }
        for index in std::mem::take(&mut self.stale) {
            let block = self.block(index)?;
            self.builder.replace(index, &block);
        }
        let tree = self.builder.finish()?;
        store(&mut self.file, &tree, &self.salt, uuid)
    }

    /// A block as it is in the file.
    fn block(&mut self, index: u64) -> Result<[u8; BLOCK_SIZE], Error> {
        let mut block = [0; BLOCK_SIZE];
        if index == 0 && self.first.iter().all(Option::is_some) {
            for (byte, known) in block.iter_mut().zip(self.first.iter().flatten()) {
                *byte = *known;
            }
            return Ok(block);
        }
        let offset = index * BYTES;
        self.file
            .seek(SeekFrom::Start(offset))
            .and_then(|_| self.file.read_exact(&mut block))
            .map_err(io("reading back a block", offset))?;
        Ok(block)
    }

    /// Follows bytes that were written at the position.
    fn follow(&mut self, bytes: &[u8]) {
        // What was passed over is not known: zeros take its place until it is read back.
        let zeros = [0; BLOCK_SIZE];
        while self.end < self.position {
            let count = (self.position - self.end).min(BYTES);
            self.stale.insert(self.end / BYTES);
            self.end += count;
            self.stale.insert((self.end - 1) / BYTES);
            self.builder
                .update(zeros.get(..count as usize).unwrap_or(&zeros));
        }
        let before = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let (again, new) = bytes.split_at(before.min(bytes.len()));
        if let Some(last) = (again.len() as u64).checked_sub(1) {
            let last = (self.position + last) / BYTES;
            self.stale.extend(self.position / BYTES..=last);
        }
        self.builder.update(new);
        self.end += new.len() as u64;
        let place = usize::try_from(self.position).unwrap_or(usize::MAX);
        let place = self.first.get_mut(place..).unwrap_or_default();
        for (known, byte) in place.iter_mut().zip(bytes) {
            *known = Some(*byte);
        }
    }
}

impl<F> HashingWriter<F> {
    /// What the file said. After an error nobody knows what was written, and where the next byte
    /// goes; but for this one, which promises that nothing happened.
    fn noted<T>(&mut self, said: io::Result<T>) -> io::Result<T> {
        let harmless = |error: &io::Error| error.kind() == io::ErrorKind::Interrupted;
        self.lost |= said.as_ref().is_err_and(|error| !harmless(error));
        said
    }
}

impl<F: Read + Write + Seek + Send> Write for HashingWriter<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        let count = self.noted(written)?;
        self.follow(bytes.get(..count).unwrap_or(bytes));
        self.position = self.position.saturating_add(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl<F: Read> Read for HashingWriter<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer);
        let count = self.noted(read)?;
        self.position = self.position.saturating_add(count as u64);
        Ok(count)
    }
}

impl<F: Seek> Seek for HashingWriter<F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = self.file.seek(to);
        self.position = self.noted(position)?;
        Ok(self.position)
    }
}
