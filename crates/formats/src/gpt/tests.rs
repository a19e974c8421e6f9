use std::io::Cursor;

use proptest::prelude::*;
use uguid::{Guid, guid};

use super::*;

const ESP: Guid = guid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
const DISK: Guid = guid!("00000000-0000-8000-8000-0000000000d1");
const MIB: u64 = 1 << 20;

fn partition(number: u32, first_lba: u64, last_lba: u64) -> Partition {
    let mut bytes = [0xab; 16];
    bytes[15] = number as u8;
    Partition {
        number,
        type_guid: ESP,
        guid: Guid::from_bytes(bytes),
        first_lba,
        last_lba,
        attributes: 0,
        name: format!("part-{number} ü🦀"),
    }
}

fn layout() -> Layout {
    let mut third = partition(3, 4096, 6143);
    third.attributes = 4;
    let partitions = vec![partition(1, 2048, 4095), third];
    Layout::new(SectorSize::B512, 4 * MIB, DISK, partitions).unwrap()
}

fn image(layout: &Layout) -> Vec<u8> {
    let mut disk = Cursor::new(Vec::new());
    layout.write(&mut disk).unwrap();
    disk.into_inner()
}

fn read_512(bytes: &[u8]) -> Result<Table, Error> {
    read(&mut Cursor::new(bytes), SectorSize::B512)
}

#[test]
fn what_is_written_is_read() {
    for sector in [SectorSize::B512, SectorSize::B4096] {
        let first = MIB / sector.bytes();
        let one = partition(1, first, 2 * first - 1);
        let layout = Layout::new(sector, 4 * MIB, DISK, vec![one]).unwrap();
        let bytes = image(&layout);
        assert_eq!(bytes.len() as u64, 4 * MIB);
        let table = read(&mut Cursor::new(&bytes), sector).unwrap();
        assert_eq!(table.partitions, layout.partitions());
        assert_eq!(table.disk_guid, DISK);
        assert_eq!(table.side, Side::Primary);
        assert!(table.other_side.is_ok());
        assert_eq!(table.first_usable_lba, layout.first_usable_lba());
        assert_eq!(table.last_usable_lba, layout.last_usable_lba());
        assert_eq!(table.partitions[0].offset(sector), MIB);
        assert_eq!(table.partitions[0].size(sector), MIB);
    }
}

#[test]
fn dump_is_as_expected() {
    let text = read_512(&image(&layout())).unwrap().to_string();
    assert_eq!(
        text,
        "\
GPT disk 00000000-0000-8000-8000-0000000000d1: 8192 sectors of 512 bytes, usable 34 to 8158
partition 1 \"part-1 ü🦀\"
  type       c12a7328-f81f-11d2-ba4b-00a0c93ec93b
  guid       abababab-abab-abab-abab-ababababab01
  sectors    2048 to 4095: 1048576 bytes at byte 1048576
partition 3 \"part-3 ü🦀\"
  type       c12a7328-f81f-11d2-ba4b-00a0c93ec93b
  guid       abababab-abab-abab-abab-ababababab03
  sectors    4096 to 6143: 1048576 bytes at byte 2097152
  attributes 0x0000000000000004
both copies of the table are sound
"
    );
}

#[test]
fn a_partition_is_found_by_its_guid() {
    let table = read_512(&image(&layout())).unwrap();
    let wanted = guid!("abababab-abab-abab-abab-ababababab03");
    assert_eq!(table.by_guid(wanted).unwrap().number, 3);
    assert!(table.by_guid(DISK).is_none());
}

#[test]
fn one_damaged_copy_is_enough_and_is_reported() {
    let good = image(&layout());
    let last = good.len() - 512;
    // Byte to flip, the copy that is then used, and what is said about the other one.
    let cases = [
        (512, Side::Backup, "EFI PART"),
        (512 + 60, Side::Backup, "the header in sector 1"),
        (1024 + 40, Side::Backup, "entries of the header"),
        (last, Side::Primary, "EFI PART"),
        (last + 72, Side::Primary, "sector 8191"),
        (last - 16384 + 40, Side::Primary, "entries of the header"),
    ];
    for (offset, side, said) in cases {
        let mut bytes = good.clone();
        bytes[offset] ^= 1;
        let table = read_512(&bytes).unwrap();
        assert_eq!(table.side, side, "byte {offset}");
        assert_eq!(table.partitions, layout().partitions());
        let damage = table.other_side.unwrap_err().to_string();
        assert!(damage.contains(said), "byte {offset}: {damage}");
    }
}

#[test]
fn an_image_on_a_larger_disk_is_read() {
    let mut bytes = image(&layout());
    bytes.resize(8 << 20, 0);
    let table = read_512(&bytes).unwrap();
    assert_eq!(table.side, Side::Primary);
    assert!(table.other_side.is_ok());
}

#[test]
fn a_disk_without_a_usable_table_is_refused() {
    let good = image(&layout());
    let mut no_mbr = good.clone();
    no_mbr[450] = 0x83;
    assert!(matches!(read_512(&no_mbr), Err(Error::NoProtectiveMbr)));
    assert!(matches!(read_512(&[]), Err(Error::NoProtectiveMbr)));

    let mut both = good.clone();
    both[512] ^= 1;
    let last = both.len() - 512;
    both[last] ^= 1;
    assert!(matches!(read_512(&both), Err(Error::Unusable { .. })));

    // The primary says that the disk is longer than it is.
    let cut = read_512(&good[..3 << 20]).unwrap_err().to_string();
    assert!(cut.contains("cut short"), "{cut}");
}

