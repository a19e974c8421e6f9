//! What is on the disk: constants and structures, little-endian.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `EFI PART` (table 5.5).
pub(super) const SIGNATURE: [u8; 8] = *b"EFI PART";

/// Version 1.0 of the header (table 5.5).
pub(super) const REVISION: u32 = 0x0001_0000;

/// Length of [`Header`], in bytes.
pub(super) const HEADER_SIZE: u32 = 92;

/// How many entries a writer makes room for: the 16 KiB that section 5.3.1 asks for at least.
pub(super) const ENTRY_COUNT: u32 = 128;

/// Length of [`Entry`], in bytes.
pub(super) const ENTRY_SIZE: u32 = 128;

/// The largest array of entries that a reader takes, in bytes: 64 times the usual one.
pub(super) const ENTRIES_LIMIT: u64 = 1 << 20;

/// MBR partition type of a disk that has a GPT (table 5.4).
pub(super) const PROTECTIVE: u8 = 0xee;

/// Last two bytes of an MBR.
pub(super) const MBR_SIGNATURE: [u8; 2] = [0x55, 0xaa];

/// Master boot record (table 5.1): the first 512 bytes, whatever the sector size.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
pub(super) struct Mbr {
    pub(super) boot_code: [u8; 440],
    pub(super) disk_signature: U32,
    pub(super) unknown: U16,
    pub(super) records: [MbrRecord; 4],
    pub(super) signature: [u8; 2],
}

/// One of the four partitions of an MBR (table 5.2).
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
pub(super) struct MbrRecord {
    pub(super) boot_indicator: u8,
    /// Head, sector, cylinder.
    pub(super) starting_chs: [u8; 3],
    pub(super) os_type: u8,
    pub(super) ending_chs: [u8; 3],
    /// In sectors.
    pub(super) starting_lba: U32,
    /// In sectors; all ones when it does not fit.
    pub(super) size: U32,
}

/// GPT header (table 5.5).
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
pub(super) struct Header {
    pub(super) signature: [u8; 8],
    pub(super) revision: U32,
    /// Bytes that `header_crc32` covers.
    pub(super) header_size: U32,
    /// Computed with this field zero.
    pub(super) header_crc32: U32,
    pub(super) reserved: U32,
    pub(super) my_lba: U64,
    pub(super) alternate_lba: U64,
    pub(super) first_usable_lba: U64,
    pub(super) last_usable_lba: U64,
    pub(super) disk_guid: [u8; 16],
    pub(super) entries_lba: U64,
    pub(super) entry_count: U32,
    pub(super) entry_size: U32,
    pub(super) entries_crc32: U32,
}

/// Partition entry (table 5.6).
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
pub(super) struct Entry {
    /// Zero: no partition.
    pub(super) type_guid: [u8; 16],
    pub(super) guid: [u8; 16],
    pub(super) first_lba: U64,
    pub(super) last_lba: U64,
    pub(super) attributes: U64,
    /// UTF-16, ended by zero unless full.
    pub(super) name: [U16; 36],
}
