//! Reads an image that may be hostile: every position, length and count is checked, and
//! memory is bounded by small caches, not by what the image says.

mod blocks;
mod content;
mod directory;
mod error;
mod inode;
mod inodes;
mod tables;
mod xattr;

use std::collections::{HashSet, VecDeque};
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use zerocopy::little_endian::U32;

use super::format::{
    Compressor, MAGIC, MAX_BLOCK_SIZE, MIN_BLOCK_SIZE, Reference, SUPERBLOCK_SIZE, Superblock,
};
use blocks::{Cursor, MetadataBlock};
pub use content::Content;
pub use error::ReadError;

/// Longest path that [`Reader::walk`] follows, in bytes.
const MAX_PATH: usize = 1 << 20;
/// One inode.
#[derive(Clone, Debug)]
pub struct Inode {
    /// From 1; equal numbers are hard links of each other.
    pub number: u32,
    /// Permission bits.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: u32,
    /// How many names.
    pub links: u32,
    /// What it is.
    pub node: Node,
    xattr: u32,
    reference: Reference,
}

/// What an inode is.
#[derive(Clone, Debug)]
pub enum Node {
    /// A directory: see [`Reader::entries`].
    Directory(Listing),
    /// A regular file: see [`Reader::copy`].
    File(Blocks),
    /// A symbolic link and its target.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
}

/// Where a file's content is.
#[derive(Clone, Debug)]
pub struct Blocks {
    /// Length of the content, in bytes.
    pub size: u64,
    start: u64,
    fragment: u32,
    offset: u32,
    sizes: Cursor,
}

/// A place in a directory's listing.
#[derive(Clone, Debug)]
pub struct Listing {
    cursor: Cursor,
    /// Bytes that are still to come.
    left: u32,
    /// Entries that are still to come behind the last header.
    run: u32,
    block: u32,
    last: Vec<u8>,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The name: neither empty nor `.` nor `..`, without `/` and NUL.
    pub name: Vec<u8>,
    reference: Reference,
}

/// Reads an image from its byte 0 on.
pub struct Reader<R> {
    input: R,
    superblock: Superblock,
    compressor: Compressor,
    block_size: usize,
    ids: Vec<u32>,
    metadata: VecDeque<Arc<MetadataBlock>>,
    fragments: VecDeque<(u32, Arc<Vec<u8>>)>,
}

impl<R: Read + Seek> Reader<R> {
    /// Reads the superblock and the owners' table.
    pub fn open(mut input: R) -> Result<Self, ReadError> {
        let mut bytes = [0; SUPERBLOCK_SIZE];
        input
            .seek(SeekFrom::Start(0))
            .and_then(|_| input.read_exact(&mut bytes))
            .map_err(|source| ReadError::Io {
                what: "the superblock",
                offset: 0,
                source,
            })?;
        let superblock: Superblock = zerocopy::transmute!(bytes);
        let compressor = check_superblock(&superblock)?;
        let mut reader = Self {
            input,
            compressor,
            block_size: superblock.block_size.get() as usize,
            superblock,
            ids: Vec::new(),
            metadata: VecDeque::new(),
            fragments: VecDeque::new(),
        };
        reader.ids = reader.read_ids()?;
        Ok(reader)
    }

    /// The superblock.
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// How blocks are compressed.
    pub fn compressor(&self) -> Compressor {
        self.compressor
    }

    /// zstd's level, when the image says it.
    pub fn zstd_level(&mut self) -> Result<Option<i32>, ReadError> {
        let options = super::format::flags::COMPRESSOR_OPTIONS;
        if self.compressor != Compressor::Zstd || self.superblock.flags.get() & options == 0 {
            return Ok(None);
        }
        let mut cursor = Cursor {
            block: SUPERBLOCK_SIZE as u64,
            offset: 0,
        };
        let level: U32 = self.take("the compressor's options", &mut cursor)?;
        Ok(Some(level.get() as i32))
    }

    /// The root directory.
    pub fn root(&mut self) -> Result<Inode, ReadError> {
        let root = self.inode(Reference::unpack(self.superblock.root_inode.get()))?;
        match root.node {
            Node::Directory(_) => Ok(root),
            _ => Err(ReadError::Kind {
                number: root.number,
                expected: "directory, though it is the root",
            }),
        }
    }

    /// The inode that a name stands for.
    pub fn open_entry(&mut self, entry: &DirEntry) -> Result<Inode, ReadError> {
        self.inode(entry.reference)
    }

