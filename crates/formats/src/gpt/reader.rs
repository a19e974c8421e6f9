//! Disk → [`Table`]: the primary copy, or the backup when the primary is damaged.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use uguid::Guid;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::crc32::crc32;
use super::error::{Damage, Error};
use super::format::{
    ENTRIES_LIMIT, ENTRY_SIZE, Entry, HEADER_SIZE, Header, MBR_SIGNATURE, Mbr, PROTECTIVE,
    SIGNATURE,
};
use super::{Partition, SectorSize, overlap};

/// What the disk says about itself.
#[derive(Debug)]
pub struct Table {
    /// The sector size that it was read with.
    pub sector_size: SectorSize,
    /// Sectors of the disk.
    pub disk_sectors: u64,
    /// Which disk it is.
    pub disk_guid: Guid,
    /// The first sector that a partition may have.
    pub first_usable_lba: u64,
    /// The last sector that a partition may have.
    pub last_usable_lba: u64,
    /// The partitions, by number.
    pub partitions: Vec<Partition>,
    /// The copy that this was read from.
    pub side: Side,
    /// What is wrong with the other copy, if anything: the table can be used, and needs repair.
    pub other_side: Result<(), Damage>,
}

/// One of the two copies of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// At the start of the disk.
    Primary,
    /// At its end.
    Backup,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Backup => "backup",
        })
    }
}

/// Reads the table of a disk, or of an image of one.
///
/// Both copies are read; the primary is used unless it is damaged. The protective MBR must be
/// there: without it the disk is an MBR disk, whatever an older GPT on it says.
///
/// # Errors
///
/// See [`Error`]; damage to one copy only is no error, but stands in [`Table::other_side`].
pub fn read<R: Read + Seek>(disk: &mut R, sector_size: SectorSize) -> Result<Table, Error> {
    check_protective_mbr(disk)?;
    read_behind_mbr(disk, sector_size)
}

/// Like [`read`], whatever the first sector holds: to find out what else is wrong with a disk.
///
/// # Errors
///
/// Those of [`read`], but [`Error::NoProtectiveMbr`].
pub fn read_behind_mbr<R: Read + Seek>(
    disk: &mut R,
    sector_size: SectorSize,
) -> Result<Table, Error> {
    let length = disk.seek(SeekFrom::End(0)).map_err(|source| Error::Read {
        offset: 0,
        length: 0,
        source,
    })?;
    let mut disk = Disk {
        inner: disk,
        sector_size,
        sectors: length / sector_size.bytes(),
    };
    let last = disk.sectors.saturating_sub(1);
    match disk.read_copy(1, Side::Primary) {
        Ok((mut table, alternate)) => {
            table.other_side = disk
                .read_copy(alternate, Side::Backup)
                .and_then(|(backup, _)| match table.same_as(&backup) {
                    true => Ok(()),
                    false => Err(Damage::Differs),
                });
            Ok(table)
        }
        Err(primary) => match disk.read_copy(last, Side::Backup) {
            Ok((mut table, _)) => {
                table.other_side = Err(primary);
                Ok(table)
            }
            Err(backup) => Err(Error::Unusable { primary, backup }),
        },
    }
}

impl Table {
    /// The partition with that GUID (Linux's `PARTUUID`).
    pub fn by_guid(&self, guid: Guid) -> Option<&Partition> {
        self.partitions.iter().find(|p| p.guid == guid)
    }

    fn same_as(&self, other: &Self) -> bool {
        self.disk_guid == other.disk_guid && self.partitions == other.partitions
    }
}

fn check_protective_mbr<R: Read + Seek>(disk: &mut R) -> Result<(), Error> {
    let mut mbr = Mbr::new_zeroed();
    let length = mbr.as_bytes().len();
    disk.seek(SeekFrom::Start(0))
        .and_then(|_| disk.read_exact(mbr.as_mut_bytes()))
        .or_else(|error| match error.kind() {
            // Too short to have an MBR: it stays zero.
            io::ErrorKind::UnexpectedEof => Ok(()),
            _ => Err(error),
        })
        .map_err(|source| Error::Read {
            offset: 0,
            length,
            source,
        })?;
    let protective = mbr.records.iter().any(|r| r.os_type == PROTECTIVE);
    if mbr.signature == MBR_SIGNATURE && protective {
        Ok(())
    } else {
        Err(Error::NoProtectiveMbr)
    }
}

struct Disk<'a, R> {
    inner: &'a mut R,
    sector_size: SectorSize,
    sectors: u64,
}

