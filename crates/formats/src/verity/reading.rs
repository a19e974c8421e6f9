//! Hashes of a file's blocks: each thread reads what it hashes, so that it is still in that
//! processor's cache.

use std::io;
use std::num::NonZeroUsize;
use std::slice::ChunksMut;
use std::sync::{Mutex, PoisonError};
use std::thread;

use lanes::Hasher;

use super::format::{BLOCK_SIZE, Error, HASH_SIZE};
use super::tree;

/// What is read at a time, in bytes: it fits into the smallest second-level caches, and its blocks
/// fill all lanes.
const PIECE: usize = 32 * BLOCK_SIZE;

/// Where each piece is, and where its hashes go.
struct Rest<'a> {
    /// Those of the next pieces.
    hashes: ChunksMut<'a, u8>,
    /// Of the next piece, in bytes.
    offset: u64,
    failed: Option<Error>,
}

impl<'a> Rest<'a> {
    /// The next piece, which is as many blocks as it has hashes. Nothing when there is no more, or
    /// reading failed.
    fn next(&mut self) -> Option<(u64, &'a mut [u8])> {
        if self.failed.is_some() {
            return None;
        }
        let hashes = self.hashes.next()?;
        let offset = self.offset;
        self.offset += (hashes.len() / HASH_SIZE * BLOCK_SIZE) as u64;
        Some((offset, hashes))
    }
}

/// Fills bytes from an offset on: `|bytes, offset| file.read_exact_at(bytes, offset)`.
pub trait ReadAt: Fn(&mut [u8], u64) -> io::Result<()> + Sync {}

impl<F: Fn(&mut [u8], u64) -> io::Result<()> + Sync> ReadAt for F {}

/// The hashes of the first `size` bytes, which are whole blocks, one behind the other.
pub(super) fn hash(
    read: impl ReadAt,
    size: u64,
    salt: &[u8],
    threads: NonZeroUsize,
) -> Result<Vec<u8>, Error> {
    let blocks = usize::try_from(size / BLOCK_SIZE as u64).unwrap_or(usize::MAX);
    let mut hashes = vec![0; blocks.saturating_mul(HASH_SIZE)];
    let hasher = Hasher::new(salt);
    let rest = Mutex::new(Rest {
        hashes: hashes.chunks_mut(PIECE / BLOCK_SIZE * HASH_SIZE),
        offset: 0,
        failed: None,
    });
    // A thread that panicked has its hashes missing: the scope ends with that panic.
    let rest_of = || rest.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        let mut piece = vec![[0; BLOCK_SIZE]; PIECE / BLOCK_SIZE];
        loop {
            let next = rest_of().next();
            let Some((offset, hashes)) = next else { return };
            let (hashes, _) = hashes.as_chunks_mut::<HASH_SIZE>();
            let (blocks, _) = piece.split_at_mut(hashes.len());
            if let Err(error) = read(blocks.as_flattened_mut(), offset) {
                rest_of().failed = Some(tree::io("reading data", offset)(error));
                return;
            }
            hasher.hash(blocks, hashes);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.get() {
            let worker = thread::Builder::new().name("verity".to_owned());
            // Where there can be no more threads, those that there are do it.
            if worker.spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
    let rest = rest.into_inner().unwrap_or_else(PoisonError::into_inner);
    match rest.failed {
        Some(error) => Err(error),
        None => Ok(hashes),
    }
}
