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
mod compression;
mod dump;
mod fields;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub use compression::Compression;
pub use dump::dump;
pub use fields::fields;
pub use reader::{Blocks, Content, DirEntry, Inode, Listing, Node, ReadError, Reader};
pub use writer::{
    Attributes, Earlier, Error, FileData, Form, InodeId, Kind, Options, StoredBlock, Tree,
    TreeError, Writer, Written, content_hash,
};
