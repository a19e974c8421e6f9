//! Checks every block of a file against a root hash, as the kernel does block by block.
//!
//! The tree is checked from the top, then the data in order: [`survey`] tells of every bad block,
//! [`verify`] stops at the first.

use std::collections::HashSet;
use std::io::{self, Read, Seek, SeekFrom};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use super::format::{BLOCK_SIZE, Error, HASH_SIZE, HASHES, Superblock, hash_levels};
use super::hashing::{PIECE, Pool};
use crate::hex;

const BYTES: u64 = BLOCK_SIZE as u64;

/// Blocks in a piece: those whose hashes fill one block.
const PER_PIECE: u64 = (PIECE / BLOCK_SIZE) as u64;

/// Blocks whose hashes are read at once, so that a disk need not go to and fro for each piece.
const PER_READ: u64 = 8 * PER_PIECE;

/// Which blocks something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Blocks of data.
    Data,
    /// Blocks of hashes.
    Hashes,
}

impl Block {
    fn what(self) -> &'static str {
        match self {
            Self::Data => "data block",
            Self::Hashes => "block of hashes",
        }
    }
}

/// What [`survey`] tells. Offsets are in bytes from the data's start.
#[derive(Debug)]
pub enum Finding {
    /// So many more bytes of data and hashes were read.
    Read(u64),
    /// A block is not what its hash says.
    Damaged {
        /// Data or hashes.
        block: Block,
        /// Where it starts.
        offset: u64,
        /// Its hash.
        found: [u8; HASH_SIZE],
        /// What its hash should be.
        expected: [u8; HASH_SIZE],
    },
    /// A block cannot be read.
    Unreadable {
        /// Data or hashes.
        block: Block,
        /// Where it starts.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// Blocks whose hashes are in a bad block: nobody can say whether they are right.
    Unchecked {
        /// Data or hashes.
        block: Block,
        /// Where the first starts.
        offset: u64,
        /// How many.
        count: u64,
    },
}

/// Reads all data and hash blocks: data from byte 0, the tree in the block behind the superblock,
/// which is at `hash_offset`; hashes on so many threads. The error is about the first bad block.
pub fn verify<F: Read + Seek>(
    file: &mut F,
    hash_offset: u64,
    superblock: &Superblock,
    root_hash: &[u8; HASH_SIZE],
    threads: NonZeroUsize,
) -> Result<(), Error> {
    let mut result = Ok(());
    let visit = &mut |finding| {
        result = Err(match finding {
            Finding::Read(_) | Finding::Unchecked { .. } => return ControlFlow::Continue(()),
            Finding::Damaged {
                block,
                offset,
                found,
                expected,
            } => Error::Hash {
                what: block.what(),
                offset,
                found: hex(&found),
                expected: hex(&expected),
            },
            Finding::Unreadable { offset, source, .. } => Error::Io {
                action: "reading a block",
                offset,
                source,
            },
        });
        ControlFlow::Break(())
    };
    survey(file, hash_offset, superblock, root_hash, threads, visit);
    result
}

/// Like [`verify`], and goes on after a bad block until `visit` breaks off.
pub fn survey<F: Read + Seek>(
    file: &mut F,
    hash_offset: u64,
    superblock: &Superblock,
    root_hash: &[u8; HASH_SIZE],
    threads: NonZeroUsize,
    visit: &mut dyn FnMut(Finding) -> ControlFlow<()>,
) {
    let pool = &mut Pool::new(&superblock.salt, threads);
    // Where the hashes of a level's blocks are, and which blocks of them are bad.
    let mut expected = Expected::Root(root_hash);
    let mut bad = HashSet::new();
    let mut position = hash_offset.saturating_add(BYTES);
    let levels = hash_levels(superblock.data_blocks);
    let hashes = levels.iter().rev().map(|&blocks| (Block::Hashes, blocks));
    for (block, blocks) in hashes.chain([(Block::Data, superblock.data_blocks)]) {
        let level = Level {
            block,
            start: match block {
                Block::Data => 0,
                Block::Hashes => position,
            },
            blocks,
        };
        match level.check(file, pool, &expected, &bad, visit) {
            ControlFlow::Continue(now_bad) => bad = now_bad,
            ControlFlow::Break(()) => return,
        }
        expected = Expected::Level(position);
        position = position.saturating_add(blocks.saturating_mul(BYTES));
    }
}

/// Where the hashes of a level's blocks are.
enum Expected<'a> {
    Root(&'a [u8; HASH_SIZE]),
    /// In the level above, which starts here and was checked before.
    Level(u64),
}

struct Level {
    block: Block,
    start: u64,
    blocks: u64,
}

/// Blocks that are being hashed.
struct Piece {
    /// The first one's number in its level.
    first: u64,
    /// Numbers within the piece, in order.
    unreadable: Vec<(u64, io::Error)>,
    expected: Vec<u8>,
}

impl Level {
    /// Checks the level's blocks but for those below `bad` ones; gives its own bad ones.
    fn check<F: Read + Seek>(
        &self,
        file: &mut F,
        pool: &mut Pool<Piece>,
        expected: &Expected<'_>,
        bad: &HashSet<u64>,
        visit: &mut dyn FnMut(Finding) -> ControlFlow<()>,
    ) -> ControlFlow<(), HashSet<u64>> {
        let mut own_bad = HashSet::new();
        let mut above = Vec::new();
        let mut first = 0;
        while first < self.blocks {
            while pool.is_full() && self.settle(pool, bad, &mut own_bad, visit)? {}
            if first.is_multiple_of(PER_READ) {
                let count = (self.blocks - first).min(PER_READ);
                above = match expected {
                    Expected::Root(hash) => hash.to_vec(),
                    // PER_READ is a multiple of HASHES, so these hashes start a block.
                    Expected::Level(start) => {
                        let skip = (first / HASHES).saturating_mul(BYTES);
                        let start = start.saturating_add(skip);
                        read(file, start, count.div_ceil(HASHES), Vec::new()).0
                    }
                };
            }
            let count = (self.blocks - first).min(PER_PIECE);
            let (data, unreadable) = read(file, self.offset(first), count, pool.buffer());
            let mut hashes = above.chunks(PER_PIECE as usize * HASH_SIZE);
            let hashes = hashes.nth((first % PER_READ / PER_PIECE) as usize);
            let failed = !unreadable.is_empty();
            let piece = Piece {
                first,
                unreadable,
                expected: hashes.unwrap_or_default().to_vec(),
            };
            pool.submit(piece, data);
            // Who breaks off because of that should not wait for more of the kind.
            while failed && self.settle(pool, bad, &mut own_bad, visit)? {}
            first += count;
        }
        while self.settle(pool, bad, &mut own_bad, visit)? {}
        ControlFlow::Continue(own_bad)
    }

