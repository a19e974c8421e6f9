//! Squashfs 4.0: a compressed, read-only filesystem in one file.
//!
//! Specification: the kernel's `Documentation/filesystems/squashfs.rst` and
//! <https://dr-emann.github.io/squashfs/squashfs.html>.
//!
//! An image is, in this order: superblock, compressor options, data blocks and fragments, inode
//! table, directory table, fragment table, export table, id table, extended attribute table,
//! padding to 4096 bytes.
//!
//! Writing: [`Writer::add_data`] for each file's content, in any order, then a [`Tree`] of
//! inodes for [`Writer::finish`]. Reading: [`Reader`]; [`dump`] for a text listing.

pub mod format;

mod compress;
mod content;
mod directory;
mod dump;
mod inode;
mod metadata;
mod pipeline;
mod reader;
mod tree;
mod writer;
mod xattr;

#[cfg(test)]
mod tests;

pub use content::FileData;
pub use dump::dump;
pub use reader::{Blocks, DirEntry, Inode, Listing, Node, ReadError, Reader};
pub use tree::{Attributes, InodeId, Kind, Tree, TreeError};
pub use writer::{Error, Options, Writer, Written};
