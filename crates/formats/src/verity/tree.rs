//! Builds a hash tree.

use std::io::{Read, Seek, SeekFrom, Write};

use rayon::prelude::*;

use super::format::{BLOCK_SIZE, Error, HASH_SIZE, MAX_SALT, Superblock, block_hash};

/// How much data is held while its hashes are computed, in bytes.
pub(super) const CHUNK: usize = 4 << 20;

/// What [`append`] made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// Size of the data that the tree covers, in bytes.
    pub data_size: u64,
    /// Where the superblock starts, in bytes: right behind the data.
    pub hash_offset: u64,
    /// Stands for every byte of the data.
    pub root_hash: [u8; HASH_SIZE],
    /// Size of data, superblock and tree together, in bytes.
    pub size: u64,
}

/// A hash tree over data that has gone by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// How many blocks of data it covers.
    pub data_blocks: u64,
    /// Stands for every byte of the data.
    pub root_hash: [u8; HASH_SIZE],
    /// The levels as they are stored behind the superblock, from the top one down: whole blocks.
    pub levels: Vec<u8>,
}

/// Takes data as it is written, so that it need not be read again. Keeps 32 bytes for each
/// 4096; hashes on all cores when it is given many blocks at once.
pub struct TreeBuilder {
    salt: Vec<u8>,
    partial: Vec<u8>,
    hashes: Vec<u8>,
}

impl TreeBuilder {
    /// Starts a tree with a salt of at most 256 bytes.
    pub fn new(salt: &[u8]) -> Result<Self, Error> {
        if salt.len() > MAX_SALT {
            return Err(Error::Salt { found: salt.len() });
        }
        Ok(Self {
            salt: salt.to_vec(),
            partial: Vec::new(),
            hashes: Vec::new(),
        })
    }

    /// Takes the next bytes of the data, any number of them.
    pub fn update(&mut self, mut data: &[u8]) {
        if !self.partial.is_empty() {
            let missing = BLOCK_SIZE.saturating_sub(self.partial.len());
            let (now, later) = data.split_at(missing.min(data.len()));
            self.partial.extend_from_slice(now);
            data = later;
            if self.partial.len() < BLOCK_SIZE {
                return;
            }
            self.hashes
                .extend_from_slice(&block_hash(&self.salt, &self.partial));
            self.partial.clear();
        }
        let whole = data.len() - data.len() % BLOCK_SIZE;
        let (blocks, rest) = data.split_at(whole);
        hash_blocks(&self.salt, blocks, &mut self.hashes);
        self.partial.extend_from_slice(rest);
    }

    /// The tree over all that was taken: at least one block, and whole blocks only.
    pub fn finish(self) -> Result<Tree, Error> {
        let data_blocks = (self.hashes.len() / HASH_SIZE) as u64;
        if data_blocks == 0 || !self.partial.is_empty() {
            return Err(Error::DataSize {
                found: data_blocks * BLOCK_SIZE as u64 + self.partial.len() as u64,
            });
        }
        let mut levels = Vec::new();
        let mut hashes = self.hashes;
        while hashes.len() > HASH_SIZE {
            hashes.resize(hashes.len().next_multiple_of(BLOCK_SIZE), 0);
            let mut above = Vec::new();
            hash_blocks(&self.salt, &hashes, &mut above);
            levels.push(hashes);
            hashes = above;
        }
        levels.reverse();
        let mut root_hash = [0; HASH_SIZE];
        root_hash.copy_from_slice(&hashes);
        Ok(Tree {
            data_blocks,
            root_hash,
            levels: levels.concat(),
        })
    }
}

/// Appends the hashes of whole blocks, computed on all cores.
pub(super) fn hash_blocks(salt: &[u8], blocks: &[u8], hashes: &mut Vec<u8>) {
    let start = hashes.len();
    hashes.resize(start + blocks.len() / BLOCK_SIZE * HASH_SIZE, 0);
    let Some(new) = hashes.get_mut(start..) else {
        return;
    };
    // Sixteen blocks at a time: small enough to share out, large enough not to feel it.
    new.par_chunks_mut(16 * HASH_SIZE)
        .zip(blocks.par_chunks(16 * BLOCK_SIZE))
        .for_each(|(hashes, blocks)| {
            let blocks = blocks.chunks_exact(BLOCK_SIZE);
            for (hash, block) in hashes.chunks_exact_mut(HASH_SIZE).zip(blocks) {
                hash.copy_from_slice(&block_hash(salt, block));
            }
        });
}

/// Hashes the first `data_size` bytes of `file` and writes superblock and tree behind them.
///
/// `data_size` is a multiple of 4096 and not 0. Salt and UUID come from the caller: the same
/// ones give the same bytes.
pub fn append<F: Read + Write + Seek>(
    file: &mut F,
    data_size: u64,
    salt: &[u8],
    uuid: [u8; 16],
) -> Result<Built, Error> {
    if data_size == 0 || !data_size.is_multiple_of(BLOCK_SIZE as u64) {
        return Err(Error::DataSize { found: data_size });
    }
    let io = |action, offset| {
        move |source| Error::Io {
            action,
            offset,
            source,
        }
    };
    let mut builder = TreeBuilder::new(salt)?;
    file.seek(SeekFrom::Start(0))
        .map_err(io("reading data", 0))?;
    let mut chunk = vec![0; CHUNK.min(usize::try_from(data_size).unwrap_or(CHUNK))];
    let mut offset = 0;
    while offset < data_size {
        let length = (data_size - offset).min(chunk.len() as u64) as usize;
        let chunk = chunk.get_mut(..length).unwrap_or_default();
        file.read_exact(chunk).map_err(io("reading data", offset))?;
        builder.update(chunk);
        offset += length as u64;
    }
    let tree = builder.finish()?;
    let superblock = Superblock {
        uuid,
        data_blocks: tree.data_blocks,
        salt: salt.to_vec(),
    };
    let mut head = superblock.to_bytes()?.to_vec();
    head.resize(BLOCK_SIZE, 0);
    file.seek(SeekFrom::Start(data_size))
        .and_then(|_| file.write_all(&head))
        .and_then(|()| file.write_all(&tree.levels))
        .and_then(|()| file.flush())
        .map_err(io("writing the hash tree", data_size))?;
    Ok(Built {
        data_size,
        hash_offset: data_size,
        root_hash: tree.root_hash,
        size: data_size + (head.len() + tree.levels.len()) as u64,
    })
}
