//! Fragments: the ends of files, several in one block.

use std::io::{Read, Seek, Write};

use sha2::{Digest, Sha256};

use super::Error;
use super::content::{Content, Hash, Target};
use super::data::Tail;
use crate::squashfs::format::Fragment;

/// So many fragments go between two ends that tails chose: few are cut short, and few move.
const RUN: usize = 16;

/// A fragment has room for so many of the largest tails that can end it.
const SMALL: usize = 16;

/// A fragment that still has room.
pub(super) struct Open {
    /// Its place in the fragment table.
    index: u32,
    bytes: Vec<u8>,
}

impl<W: Read + Write + Seek> Content<W> {
    pub(super) fn add_tail(&mut self, tail: &[u8], of_large: bool) -> Result<Tail, Error> {
        let key: Hash = Sha256::digest(tail).into();
        if let Some(&tail) = self.tails.get(&key) {
            return Ok(tail);
        }
        let place = self.add_new_tail(tail, of_large)?;
        self.tails.insert(key, place);
        Ok(place)
    }

    /// `of_large` says whether the file has full blocks, too.
    pub(super) fn add_new_tail(&mut self, tail: &[u8], of_large: bool) -> Result<Tail, Error> {
        let slot = usize::from(of_large);
        let room = |open: &Open| open.bytes.len() + tail.len() <= self.block_size;
        if !self
            .open
            .get(slot)
            .is_some_and(|open| open.as_ref().is_some_and(room))
        {
            self.close_fragment(of_large)?;
        }
        let mut open = match self.open.get_mut(slot).and_then(Option::take) {
            Some(open) => open,
            None => self.open_fragment()?,
        };
        let place = Tail {
            fragment: open.index,
            // A block is at most 1 MiB.
            offset: open.bytes.len() as u32,
        };
        open.bytes.extend_from_slice(tail);
        let full = self.ends_here(tail);
        if let Some(slot) = self.open.get_mut(slot) {
            *slot = Some(open);
        }
        if full {
            self.close_fragment(of_large)?;
        }
        Ok(place)
    }

    /// Whether a fragment ends with this tail although it may have room for more.
    ///
    /// When a file changes its size, all that comes behind it moves to another place in its
    /// fragment. Where the tails themselves say that a fragment ends, the next ones are what they
    /// were, and an earlier image has them. That is once in [`RUN`] fragments' bytes. Fragments of
    /// large tails soon end alike by themselves.
    fn ends_here(&self, tail: &[u8]) -> bool {
        if tail.len() > self.block_size / SMALL {
            return false;
        }
        // Which bytes count matters little, as long as tails differ in them.
        let ends = tail.first_chunk::<32>().zip(tail.last_chunk::<32>());
        let (first, last) = ends.map_or((&[][..], tail), |(first, last)| (first, &last[..]));
        let number = fnv(first.iter().chain(last), tail.len() as u64);
        let run = (RUN * self.block_size) as u64;
        number % run < tail.len() as u64
    }

    fn open_fragment(&mut self) -> Result<Open, Error> {
        let index = u32::try_from(self.fragments.len()).map_err(|_| Error::TooMany {
            what: "fragments",
            limit: u64::from(u32::MAX),
        })?;
        self.fragments.push(Fragment {
            start: 0.into(),
            size: 0.into(),
            unused: 0.into(),
        });
        let mut bytes = self.pipeline.buffer();
        bytes.clear();
        Ok(Open { index, bytes })
    }

    pub(super) fn close_fragment(&mut self, of_large: bool) -> Result<(), Error> {
        let slot = self.open.get_mut(usize::from(of_large));
        let Some(Open { index, bytes }) = slot.and_then(Option::take) else {
            return Ok(());
        };
        let index = index as usize;
        self.submit(Target::Fragment { index }, bytes)
    }
}

/// Fowler, Noll and Vo's hash (FNV-1a) with 64 bits, and its upper half, which is mixed best.
fn fnv<'a>(bytes: impl Iterator<Item = &'a u8>, start: u64) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    let hash = start.to_le_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step);
    bytes.fold(hash, step) >> 32
}
