//! Hashes of blocks on several threads, given back in the order of submission.
//!
//! The caller's thread reads or writes, and hashes too when it would have to wait. What is between
//! submission and result is bounded, so memory is too; the number of threads does not show.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use lanes::Hasher;

use super::format::{BLOCK_SIZE, HASH_SIZE};

/// What is hashed at a time, in bytes: the blocks whose hashes fill one block.
pub(super) const PIECE: usize = BLOCK_SIZE / HASH_SIZE * BLOCK_SIZE;

/// Pieces in flight for each thread: enough that none waits while the caller reads or writes.
const DEPTH: usize = 4;

/// As many threads as there are processors for this program.
pub fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

struct Job {
    data: Arc<Vec<u8>>,
    done: Sender<Vec<u8>>,
}

impl Job {
    fn run(self, hasher: &Hasher) {
        let hashes = hash(hasher, &self.data);
        // The caller takes the memory back once it has the hashes.
        drop(self.data);
        // Nobody waits any more when the pool was dropped.
        let _ = self.done.send(hashes);
    }
}

struct Pending<T> {
    what: T,
    data: Arc<Vec<u8>>,
    hashes: Receiver<Vec<u8>>,
}

/// Threads that hash. `T` says what a piece is.
pub(super) struct Pool<T> {
    hasher: Arc<Hasher>,
    jobs: Option<Sender<Job>>,
    queue: Receiver<Job>,
    workers: Vec<JoinHandle<()>>,
    pending: VecDeque<Pending<T>>,
    limit: usize,
    spare: Vec<Vec<u8>>,
}

impl<T> Pool<T> {
    /// The caller's thread is one of `threads`.
    pub(super) fn new(salt: &[u8], threads: NonZeroUsize) -> Self {
        let hasher = Arc::new(Hasher::new(salt));
        let limit = threads.get().saturating_mul(DEPTH);
        let (jobs, queue) = bounded::<Job>(limit);
        let start = |_| {
            let (hasher, queue) = (Arc::clone(&hasher), queue.clone());
            let worker = std::thread::Builder::new().name("verity".to_owned());
            let worker = worker.spawn(move || queue.iter().for_each(|job| job.run(&hasher)));
            // Where there can be no more threads, those that there are do it.
            worker.ok()
        };
        Self {
            workers: (1..threads.get()).map_while(start).collect(),
            hasher,
            jobs: Some(jobs),
            queue,
            pending: VecDeque::new(),
            limit,
            spare: Vec::new(),
        }
    }

    /// Whether [`next`](Self::next) has to be called before another piece is submitted.
    pub(super) fn is_full(&self) -> bool {
        self.pending.len() >= self.limit
    }

    /// Memory for a piece, used before if there is some; what is in it means nothing.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes whole blocks.
    pub(super) fn submit(&mut self, what: T, data: Vec<u8>) {
        let data = Arc::new(data);
        let (done, hashes) = bounded(1);
        let job = Job {
            data: Arc::clone(&data),
            done,
        };
        if let Some(jobs) = &self.jobs {
            // There is room for `limit`, and what is not sent is hashed when its turn comes.
            let _ = jobs.try_send(job);
        }
        self.pending.push_back(Pending { what, data, hashes });
    }

    /// The oldest piece that was submitted, with its data and its hashes.
    pub(super) fn next(&mut self) -> Option<(T, Arc<Vec<u8>>, Vec<u8>)> {
        let Pending { what, data, hashes } = self.pending.pop_front()?;
        while hashes.is_empty()
            && let Ok(job) = self.queue.try_recv()
        {
            job.run(&self.hasher);
        }
        let hashes = hashes.recv();
        let hashes = hashes.unwrap_or_else(|_| hash(&self.hasher, &data));
        Some((what, data, hashes))
    }

    /// One block's hash, computed at once.
    pub(super) fn hash_one(&self, block: &[u8; BLOCK_SIZE]) -> [u8; HASH_SIZE] {
        let mut hashes = [[0; HASH_SIZE]];
        self.hasher.hash(std::slice::from_ref(block), &mut hashes);
        let [hash] = hashes;
        hash
    }

    /// Takes a piece's memory back.
    pub(super) fn recycle(&mut self, data: Arc<Vec<u8>>) {
        self.spare.extend(Arc::into_inner(data));
    }
}

impl<T> Drop for Pool<T> {
    fn drop(&mut self) {
        self.jobs = None;
        // What nobody waits for need not be hashed.
        while self.queue.try_recv().is_ok() {}
        for worker in self.workers.drain(..) {
            // Its results, had it panicked, were computed here.
            let _ = worker.join();
        }
    }
}

fn hash(hasher: &Hasher, data: &[u8]) -> Vec<u8> {
    let (blocks, _) = data.as_chunks::<BLOCK_SIZE>();
    let mut hashes = vec![0; blocks.len() * HASH_SIZE];
    hasher.hash(blocks, hashes.as_chunks_mut().0);
    hashes
}
