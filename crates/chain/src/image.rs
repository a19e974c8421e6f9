//! An image's two halves: the squashfs, and the hash tree behind it.

use std::io::{Seek, SeekFrom};

use contract::manifest::{Image, unhex};
use formats::squashfs::{self, format::PADDING};
use formats::verity::{BLOCK_SIZE, MAX_SALT, SUPERBLOCK_SIZE, Superblock, block_hash, hash_levels};

use crate::{Error, Part};

/// What an image must be.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// `root`.
    pub(crate) name: String,
    /// Size of the whole file, in bytes.
    pub(crate) size: u64,
    /// Size of the part that the hash tree covers, in bytes.
    pub(crate) data_size: u64,
    /// Where the dm-verity superblock starts, in bytes.
    pub(crate) hash_offset: u64,
    /// Salt of every hash.
    pub(crate) salt: Vec<u8>,
    /// Stands for every byte of the data.
    pub(crate) root_hash: [u8; 32],
}

impl Shape {
    /// What a manifest says, which was checked when it was read.
    pub(crate) fn of(image: &Image) -> Self {
        Self {
            name: image.name.as_str().to_owned(),
            size: image.size,
            data_size: image.data_size,
            hash_offset: image.hash_offset,
            salt: unhex_salt(&image.salt),
            root_hash: unhex(&image.root_hash).unwrap_or_default(),
        }
    }
}

/// Where data ends and superblock and tree are, in bytes.
pub(crate) struct Tree {
    pub(crate) superblock: Superblock,
    pub(crate) hash_offset: u64,
    /// The hash of the top block, which stands for everything when the tree is sound.
    pub(crate) root_hash: [u8; 32],
    /// Where the tree ends.
    pub(crate) end: u64,
}

/// The squashfs superblock.
pub(crate) fn squashfs(part: &mut Part<'_>) -> Result<squashfs::format::Superblock, Error> {
    part.seek(SeekFrom::Start(0))
        .map_err(|source| part.unreadable(source))?;
    Ok(squashfs::Reader::open(part)?.superblock().clone())
}

/// The hash tree behind a squashfs; `None` when the file ends there.
pub(crate) fn tree(
    part: &mut Part<'_>,
    superblock: &squashfs::format::Superblock,
) -> Result<Option<Tree>, Error> {
    let used = superblock.bytes_used.get();
    let Some(hash_offset) = used.checked_next_multiple_of(PADDING) else {
        return Ok(None);
    };
    if hash_offset >= part.size() {
        return Ok(None);
    }
    let superblock = Superblock::parse(&part.bytes_at(hash_offset, SUPERBLOCK_SIZE)?)?;
    let data_size = superblock.data_blocks.saturating_mul(BLOCK_SIZE as u64);
    let top = match superblock.data_blocks {
        1 => 0,
        _ => hash_offset.saturating_add(BLOCK_SIZE as u64),
    };
    let root_hash = block_hash(&superblock.salt, &part.bytes_at(top, BLOCK_SIZE)?);
    Ok(Some(Tree {
        superblock,
        hash_offset,
        root_hash,
        end: tree_end(hash_offset, data_size),
    }))
}

/// Where a tree over `data_size` bytes ends whose superblock is at `hash_offset`, in bytes.
pub(crate) fn tree_end(hash_offset: u64, data_size: u64) -> u64 {
    let blocks: u64 = hash_levels(data_size / BLOCK_SIZE as u64).iter().sum();
    let size = blocks.saturating_add(1).saturating_mul(BLOCK_SIZE as u64);
    hash_offset.saturating_add(size)
}

/// A manifest's salt: hex.
fn unhex_salt(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().as_chunks::<2>().0.iter();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.filter_map(byte).take(MAX_SALT).collect()
}
