//! The stream below the entries: headers in blocks of 512 bytes, each with data behind it.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use super::EntryProblem;
use super::format::{BLOCK, Block};

/// A tar stream and the place in it.
pub(super) struct Stream<R> {
    input: BufReader<R>,
    /// Passes over so many bytes without reading them, or over fewer where the stream ends; how many.
    pass: Option<fn(&mut R, u64) -> io::Result<u64>>,
    /// Bytes read so far.
    position: u64,
    /// The present entry's data that was not read yet, in bytes.
    data: u64,
    /// Bytes up to the next block after the data.
    padding: u64,
}

impl<R: Read> Stream<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(64 * 1024, input),
            pass: None,
            position: 0,
            data: 0,
            padding: 0,
        }
    }

    /// The same, where bytes that nobody wants need not be read.
    pub(super) fn seekable(input: R) -> Self
    where
        R: Seek,
    {
        Self {
            pass: Some(pass),
            ..Self::new(input)
        }
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Reads to the end of the stream, whatever is there.
    pub(super) fn drain(&mut self) -> Result<(), EntryProblem> {
        let drained = io::copy(&mut self.input, &mut io::sink());
        drained.map(drop).map_err(EntryProblem::Read)
    }

    pub(super) fn into_inner(self) -> R {
        self.input.into_inner()
    }

    /// The next header; `None` at the end of the archive or of the stream.
    pub(super) fn header(&mut self) -> Result<Option<Block>, EntryProblem> {
        let mut block = Block([0; BLOCK]);
        let mut first = [0];
        if self.read_some(&mut first)? == 0 {
            return Ok(None);
        }
        let (start, rest) = block.0.split_at_mut(1);
        start.copy_from_slice(&first);
        self.fill(rest)?;
        if block.is_zero() {
            return Ok(None);
        }
        block.check()?;
        Ok(Some(block))
    }

    /// So many bytes of data follow the header that was read last.
    pub(super) fn set_data(&mut self, size: u64) {
        self.data = size;
        self.padding = size.wrapping_neg() % BLOCK as u64;
    }

    /// The data that was not read yet, in bytes.
    pub(super) fn left(&self) -> u64 {
        self.data
    }

    /// All data, and goes to the next header.
    pub(super) fn whole_data(&mut self) -> Result<Vec<u8>, EntryProblem> {
        let mut bytes = vec![0; usize::try_from(self.data).unwrap_or_default()];
        self.fill(&mut bytes)?;
        self.data = 0;
        self.skip()?;
        Ok(bytes)
    }

    /// The next block of the data; `None` when less than one is left.
    pub(super) fn data_block(&mut self) -> Result<Option<[u8; BLOCK]>, EntryProblem> {
        let Some(left) = self.data.checked_sub(BLOCK as u64) else {
            return Ok(None);
        };
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        self.data = left;
        Ok(Some(block))
    }

    /// Goes to the end of the present entry.
    pub(super) fn skip(&mut self) -> Result<(), EntryProblem> {
        let left = self.data + self.padding;
        let skipped = self.pass_over(left).map_err(EntryProblem::Read)?;
        self.position += skipped;
        (self.data, self.padding) = (0, 0);
        match left - skipped {
            0 => Ok(()),
            missing => Err(EntryProblem::Truncated { missing }),
        }
    }

    fn pass_over(&mut self, bytes: u64) -> io::Result<u64> {
        let Some(pass) = self.pass else {
            return io::copy(&mut self.input.by_ref().take(bytes), &mut io::sink());
        };
        let there = most(self.input.buffer().len(), bytes);
        self.input.consume(there);
        match bytes - there as u64 {
            0 => Ok(bytes),
            // Nothing is in the buffer any more.
            rest => Ok(there as u64 + pass(self.input.get_mut(), rest)?),
        }
    }

    /// Fills `into`, or says how much is missing.
    pub(super) fn fill(&mut self, mut into: &mut [u8]) -> Result<(), EntryProblem> {
        while !into.is_empty() {
            match self.read_some(into)? {
                0 => {
                    let missing = into.len() as u64;
                    return Err(EntryProblem::Truncated { missing });
                }
                n => into = into.get_mut(n..).unwrap_or_default(),
            }
        }
        Ok(())
    }

    fn read_some(&mut self, into: &mut [u8]) -> Result<usize, EntryProblem> {
        loop {
            match self.input.read(into) {
                Ok(n) => {
                    self.position += n as u64;
                    return Ok(n);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(EntryProblem::Read(error)),
            }
        }
    }

    /// Some of the data as it is in the stream.
    pub(super) fn read_data(&mut self, into: &mut [u8]) -> Result<usize, EntryProblem> {
        let most = most(into.len(), self.data);
        if most == 0 {
            return Ok(0);
        }
        match self.read_some(into.get_mut(..most).unwrap_or_default())? {
            0 => {
                let missing = self.data;
                Err(EntryProblem::Truncated { missing })
            }
            n => {
                self.data -= n as u64;
                Ok(n)
            }
        }
    }
}

fn pass<R: Seek>(input: &mut R, bytes: u64) -> io::Result<u64> {
    let here = input.stream_position()?;
    let end = input.seek(SeekFrom::End(0))?;
    let there = here.saturating_add(bytes).min(end).max(here);
    input.seek(SeekFrom::Start(there))?;
    Ok(there - here)
}

/// How much to read into `room` bytes when `left` are left.
pub(super) fn most(room: usize, left: u64) -> usize {
    usize::try_from(left).map_or(room, |left| left.min(room))
}
