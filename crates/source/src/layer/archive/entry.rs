//! An entry of a tar stream as a value, and an error that says at which one it is.

use std::collections::BTreeMap;

use super::EntryProblem;
use crate::tree::Quoted;

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
