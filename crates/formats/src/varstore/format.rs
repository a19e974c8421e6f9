//! On-disk structures and constants.

use uguid::{Guid, guid};
use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `EFI_SYSTEM_NV_DATA_FV_GUID`: the volume holds variables.
pub const NV_DATA_VOLUME: Guid = guid!("fff12b8d-7696-4c8b-a985-2747075b4f50");
/// `gEfiAuthenticatedVariableGuid`: variables carry time stamps.
pub const AUTHENTICATED_STORE: Guid = guid!("aaf32c78-947b-439a-a180-2e144ec37792");

/// `EFI_FVH_SIGNATURE`.
pub const VOLUME_SIGNATURE: [u8; 4] = *b"_FVH";
/// `VARIABLE_STORE_FORMATTED`.
pub const STORE_FORMATTED: u8 = 0x5a;
/// `VARIABLE_STORE_HEALTHY`.
pub const STORE_HEALTHY: u8 = 0xfe;
/// First two bytes of a variable.
pub const VARIABLE_START: u16 = 0x55aa;
/// State of a variable that counts.
pub const VARIABLE_ADDED: u8 = 0x3f;
/// State of a variable that counts until its successor is complete.
pub const VARIABLE_IN_DELETED_TRANSITION: u8 = 0x3e;
/// Variables start at multiples of this, in bytes from the first one.
pub const ALIGNMENT: usize = 4;
/// What flash holds where nothing was written.
pub const ERASED: u8 = 0xff;

/// EFI_FIRMWARE_VOLUME_HEADER without its block map.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct VolumeHeader {
    /// Zeros.
    pub zero_vector: [u8; 16],
    /// [`NV_DATA_VOLUME`].
    pub file_system: [u8; 16],
    /// Bytes of the volume, all areas included.
    pub length: U64,
    /// [`VOLUME_SIGNATURE`].
    pub signature: [u8; 4],
    /// Flags.
    pub attributes: U32,
    /// Bytes of this header, block map included.
    pub header_length: U16,
    /// Makes the sum of the header's 16-bit words 0.
    pub checksum: U16,
    /// 0: no extended header.
    pub ext_header_offset: U16,
    /// 0.
    pub reserved: u8,
    /// 2.
    pub revision: u8,
}

/// VARIABLE_STORE_HEADER.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct StoreHeader {
    /// [`AUTHENTICATED_STORE`].
    pub signature: [u8; 16],
    /// Bytes of the store, this header included.
    pub size: U32,
    /// [`STORE_FORMATTED`].
    pub format: u8,
    /// [`STORE_HEALTHY`].
    pub state: u8,
    /// 0.
    pub reserved: [u8; 6],
}

/// AUTHENTICATED_VARIABLE_HEADER. The name and the data follow, without padding.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct VariableHeader {
    /// [`VARIABLE_START`].
    pub start: U16,
    /// Bits are cleared as the variable is written and deleted.
    pub state: u8,
    /// 0.
    pub reserved: u8,
    /// See [`crate::efivars`].
    pub attributes: U32,
    /// 0: only for counter-based authentication, which is out of use.
    pub monotonic_count: U64,
    /// EFI_TIME of the last signed write.
    pub time: [u8; 16],
    /// 0: only for counter-based authentication.
    pub public_key_index: U32,
    /// Bytes of the name, its final NUL included.
    pub name_size: U32,
    /// Bytes of the data.
    pub data_size: U32,
    /// Who defined the variable.
    pub vendor: [u8; 16],
}
