//! Fixed parts and numbers, little-endian.

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The firmware tries it when its turn in `BootOrder` comes.
pub const ACTIVE: u32 = 0x01;

/// Type of media nodes (UEFI 2.10, section 10.3.5).
pub const MEDIA: u8 = 0x04;
/// Subtype of a [`HardDrive`].
pub const HARD_DRIVE: u8 = 0x01;
/// Subtype of a path in a file system: UTF-16 with a NUL at its end.
pub const FILE_PATH: u8 = 0x04;
/// Type of a path's last node (section 10.3.1).
pub const END: u8 = 0x7f;
/// Subtype of the node that ends a whole path.
pub const END_ENTIRE: u8 = 0xff;

/// [`HardDrive::format`] and [`HardDrive::signature_type`]: a GUID partition table, and a partition's
/// GUID in it.
pub const GPT: u8 = 0x02;

/// EFI_LOAD_OPTION: description and device paths follow.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Header {
    /// [`ACTIVE`] and others.
    pub attributes: U32,
    /// Bytes of all device paths.
    pub paths_length: U16,
}

/// EFI_DEVICE_PATH_PROTOCOL: what every node starts with.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct NodeHeader {
    /// [`MEDIA`], [`END`] and others.
    pub kind: u8,
    /// Which of that type.
    pub subtype: u8,
    /// Bytes of the node, these four included.
    pub length: U16,
}

/// What follows in a node of a partition (section 10.3.5.1).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct HardDrive {
    /// The partition's number, from 1.
    pub number: U32,
    /// Its first sector.
    pub first_lba: U64,
    /// Its sectors.
    pub sectors: U64,
    /// Its GUID.
    pub signature: [u8; 16],
    /// [`GPT`].
    pub format: u8,
    /// [`GPT`].
    pub signature_type: u8,
}
