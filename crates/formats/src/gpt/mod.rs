//! GUID partition table (GPT): which part of a disk is what.
//!
//! Specification: UEFI 2.10, section 5, <https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html>.
//!
//! A disk is laid out in this order, in sectors (logical blocks, LBA) of 512 or 4096 bytes:
//!
//! 1. LBA 0: protective MBR, so that old tools see a full disk (section 5.2.3);
//! 2. LBA 1: primary header (5.3.2);
//! 3. LBA 2 and on: primary partition entries, 128 of 128 bytes (5.3.3);
//! 4. the partitions;
//! 5. before the last sector: backup entries, equal to the primary ones;
//! 6. the last sector: backup header.
//!
//! [`Layout`] is what a writer needs, [`Table`] what a reader found.

mod crc32;
mod dump;
mod error;
#[cfg(feature = "build")]
mod fields;
mod format;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub use error::{Damage, Error};
#[cfg(feature = "build")]
pub use fields::{Shown, fields};
pub use reader::{Side, Table, read, read_behind_mbr};
pub use writer::{Layout, LayoutError};

use uguid::Guid;

/// Size of a logical block of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SectorSize {
    /// 512 bytes: nearly all disks, and all disk images.
    #[default]
    B512,
    /// 4096 bytes: disks called "4Kn".
    B4096,
}

impl SectorSize {
    /// In bytes.
    pub fn bytes(self) -> u64 {
        match self {
            Self::B512 => 512,
            Self::B4096 => 4096,
        }
    }
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number, from 1: the place of its entry, and the digit in `/dev/sda1`.
    pub number: u32,
    /// What it is for.
    pub type_guid: Guid,
    /// Which one it is, among all partitions of the world: Linux's `PARTUUID`.
    pub guid: Guid,
    /// Its first sector.
    pub first_lba: u64,
    /// Its last sector: it belongs to the partition.
    pub last_lba: u64,
    /// Attribute bits (section 5.3.3, table 5.8).
    pub attributes: u64,
    /// Its name: at most 36 UTF-16 units.
    pub name: String,
}

impl Partition {
    /// Where it starts, in bytes from the start of the disk.
    pub fn offset(&self, sector: SectorSize) -> u64 {
        self.first_lba.saturating_mul(sector.bytes())
    }

    /// How long it is, in bytes.
    pub fn size(&self, sector: SectorSize) -> u64 {
        let sectors = self.last_lba.saturating_sub(self.first_lba);
        sectors.saturating_add(1).saturating_mul(sector.bytes())
    }
}

/// The first two partitions that share a sector, by number.
fn overlap(partitions: &[Partition]) -> Option<(u32, u32)> {
    let mut by_place: Vec<&Partition> = partitions.iter().collect();
    by_place.sort_by_key(|p| (p.first_lba, p.last_lba));
    by_place.windows(2).find_map(|pair| match pair {
        [a, b] if b.first_lba <= a.last_lba => Some((a.number, b.number)),
        _ => None,
    })
}