    /// Tells about the oldest piece that is being hashed; false when there is none.
    fn settle(
        &self,
        pool: &mut Pool<Piece>,
        bad: &HashSet<u64>,
        own_bad: &mut HashSet<u64>,
        visit: &mut dyn FnMut(Finding) -> ControlFlow<()>,
    ) -> ControlFlow<(), bool> {
        let Some((piece, data, found)) = pool.next() else {
            return ControlFlow::Continue(false);
        };
        let block = self.block;
        visit(Finding::Read(data.len() as u64))?;
        pool.recycle(data);
        let mut unreadable = piece.unreadable.into_iter().peekable();
        let pairs = found.as_chunks().0.iter().zip(piece.expected.as_chunks().0);
        for (index, (found, expected)) in (piece.first..).zip(pairs) {
            let offset = self.offset(index);
            if let Some((_, source)) = unreadable.next_if(|(bad, _)| piece.first + bad == index) {
                own_bad.insert(index);
                visit(Finding::Unreadable {
                    block,
                    offset,
                    source,
                })?;
            } else if bad.contains(&(index / HASHES)) {
                own_bad.insert(index);
                if index.is_multiple_of(HASHES) {
                    let count = (self.blocks - index).min(HASHES);
                    visit(Finding::Unchecked {
                        block,
                        offset,
                        count,
                    })?;
                }
            } else if found != expected {
                own_bad.insert(index);
                let (found, expected) = (*found, *expected);
                visit(Finding::Damaged {
                    block,
                    offset,
                    found,
                    expected,
                })?;
            }
        }
        ControlFlow::Continue(true)
    }

    fn offset(&self, index: u64) -> u64 {
        self.start.saturating_add(index.saturating_mul(BYTES))
    }
}

/// `count` blocks; those that cannot be read are zero, and named with the reason.
fn read<F: Read + Seek>(
    file: &mut F,
    offset: u64,
    count: u64,
    mut bytes: Vec<u8>,
) -> (Vec<u8>, Vec<(u64, io::Error)>) {
    // At most a piece.
    bytes.resize(count as usize * BLOCK_SIZE, 0);
    let mut read_at = |offset: u64, bytes: &mut [u8]| {
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(bytes)
    };
    let mut unreadable = Vec::new();
    if read_at(offset, &mut bytes).is_err() {
        for (index, block) in (0..).zip(bytes.chunks_mut(BLOCK_SIZE)) {
            if let Err(error) = read_at(offset.saturating_add(index * BYTES), block) {
                block.fill(0);
                unreadable.push((index, error));
            }
        }
    }
    (bytes, unreadable)
}
