//! Protective MBR and both copies of the table, field by field.

use std::io;

use uguid::Guid;

use super::crc32::crc32;
use super::format::{
    ENTRIES_LIMIT, Entry, Header, MBR_SIGNATURE, Mbr, MbrRecord, PROTECTIVE, SIGNATURE,
};
use super::reader::name;
use super::{Partition, SectorSize};
use crate::fields::{Field, List, Row, Source, rows, show, structure, value_of};

const MBR_START: &[Row] = rows!(Mbr {
    boot_code: "BootCode" => show::reserved,
    disk_signature: "UniqueMBRDiskSignature" => show::hex,
    unknown: "Unknown" => show::hex,
});

const MBR_END: &[Row] = rows!(Mbr {
    signature: "Signature" => |b| match b == MBR_SIGNATURE {
        true => show::hex(b),
        false => format!("{} is not 0xaa55", show::hex(b)),
    },
});

const RECORD: &[Row] = rows!(MbrRecord {
    boot_indicator: "BootIndicator" => show::hex,
    starting_chs: "StartingCHS" => show::bytes,
    os_type: "OSType" => |b| show::named(b, &[(PROTECTIVE as u64, "GPT protective")]),
    ending_chs: "EndingCHS" => show::bytes,
    starting_lba: "StartingLBA" => show::number,
    size: "SizeInLBA" => show::number,
});

const HEADER: &[Row] = rows!(Header {
    signature: "Signature" => show::text,
    revision: "Revision" => show::hex,
    header_size: "HeaderSize" => show::number,
    header_crc32: "HeaderCRC32" => show::hex,
    reserved: "Reserved" => show::reserved,
    my_lba: "MyLBA" => show::number,
    alternate_lba: "AlternateLBA" => show::number,
    first_usable_lba: "FirstUsableLBA" => show::number,
    last_usable_lba: "LastUsableLBA" => show::number,
    disk_guid: "DiskGUID" => show::guid,
    entries_lba: "PartitionEntryLBA" => show::number,
    entry_count: "NumberOfPartitionEntries" => show::number,
    entry_size: "SizeOfPartitionEntry" => show::number,
    entries_crc32: "PartitionEntryArrayCRC32" => show::hex,
});

const ENTRY: &[Row] = rows!(Entry {
    type_guid: "PartitionTypeGUID" => show::guid,
    guid: "UniquePartitionGUID" => show::guid,
    first_lba: "StartingLBA" => show::number,
    last_lba: "EndingLBA" => show::number,
    attributes: "Attributes" => |b| show::flags(b, &[
        (1, "RequiredPartition"),
        (2, "NoBlockIOProtocol"),
        (4, "LegacyBIOSBootable"),
    ]),
    name: "PartitionName" => show::utf16,
});

/// What a disk says about itself, sound or not.
pub struct Shown {
    /// Every structure.
    pub fields: Vec<Field>,
    /// The sector size that the offsets were found with.
    pub sector_size: SectorSize,
    /// The entries in use of the first copy that has any: nothing of them was checked.
    pub partitions: Vec<Partition>,
}

/// The partition table of a disk, or of an image of one.
///
/// # Errors
///
/// When it cannot be read.
pub fn fields(disk: &mut Source<'_>) -> io::Result<Shown> {
    let sector_size = match disk.at(4096, SIGNATURE.len())? == SIGNATURE
        && disk.at(512, SIGNATURE.len())? != SIGNATURE
    {
        true => SectorSize::B4096,
        false => SectorSize::B512,
    };
    let mut shown = Shown {
        fields: vec![mbr(disk)?],
        sector_size,
        partitions: Vec::new(),
    };
    let last = (disk.size() / sector_size.bytes()).saturating_sub(1);
    let alternate = copy(disk, 1, "Primary", &mut shown)?;
    copy(disk, alternate.unwrap_or(last), "Backup", &mut shown)?;
    Ok(shown)
}

fn mbr(disk: &mut Source<'_>) -> io::Result<Field> {
    let bytes = disk.at(0, size_of::<Mbr>())?;
    let at = disk.place(0);
    let mut fields = structure(at, &bytes, MBR_START);
    let (start, each) = (std::mem::offset_of!(Mbr, records), size_of::<MbrRecord>());
    for (index, record) in bytes
        .get(start..)
        .unwrap_or_default()
        .chunks(each)
        .take(4)
        .enumerate()
    {
        let place = at.saturating_add((start + index * each) as u64);
        let name = format!("PartitionRecord[{index}]");
        let size = record.len() as u64;
        fields.push(match record.iter().all(|byte| *byte == 0) {
            true => Field::new(place, size, name, "not in use".to_owned()),
            false => Field::of((place, size), name, None, structure(place, record, RECORD)),
        });
    }
    fields.extend(structure(at, &bytes, MBR_END));
    let of = Some("UEFI 2.10, table 5.1");
    let place = (at, bytes.len() as u64);
    Ok(Field::of(place, "Protective MBR", of, fields))
}

