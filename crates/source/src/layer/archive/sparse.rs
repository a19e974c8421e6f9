//! Files with holes: which parts of the file the stream holds.

use super::EntryProblem;
use super::format::BLOCK;

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

/// Adds a number to a map that is being read.
pub(super) fn push(numbers: &mut Vec<u64>, number: u64) -> Result<(), EntryProblem> {
    if numbers.len() >= 2 * PARTS_MAX {
        return Err(EntryProblem::Sparse("it has more than 1048576 parts"));
    }
    numbers.push(number);
    Ok(())
}
