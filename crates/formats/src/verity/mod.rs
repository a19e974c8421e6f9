//! dm-verity: a superblock and a tree of SHA-256 hashes behind the data that they cover.
//!
//! Specification: the kernel's `Documentation/admin-guide/device-mapper/verity.rst` ("On-disk
//! format") and <https://gitlab.com/cryptsetup/cryptsetup/-/wikis/DMVerity>.
//!
//! A file is, in this order: data, in blocks of 4096 bytes; the superblock, padded to a block; the
//! levels of the tree, from the top one down to the hashes of the data blocks. The hash of the
//! top block, or of a single data block, is the root hash.

#[cfg(feature = "build")]
mod fields;
mod format;
pub use format::{
    BLOCK_SIZE, Error, HASH_SIZE, MAX_SALT, SUPERBLOCK_SIZE, Superblock, block_hash, hash_levels,
};

#[cfg(feature = "build")]
mod hashing;
#[cfg(feature = "build")]
mod reading;
#[cfg(feature = "build")]
mod tree;
#[cfg(feature = "build")]
mod verify;
#[cfg(feature = "build")]
mod writer;
#[cfg(feature = "build")]
pub use fields::{fields, is_superblock};
#[cfg(feature = "build")]
pub use hashing::processors;
#[cfg(feature = "build")]
pub use reading::ReadAt;
#[cfg(feature = "build")]
pub use tree::{Built, Tree, TreeBuilder, append, append_reading};
#[cfg(feature = "build")]
pub use verify::{Block, Finding, survey, verify};
#[cfg(feature = "build")]
pub use writer::HashingWriter;

#[cfg(all(test, feature = "build"))]
mod tests;
