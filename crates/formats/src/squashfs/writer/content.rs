//! Data blocks and fragments: streamed in, deduplicated, compressed, written.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use sha2::{Digest, Sha256};

use super::data::{FileData, Run, Tail};
use super::earlier::StoredBlock;
use super::fragment::Open;
use super::pipeline::Pipeline;
use super::{Error, Options};
use crate::squashfs::format::Fragment;

pub(super) type Hash = [u8; 32];

pub(super) enum Target {
    Block { run: usize, index: usize },
    Fragment { index: usize },
}

pub(super) struct Content<W> {
    pub(super) out: W,
    /// Where the next block goes.
    pub(super) end: u64,
    pub(super) runs: Vec<Run>,
    pub(super) fragments: Vec<Fragment>,
    pub(super) block_size: usize,
    pub(super) pipeline: Pipeline<Target>,
    /// Blocks that are in the image, where somebody keeps that.
    pub(super) stored: Vec<StoredBlock>,
    /// Chain of the hashes of a run's first blocks → that run. The number of blocks in the whole
    /// run is part of the chain, so a run that matches to the last block is the same run.
    chains: HashMap<Hash, usize>,
    /// Hash of a tail → where it is.
    pub(super) tails: HashMap<Hash, Tail>,
    /// Size of a content that is to come → whether only one has it.
    expected: HashMap<u64, bool>,
    /// Tails of files with full blocks and whole small files, apart: ends of files are more like each
    /// other than like files. On modules this is half a percent of what fragments take.
    pub(super) open: [Option<Open>; 2],
    /// A block is missing from the image: it must never be finished.
    broken: bool,
}

/// Stands for the hash of a block of zeros, so that holes are not hashed.
const ZEROS: Hash = [0; 32];

impl<W: Read + Write + Seek> Content<W> {
    pub(super) fn new(out: W, start: u64, options: &Options) -> Result<Self, Error> {
        Ok(Self {
            out,
            end: start,
            runs: Vec::new(),
            fragments: Vec::new(),
            block_size: options.block_size as usize,
            pipeline: Pipeline::new(options).map_err(|source| Error::Compress { source })?,
            stored: Vec::new(),
            chains: HashMap::new(),
            tails: HashMap::new(),
            expected: HashMap::new(),
            open: [None, None],
            broken: false,
        })
    }

    pub(super) fn expect(&mut self, sizes: impl IntoIterator<Item = u64>) {
        for size in sizes {
            let only = !self.expected.contains_key(&size);
            self.expected.insert(size, only);
        }
    }

    pub(super) fn add(&mut self, content: &mut dyn Read, size: u64) -> Result<FileData, Error> {
        self.check()?;
        let block_size = self.block_size as u64;
        let alone = self.expected.get(&size).is_some_and(|only| *only);
        let run = match alone {
            true => self.add_new_blocks(content, size, size / block_size)?,
            false => self.add_blocks(content, size, size / block_size)?,
        };
        let mut tail = self.pipeline.buffer();
        let tail_size = (size % block_size) as usize;
        self.read(content, tail_size, size - tail_size as u64, size, &mut tail)?;
        expect_end(content, size)?;
        let place = match tail_size {
            0 => None,
            _ if alone => Some(self.add_new_tail(&tail, run.is_some())?),
            _ => Some(self.add_tail(&tail, run.is_some())?),
        };
        self.pipeline.take_back(tail);
        let tail = place;
        Ok(FileData { size, run, tail })
    }

