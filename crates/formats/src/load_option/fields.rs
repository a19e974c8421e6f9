//! A boot entry, field by field.

use super::format::{
    ACTIVE, END, END_ENTIRE, FILE_PATH, GPT, HARD_DRIVE, HardDrive, Header, MEDIA, NodeHeader,
};
use crate::fields::{Field, List, Row, rows, show, structure, value_of};

const HEADER: &[Row] = rows!(Header {
    attributes: "Attributes" => |b| show::flags(b, &[
        (ACTIVE as u64, "LOAD_OPTION_ACTIVE"),
        (0x02, "LOAD_OPTION_FORCE_RECONNECT"),
        (0x08, "LOAD_OPTION_HIDDEN"),
        (0x100, "LOAD_OPTION_CATEGORY_APP"),
    ]),
    paths_length: "FilePathListLength" => show::number,
});

const NODE: &[Row] = rows!(NodeHeader {
    kind: "Type" => |b| show::named(b, &[
        (1, "Hardware"),
        (2, "ACPI"),
        (3, "Messaging"),
        (MEDIA as u64, "Media"),
        (5, "BIOS Boot Specification"),
        (END as u64, "End of Hardware Device Path"),
    ]),
    subtype: "Sub-Type" => show::hex,
    length: "Length" => show::number,
});

const DRIVE: &[Row] = rows!(HardDrive {
    number: "Partition Number" => show::number,
    first_lba: "Partition Start" => show::number,
    sectors: "Partition Size" => show::number,
    signature: "Partition Signature" => show::guid,
    format: "Partition Format" => |b| show::named(b, &[(1, "MBR"), (GPT as u64, "GPT")]),
    signature_type: "Signature Type" => |b| show::named(b, &[(1, "32-bit"), (GPT as u64, "GUID")]),
});

/// A boot entry that is at `offset` of its file.
pub fn fields(offset: u64, bytes: &[u8]) -> Vec<Field> {
    let mut fields = structure(offset, bytes, HEADER);
    let of = Some("EFI_LOAD_OPTION: UEFI 2.10, section 3.1.3");
    if let Some(header) = value_of::<Header>(bytes) {
        rest(offset, bytes, header.paths_length.get().into(), &mut fields);
    }
    let place = (offset, bytes.len() as u64);
    vec![Field::of(place, "EFI_LOAD_OPTION", of, fields)]
}

fn rest(offset: u64, bytes: &[u8], paths: usize, fields: &mut Vec<Field>) {
    let at = |index: usize| offset.saturating_add(index as u64);
    let start = size_of::<Header>();
    let text = bytes.get(start..).unwrap_or_default();
    let nul = text
        .as_chunks::<2>()
        .0
        .iter()
        .position(|unit| *unit == [0, 0]);
    let Some(units) = nul else {
        fields.push(Field::ended(at(start), "the description does not end"));
        return;
    };
    let length = 2 * (units + 1);
    let description = text.get(..length).unwrap_or(text);
    let shown = show::utf16(description);
    fields.push(Field::new(at(start), length as u64, "Description", shown));
    let (begin, end) = (start + length, start + length + paths);
    let nodes = bytes.get(begin..end.min(bytes.len())).unwrap_or_default();
    let mut list = List::default();
    let mut rest = nodes;
    while !rest.is_empty() {
        let place = at(begin + nodes.len() - rest.len());
        let length = value_of::<NodeHeader>(rest).map(|node| usize::from(node.length.get()));
        let whole = length.filter(|length| (4..=rest.len()).contains(length));
        let node = rest.get(..whole.unwrap_or(rest.len())).unwrap_or(rest);
        list.push(place, || one_node(place, node, whole.is_some()));
        rest = rest.get(node.len()..).unwrap_or_default();
    }
    fields.extend(list.finish());
    if end > bytes.len() {
        let why = format!(
            "{} of FilePathListLength's {paths} bytes are there",
            nodes.len()
        );
        fields.push(Field::ended(at(bytes.len()), why));
    }
    let data = bytes.get(end..).unwrap_or_default();
    if !data.is_empty() {
        let size = data.len() as u64;
        fields.push(Field::new(at(end), size, "OptionalData", show::bytes(data)));
    }
}

fn one_node(place: u64, node: &[u8], is_whole: bool) -> Field {
    let mut fields = structure(place, node, NODE);
    let head = size_of::<NodeHeader>();
    let inside = place.saturating_add(head as u64);
    let data = node.get(head..).unwrap_or_default();
    let kinds = value_of::<NodeHeader>(node).map(|node| (node.kind, node.subtype));
    let name = match kinds {
        Some((MEDIA, HARD_DRIVE)) => "Hard Drive",
        Some((MEDIA, FILE_PATH)) => "File Path",
        Some((END, END_ENTIRE)) => "End Entire Device Path",
        _ => "device path node",
    };
    match kinds {
        _ if !is_whole => {
            fields.push(Field::ended(place, "its length is none that fits"));
        }
        Some((MEDIA, HARD_DRIVE)) => fields.extend(structure(inside, data, DRIVE)),
        Some((MEDIA, FILE_PATH)) => {
            let size = data.len() as u64;
            fields.push(Field::new(inside, size, "Path Name", show::utf16(data)));
        }
        _ if data.is_empty() => {}
        _ => {
            let size = data.len() as u64;
            fields.push(Field::new(inside, size, "data", show::bytes(data)));
        }
    }
    let of = Some("UEFI 2.10, section 10.3");
    Field::of((place, node.len() as u64), name, of, fields)
}