    /// The inode at a path like `usr/bin/env`, or `None`; the empty path is the root. Symbolic
    /// links are not followed.
    pub fn find(&mut self, path: &[u8]) -> Result<Option<Inode>, ReadError> {
        let mut inode = self.root()?;
        for name in path
            .split(|&byte| byte == b'/')
            .filter(|name| !name.is_empty())
        {
            let Node::Directory(listing) = &inode.node else {
                return Ok(None);
            };
            let mut listing = listing.clone();
            inode = loop {
                match self.next_entry(&mut listing)? {
                    Some(entry) if entry.name == name => break self.open_entry(&entry)?,
                    Some(_) => (),
                    None => return Ok(None),
                }
            };
        }
        Ok(Some(inode))
    }

    /// Calls `each` with every path and its inode: a directory before what is in it, names by
    /// bytes. The root's path is empty.
    pub fn walk<E: From<ReadError>>(
        &mut self,
        mut each: impl FnMut(&mut Self, &[u8], &Inode) -> Result<(), E>,
    ) -> Result<(), E> {
        let root = self.root()?;
        let mut seen = HashSet::from([root.reference.pack()]);
        let mut path = Vec::new();
        each(self, &path, &root)?;
        let mut stack = vec![(self.entries(&root)?, 0)];
        while let Some((listing, length)) = stack.last_mut() {
            path.truncate(*length);
            let Some(entry) = self.next_entry(listing)? else {
                stack.pop();
                continue;
            };
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(&entry.name);
            let inode = self.open_entry(&entry)?;
            each(self, &path, &inode)?;
            if let Node::Directory(listing) = &inode.node {
                let reason = if !seen.insert(inode.reference.pack()) {
                    "it is in the tree twice"
                } else if path.len() > MAX_PATH {
                    "its path is longer than 1 MiB"
                } else {
                    stack.push((listing.clone(), path.len()));
                    continue;
                };
                let damaged = ReadError::Damaged {
                    what: "a directory",
                    offset: self
                        .superblock
                        .inode_table
                        .get()
                        .saturating_add(inode.reference.block),
                    reason: reason.to_owned(),
                };
                return Err(damaged.into());
            }
        }
        Ok(())
    }

    fn read_ids(&mut self) -> Result<Vec<u32>, ReadError> {
        const WHAT: &str = "the id table";
        let table = self.superblock.id_table.get();
        (0..u32::from(self.superblock.id_count.get()))
            .map(|index| {
                let mut cursor = self.indexed(WHAT, table, index, size_of::<U32>())?;
                Ok(self.take::<U32>(WHAT, &mut cursor)?.get())
            })
            .collect()
    }
}

fn check_superblock(superblock: &Superblock) -> Result<Compressor, ReadError> {
    let block_size = superblock.block_size.get();
    let log = u64::from(superblock.block_log.get());
    let is_size =
        block_size.is_power_of_two() && (MIN_BLOCK_SIZE..=MAX_BLOCK_SIZE).contains(&block_size);
    let right_log = is_size && u64::from(block_size.ilog2()) == log;
    let magic = superblock.magic.get();
    let (major, minor) = (
        superblock.version_major.get(),
        superblock.version_minor.get(),
    );
    let checks: [(&'static str, u64, bool, &str); 5] = [
        ("magic", magic.into(), magic == MAGIC, "0x73717368 (hsqs)"),
        ("major version", major.into(), major == 4, "4"),
        ("minor version", minor.into(), minor == 0, "0"),
        (
            "block size",
            block_size.into(),
            is_size,
            "a power of two from 4096 to 1048576",
        ),
        (
            "block size's logarithm",
            log,
            right_log,
            "that of the block size",
        ),
    ];
    let error = |field, found, expected: &str| ReadError::Superblock {
        field,
        found,
        expected: expected.to_owned(),
    };
    if let Some((field, found, _, expected)) = checks.into_iter().find(|check| !check.2) {
        return Err(error(field, found, expected));
    }
    Compressor::try_from(superblock.compressor.get()).map_err(|id| {
        error(
            "compressor",
            id.into(),
            "1 (gzip), 4 (xz), 5 (lz4) or 6 (zstd)",
        )
    })
}

fn wrong_kind(inode: &Inode, expected: &'static str) -> ReadError {
    ReadError::Kind {
        number: inode.number,
        expected,
    }
}

#[cfg(test)]
impl<R: Read + Seek> Reader<R> {
    pub(super) fn metadata_for_tests(&mut self, position: u64) -> Vec<u8> {
        self.metadata_block("a table", position)
            .unwrap()
            .bytes
            .clone()
    }
}