impl<R: Read + Seek> Disk<'_, R> {
    /// Reads `length` bytes, at most [`ENTRIES_LIMIT`], from the start of a sector.
    fn read_at(&mut self, lba: u64, length: usize) -> Result<Vec<u8>, Damage> {
        let offset = lba.saturating_mul(self.sector_size.bytes());
        let mut bytes = vec![0; length];
        self.inner
            .seek(SeekFrom::Start(offset))
            .and_then(|_| self.inner.read_exact(&mut bytes))
            .map_err(|error| Damage::Read {
                lba,
                reason: error.to_string(),
            })?;
        Ok(bytes)
    }

    /// One copy of the table, and where its header says that the other one is.
    fn read_copy(&mut self, lba: u64, side: Side) -> Result<(Table, u64), Damage> {
        let sector = self.read_at(lba, self.sector_size.bytes() as usize)?;
        let header = self.header(lba, &sector)?;
        let entries = self.entries(lba, &header)?;
        let table = Table {
            sector_size: self.sector_size,
            disk_sectors: self.sectors,
            disk_guid: Guid::from_bytes(header.disk_guid),
            first_usable_lba: header.first_usable_lba.get(),
            last_usable_lba: header.last_usable_lba.get(),
            partitions: partitions(&header, &entries)?,
            side,
            other_side: Ok(()),
        };
        Ok((table, header.alternate_lba.get()))
    }

    /// Section 5.3.2: signature, CRC, own place; then the fields that later steps rely on.
    fn header(&self, lba: u64, sector: &[u8]) -> Result<Header, Damage> {
        let (header, _) =
            Header::read_from_prefix(sector).map_err(|_| Damage::Signature { lba })?;
        if header.signature != SIGNATURE {
            return Err(Damage::Signature { lba });
        }
        let wrong = |field, found, expected| {
            Err(Damage::Field {
                field,
                lba,
                found,
                expected,
            })
        };
        let size = header.header_size.get();
        let covered = match sector.get(..size as usize) {
            Some(covered) if size >= HEADER_SIZE => covered,
            _ => return wrong("HeaderSize", size.into(), "92 to one sector is needed"),
        };
        let mut zeroed = covered.to_vec();
        if let Some(field) = zeroed.get_mut(16..20) {
            field.fill(0);
        }
        check_crc("header", lba, header.header_crc32.get(), &zeroed)?;

        let my_lba = header.my_lba.get();
        if my_lba != lba {
            return wrong("MyLBA", my_lba, "its own sector is needed");
        }
        let entry_size = header.entry_size.get();
        if entry_size < ENTRY_SIZE || !entry_size.is_power_of_two() {
            return wrong(
                "SizeOfPartitionEntry",
                entry_size.into(),
                "128, 256, 512 … is needed",
            );
        }
        let count = header.entry_count.get();
        let length = u64::from(count) * u64::from(entry_size);
        if length > ENTRIES_LIMIT {
            return wrong(
                "NumberOfPartitionEntries",
                count.into(),
                "no more than 1 MiB of entries is read",
            );
        }
        let last_usable = header.last_usable_lba.get();
        if last_usable >= self.sectors {
            return wrong(
                "LastUsableLBA",
                last_usable,
                "it lies behind the end of the disk: is the image cut short?",
            );
        }
        Ok(header)
    }

    fn entries(&mut self, lba: u64, header: &Header) -> Result<Vec<u8>, Damage> {
        // Both factors were bounded by `header`.
        let length = header.entry_count.get() as usize * header.entry_size.get() as usize;
        let bytes = self.read_at(header.entries_lba.get(), length)?;
        check_crc(
            "entries of the header",
            lba,
            header.entries_crc32.get(),
            &bytes,
        )?;
        Ok(bytes)
    }
}

fn check_crc(what: &'static str, lba: u64, expected: u32, bytes: &[u8]) -> Result<(), Damage> {
    match crc32(bytes) {
        found if found == expected => Ok(()),
        found => Err(Damage::Checksum {
            what,
            lba,
            expected,
            found,
        }),
    }
}

fn partitions(header: &Header, entries: &[u8]) -> Result<Vec<Partition>, Damage> {
    let usable = header.first_usable_lba.get()..=header.last_usable_lba.get();
    let mut partitions = Vec::new();
    let chunks = entries.chunks_exact(header.entry_size.get().max(1) as usize);
    for (number, bytes) in (1..).zip(chunks) {
        let Ok((entry, _)) = Entry::read_from_prefix(bytes) else {
            continue;
        };
        if entry.type_guid == [0; 16] {
            continue;
        }
        let (first, last) = (entry.first_lba.get(), entry.last_lba.get());
        if first > last || !usable.contains(&first) || !usable.contains(&last) {
            return Err(Damage::Outside {
                number,
                first,
                last,
                usable_first: *usable.start(),
                usable_last: *usable.end(),
            });
        }
        partitions.push(Partition {
            number,
            type_guid: Guid::from_bytes(entry.type_guid),
            guid: Guid::from_bytes(entry.guid),
            first_lba: first,
            last_lba: last,
            attributes: entry.attributes.get(),
            name: name(&entry),
        });
    }
    match overlap(&partitions) {
        Some((first, second)) => Err(Damage::Overlap { first, second }),
        None => Ok(partitions),
    }
}

pub(super) fn name(entry: &Entry) -> String {
    let units = entry.name.iter().map(|unit| unit.get());
    char::decode_utf16(units.take_while(|&unit| unit != 0))
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}
