//! Hashes of a file's blocks: each thread reads what it hashes, so that it is still in that
//! processor's cache.

use std::io::Read;
use std::num::NonZeroUsize;
use std::slice::ChunksMut;
use std::sync::{Mutex, PoisonError};
use std::thread;

use lanes::Hasher;

use super::format::{BLOCK_SIZE, Error, HASH_SIZE};
use super::tree::io;

/// What is read at a time, in bytes: it fits into the smallest second-level caches, and its blocks
/// fill all lanes.
const PIECE: usize = 32 * BLOCK_SIZE;

/// The part of a file that nobody has taken yet.
struct Rest<'a, F> {
    file: &'a mut F,
    /// Where the hashes of the next pieces go.
    hashes: ChunksMut<'a, u8>,
    /// In bytes, from where reading began.
    offset: u64,
    failed: Option<Error>,
}

impl<'a, F: Read> Rest<'a, F> {
    /// Reads the next piece to the start of `piece`; where its hashes go. Nothing when there is no
    /// more, or reading failed.
    fn next(&mut self, piece: &mut [u8]) -> Option<&'a mut [u8]> {
        if self.failed.is_some() {
            return None;
        }
        let hashes = self.hashes.next()?;
        let size = hashes.len() / HASH_SIZE * BLOCK_SIZE;
        let read = self.file.read_exact(piece.get_mut(..size)?);
        if let Err(error) = read {
            self.failed = Some(io("reading data", self.offset)(error));
            return None;
        }
        self.offset += size as u64;
        Some(hashes)
    }
}

/// The hashes of the next `size` bytes of a file, which are whole blocks, one behind the other.
pub(super) fn hash<F: Read + Send>(
    file: &mut F,
    size: u64,
    salt: &[u8],
    threads: NonZeroUsize,
) -> Result<Vec<u8>, Error> {
    let blocks = usize::try_from(size / BLOCK_SIZE as u64).unwrap_or(usize::MAX);
    let mut hashes = vec![0; blocks.saturating_mul(HASH_SIZE)];
    let hasher = Hasher::new(salt);
    let rest = Mutex::new(Rest {
        file,
        hashes: hashes.chunks_mut(PIECE / BLOCK_SIZE * HASH_SIZE),
        offset: 0,
        failed: None,
    });
    let work = || {
        let mut piece = vec![0; PIECE];
        loop {
            // A thread that panicked has its hashes missing: the scope ends with that panic.
            let next = rest
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .next(&mut piece);
            let Some(hashes) = next else { return };
            let (blocks, _) = piece.as_chunks::<BLOCK_SIZE>();
            let (hashes, _) = hashes.as_chunks_mut::<HASH_SIZE>();
            let blocks = blocks.get(..hashes.len()).unwrap_or(blocks);
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
