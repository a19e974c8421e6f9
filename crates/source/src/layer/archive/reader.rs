//! From a stream of blocks to entries with their content.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};

use super::EntryProblem;
use super::format::{self, BLOCK, Block};
use super::pax::{self, Pax};
use super::sparse::{self, Map};
use crate::tree::Quoted;

/// Largest header that describes a next entry, in bytes; as in Go's `archive/tar`.
const DESCRIPTION_MAX: u64 = 1 << 20;

/// One file, directory, link or device of a tar stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Its number in the stream, from 0; headers that only describe are not counted.
    pub index: usize,
    /// Where its first header is, in bytes of the uncompressed stream.
    pub offset: u64,
    /// Its path as it stands in the stream.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits, setuid, setgid, sticky.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970; fractions are cut off towards the past.
    pub mtime: i64,
    /// Full name → value.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What an entry of a tar stream is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file of so many bytes, holes included.
    File(u64),
    /// One more name for what is at this path.
    HardLink(Vec<u8>),
    /// A symbolic link with this target.
    Symlink(Vec<u8>),
    /// A character device: major and minor number.
    CharDevice(u32, u32),
    /// A block device: major and minor number.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
}

/// What is wrong with which entry.
#[derive(Debug, thiserror::Error)]
#[error("entry {index} at byte {offset}{}: {problem}", Named(path))]
pub struct EntryError {
    /// Which entry, from 0.
    pub index: usize,
    /// Where its first header is in the uncompressed stream, in bytes.
    pub offset: u64,
    /// Its name; empty as long as it is not known.
    pub path: Quoted,
    /// What is wrong with it.
    pub problem: EntryProblem,
}

/// Shows a name after a comma, and nothing where there is none.
struct Named<'a>(&'a Quoted);

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_bytes() {
            b"" => Ok(()),
            _ => write!(f, ", {:?}", self.0),
        }
    }
}

/// A tar stream that is being read.
pub struct Archive<R> {
    input: BufReader<R>,
    /// Bytes read so far.
    position: u64,
    /// How many entries were found.
    found: usize,
    /// Records for all entries that follow.
    global: Pax,
    /// The present entry: number, offset, name.
    current: (usize, u64, Vec<u8>),
    /// The present entry's data that was not read yet, in bytes.
    data: u64,
    /// Bytes up to the next block after the data.
    padding: u64,
    /// For a file with holes: its map, the place in it, the offset in the file in bytes.
    map: Option<(Map, usize, u64)>,
}

