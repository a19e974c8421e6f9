//! What a partition holds, by the few bytes that say so. Nothing else of it is read, and nothing
//! of it is believed: this is for a person to recognise a disk.

use std::io::{Read, Seek, SeekFrom};

use serde::Serialize;

use super::sysfs::plain;

/// What a partition or disk says that it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Content {
    /// `ext4`, `LUKS`.
    pub kind: &'static str,
    /// Its label; empty when it has none.
    pub label: String,
}

/// A kind, its magic bytes, where they are, and where its label is and how long: in bytes.
type Row = (&'static str, &'static [u8], u64, Option<(u64, usize)>);

/// The first that fits counts. NTFS and exFAT are before FAT: their boot sectors look alike.
const KINDS: &[Row] = &[
    ("ext2/3/4", &[0x53, 0xef], 0x438, Some((0x478, 16))),
    ("btrfs", b"_BHRfS_M", 0x1_0040, Some((0x1_012b, 256))),
    ("XFS", b"XFSB", 0, Some((108, 12))),
    ("LUKS", b"LUKS\xba\xbe\x00\x02", 0, Some((24, 48))),
    ("LUKS", b"LUKS\xba\xbe", 0, None),
    ("LVM", b"LABELONE", 512, None),
    (
        "RAID",
        &[0xfc, 0x4e, 0x2b, 0xa9],
        4096,
        Some((4096 + 32, 32)),
    ),
    ("swap", b"SWAPSPACE2", 4086, Some((0x41c, 16))),
    ("squashfs", b"hsqs", 0, None),
    (
        "EROFS",
        &[0xe2, 0xe1, 0xf5, 0xe0],
        1024,
        Some((1024 + 64, 16)),
    ),
    ("F2FS", &[0x10, 0x20, 0xf5, 0xf2], 1024, None),
    ("NTFS", b"NTFS    ", 3, None),
    ("exFAT", b"EXFAT   ", 3, None),
    ("FAT32", b"FAT32   ", 82, Some((71, 11))),
    ("FAT", b"FAT1", 54, Some((43, 11))),
    ("ISO 9660", b"CD001", 0x8001, Some((0x8028, 32))),
];

/// Reads what a device holds; `None` when none of its bytes tells, or it cannot be read.
pub fn content<R: Read + Seek>(device: &mut R) -> Option<Content> {
    let (kind, .., label) = KINDS.iter().find(|(_, magic, offset, _)| {
        read(device, *offset, magic.len()).is_some_and(|bytes| bytes == *magic)
    })?;
    let label = label.and_then(|(offset, length)| read(device, offset, length));
    let label = label.unwrap_or_default();
    let end = label.iter().position(|b| *b == 0).unwrap_or(label.len());
    Some(Content {
        kind,
        label: match plain(label.get(..end).unwrap_or_default()) {
            none if none == "NO NAME" => String::new(),
            label => label,
        },
    })
}

fn read<R: Read + Seek>(device: &mut R, offset: u64, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    device.seek(SeekFrom::Start(offset)).ok()?;
    device.read_exact(&mut bytes).ok()?;
    Some(bytes)
}
