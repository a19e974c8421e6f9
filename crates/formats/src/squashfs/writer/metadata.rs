//! Metadata blocks: bytes cut into 8 KiB, each compressed and preceded by its 16-bit length.

use std::io;

use crate::squashfs::compress::Packer;
use crate::squashfs::format::{METADATA_SIZE, METADATA_UNCOMPRESSED, Reference};

/// A table of metadata blocks, in memory.
pub(super) struct MetadataWriter {
    stored: Vec<u8>,
    starts: Vec<u64>,
    block: Vec<u8>,
    packed: Vec<u8>,
}

impl MetadataWriter {
    pub(super) fn new() -> Self {
        Self {
            stored: Vec::new(),
            starts: Vec::new(),
            block: Vec::with_capacity(METADATA_SIZE),
            packed: Vec::new(),
        }
    }

    /// Where the next byte goes.
    pub(super) fn position(&self) -> Reference {
        Reference {
            block: self.stored.len() as u64,
            // A full block is stored at once, so this is below METADATA_SIZE.
            offset: self.block.len() as u16,
        }
    }

    pub(super) fn write(&mut self, packer: &mut Packer, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = METADATA_SIZE - self.block.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == METADATA_SIZE {
                self.store(packer)?;
            }
        }
        Ok(())
    }

    /// The stored bytes, and where in them each block starts.
    pub(super) fn finish(mut self, packer: &mut Packer) -> io::Result<(Vec<u8>, Vec<u64>)> {
        if !self.block.is_empty() {
            self.store(packer)?;
        }
        Ok((self.stored, self.starts))
    }

    fn store(&mut self, packer: &mut Packer) -> io::Result<()> {
        self.starts.push(self.stored.len() as u64);
        // At most METADATA_SIZE: it fits into 15 bits.
        let (header, bytes) = match packer.shrink(&self.block, &mut self.packed)? {
            true => (self.packed.len() as u16, &self.packed),
            false => (self.block.len() as u16 | METADATA_UNCOMPRESSED, &self.block),
        };
        self.stored.extend_from_slice(&header.to_le_bytes());
        self.stored.extend_from_slice(bytes);
        self.block.clear();
        Ok(())
    }
}
