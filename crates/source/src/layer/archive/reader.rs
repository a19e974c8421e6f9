//! From a stream of blocks to entries with their content.

use std::io::{self, Read, Seek};

use super::format::{self, Block};
use super::pax::{self, Pax};
use super::sparse::{self, Map};
use super::stream::{Stream, most};
use super::{Entry, EntryError, EntryKind, EntryProblem};
use crate::tree::Quoted;

/// Largest header that describes a next entry, in bytes; as in Go's `archive/tar`.
const DESCRIPTION_MAX: u64 = 1 << 20;

/// Most bytes of extended attributes for all entries: each entry has a copy of them.
const GLOBAL_MAX: u64 = 1 << 16;

/// A tar stream that is being read.
pub struct Archive<R> {
    stream: Stream<R>,
    /// How many entries were found.
    found: usize,
    /// Records for all entries that follow.
    global: Pax,
    /// The present entry: number, offset, name.
    current: (usize, u64, Vec<u8>),
    /// For a file with holes: its map, the place in it, the offset in the file in bytes.
    map: Option<(Map, usize, u64)>,
}

impl<R: Read> Archive<R> {
    /// Starts at the first byte of a stream.
    pub fn new(input: R) -> Self {
        Self::over(Stream::new(input))
    }

    /// The same, where contents that nobody wants need not be read.
    pub fn seekable(input: R) -> Self
    where
        R: Seek,
    {
        Self::over(Stream::seekable(input))
    }

    fn over(stream: Stream<R>) -> Self {
        Self {
            stream,
            found: 0,
            global: Pax::default(),
            current: (0, 0, Vec::new()),
            map: None,
        }
    }

    /// The next entry, after skipping what was not read of the one before; `None` at the end
    /// of the archive.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, EntryError> {
        self.map = None;
        if let Err(problem) = self.stream.skip() {
            return Err(self.error(problem));
        }
        self.current = (self.found, self.stream.position(), Vec::new());
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

    /// Where the content of the entry that [`Archive::next_entry`] gave last starts, in bytes of
    /// the stream, as long as nothing of it was read; `None` when it is a file with holes.
    pub fn content_offset(&self) -> Option<u64> {
        self.map.is_none().then(|| self.stream.position())
    }

    /// Reads the stream to its end, after the archive's end.
    pub fn finish(mut self) -> Result<R, EntryError> {
        match self.stream.drain() {
            Ok(()) => Ok(self.stream.into_inner()),
            Err(problem) => Err(self.error(problem)),
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
            let Some(block) = self.stream.header()? else {
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
                    match self.global.attributes() {
                        0..=GLOBAL_MAX => continue,
                        size => return Err(EntryProblem::Global(size)),
                    }
                }
                // A volume's label.
                b'V' => {
                    self.stream.set_data(block.natural(&format::SIZE)?);
                    self.stream.skip()?;
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
                self.stream.set_data(stored);
                // Before there was a type for directories, the name said it.
                match path.ends_with(b"/") && block.kind() != b'S' {
                    true => EntryKind::Directory,
                    false => {
                        let map = sparse::map(block, &pax.sparse, stored, &mut self.stream)?;
                        let size = map.as_ref().map_or(stored, |map| map.size);
                        self.map = map.map(|map| (map, 0, 0));
                        EntryKind::File(size)
                    }
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

    /// The data of a header that describes a next entry.
    fn description(&mut self, block: &Block) -> Result<Vec<u8>, EntryProblem> {
        let size = block.natural(&format::SIZE)?;
        if size > DESCRIPTION_MAX {
            return Err(EntryProblem::Description(size));
        }
        self.stream.set_data(size);
        self.stream.whole_data()
    }
}

/// Reads one entry's content. See [`Archive::content`].
pub struct ContentReader<'a, R>(&'a mut Archive<R>);

impl<R: Read> ContentReader<'_, R> {
    fn read_content(&mut self, into: &mut [u8]) -> Result<usize, EntryProblem> {
        let Some((map, part, offset)) = &mut self.0.map else {
            return self.0.stream.read_data(into);
        };
        let (run, hole) = map.run(*offset, part);
        let most = most(into.len(), run);
        let into = into.get_mut(..most).unwrap_or_default();
        let n = match hole {
            true => {
                into.fill(0);
                most
            }
            false => self.0.stream.read_data(into)?,
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
