//! zstd frames, field by field.
//!
//! Specification: RFC 8878, section 3.1.1.

use std::io;

use crate::fields::{Field, List, Source, show};

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Most blocks of a frame that are listed.
const BLOCKS: usize = 100;
/// Most blocks, and most frames, that are counted: those of 4 GiB and more.
const COUNTED: usize = 1 << 16;

/// Whether a frame starts with these bytes.
pub(super) fn is_frame(start: &[u8]) -> bool {
    start.starts_with(&MAGIC)
}

/// The frames that follow one another from `at` on, and where they end.
pub(super) fn fields(source: &mut Source<'_>, at: u64) -> io::Result<(Vec<Field>, u64)> {
    let (mut list, mut end) = (List::of_at_most(BLOCKS), at);
    for _ in 0..COUNTED {
        if end >= source.size() || !is_frame(&source.at(end, MAGIC.len())?) {
            break;
        }
        let (field, next) = frame(source, end)?;
        list.push(source.place(end), || field);
        end = next;
    }
    Ok((list.finish(), end))
}

/// One frame, and where it ends.
fn frame(source: &mut Source<'_>, start: u64) -> io::Result<(Field, u64)> {
    let mut fields = Vec::new();
    let mut at = start;
    let mut add = |source: &mut Source<'_>, at: &mut u64, size: usize, name: &'static str| {
        let bytes = source.at(*at, size)?;
        let place = source.place(*at);
        let is_whole = bytes.len() == size;
        *at += bytes.len() as u64;
        if is_whole {
            fields.push(Field::new(place, size as u64, name, show::hex(&bytes)));
        }
        Ok::<_, io::Error>(is_whole.then(|| show::little(&bytes)))
    };
    // 1. Header (3.1.1.1).
    add(source, &mut at, 4, "Magic_Number")?;
    let descriptor = add(source, &mut at, 1, "Frame_Header_Descriptor")?.unwrap_or(0);
    let is_single_segment = descriptor >> 5 & 1 == 1;
    if !is_single_segment {
        add(source, &mut at, 1, "Window_Descriptor")?;
    }
    let dictionary = [0, 1, 2, 4][(descriptor & 3) as usize];
    if dictionary > 0 {
        add(source, &mut at, dictionary, "Dictionary_ID")?;
    }
    let size = match (descriptor >> 6, is_single_segment) {
        (0, false) => 0,
        (0, true) => 1,
        (1, _) => 2,
        (2, _) => 4,
        _ => 8,
    };
    if size > 0 {
        let value = add(source, &mut at, size, "Frame_Content_Size")?;
        // Two bytes count from 256.
        let value = value.map(|value| if size == 2 { value + 256 } else { value });
        if let (Some(field), Some(value)) = (fields.last_mut(), value) {
            field.value = value.to_string();
        }
    }
    // 2. Blocks (3.1.1.2).
    let (mut list, mut is_whole) = (List::of_at_most(BLOCKS), false);
    let first = at;
    for _ in 0..COUNTED {
        let header = source.at(at, 3)?;
        if header.len() < 3 {
            break;
        }
        let header = show::little(&header);
        let (kind, size) = (header >> 1 & 3, header >> 3);
        let (words, stored) = match kind {
            0 => ("Raw_Block", size),
            1 => ("RLE_Block", 1),
            2 => ("Compressed_Block", size),
            _ => ("reserved type", 0),
        };
        let place = source.place(at);
        list.push(place, || {
            Field::new(
                place,
                3 + stored,
                "Block",
                format!("{words}, Block_Size {size}"),
            )
        });
        at = at.saturating_add(3 + stored);
        if header & 1 == 1 {
            is_whole = at <= source.size();
            break;
        }
        if kind == 3 || at >= source.size() {
            break;
        }
    }
    let mut blocks = list.finish();
    if !is_whole {
        let why = "no last block in the bytes that are there";
        blocks.push(Field::ended(source.place(source.size().min(at)), why));
    }
    let place = (source.place(first), at - first);
    fields.push(Field::of(place, "Blocks", None, blocks));
    // 3. Checksum.
    if is_whole && descriptor >> 2 & 1 == 1 {
        let bytes = source.at(at, 4)?;
        let place = source.place(at);
        let size = bytes.len() as u64;
        fields.push(Field::new(
            place,
            size,
            "Content_Checksum",
            show::hex(&bytes),
        ));
        at += size;
    }
    let of = Some("RFC 8878, section 3.1.1");
    let at = at.min(source.size());
    let place = (source.place(start), at - start);
    Ok((Field::of(place, "zstd frame", of, fields), at))
}
