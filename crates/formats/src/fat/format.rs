//! What is on the volume: constants and structures, little-endian.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Reserved sectors that a volume has at least; more are used to align the clusters.
pub(super) const RESERVED_SECTORS: u32 = 32;

/// Sector of the FSInfo structure, and of the boot sector's copy.
pub(super) const FS_INFO_SECTOR: u16 = 1;
pub(super) const BACKUP_BOOT_SECTOR: u16 = 6;

/// Media descriptor of a disk that is not a floppy.
pub(super) const MEDIA: u8 = 0xf8;

/// The root directory's first cluster, and the first cluster there is.
pub(super) const ROOT_CLUSTER: u32 = 2;

/// The upper four bits of a FAT entry are reserved.
pub(super) const FAT_MASK: u32 = 0x0fff_ffff;

/// FAT entries from here on end a chain.
pub(super) const END_OF_CHAIN_MIN: u32 = 0x0fff_fff8;

/// How a writer ends a chain. As FAT entry 1 it also says: unmounted cleanly, no disk errors.
pub(super) const END_OF_CHAIN: u32 = 0x0fff_ffff;

/// Directory attributes.
pub(super) const ATTR_VOLUME_ID: u8 = 0x08;
pub(super) const ATTR_DIRECTORY: u8 = 0x10;
pub(super) const ATTR_ARCHIVE: u8 = 0x20;
/// Read-only, hidden, system and volume id together mark a part of a long name.
pub(super) const ATTR_LONG_NAME: u8 = 0x0f;
pub(super) const ATTR_LONG_NAME_MASK: u8 = 0x3f;

/// First byte of a directory entry: the last one was before; a deleted one; a real 0xe5.
pub(super) const ENTRY_END: u8 = 0x00;
pub(super) const ENTRY_DELETED: u8 = 0xe5;
pub(super) const ENTRY_ESCAPED_E5: u8 = 0x05;

/// Bit of [`LongEntry::order`] in the part that holds the end of the name.
pub(super) const LAST_LONG_ENTRY: u8 = 0x40;

/// UTF-16 units of a long name in one entry.
pub(super) const UNITS_PER_ENTRY: usize = 13;

/// Length of a directory entry, in bytes.
pub(super) const ENTRY_SIZE: usize = 32;

/// The largest directory: 65,536 entries, 2 MiB.
pub(super) const DIRECTORY_LIMIT: u64 = 65_536 * ENTRY_SIZE as u64;

/// Boot sector with the BIOS parameter block (BPB), 512 bytes.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
pub(super) struct BootSector {
    pub(super) jump: [u8; 3],
    pub(super) oem_name: [u8; 8],
    pub(super) bytes_per_sector: U16,
    pub(super) sectors_per_cluster: u8,
    pub(super) reserved_sectors: U16,
    pub(super) fats: u8,
    /// FAT12 and FAT16 only; zero here, as are the other two 16-bit counts.
    pub(super) root_entries: U16,
    pub(super) total_sectors_16: U16,
    pub(super) media: u8,
    pub(super) fat_sectors_16: U16,
    pub(super) sectors_per_track: U16,
    pub(super) heads: U16,
    pub(super) hidden_sectors: U32,
    pub(super) total_sectors: U32,
    pub(super) fat_sectors: U32,
    /// Bit 7: only the FAT of the number in bits 0 to 3 is kept up to date.
    pub(super) extended_flags: U16,
    pub(super) version: U16,
    pub(super) root_cluster: U32,
    pub(super) fs_info_sector: U16,
    pub(super) backup_boot_sector: U16,
    pub(super) reserved: [u8; 12],
    pub(super) drive: u8,
    pub(super) reserved_1: u8,
    pub(super) boot_signature: u8,
    pub(super) serial: U32,
    pub(super) label: [u8; 11],
    pub(super) filesystem: [u8; 8],
    pub(super) boot_code: [u8; 420],
    pub(super) signature: [u8; 2],
}

/// FSInfo, 512 bytes: hints on free space.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
pub(super) struct FsInfo {
    pub(super) lead_signature: [u8; 4],
    pub(super) reserved_1: [u8; 480],
    pub(super) struct_signature: [u8; 4],
    pub(super) free_clusters: U32,
    pub(super) next_free: U32,
    pub(super) reserved_2: [u8; 12],
    pub(super) trail_signature: [u8; 4],
}

/// A directory entry with its 8.3 name.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
pub(super) struct ShortEntry {
    pub(super) name: [u8; 11],
    pub(super) attributes: u8,
    /// Windows NT: bit 3, the name's base is lower case; bit 4, its extension is.
    pub(super) case: u8,
    /// Hundredths of a second, 0 to 199.
    pub(super) created_hundredths: u8,
    pub(super) created_time: U16,
    pub(super) created_date: U16,
    pub(super) accessed_date: U16,
    pub(super) cluster_high: U16,
    pub(super) written_time: U16,
    pub(super) written_date: U16,
    pub(super) cluster_low: U16,
    pub(super) size: U32,
}

/// A directory entry with a part of a long name; the parts stand before the short entry, the
/// end of the name first.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
pub(super) struct LongEntry {
    pub(super) order: u8,
    pub(super) units_1: [U16; 5],
    pub(super) attributes: u8,
    pub(super) kind: u8,
    /// Of the short name: [`super::name::checksum`].
    pub(super) checksum: u8,
    pub(super) units_2: [U16; 6],
    pub(super) cluster_low: U16,
    pub(super) units_3: [U16; 2],
}

impl ShortEntry {
    /// The first cluster of its content; 0 if there is none.
    pub(super) fn cluster(&self) -> u32 {
        u32::from(self.cluster_high.get()) << 16 | u32::from(self.cluster_low.get())
    }
}

impl LongEntry {
    /// The 13 units of this part.
    pub(super) fn units(&self) -> impl Iterator<Item = u16> {
        let Self {
            units_1,
            units_2,
            units_3,
            ..
        } = *self;
        units_1
            .into_iter()
            .chain(units_2)
            .chain(units_3)
            .map(U16::get)
    }
}
