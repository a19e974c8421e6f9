//! A directory's bytes → its entries, with long names put together.

use zerocopy::FromBytes;

use super::{Entry, Error};
use crate::fat::format::{
    ATTR_DIRECTORY, ATTR_LONG_NAME, ATTR_LONG_NAME_MASK, ATTR_VOLUME_ID, ENTRY_DELETED, ENTRY_END,
    ENTRY_ESCAPED_E5, ENTRY_SIZE, FAT_MASK, LAST_LONG_ENTRY, LongEntry, ShortEntry,
};
use crate::fat::name;
use crate::fat::time::DosTime;

/// The entries in use that are no parts of long names.
pub(super) fn short_entries(bytes: &[u8]) -> impl Iterator<Item = ShortEntry> {
    bytes
        .chunks_exact(ENTRY_SIZE)
        .take_while(|entry| entry.first() != Some(&ENTRY_END))
        .filter(|entry| entry.first() != Some(&ENTRY_DELETED))
        .filter_map(|entry| ShortEntry::read_from_bytes(entry).ok())
        .filter(|entry| entry.attributes & ATTR_LONG_NAME_MASK != ATTR_LONG_NAME)
}

pub(super) fn parse_directory(path: &str, bytes: &[u8]) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    let mut long = LongName::default();
    for bytes in bytes.chunks_exact(ENTRY_SIZE) {
        let Ok(short) = ShortEntry::read_from_bytes(bytes) else {
            continue;
        };
        match short.name[0] {
            ENTRY_END => break,
            ENTRY_DELETED => {
                long = LongName::default();
                continue;
            }
            _ => {}
        }
        if short.attributes & ATTR_LONG_NAME_MASK == ATTR_LONG_NAME {
            if let Ok(part) = LongEntry::read_from_bytes(bytes) {
                long.add(&part);
            }
            continue;
        }
        let long_name = std::mem::take(&mut long).finish(&short);
        let is_directory = short.attributes & ATTR_DIRECTORY != 0;
        let is_dot = is_directory && matches!(&short.name, b".          " | b"..         ");
        if short.attributes & ATTR_VOLUME_ID != 0 || is_dot {
            continue;
        }
        let short_name = short_name(&short);
        let name = long_name.unwrap_or_else(|| short_name.clone());
        for name in [&name, &short_name] {
            if let Some(reason) = name::refusal(name) {
                return Err(Error::Name {
                    directory: path.to_owned(),
                    name: name.clone(),
                    reason,
                });
            }
        }
        entries.push(Entry {
            name,
            short_name,
            is_directory,
            size: match is_directory {
                true => 0,
                false => short.size.get().into(),
            },
            written: DosTime {
                date: short.written_date.get(),
                time: short.written_time.get(),
                hundredths: 0,
            },
            cluster: short.cluster() & FAT_MASK,
        });
    }
    Ok(entries)
}

/// The parts of a long name as they come, its end first. Parts that do not belong together,
/// as drivers without long names leave them, are forgotten: the short name then counts.
#[derive(Default)]
struct LongName {
    units: Vec<u16>,
    /// Order of the next part; 0 when all are there.
    expected: u8,
    checksum: u8,
}

impl LongName {
    fn add(&mut self, part: &LongEntry) {
        let order = part.order & !LAST_LONG_ENTRY;
        let starts = part.order & LAST_LONG_ENTRY != 0;
        let follows = order == self.expected && part.checksum == self.checksum;
        if order == 0 || order > 20 || !(starts || follows) {
            *self = Self::default();
            return;
        }
        if starts {
            self.units.clear();
            self.checksum = part.checksum;
        }
        self.units.splice(0..0, part.units());
        self.expected = order - 1;
    }

    fn finish(self, short: &ShortEntry) -> Option<String> {
        let complete = self.expected == 0 && self.checksum == name::checksum(&short.name);
        if self.units.is_empty() || !complete {
            return None;
        }
        let units = self.units.into_iter().take_while(|&unit| unit != 0);
        let name: String = char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        Some(name)
    }
}

fn short_name(entry: &ShortEntry) -> String {
    let (base, extension) = entry.name.split_at(8);
    let (mut base, mut extension) = (text(base), text(extension));
    if entry.name[0] == ENTRY_ESCAPED_E5 {
        base.replace_range(..1, "\u{fffd}");
    }
    if entry.case & 0x08 != 0 {
        base.make_ascii_lowercase();
    }
    if entry.case & 0x10 != 0 {
        extension.make_ascii_lowercase();
    }
    match extension.is_empty() {
        true => base,
        false => format!("{base}.{extension}"),
    }
}

/// ASCII without the spaces at its end. Which code page other bytes are in is not recorded.
pub(super) fn text(bytes: &[u8]) -> String {
    let text: String = bytes
        .iter()
        .map(|&b| match b.is_ascii() {
            true => char::from(b),
            false => char::REPLACEMENT_CHARACTER,
        })
        .collect();
    text.trim_end_matches(' ').to_owned()
}
