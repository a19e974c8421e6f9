//! The merged view of an ordered list of layers: path → metadata, content.
//!
//! A tree never unpacks anything: file contents stay where they came from (a layer's tar
//! stream, a file on disk, a few bytes in memory) and are streamed through once, in a fixed
//! order, by whoever turns the tree into an image. Ownership, device nodes, setuid bits and
//! extended attributes are plain values here, so they survive without root.

use std::collections::BTreeMap;
use std::sync::Arc;

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
    File(std::path::PathBuf),
    /// In a layer of the tree: the tar stream's entry of this number (from 0).
    Layer {
        /// Index into the tree's layers.
        layer: usize,
        /// Index of the entry in the layer's tar stream.
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

/// Index of a node in its tree; equal ids are hard links of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);
