//! [`Layout`] → disk: protective MBR, then both copies of the table.

use std::io::{self, Seek, SeekFrom, Write};

use uguid::Guid;
use zerocopy::{FromZeros, IntoBytes};

use super::crc32::crc32;
use super::format::{
    ENTRY_COUNT, ENTRY_SIZE, Entry, HEADER_SIZE, Header, MBR_SIGNATURE, Mbr, MbrRecord, PROTECTIVE,
    REVISION, SIGNATURE,
};
use super::{Partition, SectorSize, overlap};

/// Partitions start at a multiple of this, in bytes: no flash page or RAID stripe is cut.
const ALIGNMENT: u64 = 1 << 20;

/// A partition table to be written; it was checked when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    sector_size: SectorSize,
    disk_sectors: u64,
    disk_guid: Guid,
    partitions: Vec<Partition>,
}

/// Why a layout was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// No room for both copies of the table.
    #[error("a disk of {sectors} sectors is too small: both copies of the table need {needed}")]
    DiskTooSmall {
        /// Sectors of the disk.
        sectors: u64,
        /// The least.
        needed: u64,
    },
    /// A partition has an impossible property.
    #[error("partition {number}: {found}; {expected}")]
    Partition {
        /// Which.
        number: u32,
        /// The property and its value.
        found: String,
        /// The rule.
        expected: String,
    },
    /// Two partitions share sectors, a number or a GUID.
    #[error("partitions {first} and {second} have the same {what}")]
    Same {
        /// One.
        first: u32,
        /// The other.
        second: u32,
        /// What they share.
        what: &'static str,
    },
}

impl Layout {
    /// Checks that the partitions fit on the disk and beside each other.
    ///
    /// `disk_size` is in bytes; a last, incomplete sector is left unused.
    ///
    /// # Errors
    ///
    /// See [`LayoutError`]: numbers outside 1 to 128, names over 36 UTF-16 units, starts that
    /// are no multiple of 1 MiB, partitions over the usable sectors, anything used twice.
    pub fn new(
        sector_size: SectorSize,
        disk_size: u64,
        disk_guid: Guid,
        partitions: Vec<Partition>,
    ) -> Result<Self, LayoutError> {
        let layout = Self {
            sector_size,
            disk_sectors: disk_size / sector_size.bytes(),
            disk_guid,
            partitions,
        };
        layout.check()?;
        Ok(layout)
    }

    /// The partitions, in the order in which they were given.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// The disk's sector size.
    pub fn sector_size(&self) -> SectorSize {
        self.sector_size
    }

    /// The disk's GUID.
    pub fn disk_guid(&self) -> Guid {
        self.disk_guid
    }

    /// Sectors of the disk.
    pub fn disk_sectors(&self) -> u64 {
        self.disk_sectors
    }

    /// The first sector that a partition may have.
    pub fn first_usable_lba(&self) -> u64 {
        2 + self.entries_sectors()
    }

    /// The last sector that a partition may have.
    pub fn last_usable_lba(&self) -> u64 {
        self.disk_sectors.saturating_sub(2 + self.entries_sectors())
    }

    /// Writes the protective MBR and both copies of the table, and nothing between them.
    ///
    /// The backup is written first, the MBR last: a disk cut off half-way has no table rather
    /// than half of one.
    ///
    /// # Errors
    ///
    /// Those of `disk`.
    pub fn write<W: Write + Seek>(&self, disk: &mut W) -> io::Result<()> {
        let entries = self.entries();
        let last = self.disk_sectors - 1;
        let backup_entries = last - self.entries_sectors();
        self.put(disk, backup_entries, &entries)?;
        self.put(disk, last, &self.header(last, 1, backup_entries, &entries))?;
        self.put(disk, 2, &entries)?;
        self.put(disk, 1, &self.header(1, last, 2, &entries))?;
        self.put(disk, 0, &self.protective_mbr())
    }

    fn put<W: Write + Seek>(&self, disk: &mut W, lba: u64, bytes: &[u8]) -> io::Result<()> {
        disk.seek(SeekFrom::Start(lba * self.sector_size.bytes()))?;
        disk.write_all(bytes)
    }

    fn entries_sectors(&self) -> u64 {
        u64::from(ENTRY_COUNT * ENTRY_SIZE).div_ceil(self.sector_size.bytes())
    }