/// One copy of the table; where its header says that the other one is.
fn copy(disk: &mut Source<'_>, lba: u64, side: &str, shown: &mut Shown) -> io::Result<Option<u64>> {
    let sector = shown.sector_size.bytes();
    let at = lba.saturating_mul(sector);
    let bytes = disk.at(at, sector as usize)?;
    let place = disk.place(at);
    let mut fields = structure(place, &bytes, HEADER);
    let header = value_of::<Header>(&bytes).filter(|header| header.signature == SIGNATURE);
    let of = Some("UEFI 2.10, table 5.5");
    let size = bytes.len().min(size_of::<Header>()) as u64;
    let name = format!("{side} GPT header");
    let Some(header) = header else {
        // Whatever is there are no fields of a header.
        fields.truncate(1);
        fields.push(Field::ended(place, "the signature is not EFI PART"));
        shown
            .fields
            .push(Field::of((place, size), name, of, fields));
        return Ok(None);
    };
    let covered = bytes.get(..header.header_size.get() as usize);
    let mut zeroed = covered.unwrap_or_default().to_vec();
    if let Some(field) = zeroed.get_mut(16..20) {
        field.fill(0);
    }
    checked(
        &mut fields,
        "HeaderCRC32",
        header.header_crc32.get(),
        &zeroed,
    );

    let (count, each) = (header.entry_count.get(), header.entry_size.get());
    let length = u64::from(count).saturating_mul(each.into());
    let start = header.entries_lba.get().saturating_mul(sector);
    // At most ENTRIES_LIMIT, 1 MiB.
    let entries = disk.at(start, length.min(ENTRIES_LIMIT) as usize)?;
    let name_of_crc = "PartitionEntryArrayCRC32";
    if entries.len() as u64 == length {
        checked(
            &mut fields,
            name_of_crc,
            header.entries_crc32.get(),
            &entries,
        );
    }
    shown
        .fields
        .push(Field::of((place, size), name, of, fields));

    let place = disk.place(start);
    let (mut inside, partitions) = partitions(place, &entries, each);
    if (entries.len() as u64) < length {
        let end = place.saturating_add(entries.len() as u64);
        let why = match entries.len() as u64 == ENTRIES_LIMIT {
            true => "only the first 1 MiB of entries is shown",
            false => "the disk ends before the entries do",
        };
        inside.push(Field::ended(end, why));
    }
    if shown.partitions.is_empty() {
        shown.partitions = partitions;
    }
    let of = Some("UEFI 2.10, table 5.6");
    let name = format!("{side} partition entries");
    shown
        .fields
        .push(Field::of((place, length), name, of, inside));
    Ok(Some(header.alternate_lba.get()))
}

/// Says whether a checksum is right.
fn checked(fields: &mut [Field], name: &str, stored: u32, bytes: &[u8]) {
    let Some(field) = fields.iter_mut().find(|field| field.name == name) else {
        return;
    };
    let computed = crc32(bytes);
    field.value += &match computed == stored {
        true => " right".to_owned(),
        false => format!(" wrong: {computed:#010x} is computed"),
    };
}

/// The entries in use, and how many are not.
fn partitions(place: u64, entries: &[u8], each: u32) -> (Vec<Field>, Vec<Partition>) {
    let (mut list, mut found, mut unused) = (List::default(), Vec::new(), 0_u32);
    // Smaller ones than a reader takes: nothing of them can be said.
    let each = each.max(size_of::<Entry>() as u32);
    for (number, bytes) in (1..).zip(entries.chunks(each as usize)) {
        let at = place.saturating_add(u64::from(number - 1) * u64::from(each));
        let entry = match value_of::<Entry>(bytes) {
            Some(entry) if entry.type_guid != [0; 16] => entry,
            _ => {
                unused += 1;
                continue;
            }
        };
        if !list.is_full() {
            found.push(Partition {
                number,
                type_guid: Guid::from_bytes(entry.type_guid),
                guid: Guid::from_bytes(entry.guid),
                first_lba: entry.first_lba.get(),
                last_lba: entry.last_lba.get(),
                attributes: entry.attributes.get(),
                name: name(&entry),
            });
        }
        list.push(at, || {
            let fields = structure(at, bytes, ENTRY);
            let size = bytes.len() as u64;
            Field::of((at, size), format!("entry {number}"), None, fields)
        });
    }
    let mut fields = list.finish();
    if unused > 0 {
        let value = format!("{unused} are not in use");
        let end = place.saturating_add(entries.len() as u64);
        fields.push(Field::new(end, 0, "other entries", value));
    }
    (fields, found)
}
