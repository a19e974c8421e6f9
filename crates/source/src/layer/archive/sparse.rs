//! Files with holes: which parts of the file the stream holds, and the four ways to say so.

use std::io::Read;

use super::format::{self, BLOCK, Block};
use super::stream::Stream;
use super::{EntryProblem, pax};

/// How many parts a file may have: memory for the map is 16 bytes each.
const PARTS_MAX: usize = 1 << 20;

/// The parts of a file that are not holes, in order.
#[derive(Debug)]
pub(super) struct Map {
    /// Where a part is in the file and how long it is, in bytes.
    parts: Vec<(u64, u64)>,
    /// Size of the file with holes, in bytes.
    pub(super) size: u64,
}

impl Map {
    /// Checks a map against the size with holes, and the size of the data in the stream.
    pub(super) fn new(numbers: &[u64], size: u64, stored: u64) -> Result<Self, EntryProblem> {
        let wrong = |why| Err(EntryProblem::Sparse(why));
        if !numbers.len().is_multiple_of(2) {
            return wrong("an offset has no length");
        }
        let (mut end, mut sum) = (0u64, 0u64);
        let mut parts = Vec::new();
        for pair in numbers.chunks_exact(2) {
            let &[offset, length] = pair else { continue };
            if offset < end {
                return wrong("parts overlap or are out of order");
            }
            // Programs disagree on whether the next part starts in a new block then.
            if length > 0 && sum % BLOCK as u64 != 0 {
                return wrong("a part before the last one does not fill its last block");
            }
            let (Some(next), Some(total)) = (offset.checked_add(length), sum.checked_add(length))
            else {
                return wrong("a part ends after 64 bits");
            };
            (end, sum) = (next, total);
            if length > 0 {
                parts.push((offset, length));
            }
        }
        if end > size {
            return wrong("a part ends after the file does");
        }
        if sum != stored {
            return wrong("the parts are not as long as the data");
        }
        Ok(Self { parts, size })
    }

    /// How many bytes follow at an offset of the file, and whether they are a hole. The map's
    /// parts are passed once, in order: `part` is the one to look at first.
    pub(super) fn run(&self, offset: u64, part: &mut usize) -> (u64, bool) {
        while let Some((start, length)) = self.parts.get(*part) {
            if offset < *start {
                return (start - offset, true);
            }
            if offset < start + length {
                return (start + length - offset, false);
            }
            *part += 1;
        }
        (self.size - offset.min(self.size), true)
    }
}

/// The map of a regular file with `stored` bytes of data; `None` when it has no holes.
pub(super) fn map<R: Read>(
    block: &Block,
    sparse: &pax::Sparse,
    stored: u64,
    stream: &mut Stream<R>,
) -> Result<Option<Map>, EntryProblem> {
    let map = if block.kind() == b'S' {
        let size = block.natural(&format::SPARSE_SIZE)?;
        let numbers = gnu_map(block, stream)?;
        Map::new(&numbers, size, stored)?
    } else if let Some(major) = sparse.major {
        let Some(size) = sparse.size else {
            return Err(EntryProblem::Sparse("the file's size is missing"));
        };
        match (major, sparse.minor.unwrap_or(0)) {
            (1, 0) => {
                let numbers = map_before_data(stream)?;
                Map::new(&numbers, size, stream.left())?
            }
            (0, 0 | 1) => Map::new(&sparse.numbers, size, stored)?,
            _ => return Err(EntryProblem::Sparse("its version is not 0.0, 0.1 or 1.0")),
        }
    } else if let Some(size) = sparse.size {
        Map::new(&sparse.numbers, size, stored)?
    } else if sparse.numbers.is_empty() && sparse.name.is_none() {
        return Ok(None);
    } else {
        return Err(EntryProblem::Sparse("the file's size is missing"));
    };
    Ok(Some(map))
}

/// GNU's own map: in the header and in blocks between it and the data, which do not
/// count as data.
fn gnu_map<R: Read>(header: &Block, stream: &mut Stream<R>) -> Result<Vec<u64>, EntryProblem> {
    let mut numbers = Vec::new();
    let (mut from, mut count, mut more) = format::SPARSE_IN_HEADER;
    let mut block = Block(header.0);
    loop {
        for pair in 0..count {
            let at = from + pair * 24;
            let (offset, length) = format::sparse_pair(at);
            if block.byte(at) == 0 {
                break;
            }
            push(&mut numbers, block.natural(&offset)?)?;
            push(&mut numbers, block.natural(&length)?)?;
        }
        if block.byte(more) == 0 {
            return Ok(numbers);
        }
        (from, count, more) = format::SPARSE_IN_BLOCK;
        stream.fill(&mut block.0)?;
    }
}

/// The map of pax format 1.0: decimal numbers, each with a newline, first their count in
/// pairs; filled up to a whole block. It counts as data.
fn map_before_data<R: Read>(stream: &mut Stream<R>) -> Result<Vec<u64>, EntryProblem> {
    let wrong = EntryProblem::Sparse("it is not a list of decimal numbers");
    let mut numbers = Vec::new();
    let mut digits = Vec::new();
    let mut count = None;
    loop {
        let Some(block) = stream.data_block()? else {
            return Err(EntryProblem::Sparse("it is longer than the data"));
        };
        for byte in block {
            if byte != b'\n' {
                digits.push(byte);
                if digits.len() > 20 {
                    return Err(wrong);
                }
                continue;
            }
            let Some(number) = pax::number(&digits) else {
                return Err(wrong);
            };
            digits.clear();
            match count {
                None => count = Some(number.saturating_mul(2)),
                Some(_) => push(&mut numbers, number)?,
            }
            if count == Some(numbers.len() as u64) {
                return Ok(numbers);
            }
        }
    }
}

/// Adds a number to a map that is being read.
fn push(numbers: &mut Vec<u64>, number: u64) -> Result<(), EntryProblem> {
    if numbers.len() >= 2 * PARTS_MAX {
        return Err(EntryProblem::Sparse("it has more than 1048576 parts"));
    }
    numbers.push(number);
    Ok(())
}
