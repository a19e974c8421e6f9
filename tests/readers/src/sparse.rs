//! A few sectors of a large disk: FAT32 begins at 32 MiB, which no fuzzer should make.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// In bytes.
const SECTOR: usize = 512;

/// Largest disk, in sectors: 128 MiB.
const MOST_SECTORS: u64 = 1 << 18;

/// A disk of zeros, but for the sectors that the input has. Its size in sectors comes first, in 4
/// bytes, little-endian; then sectors, each behind its number in 4 bytes.
#[derive(Clone)]
pub struct Sparse {
    sectors: BTreeMap<u64, [u8; SECTOR]>,
    size: u64,
    position: u64,
}

impl Sparse {
    /// Takes what is there: no input is wrong.
    pub fn new(input: &[u8]) -> Self {
        let (size, mut rest) = number(input);
        let mut sectors = BTreeMap::new();
        while !rest.is_empty() {
            let (number, bytes) = number(rest);
            let (now, later) = bytes.split_at(bytes.len().min(SECTOR));
            let mut sector = [0; SECTOR];
            sector[..now.len()].copy_from_slice(now);
            sectors.insert(number, sector);
            rest = later;
        }
        let size = size.min(MOST_SECTORS) * SECTOR as u64;
        Self {
            sectors,
            size,
            position: 0,
        }
    }

    /// A disk of zeros.
    pub fn blank(size: u64) -> Self {
        Self {
            sectors: BTreeMap::new(),
            size,
            position: 0,
        }
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}

fn number(bytes: &[u8]) -> (u64, &[u8]) {
    match bytes.split_first_chunk() {
        Some((number, rest)) => (u32::from_le_bytes(*number).into(), rest),
        None => (0, &[]),
    }
}

/// A disk as [`Sparse`] takes it.
pub fn scattered(disk: &[u8]) -> Vec<u8> {
    let mut out = ((disk.len() / SECTOR) as u32).to_le_bytes().to_vec();
    for (number, sector) in disk.chunks_exact(SECTOR).enumerate() {
        if sector.iter().any(|byte| *byte != 0) {
            out.extend_from_slice(&(number as u32).to_le_bytes());
            out.extend_from_slice(sector);
        }
    }
    out
}

impl Read for Sparse {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.size.saturating_sub(self.position);
        let offset = (self.position % SECTOR as u64) as usize;
        let length = buffer.len().min(SECTOR - offset).min(left as usize);
        match self.sectors.get(&(self.position / SECTOR as u64)) {
            Some(sector) => buffer[..length].copy_from_slice(&sector[offset..offset + length]),
            None => buffer[..length].fill(0),
        }
        self.position += length as u64;
        Ok(length)
    }
}

impl Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.size.saturating_sub(self.position);
        let offset = (self.position % SECTOR as u64) as usize;
        let length = bytes.len().min(SECTOR - offset).min(left as usize);
        let number = self.position / SECTOR as u64;
        let sector = self.sectors.entry(number).or_insert([0; SECTOR]);
        sector[offset..offset + length].copy_from_slice(&bytes[..length]);
        self.position += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = formats::seek::target(to, self.position, self.size)?;
        Ok(self.position)
    }
}
