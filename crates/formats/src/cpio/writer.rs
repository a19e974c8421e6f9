use std::collections::BTreeSet;
use std::io::Write;

use super::format::{self, ALIGNMENT, HEADER, MAGIC, TRAILER};
use super::{Entry, Error, Kind};

/// Writes an archive, entry by entry.
///
/// Inode numbers count from 1, so the same entries give the same bytes. A directory must come
/// before what is in it, because the kernel makes no parents.
pub struct Writer<W> {
    sink: W,
    inode: u32,
    directories: BTreeSet<Vec<u8>>,
    paths: BTreeSet<Vec<u8>>,
}

impl<W: Write> Writer<W> {
    /// An archive without entries.
    pub fn new(sink: W) -> Self {
        Self {
            sink,
            inode: 0,
            directories: BTreeSet::new(),
            paths: BTreeSet::new(),
        }
    }

    /// Adds an entry.
    pub fn add(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        self.check(entry.path)?;
        self.paths.insert(entry.path.to_vec());
        let (kind, content, device): (u32, &[u8], (u32, u32)) = match entry.kind {
            Kind::Directory => {
                self.directories.insert(entry.path.to_vec());
                (format::DIRECTORY, &[], (0, 0))
            }
            Kind::File(content) => (format::FILE, content, (0, 0)),
            Kind::Symlink(target) => (format::SYMLINK, target, (0, 0)),
            Kind::CharDevice { major, minor } => (format::CHAR_DEVICE, &[], (major, minor)),
            Kind::BlockDevice { major, minor } => (format::BLOCK_DEVICE, &[], (major, minor)),
            Kind::Fifo => (format::FIFO, &[], (0, 0)),
            Kind::Socket => (format::SOCKET, &[], (0, 0)),
        };
        let size = u32::try_from(content.len()).map_err(|_| Error::TooLarge {
            path: shown(entry.path),
            size: content.len(),
        })?;
        self.inode += 1;
        let links = if kind == format::DIRECTORY { 2 } else { 1 };
        let mode = kind | u32::from(entry.mode & 0o7777);
        let numbers = [
            self.inode,
            mode,
            entry.uid,
            entry.gid,
            links,
            entry.mtime,
            size,
            0,
            0,
            device.0,
            device.1,
        ];
        self.entry(numbers, entry.path, content)
    }

    /// Ends the archive and gives back where it was written to.
    pub fn finish(mut self) -> Result<W, Error> {
        self.entry([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], TRAILER, &[])?;
        Ok(self.sink)
    }

    fn check(&self, path: &[u8]) -> Result<(), Error> {
        let wrong = |problem| {
            let path = shown(path);
            Err(Error::Path { path, problem })
        };
        let mut names = path.split(|byte| *byte == b'/');
        if names.any(|name| matches!(name, b"" | b"." | b"..")) {
            return wrong("a relative path without empty names, . and .. is needed");
        }
        if path.contains(&0) || path == TRAILER || path.len() >= 4096 {
            return wrong("up to 4095 bytes without NUL, not the end mark, are needed");
        }
        if self.paths.contains(path) {
            return wrong("it is there already");
        }
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let parent = slash.and_then(|slash| path.get(..slash));
        if parent.is_some_and(|parent| !self.directories.contains(parent)) {
            return wrong("its directory must come before it");
        }
        Ok(())
    }

    fn entry(&mut self, numbers: [u32; 11], path: &[u8], content: &[u8]) -> Result<(), Error> {
        let mut header = MAGIC.to_vec();
        let name_size = path.len() as u32 + 1;
        for number in numbers.into_iter().chain([name_size, 0]) {
            header.extend_from_slice(format!("{number:08x}").as_bytes());
        }
        let zeros = [0; ALIGNMENT];
        let name_end = 1 + format::padding(HEADER + path.len() + 1);
        let content_end = format::padding(content.len());
        let parts = [
            &header,
            path,
            zeros.get(..name_end).unwrap_or(&zeros),
            content,
            zeros.get(..content_end).unwrap_or(&zeros),
        ];
        for part in parts {
            self.sink.write_all(part).map_err(Error::Write)?;
        }
        Ok(())
    }
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