    fn check(&self) -> Result<(), LayoutError> {
        let needed = 2 * self.entries_sectors() + 4;
        if self.disk_sectors < needed {
            return Err(LayoutError::DiskTooSmall {
                sectors: self.disk_sectors,
                needed,
            });
        }
        for partition in &self.partitions {
            self.check_partition(partition)?;
        }
        let same = |first, second, what| {
            Err(LayoutError::Same {
                first,
                second,
                what,
            })
        };
        for (index, a) in self.partitions.iter().enumerate() {
            for b in self.partitions.iter().skip(index + 1) {
                if a.number == b.number {
                    return same(a.number, b.number, "number");
                }
                if a.guid == b.guid {
                    return same(a.number, b.number, "GUID");
                }
            }
        }
        match overlap(&self.partitions) {
            Some((first, second)) => same(first, second, "sectors"),
            None => Ok(()),
        }
    }

    fn check_partition(&self, p: &Partition) -> Result<(), LayoutError> {
        let wrong = |found: String, expected: String| {
            Err(LayoutError::Partition {
                number: p.number,
                found,
                expected,
            })
        };
        if !(1..=ENTRY_COUNT).contains(&p.number) {
            return wrong(
                format!("its number is {}", p.number),
                format!("1 to {ENTRY_COUNT} is needed"),
            );
        }
        if p.type_guid.is_zero() {
            return wrong(
                "its type GUID is zero".to_owned(),
                "zero means that there is no partition".to_owned(),
            );
        }
        let units = p.name.encode_utf16().count();
        if units > 36 || p.name.contains('\0') {
            return wrong(
                format!("its name {:?} has {units} UTF-16 units", p.name),
                "0 to 36, none of them zero, are possible".to_owned(),
            );
        }
        let usable = self.first_usable_lba()..=self.last_usable_lba();
        let inside = usable.contains(&p.first_lba) && usable.contains(&p.last_lba);
        if !inside || p.first_lba > p.last_lba {
            return wrong(
                format!("it has sectors {} to {}", p.first_lba, p.last_lba),
                format!("{} to {} are usable", usable.start(), usable.end()),
            );
        }
        if !p.offset(self.sector_size).is_multiple_of(ALIGNMENT) {
            return wrong(
                format!("it starts at byte {}", p.offset(self.sector_size)),
                format!("a multiple of {ALIGNMENT} is needed"),
            );
        }
        Ok(())
    }

    fn protective_mbr(&self) -> Vec<u8> {
        let mut mbr = Mbr::new_zeroed();
        mbr.records[0] = MbrRecord {
            boot_indicator: 0,
            starting_chs: [0x00, 0x02, 0x00],
            os_type: PROTECTIVE,
            // The disk has no cylinders: "not possible to represent" (table 5.4).
            ending_chs: [0xff; 3],
            starting_lba: 1.into(),
            size: u32::try_from(self.disk_sectors - 1)
                .unwrap_or(u32::MAX)
                .into(),
        };
        mbr.signature = MBR_SIGNATURE;
        self.sector(mbr.as_bytes())
    }

    fn header(&self, my_lba: u64, alternate_lba: u64, entries_lba: u64, entries: &[u8]) -> Vec<u8> {
        let mut header = Header {
            signature: SIGNATURE,
            revision: REVISION.into(),
            header_size: HEADER_SIZE.into(),
            header_crc32: 0.into(),
            reserved: 0.into(),
            my_lba: my_lba.into(),
            alternate_lba: alternate_lba.into(),
            first_usable_lba: self.first_usable_lba().into(),
            last_usable_lba: self.last_usable_lba().into(),
            disk_guid: self.disk_guid.to_bytes(),
            entries_lba: entries_lba.into(),
            entry_count: ENTRY_COUNT.into(),
            entry_size: ENTRY_SIZE.into(),
            entries_crc32: crc32(entries).into(),
        };
        header.header_crc32 = crc32(header.as_bytes()).into();
        self.sector(header.as_bytes())
    }

    fn entries(&self) -> Vec<u8> {
        let mut entries = [Entry::new_zeroed(); ENTRY_COUNT as usize];
        for partition in &self.partitions {
            // `check` made sure that the number is 1 to 128.
            let entry = &mut entries[partition.number as usize - 1];
            entry.type_guid = partition.type_guid.to_bytes();
            entry.guid = partition.guid.to_bytes();
            entry.first_lba = partition.first_lba.into();
            entry.last_lba = partition.last_lba.into();
            entry.attributes = partition.attributes.into();
            for (place, unit) in entry.name.iter_mut().zip(partition.name.encode_utf16()) {
                *place = unit.into();
            }
        }
        entries.as_bytes().to_vec()
    }

    /// `bytes`, filled up with zeroes to a whole sector.
    fn sector(&self, bytes: &[u8]) -> Vec<u8> {
        let mut sector = bytes.to_vec();
        sector.resize(self.sector_size.bytes() as usize, 0);
        sector
    }
}
