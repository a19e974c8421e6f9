//! A squashfs image and the hash tree behind it.

use formats::squashfs::format::{Compressor, Superblock, flags};
use serde::Serialize;
use uguid::Guid;

use super::fact;
use crate::image::{squashfs, tree};
use crate::text::Text;
use crate::{Error, Part, hex};

/// A squashfs image.
#[derive(Clone, Debug, Serialize)]
pub struct Image {
    /// The filesystem.
    pub squashfs: Squashfs,
    /// The hash tree behind it.
    pub verity: Option<Verity>,
    /// Why there is no hash tree where one could be.
    pub verity_problem: Option<String>,
}

/// The squashfs superblock.
#[derive(Clone, Debug, Serialize)]
pub struct Squashfs {
    /// `zstd`, `xz` or `gzip`.
    pub compression: &'static str,
    /// In bytes.
    pub block_size: u32,
    /// Count of files, directories and so on.
    pub inodes: u32,
    /// Count of different owners and groups.
    pub owners: u16,
    /// Bytes without padding.
    pub bytes_used: u64,
    /// Seconds since 1970.
    pub made: u32,
}

/// The dm-verity superblock and what follows from it.
#[derive(Clone, Debug, Serialize)]
pub struct Verity {
    /// Identifies the tree.
    pub uuid: String,
    /// The only one that is read.
    pub algorithm: &'static str,
    /// Of data and hashes, in bytes.
    pub block_size: u32,
    /// Count of blocks that the tree covers.
    pub data_blocks: u64,
    /// Where the superblock is, in bytes.
    pub hash_offset: u64,
    /// Where the tree ends, in bytes.
    pub end: u64,
    /// Hex.
    pub salt: String,
    /// The hash of the tree's top block, hex: what the tree stands for if it is whole.
    pub root_hash: String,
}

pub(super) fn look(part: &mut Part<'_>) -> Result<Image, Error> {
    let superblock = squashfs(part)?;
    let (tree, verity_problem) = match tree(part, &superblock) {
        Ok(tree) => (tree, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let verity = tree.map(|tree| Verity {
        uuid: uuid(tree.superblock.uuid),
        algorithm: "sha256",
        block_size: 4096,
        data_blocks: tree.superblock.data_blocks,
        hash_offset: tree.hash_offset,
        end: tree.end,
        salt: hex(&tree.superblock.salt),
        root_hash: hex(&tree.root_hash),
    });
    Ok(Image {
        squashfs: filesystem(&superblock),
        verity,
        verity_problem,
    })
}

fn filesystem(superblock: &Superblock) -> Squashfs {
    let left = superblock.flags.get() & flags::UNCOMPRESSED == flags::UNCOMPRESSED;
    let compression = match Compressor::try_from(superblock.compressor.get()) {
        Ok(_) if left => "none",
        Ok(Compressor::Gzip) => "gzip",
        Ok(Compressor::Xz) => "xz",
        Ok(Compressor::Lz4) => "lz4",
        Ok(Compressor::Zstd) => "zstd",
        Err(_) => "unknown",
    };
    Squashfs {
        compression,
        block_size: superblock.block_size.get(),
        inodes: superblock.inode_count.get(),
        owners: superblock.id_count.get(),
        bytes_used: superblock.bytes_used.get(),
        made: superblock.mkfs_time.get(),
    }
}

/// A UUID's bytes stand in the order of its digits; a GUID's first three fields do not.
fn uuid(mut bytes: [u8; 16]) -> String {
    for field in [0..4, 4..6, 6..8] {
        if let Some(field) = bytes.get_mut(field) {
            field.reverse();
        }
    }
    Guid::from_bytes(bytes).to_string()
}

impl Image {
    pub(super) fn write(&self, text: &mut Text) {
        let s = &self.squashfs;
        let shape = format!(
            "{}, blocks of {} bytes, {} inodes, {} owners, {} bytes used",
            s.compression, s.block_size, s.inodes, s.owners, s.bytes_used
        );
        fact(text, "squashfs", &shape);
        if let Some(v) = &self.verity {
            let shape = format!(
                "{}, {} blocks of {} bytes, superblock at byte {}, ends at {}",
                v.algorithm, v.data_blocks, v.block_size, v.hash_offset, v.end
            );
            fact(text, "dm-verity", &shape);
            fact(text, "UUID", &v.uuid);
            fact(text, "salt", &v.salt);
            fact(text, "root hash", &v.root_hash);
        }
        match (&self.verity, &self.verity_problem) {
            (_, Some(problem)) => fact(text, "hash tree", problem),
            (None, None) => fact(text, "hash tree", "none: the file ends with the squashfs"),
            _ => {}
        }
    }
}
