//! Builds a hash tree.

use std::io::{Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use super::format::{BLOCK_SIZE, Error, HASH_SIZE, MAX_SALT, Superblock};
use super::hashing::{PIECE, Pool};
use super::reading::{self, ReadAt};

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

/// Takes data as it is written, so that it need not be read again. Keeps 32 bytes for each 4096,
/// and pieces of half a MiB that are being hashed: a few for each thread.
pub struct TreeBuilder {
    pool: Pool<()>,
    /// What came after the last piece.
    partial: Vec<u8>,
    hashes: Vec<u8>,
}

impl TreeBuilder {
    /// Starts a tree with a salt of at most 256 bytes, hashed on so many threads.
    pub fn new(salt: &[u8], threads: NonZeroUsize) -> Result<Self, Error> {
        if salt.len() > MAX_SALT {
            return Err(Error::Salt { found: salt.len() });
        }
        Ok(Self {
            pool: Pool::new(salt, threads),
            partial: Vec::new(),
            hashes: Vec::new(),
        })
    }

    /// Takes the next bytes of the data, any number of them.
    pub fn update(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let missing = PIECE.saturating_sub(self.partial.len());
            let (now, later) = data.split_at(missing.min(data.len()));
            self.partial.extend_from_slice(now);
            data = later;
            if self.partial.len() >= PIECE {
                let mut next = self.buffer();
                next.clear();
                let piece = std::mem::replace(&mut self.partial, next);
                self.pool.submit((), piece);
            }
        }
    }

    /// The tree over all that was taken: at least one block, and whole blocks only.
    pub fn finish(mut self) -> Result<Tree, Error> {
        let size = self.drain();
        if size == 0 || !size.is_multiple_of(BLOCK_SIZE as u64) {
            return Err(Error::DataSize { found: size });
        }
        let mut levels = Vec::new();
        let mut hashes = std::mem::take(&mut self.hashes);
        while hashes.len() > HASH_SIZE {
            hashes.resize(hashes.len().next_multiple_of(BLOCK_SIZE), 0);
            self.update(&hashes);
            self.drain();
            levels.push(hashes);
            hashes = std::mem::take(&mut self.hashes);
        }
        levels.reverse();
        let mut root_hash = [0; HASH_SIZE];
        root_hash.copy_from_slice(&hashes);
        Ok(Tree {
            data_blocks: size / BLOCK_SIZE as u64,
            root_hash,
            levels: levels.concat(),
        })
    }

    /// Puts another block in the place of one that was taken.
    pub(super) fn replace(&mut self, index: u64, block: &[u8; BLOCK_SIZE]) {
        self.drain();
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        if let Some(hash) = self.hashes.as_chunks_mut().0.get_mut(index) {
            *hash = self.pool.hash_one(block);
        }
    }

    /// Waits for the hashes of all whole blocks; the size of what was taken, in bytes.
    fn drain(&mut self) -> u64 {
        let whole = self.partial.len() - self.partial.len() % BLOCK_SIZE;
        let rest = self.partial.split_off(whole);
        let blocks = std::mem::replace(&mut self.partial, rest);
        if !blocks.is_empty() {
            self.pool.submit((), blocks);
        }
        while self.take_hashes() {}
        let blocks = (self.hashes.len() / HASH_SIZE) as u64;
        blocks * BLOCK_SIZE as u64 + self.partial.len() as u64
    }

    /// Memory for the next piece, once there may be one more.
    fn buffer(&mut self) -> Vec<u8> {
        while self.pool.is_full() && self.take_hashes() {}
        self.pool.buffer()
    }

    /// Waits for the oldest piece; false when there is none.
    fn take_hashes(&mut self) -> bool {
        let Some(((), data, hashes)) = self.pool.next() else {
            return false;
        };
        self.hashes.extend_from_slice(&hashes);
        self.pool.recycle(data);
        true
    }
}

/// Hashes the first `data_size` bytes of `file`, on so many threads, and writes superblock and
/// tree behind them.
///
/// `data_size` is a multiple of 4096 and not 0. Salt and UUID come from the caller: the same
/// ones give the same bytes.
pub fn append<F: Read + Write + Seek + Send>(
    file: &mut F,
    data_size: u64,
    salt: &[u8],
    uuid: [u8; 16],
    threads: NonZeroUsize,
) -> Result<Built, Error> {
    let one = Mutex::new(&mut *file);
    let read = |bytes: &mut [u8], offset| {
        let mut file = one.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(bytes)
    };
    let tree = build(read, data_size, salt, threads)?;
    store(file, &tree, salt, uuid)
}

/// What [`append`] does, for a file that several threads can read at once: `read` fills its bytes from
/// an offset on.
pub fn append_reading<F: Write + Seek>(
    file: &mut F,
    read: impl ReadAt,
    data_size: u64,
    salt: &[u8],
    uuid: [u8; 16],
    threads: NonZeroUsize,
) -> Result<Built, Error> {
    let tree = build(read, data_size, salt, threads)?;
    store(file, &tree, salt, uuid)
}

fn build(
    read: impl ReadAt,
    data_size: u64,
    salt: &[u8],
    threads: NonZeroUsize,
) -> Result<Tree, Error> {
    if data_size == 0 || !data_size.is_multiple_of(BLOCK_SIZE as u64) {
        return Err(Error::DataSize { found: data_size });
    }
    let mut builder = TreeBuilder::new(salt, threads)?;
    builder.hashes = reading::hash(read, data_size, salt, threads)?;
    builder.finish()
}

/// Writes superblock and tree behind the data.
pub(super) fn store<F: Write + Seek>(
    file: &mut F,
    tree: &Tree,
    salt: &[u8],
    uuid: [u8; 16],
) -> Result<Built, Error> {
    let superblock = Superblock {
        uuid,
        data_blocks: tree.data_blocks,
        salt: salt.to_vec(),
    };
    let mut head = superblock.to_bytes()?.to_vec();
    head.resize(BLOCK_SIZE, 0);
    let data_size = tree.data_blocks * BLOCK_SIZE as u64;
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

pub(super) fn io(action: &'static str, offset: u64) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io {
        action,
        offset,
        source,
    }
}
