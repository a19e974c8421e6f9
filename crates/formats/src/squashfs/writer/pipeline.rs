//! Compression on several threads, with results in the order of submission.
//!
//! The caller's thread reads and writes; workers only compress. The number of blocks between
//! submission and result is bounded, so memory is too, and since a block's bytes depend on
//! nothing but its content and the level, the number of threads does not show in the output.

use std::collections::VecDeque;
use std::io;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use sha2::{Digest, Sha256};

use super::Options;
use super::content::Hash;
use super::earlier::{Earlier, Form, content_hash};
use crate::squashfs::compress::Packer;
use crate::squashfs::format::DATA_UNCOMPRESSED;

/// Blocks in flight for each worker: enough that none waits while the caller reads or writes.
const DEPTH: usize = 4;

struct Job {
    raw: Vec<u8>,
    packed: Vec<u8>,
    done: Sender<io::Result<Block>>,
}

/// A block as it is stored.
pub(super) struct Block {
    raw: Vec<u8>,
    packed: Vec<u8>,
    shrunk: bool,
    /// Hash of the content, and how it is stored: where somebody keeps that.
    pub(super) known: Option<(Hash, Form)>,
}

impl Block {
    fn new(
        raw: Vec<u8>,
        mut packed: Vec<u8>,
        packer: &mut Packer,
        earlier: Option<&dyn Earlier>,
    ) -> io::Result<Self> {
        let mut shrink = |packed: &mut Vec<u8>| packer.shrink(&raw, packed);
        let (shrunk, known) = match earlier {
            None => (shrink(&mut packed)?, None),
            Some(earlier) => {
                let content = content_hash(&raw);
                let form = match earlier.find(&content, &mut packed) {
                    Some(form) => form,
                    None if shrink(&mut packed)? => Form::Packed(Sha256::digest(&packed).into()),
                    None => Form::Raw,
                };
                (form != Form::Raw, Some((content, form)))
            }
        };
        Ok(Self {
            raw,
            packed,
            shrunk,
            known,
        })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        if self.shrunk { &self.packed } else { &self.raw }
    }

    /// Length with [`DATA_UNCOMPRESSED`], as inodes and the fragment table have it.
    pub(super) fn stored_size(&self) -> u32 {
        // A block is at most 1 MiB.
        let size = self.bytes().len() as u32;
        if self.shrunk {
            size
        } else {
            size | DATA_UNCOMPRESSED
        }
    }
}

/// `T` says what a block is for.
pub(super) struct Pipeline<T> {
    jobs: Option<Sender<Job>>,
    workers: Vec<JoinHandle<()>>,
    pending: VecDeque<(T, Receiver<io::Result<Block>>)>,
    limit: usize,
    spare: Vec<Vec<u8>>,
}

impl<T> Pipeline<T> {
    pub(super) fn new(options: &Options) -> io::Result<Self> {
        let threads = options.threads.get();
        let limit = threads.saturating_mul(DEPTH);
        let (jobs, queue) = bounded::<Job>(limit);
        let mut workers = Vec::new();
        for _ in 0..threads {
            let queue = queue.clone();
            let mut packer = Packer::new(options.compression, options.block_size)?;
            let earlier = options.earlier.clone();
            let worker = std::thread::Builder::new().name("squashfs".to_owned());
            workers.push(worker.spawn(move || {
                for Job { raw, packed, done } in queue {
                    let block = Block::new(raw, packed, &mut packer, earlier.as_deref());
                    // Nobody waits any more when the writer was dropped.
                    let _ = done.send(block);
                }
            })?);
        }
        Ok(Self {
            jobs: Some(jobs),
            workers,
            pending: VecDeque::new(),
            limit,
            spare: Vec::new(),
        })
    }

    /// Whether [`next`](Self::next) has to be called before another block is submitted.
    pub(super) fn is_full(&self) -> bool {
        self.pending.len() >= self.limit
    }

    /// A buffer, used before if there is one: what is in it means nothing.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    pub(super) fn submit(&mut self, what: T, raw: Vec<u8>) -> io::Result<()> {
        let (done, result) = bounded(1);
        let packed = self.buffer();
        let job = Job { raw, packed, done };
        let sent = self
            .jobs
            .as_ref()
            .is_some_and(|jobs| jobs.send(job).is_ok());
        if !sent {
            return Err(stopped());
        }
        self.pending.push_back((what, result));
        Ok(())
    }

    /// The oldest block that was submitted, once it is compressed.
    pub(super) fn next(&mut self) -> Option<(T, io::Result<Block>)> {
        let (what, result) = self.pending.pop_front()?;
        Some((what, result.recv().unwrap_or_else(|_| Err(stopped()))))
    }

    /// Takes a block's memory back.
    pub(super) fn recycle(&mut self, block: Block) {
        self.take_back(block.packed);
        self.take_back(block.raw);
    }

    /// Takes a buffer back.
    pub(super) fn take_back(&mut self, buffer: Vec<u8>) {
        // Submitted blocks have two each; one more is being read, and one is a tail.
        if self.spare.len() < 2 * self.limit + 2 {
            self.spare.push(buffer);
        }
    }
}

impl<T> Drop for Pipeline<T> {
    fn drop(&mut self) {
        self.jobs = None;
        for worker in self.workers.drain(..) {
            // A panic there has shown itself as a missing result.
            let _ = worker.join();
        }
    }
}

fn stopped() -> io::Error {
    io::Error::other("a compression thread stopped")
}