impl<R: Read> Archive<R> {
    /// Starts at the first byte of a stream.
    pub fn new(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(64 * 1024, input),
            position: 0,
            found: 0,
            global: Pax::default(),
            current: (0, 0, Vec::new()),
            data: 0,
            padding: 0,
            map: None,
        }
    }

    /// The next entry, after skipping what was not read of the one before; `None` at the end
    /// of the archive.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, EntryError> {
        if let Err(problem) = self.skip() {
            return Err(self.error(problem));
        }
        self.current = (self.found, self.position, Vec::new());
        match self.read_entry() {
            Ok(Some(entry)) => {
                self.found += 1;
                self.current.2.clone_from(&entry.path);
                Ok(Some(entry))
            }
            Ok(None) => Ok(None),
            Err(problem) => Err(self.error(problem)),
        }
    }

    /// The content of the entry that [`Archive::next_entry`] gave last. Its errors hold an
    /// [`EntryError`].
    pub fn content(&mut self) -> ContentReader<'_, R> {
        ContentReader(self)
    }

    /// Reads the stream to its end, after the archive's end.
    pub fn finish(mut self) -> Result<R, EntryError> {
        match io::copy(&mut self.input, &mut io::sink()) {
            Ok(_) => Ok(self.input.into_inner()),
            Err(error) => Err(self.error(EntryProblem::Read(error))),
        }
    }

    /// An error at the present entry.
    pub fn error(&self, problem: EntryProblem) -> EntryError {
        let (index, offset, path) = &self.current;
        EntryError {
            index: *index,
            offset: *offset,
            path: Quoted::new(path),
            problem,
        }
    }

    fn read_entry(&mut self) -> Result<Option<Entry>, EntryProblem> {
        let mut long_name: Option<Vec<u8>> = None;
        let mut long_link: Option<Vec<u8>> = None;
        let mut local: Option<Vec<u8>> = None;
        loop {
            let described = long_name.is_some() || long_link.is_some() || local.is_some();
            let Some(block) = self.header()? else {
                return match described {
                    true => Err(EntryProblem::DescribedNothing),
                    false => Ok(None),
                };
            };
            let kind = block.kind();
            let slot = match kind {
                b'L' => &mut long_name,
                b'K' => &mut long_link,
                b'x' => &mut local,
                b'g' => {
                    let records = self.description(&block)?;
                    self.global.apply(&records)?;
                    self.global.sparse = pax::Sparse::default();
                    continue;
                }
                // A volume's label.
                b'V' => {
                    self.set_data(block.natural(&format::SIZE)?);
                    self.skip()?;
                    continue;
                }
                _ => {
                    let mut pax = self.global.clone();
                    if let Some(records) = local {
                        pax.apply(&records)?;
                    }
                    let zero = |name: Vec<u8>| format::until_zero(&name).to_vec();
                    pax.path = long_name.map(zero).or(pax.path);
                    pax.link = long_link.map(zero).or(pax.link);
                    return self.entry(&block, pax).map(Some);
                }
            };
            if slot.is_some() {
                return Err(EntryProblem::DescribedTwice(match kind {
                    b'L' => "long name",
                    b'K' => "long link",
                    _ => "extended",
                }));
            }
            *slot = Some(self.description(&block)?);
        }
    }

    /// Makes an entry of its header and what was said about it before.
    fn entry(&mut self, block: &Block, pax: Pax) -> Result<Entry, EntryProblem> {
        let path = pax.sparse.name.clone().or(pax.path);
        let path = path.unwrap_or_else(|| block.name());
        self.current.2.clone_from(&path);
        let link = pax.link.unwrap_or_else(|| block.link_name());
        let device = || {
            let major = block.word(&format::DEVICE_MAJOR)?;
            Ok::<_, EntryProblem>((major, block.word(&format::DEVICE_MINOR)?))
        };
        let kind = match block.kind() {
            b'0' | 0 | b'7' | b'S' => {
                let stored = match pax.size {
                    Some(size) => size,
                    None => block.natural(&format::SIZE)?,
                };
                self.set_data(stored);
                // Before there was a type for directories, the name said it.
                match path.ends_with(b"/") && block.kind() != b'S' {
                    true => EntryKind::Directory,
                    false => EntryKind::File(self.file_size(block, &pax.sparse, stored)?),
                }
            }
            b'1' => EntryKind::HardLink(link),
            b'2' => EntryKind::Symlink(link),
            b'3' => device().map(|(major, minor)| EntryKind::CharDevice(major, minor))?,
            b'4' => device().map(|(major, minor)| EntryKind::BlockDevice(major, minor))?,
            b'5' => EntryKind::Directory,
            b'6' => EntryKind::Fifo,
            other => return Err(EntryProblem::Type(other)),
        };
        let or = |pax: Option<u32>, field| pax.map_or_else(|| block.word(field), Ok);
        let (index, offset) = (self.current.0, self.current.1);
        Ok(Entry {
            index,
            offset,
            path,
            kind,
            mode: (block.natural(&format::MODE)? & 0o7777) as u16,
            uid: or(pax.uid, &format::UID)?,
            gid: or(pax.gid, &format::GID)?,
            mtime: pax.mtime.map_or_else(|| block.number(&format::MTIME), Ok)?,
            xattrs: pax.xattrs,
        })
    }

    /// The size of a regular file with its holes; reads the map where there is one.
    fn file_size(
        &mut self,
        block: &Block,
        sparse: &pax::Sparse,
        stored: u64,
    ) -> Result<u64, EntryProblem> {
        let map = if block.kind() == b'S' {
            let size = block.natural(&format::SPARSE_SIZE)?;
            let numbers = self.gnu_map(block)?;
            Map::new(&numbers, size, stored)?
        } else if let Some(major) = sparse.major {
            let Some(size) = sparse.size else {
                return Err(EntryProblem::Sparse("the file's size is missing"));
            };
            match (major, sparse.minor.unwrap_or(0)) {
                (1, 0) => {
                    let numbers = self.map_before_data()?;
                    Map::new(&numbers, size, self.data)?
                }
                (0, 0 | 1) => Map::new(&sparse.numbers, size, stored)?,
                _ => return Err(EntryProblem::Sparse("its version is not 0.0, 0.1 or 1.0")),
            }
        } else if let Some(size) = sparse.size {
            Map::new(&sparse.numbers, size, stored)?
        } else if sparse.numbers.is_empty() && sparse.name.is_none() {
            return Ok(stored);
        } else {
            return Err(EntryProblem::Sparse("the file's size is missing"));
        };
        let size = map.size;
        self.map = Some((map, 0, 0));
        Ok(size)
    }

    /// GNU's own map: in the header and in blocks between it and the data, which do not
    /// count as data.
    fn gnu_map(&mut self, header: &Block) -> Result<Vec<u64>, EntryProblem> {
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
                sparse::push(&mut numbers, block.natural(&offset)?)?;
                sparse::push(&mut numbers, block.natural(&length)?)?;
            }
            if block.byte(more) == 0 {
                return Ok(numbers);
            }
            (from, count, more) = format::SPARSE_IN_BLOCK;
            self.fill(&mut block.0)?;
        }
    }

    /// The map of pax format 1.0: decimal numbers, each with a newline, first their count in
    /// pairs; filled up to a whole block. It counts as data.
    fn map_before_data(&mut self) -> Result<Vec<u64>, EntryProblem> {
        let wrong = EntryProblem::Sparse("it is not a list of decimal numbers");
        let mut numbers = Vec::new();
        let mut digits = Vec::new();
        let mut count = None;
        loop {
            let mut block = [0; BLOCK];
            let Some(left) = self.data.checked_sub(BLOCK as u64) else {
                return Err(EntryProblem::Sparse("it is longer than the data"));
            };
            self.fill(&mut block)?;
            self.data = left;
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
                    Some(_) => sparse::push(&mut numbers, number)?,
                }
                if count == Some(numbers.len() as u64) {
                    return Ok(numbers);
                }
            }
        }
    }

    /// The next header; `None` at the end of the archive or of the stream.
    fn header(&mut self) -> Result<Option<Block>, EntryProblem> {
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

    /// The data of a header that describes a next entry.
    fn description(&mut self, block: &Block) -> Result<Vec<u8>, EntryProblem> {
        let size = block.natural(&format::SIZE)?;
        if size > DESCRIPTION_MAX {
            return Err(EntryProblem::Description(size));
        }
        self.set_data(size);
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        self.fill(&mut bytes)?;
        self.data = 0;
        self.skip()?;
        Ok(bytes)
    }

    fn set_data(&mut self, size: u64) {
        self.data = size;
        self.padding = size.wrapping_neg() % BLOCK as u64;
        self.map = None;
    }

    /// Goes to the end of the present entry.
    fn skip(&mut self) -> Result<(), EntryProblem> {
        let left = self.data + self.padding;
        let skipped = io::copy(&mut self.input.by_ref().take(left), &mut io::sink());
        let skipped = skipped.map_err(EntryProblem::Read)?;
        self.position += skipped;
        (self.data, self.padding, self.map) = (0, 0, None);
        match left - skipped {
            0 => Ok(()),
            missing => Err(EntryProblem::Truncated { missing }),
        }
    }

    fn fill(&mut self, mut into: &mut [u8]) -> Result<(), EntryProblem> {
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

    /// Some of the present entry's data as it is in the stream.
    fn read_data(&mut self, into: &mut [u8]) -> Result<usize, EntryProblem> {
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

fn most(room: usize, left: u64) -> usize {
    usize::try_from(left).map_or(room, |left| left.min(room))
}

/// Reads one entry's content. See [`Archive::content`].
pub struct ContentReader<'a, R>(&'a mut Archive<R>);

impl<R: Read> ContentReader<'_, R> {
    fn read_content(&mut self, into: &mut [u8]) -> Result<usize, EntryProblem> {
        let Some((map, part, offset)) = &mut self.0.map else {
            return self.0.read_data(into);
        };
        let (run, hole) = map.run(*offset, part);
        let most = most(into.len(), run);
        let into = into.get_mut(..most).unwrap_or_default();
        let n = match hole {
            true => {
                into.fill(0);
                most
            }
            false => self.0.read_data(into)?,
        };
        if let Some((_, _, offset)) = &mut self.0.map {
            *offset += n as u64;
        }
        Ok(n)
    }
}

impl<R: Read> Read for ContentReader<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.read_content(into);
        read.map_err(|problem| io::Error::other(self.0.error(problem)))
    }
}
