//! The superblock, the shape of the tree, and the one hash function.

use sha2::{Digest, Sha256};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Size of data and hash blocks, in bytes.
pub const BLOCK_SIZE: usize = 4096;
/// Size of a hash, in bytes.
pub const HASH_SIZE: usize = 32;
/// Size of the superblock, in bytes; a whole block is set aside for it.
pub const SUPERBLOCK_SIZE: usize = 512;
/// Longest salt, in bytes.
pub const MAX_SALT: usize = 256;

/// Hashes in one block.
pub(super) const HASHES: u64 = (BLOCK_SIZE / HASH_SIZE) as u64;

pub(super) const MAGIC: [u8; 8] = *b"verity\0\0";
const ALGORITHM: &[u8; 32] = b"sha256\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Why a hash tree cannot be used, made or trusted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The superblock says something impossible, or something that is not supported here.
    #[error("the verity superblock's {field} is {found}; {expected} is needed")]
    Superblock {
        /// Which field.
        field: &'static str,
        /// Its value.
        found: String,
        /// What it should have been.
        expected: String,
    },
    /// Data is not a whole number of blocks.
    #[error(
        "the data is {found} bytes long; a multiple of 4096 bytes, and at least one, is needed"
    )]
    DataSize {
        /// Its length, in bytes.
        found: u64,
    },
    /// A salt is too long.
    #[error("the salt is {found} bytes long; at most 256 are possible")]
    Salt {
        /// Its length, in bytes.
        found: usize,
    },
    /// Reading or writing failed, or the file ends early.
    #[error("{action} at byte {offset} failed")]
    Io {
        /// What was being done.
        action: &'static str,
        /// Where, in bytes from the data's start.
        offset: u64,
        /// What the system said.
        source: std::io::Error,
    },
    /// A block is not what its hash says.
    #[error("the {what} at byte {offset} is damaged: its hash is {found}, {expected} is expected")]
    Hash {
        /// A data block, or a block of hashes.
        what: &'static str,
        /// Where the block starts, in bytes from the data's start.
        offset: u64,
        /// Its hash, in hex.
        found: String,
        /// What the hash should have been, in hex.
        expected: String,
    },
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct OnDisk {
    pub(super) magic: [u8; 8],
    pub(super) version: U32,
    pub(super) hash_type: U32,
    pub(super) uuid: [u8; 16],
    pub(super) algorithm: [u8; 32],
    pub(super) data_block_size: U32,
    pub(super) hash_block_size: U32,
    pub(super) data_blocks: U64,
    pub(super) salt_size: U16,
    pub(super) padding: [u8; 6],
    pub(super) salt: [u8; MAX_SALT],
    pub(super) reserved: [u8; 168],
}

/// A superblock of version 1, hash type 1 (normal), 4096-byte blocks and SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// Identifies the hash tree; no part of any hash. In the order of the UUID's digits.
    pub uuid: [u8; 16],
    /// How many blocks of 4096 bytes the tree covers: at least 1.
    pub data_blocks: u64,
    /// Hashed before each block: at most 256 bytes.
    pub salt: Vec<u8>,
}

impl Superblock {
    /// Reads a superblock from the start of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = |field, found: String, expected: &str| Error::Superblock {
            field,
            found,
            expected: expected.to_owned(),
        };
        let Ok((disk, _)) = OnDisk::ref_from_prefix(bytes) else {
            let found = format!("{} bytes", bytes.len());
            return Err(wrong("size", found, "512 bytes"));
        };
        let magic = disk.magic.escape_ascii().to_string();
        let algorithm = disk.algorithm.escape_ascii().to_string();
        let padding = disk.padding.escape_ascii().to_string();
        let blocks = disk.data_blocks.get();
        let limit = u64::MAX / BLOCK_SIZE as u64 / 2;
        let salt = disk.salt.get(..disk.salt_size.get().into());
        let checks: [(&'static str, bool, String, &str); 9] = [
            ("magic", disk.magic == MAGIC, magic, "\"verity\""),
            ("version", disk.version == 1, disk.version.to_string(), "1"),
            (
                "hash type",
                disk.hash_type == 1,
                disk.hash_type.to_string(),
                "1 (normal)",
            ),
            (
                "algorithm",
                disk.algorithm == *ALGORITHM,
                algorithm,
                "\"sha256\"",
            ),
            (
                "data block size",
                disk.data_block_size == 4096,
                disk.data_block_size.to_string(),
                "4096",
            ),
            (
                "hash block size",
                disk.hash_block_size == 4096,
                disk.hash_block_size.to_string(),
                "4096",
            ),
            (
                "number of data blocks",
                (1..=limit).contains(&blocks),
                blocks.to_string(),
                "at least 1 and less than 2^51",
            ),
            ("padding", disk.padding == [0; 6], padding, "6 zero bytes"),
            (
                "salt size",
                salt.is_some(),
                disk.salt_size.to_string(),
                "at most 256",
            ),
        ];
        for (field, right, found, expected) in checks {
            if !right {
                return Err(wrong(field, found, expected));
            }
        }
        Ok(Self {
            uuid: disk.uuid,
            data_blocks: blocks,
            salt: salt.unwrap_or_default().to_vec(),
        })
    }

    /// The superblock's 512 bytes.
    pub fn to_bytes(&self) -> Result<[u8; SUPERBLOCK_SIZE], Error> {
        let mut salt = [0; MAX_SALT];
        let too_long = Error::Salt {
            found: self.salt.len(),
        };
        salt.get_mut(..self.salt.len())
            .ok_or(too_long)?
            .copy_from_slice(&self.salt);
        let disk = OnDisk {
            magic: MAGIC,
            version: 1.into(),
            hash_type: 1.into(),
            uuid: self.uuid,
            algorithm: *ALGORITHM,
            data_block_size: (BLOCK_SIZE as u32).into(),
            hash_block_size: (BLOCK_SIZE as u32).into(),
            data_blocks: self.data_blocks.into(),
            salt_size: (self.salt.len() as u16).into(),
            padding: [0; 6],
            salt,
            reserved: [0; 168],
        };
        Ok(zerocopy::transmute!(disk))
    }
}

/// How many blocks of hashes each level has, from the one above the data up to the top; none
/// for a single data block.
pub fn hash_levels(data_blocks: u64) -> Vec<u64> {
    let mut levels = Vec::new();
    let mut blocks = data_blocks;
    while blocks > 1 {
        blocks = blocks.div_ceil(HASHES);
        levels.push(blocks);
    }
    levels
}

/// The hash of one block of data or of hashes: SHA-256 of the salt and the block.
pub fn block_hash(salt: &[u8], block: &[u8]) -> [u8; HASH_SIZE] {
    Sha256::new()
        .chain_update(salt)
        .chain_update(block)
        .finalize()
        .into()
}