    /// Waits until all that was added is in the image.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        self.check()?;
        for kind in [false, true] {
            self.close_fragment(kind)?;
        }
        self.drain()
    }

    /// The full blocks of a content that no other is equal to.
    fn add_new_blocks(
        &mut self,
        content: &mut dyn Read,
        size: u64,
        count: u64,
    ) -> Result<Option<usize>, Error> {
        if count == 0 {
            return Ok(None);
        }
        let run = self.fork(None, 0)?;
        for index in 0..count {
            let mut block = self.pipeline.buffer();
            let offset = index * self.block_size as u64;
            self.read(content, self.block_size, offset, size, &mut block)?;
            let zero = is_zero(&block);
            self.add_block(run, block, zero)?;
        }
        Ok(Some(run))
    }

    fn add_blocks(
        &mut self,
        content: &mut dyn Read,
        size: u64,
        count: u64,
    ) -> Result<Option<usize>, Error> {
        if count == 0 {
            return Ok(None);
        }
        let mut chain: Hash = Sha256::digest(count.to_le_bytes()).into();
        // While all blocks so far equal another run's, nothing is stored.
        let mut same: Option<usize> = None;
        let mut own: Option<usize> = None;
        for index in 0..count {
            let mut block = self.pipeline.buffer();
            let offset = index * self.block_size as u64;
            self.read(content, self.block_size, offset, size, &mut block)?;
            let zero = is_zero(&block);
            let hash = if zero {
                ZEROS
            } else {
                Sha256::digest(&block).into()
            };
            chain = Sha256::new()
                .chain_update(chain)
                .chain_update(hash)
                .finalize()
                .into();
            let run = match own {
                Some(run) => run,
                None => {
                    if let Some(&run) = self.chains.get(&chain) {
                        same = Some(run);
                        self.pipeline.take_back(block);
                        continue;
                    }
                    let run = self.fork(same, index as usize)?;
                    own = Some(run);
                    run
                }
            };
            self.chains.insert(chain, run);
            self.add_block(run, block, zero)?;
        }
        Ok(own.or(same))
    }

    fn add_block(&mut self, run: usize, block: Vec<u8>, zero: bool) -> Result<(), Error> {
        let Some(sizes) = self.runs.get_mut(run).map(|run| &mut run.sizes) else {
            return Ok(());
        };
        let index = sizes.len();
        sizes.push(0);
        if zero {
            self.pipeline.take_back(block);
            return Ok(());
        }
        self.submit(Target::Block { run, index }, block)
    }

    /// A new run whose first `count` blocks are those of another one: copied as they are stored.
    fn fork(&mut self, from: Option<usize>, count: usize) -> Result<usize, Error> {
        let mut fork = Run::default();
        if let Some(from) = from {
            self.drain()?;
            let run = self
                .runs
                .get(from)
                .map(|run| (run.start, run.sizes.get(..count)));
            if let Some((start, Some(sizes))) = run {
                fork.sizes = sizes.to_vec();
                if let Some(start) = start.filter(|_| sizes.iter().any(|&size| size != 0)) {
                    fork.start = Some(self.end);
                    self.copy(start, fork.stored_bytes())?;
                }
            }
        }
        self.runs.push(fork);
        Ok(self.runs.len() - 1)
    }

    fn copy(&mut self, mut from: u64, mut bytes: u64) -> Result<(), Error> {
        let mut chunk = vec![0; self.block_size];
        while bytes > 0 {
            let length = bytes.min(chunk.len() as u64) as usize;
            let Some(chunk) = chunk.get_mut(..length) else {
                break;
            };
            let read = self
                .out
                .seek(SeekFrom::Start(from))
                .and_then(|_| self.out.read_exact(chunk));
            read.map_err(|source| self.failed("reading back a block", from, source))?;
            let end = self.end;
            let written = self
                .out
                .seek(SeekFrom::Start(end))
                .and_then(|_| self.out.write_all(chunk));
            written.map_err(|source| self.failed("writing a block", end, source))?;
            from += length as u64;
            self.end += length as u64;
            bytes -= length as u64;
        }
        Ok(())
    }

    pub(super) fn submit(&mut self, target: Target, block: Vec<u8>) -> Result<(), Error> {
        while self.pipeline.is_full() {
            self.write_one()?;
        }
        let submitted = self.pipeline.submit(target, block);
        self.broken |= submitted.is_err();
        submitted.map_err(|source| Error::Compress { source })
    }

    fn drain(&mut self) -> Result<(), Error> {
        while self.write_one()? {}
        Ok(())
    }

    /// Writes the oldest block in the pipeline; false when it is empty.
    fn write_one(&mut self) -> Result<bool, Error> {
        let Some((target, block)) = self.pipeline.next() else {
            return Ok(false);
        };
        self.broken |= block.is_err();
        let block = block.map_err(|source| Error::Compress { source })?;
        let start = self.end;
        let written = self
            .out
            .seek(SeekFrom::Start(start))
            .and_then(|_| self.out.write_all(block.bytes()));
        written.map_err(|source| self.failed("writing a block", start, source))?;
        self.end += block.bytes().len() as u64;
        if let Some((content, form)) = block.known {
            self.stored.push(StoredBlock {
                content,
                form,
                start,
                // A block is at most 1 MiB.
                size: block.bytes().len() as u32,
            });
        }
        match target {
            Target::Block { run, index } => {
                if let Some(run) = self.runs.get_mut(run) {
                    run.start.get_or_insert(start);
                    if let Some(size) = run.sizes.get_mut(index) {
                        *size = block.stored_size();
                    }
                }
            }
            Target::Fragment { index } => {
                if let Some(fragment) = self.fragments.get_mut(index) {
                    fragment.start = start.into();
                    fragment.size = block.stored_size().into();
                }
            }
        }
        self.pipeline.recycle(block);
        Ok(true)
    }

    fn failed(&mut self, action: &'static str, offset: u64, source: io::Error) -> Error {
        self.broken = true;
        Error::Io {
            action,
            offset,
            source,
        }
    }

    fn check(&self) -> Result<(), Error> {
        match self.broken {
            true => Err(Error::Broken),
            false => Ok(()),
        }
    }

    /// Exactly `length` bytes of a content of `size` bytes, `offset` of which were read before, in
    /// place of what is in `buffer`.
    fn read(
        &self,
        content: &mut dyn Read,
        length: usize,
        offset: u64,
        size: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Error> {
        // A buffer that was used before has its length: nothing is cleared to be overwritten.
        buffer.resize(length, 0);
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match content.read(rest) {
                Ok(0) => {
                    return Err(Error::Short {
                        expected: size,
                        found: offset + filled as u64,
                    });
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::Read { offset, source }),
            }
        }
        Ok(())
    }
}

fn expect_end(content: &mut dyn Read, size: u64) -> Result<(), Error> {
    let mut more = Vec::new();
    let more = content.take(1).read_to_end(&mut more);
    match more.map_err(|source| Error::Read {
        offset: size,
        source,
    })? {
        0 => Ok(()),
        _ => Err(Error::Long { expected: size }),
    }
}

fn is_zero(block: &[u8]) -> bool {
    // Chunks of a fixed size become vector instructions.
    let (chunks, rest) = block.as_chunks::<64>();
    let any = |bytes: &[u8]| bytes.iter().fold(0, |all, byte| all | byte);
    chunks.iter().all(|chunk| any(chunk) == 0) && any(rest) == 0
}