/// Writes header fields behind the reader's checksums' back, in both copies.
fn forge(change: impl Fn(&mut [u8])) -> String {
    let mut bytes = image(&layout());
    let last = bytes.len() - 512;
    for start in [512, last] {
        let header = &mut bytes[start..start + 92];
        change(header);
        header[16..20].fill(0);
        let crc = crc32fast::hash(header);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
    }
    read_512(&bytes).unwrap_err().to_string()
}

#[test]
fn impossible_header_values_are_refused_by_name() {
    type Change = fn(&mut [u8]);
    let cases: &[(&str, Change)] = &[
        ("MyLBA", |h| h[24] = 9),
        ("NumberOfPartitionEntries", |h| h[80..84].fill(0xff)),
        ("SizeOfPartitionEntry", |h| h[84..88].fill(0xff)),
        ("SizeOfPartitionEntry", |h| h[84..88].fill(0)),
        ("LastUsableLBA", |h| h[48..56].fill(0xff)),
        ("outside the usable", |h| {
            h[48..56].copy_from_slice(&2100u64.to_le_bytes())
        }),
        ("outside the usable", |h| {
            h[40..48].copy_from_slice(&2100u64.to_le_bytes())
        }),
        ("cannot be read", |h| h[72..80].fill(0xff)),
    ];
    for (said, change) in cases {
        let error = forge(change);
        assert!(error.contains(said), "{said}: {error}");
    }
}

#[test]
fn a_table_is_found_behind_a_broken_mbr() {
    let mut bytes = image(&layout());
    bytes[..512].fill(0);
    assert!(matches!(read_512(&bytes), Err(Error::NoProtectiveMbr)));
    let table = read_behind_mbr(&mut std::io::Cursor::new(&bytes), SectorSize::B512).unwrap();
    assert_eq!(table.partitions, layout().partitions());
}

#[test]
fn impossible_layouts_are_refused() {
    type Change = fn(&mut Vec<Partition>);
    let cases: &[(&str, Change)] = &[
        ("number is 0", |p| p[0].number = 0),
        ("number is 129", |p| p[0].number = 129),
        ("same number", |p| p[1].number = 1),
        ("same GUID", |p| p[1].guid = p[0].guid),
        ("same sectors", |p| p[1].first_lba = 2048),
        ("multiple of 1048576", |p| p[0].first_lba = 2049),
        ("34 to 8158 are usable", |p| p[1].last_lba = 8159),
        ("34 to 8158 are usable", |p| p[0].first_lba = 0),
        ("34 to 8158 are usable", |p| p[0].last_lba = 2047),
        ("37 UTF-16 units", |p| p[0].name = "x".repeat(37)),
        ("type GUID is zero", |p| p[0].type_guid = Guid::ZERO),
    ];
    for (said, change) in cases {
        let mut partitions = layout().partitions().to_vec();
        change(&mut partitions);
        let error = Layout::new(SectorSize::B512, 4 * MIB, DISK, partitions)
            .unwrap_err()
            .to_string();
        assert!(error.contains(said), "{said}: {error}");
    }
    let small = Layout::new(SectorSize::B512, 67 * 512, DISK, Vec::new());
    assert!(matches!(small, Err(LayoutError::DiskTooSmall { .. })));
    assert!(Layout::new(SectorSize::B512, 68 * 512, DISK, Vec::new()).is_ok());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..8192)) {
        let _ = read_512(&bytes);
        // With the MBR in place, so that the headers are reached.
        let good = image(&layout());
        for (place, byte) in bytes.iter_mut().zip(&good[..600]) {
            *place = *byte;
        }
        let _ = read_512(&bytes);
    }

    #[test]
    fn damage_never_panics(
        flips in proptest::collection::vec((0usize..2048, any::<u8>()), 1..16),
        end in 0usize..(4 << 20),
    ) {
        let good = image(&layout());
        let mut bytes = good.clone();
        for (place, value) in flips {
            bytes[place] = value;
        }
        // At most one copy was damaged.
        if bytes[510..512] == good[510..512] && bytes[450] == good[450] {
            let expected = layout();
            prop_assert_eq!(read_512(&bytes).unwrap().partitions, expected.partitions());
        }
        let _ = read_512(&bytes[..end]);
    }

    #[test]
    fn forged_headers_never_panic(offset in 20usize..92, value: u8) {
        let mut bytes = image(&layout());
        let header = &mut bytes[512..604];
        header[offset] = value;
        header[16..20].fill(0);
        let crc = crc32fast::hash(header);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        let _ = read_512(&bytes);
    }
}

#[test]
fn every_field_is_shown() {
    use crate::fields::tests::{golden, hostile, nested, of};
    let image = image(&layout());
    let shown = of(&image, |disk| Ok(super::fields(disk)?.fields));
    nested(&shown);
    golden("gpt", &shown);
    let text = crate::fields::Lines(&shown).to_string();
    assert_eq!(text.matches(" right").count(), 4, "{text}");

    // The first sectors and the last ones, of what is a smaller disk then.
    let small = [&image[..34 * 512], &image[image.len() - 33 * 512..]].concat();
    let show = |bytes: &[u8]| of(bytes, |disk| Ok(super::fields(disk)?.fields));
    hostile(&small, 61, show);
    hostile(&image[..1024], 1, show);
}

#[test]
fn tables_that_are_refused_are_shown_as_far_as_they_go() {
    use crate::fields::tests::of;
    let mut bytes = image(&layout());
    // The first entry of the primary copy, and all of the backup's header.
    bytes[1024] ^= 1;
    let last = bytes.len() - 512;
    bytes[last..].fill(0);
    assert!(read_512(&bytes).is_err());
    let shown = of(&bytes, |disk| Ok(super::fields(disk)?.fields));
    let text = crate::fields::Lines(&shown).to_string();
    for words in [
        "wrong: 0x",
        "part-1",
        "part-3",
        "the signature is not EFI PART",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}
