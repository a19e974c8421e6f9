//! Checks every block of a file against a root hash, as the kernel does block by block.

use std::io::{Read, Seek, SeekFrom};

use super::format::{BLOCK_SIZE, Error, HASH_SIZE, HASHES, Superblock, hash_levels};
use super::tree::{CHUNK, hash_blocks};

/// Reads all data and hash blocks: data from byte 0, the tree in the block behind the superblock,
/// which is at `hash_offset`. The tree is checked from the top, then the data in order: the error
/// is about the first bad block.
pub fn verify<F: Read + Seek>(
    file: &mut F,
    hash_offset: u64,
    superblock: &Superblock,
    root_hash: &[u8; HASH_SIZE],
) -> Result<(), Error> {
    let salt = &superblock.salt;
    let block_size = BLOCK_SIZE as u64;
    // The hashes that the level below must have; whole blocks but for the root's.
    let mut expected = Expected::Root(root_hash);
    let mut position = hash_offset.saturating_add(block_size);
    for &blocks in hash_levels(superblock.data_blocks).iter().rev() {
        let level = Level {
            what: "block of hashes",
            start: position,
            blocks,
        };
        level.check(file, salt, &expected)?;
        expected = Expected::Level(position);
        position = position.saturating_add(blocks.saturating_mul(block_size));
    }
    let data = Level {
        what: "data block",
        start: 0,
        blocks: superblock.data_blocks,
    };
    data.check(file, salt, &expected)
}

/// Where the hashes of a level's blocks are.
enum Expected<'a> {
    Root(&'a [u8; HASH_SIZE]),
    /// In the level above, which starts here and was checked before.
    Level(u64),
}

struct Level {
    what: &'static str,
    start: u64,
    blocks: u64,
}

impl Level {
    fn check<F: Read + Seek>(
        &self,
        file: &mut F,
        salt: &[u8],
        expected: &Expected<'_>,
    ) -> Result<(), Error> {
        let per_chunk = (CHUNK / BLOCK_SIZE) as u64;
        let mut first = 0;
        while first < self.blocks {
            let count = (self.blocks - first).min(per_chunk);
            let offset = self
                .start
                .saturating_add(first.saturating_mul(BLOCK_SIZE as u64));
            let data = read(file, offset, count as usize * BLOCK_SIZE)?;
            let above = match expected {
                Expected::Root(hash) => hash.to_vec(),
                // A chunk is a multiple of HASHES blocks, so its hashes start a block.
                Expected::Level(start) => {
                    let blocks = count.div_ceil(HASHES) as usize;
                    let skip = (first / HASHES).saturating_mul(BLOCK_SIZE as u64);
                    let mut hashes = read(file, start.saturating_add(skip), blocks * BLOCK_SIZE)?;
                    hashes.truncate(count as usize * HASH_SIZE);
                    hashes
                }
            };
            let mut found = Vec::new();
            hash_blocks(salt, &data, &mut found);
            let pairs = found
                .chunks_exact(HASH_SIZE)
                .zip(above.chunks_exact(HASH_SIZE));
            if let Some((index, (found, expected))) = pairs
                .enumerate()
                .find(|(_, (found, expected))| found != expected)
            {
                return Err(Error::Hash {
                    what: self.what,
                    offset: offset.saturating_add((index * BLOCK_SIZE) as u64),
                    found: hex(found),
                    expected: hex(expected),
                });
            }
            first += count;
        }
        Ok(())
    }
}

fn read<F: Read + Seek>(file: &mut F, offset: u64, length: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(offset))
        .and_then(|_| file.read_exact(&mut bytes))
        .map_err(|source| Error::Io {
            action: "reading a block",
            offset,
            source,
        })?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
