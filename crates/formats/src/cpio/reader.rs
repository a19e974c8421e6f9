use super::format::{self, HEADER, MAGIC, MAGIC_CHECKSUM, TRAILER, TYPE};
use super::{Entry, Error, Kind};

/// Reads an uncompressed archive: an iterator over its entries, up to the end mark.
pub struct Reader<'a> {
    archive: &'a [u8],
    offset: usize,
    ended: bool,
}

impl<'a> Reader<'a> {
    /// An archive's bytes; what follows the end mark is left alone.
    pub fn new(archive: &'a [u8]) -> Self {
        Self {
            archive,
            offset: 0,
            ended: false,
        }
    }

    /// Where the next entry starts; after the end mark, how long the archive was. In bytes.
    pub fn offset(&self) -> usize {
        self.offset
    }

    fn read(&mut self) -> Result<Option<Entry<'a>>, Error> {
        let start = self.offset;
        let damaged = |problem| Error::Damaged {
            offset: start,
            problem,
        };
        let cut = || damaged("it ends inside an entry");
        let header = self.take(HEADER).ok_or_else(cut)?;
        if !header.starts_with(MAGIC) && !header.starts_with(MAGIC_CHECKSUM) {
            return Err(damaged("an entry starts with 070701 or 070702"));
        }
        let digits = header.get(MAGIC.len()..).unwrap_or_default();
        let numbers = digits.chunks_exact(8).map(hex).collect::<Option<Vec<_>>>();
        let numbers = numbers.and_then(|numbers| <[u32; 13]>::try_from(numbers).ok());
        let Some(
            [
                _,
                mode,
                uid,
                gid,
                _,
                mtime,
                size,
                _,
                _,
                major,
                minor,
                name,
                _,
            ],
        ) = numbers
        else {
            return Err(damaged("a header's numbers have hex digits only"));
        };
        let path = self.take(name as usize).ok_or_else(cut)?;
        let Some((0, path)) = path.split_last() else {
            return Err(damaged("a path ends with NUL"));
        };
        self.take(format::padding(HEADER + path.len() + 1))
            .ok_or_else(cut)?;
        let content = self.take(size as usize).ok_or_else(cut)?;
        self.take(format::padding(content.len())).ok_or_else(cut)?;
        if path == TRAILER {
            return Ok(None);
        }
        let kind = match mode & TYPE {
            format::DIRECTORY => Kind::Directory,
            format::FILE => Kind::File(content),
            format::SYMLINK => Kind::Symlink(content),
            format::CHAR_DEVICE => Kind::CharDevice { major, minor },
            format::BLOCK_DEVICE => Kind::BlockDevice { major, minor },
            format::FIFO => Kind::Fifo,
            format::SOCKET => Kind::Socket,
            _ => return Err(damaged("an entry has an unknown file type")),
        };
        Ok(Some(Entry {
            path,
            mode: (mode & 0o7777) as u16,
            uid,
            gid,
            mtime,
            kind,
        }))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.offset.checked_add(length)?;
        let taken = self.archive.get(self.offset..end)?;
        self.offset = end;
        Some(taken)
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Entry<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let entry = self.read();
        self.ended = !matches!(entry, Ok(Some(_)));
        entry.transpose()
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
