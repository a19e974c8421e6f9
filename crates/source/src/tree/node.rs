//! What is at a path: a node with its metadata, and where a file's bytes are.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::HostFile;

/// What every kind of node carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Permission bits, setuid, setgid and sticky: `mode & 0o7777`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time, seconds since 1970.
    pub mtime: i64,
    /// Extended attributes: full name (`security.capability`) → value.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Metadata {
    /// Owned by root, of the epoch, without extended attributes.
    pub fn root(mode: u16) -> Self {
        Self {
            mode: mode & 0o7777,
            uid: 0,
            gid: 0,
            mtime: 0,
            xattrs: BTreeMap::new(),
        }
    }
}

/// Where a regular file's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Length in bytes.
    pub size: u64,
    /// Where to read them.
    pub origin: Origin,
}

/// See [`Content`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In memory.
    Bytes(Arc<[u8]>),
    /// In a file of this machine, read when the content is asked for.
    File(Arc<HostFile>),
    /// In a layer of the tree: the tar stream's entry of this number.
    Layer {
        /// Index into the tree's layers.
        layer: usize,
        /// Index of the entry in the layer's tar stream, from 0; headers that only describe
        /// the next entry are not counted.
        entry: usize,
    },
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory; its entries are the paths below it.
    Directory,
    /// A regular file.
    File(Content),
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

/// One inode: several paths may name it (hard links).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Owner, mode, times, xattrs.
    pub metadata: Metadata,
    /// What it is.
    pub kind: Kind,
}

impl Node {
    /// A directory.
    pub fn directory(metadata: Metadata) -> Self {
        let kind = Kind::Directory;
        Self { metadata, kind }
    }

    /// A regular file whose bytes are in memory.
    pub fn file(metadata: Metadata, bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        let size = bytes.len() as u64;
        let origin = Origin::Bytes(bytes);
        let kind = Kind::File(Content { size, origin });
        Self { metadata, kind }
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }

    /// The content of a regular file, `None` for everything else.
    pub fn content(&self) -> Option<&Content> {
        match &self.kind {
            Kind::File(content) => Some(content),
            _ => None,
        }
    }

    /// The target of a symbolic link, `None` for everything else.
    pub fn symlink(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::Symlink(target) => Some(target),
            _ => None,
        }
    }
}

/// Index of a node in its tree; equal ids are hard links of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);
