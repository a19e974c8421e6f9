//! An image, field by field: its headers, what is in its sections, its signatures.

use std::io;

use super::format::{SECTIONS, SectionKind};
use crate::fields::{Field, List, Source, show};
use crate::pe::format::SectionHeader;
use crate::{authenticode, cpio, pe};

/// Headers end before this, in bytes.
const HEADERS: usize = 1 << 20;
/// Longest certificate table that is shown, in bytes.
const TABLE: u64 = 1 << 20;
/// Longest text in a section that is shown, in bytes.
const TEXT: usize = 1 << 16;

/// Most sections of texts whose lines are shown: profiles have some each.
const TEXTS: usize = 64;
/// Most sections that are unpacked: microcode and initrd.
const ARCHIVES: usize = 2;

/// What is shown of a section.
#[derive(Clone, Copy)]
enum Inside {
    Text,
    Archives,
}

fn kind(header: &SectionHeader) -> Option<Inside> {
    let row = SECTIONS.iter().find(|row| row.name == header.name())?;
    match row.name {
        ".initrd" | ".ucode" => Some(Inside::Archives),
        _ if row.kind == SectionKind::Text => Some(Inside::Text),
        _ => None,
    }
}

/// A PE image.
///
/// # Errors
///
/// When it cannot be read.
pub fn fields(image: &mut Source<'_>) -> io::Result<Vec<Field>> {
    let headers = pe::fields(&image.at(0, HEADERS)?);
    let mut fields = headers.fields;
    let (mut texts, mut archives) = (TEXTS, ARCHIVES);
    for section in &headers.sections {
        let left = match kind(section) {
            Some(Inside::Text) => &mut texts,
            Some(Inside::Archives) => &mut archives,
            None => &mut 1,
        };
        let inside = kind(section).filter(|_| *left > 0);
        *left = left.saturating_sub(1);
        fields.push(content(image, section, inside)?);
    }
    if let Some(table) = headers.certificates {
        let length = (table.end - table.start).min(TABLE);
        let bytes = image.at(table.start, length as usize)?;
        let place = image.place(table.start);
        let mut inside = authenticode::fields(place, &bytes);
        if (bytes.len() as u64) < table.end - table.start {
            let end = place.saturating_add(bytes.len() as u64);
            let why = match bytes.len() as u64 == TABLE {
                true => "only the first 1 MiB of the table is shown",
                false => "the file ends before the table does",
            };
            inside.push(Field::ended(end, why));
        }
        let of = Some("PE Format, Attribute Certificate Table");
        let place = (place, table.end - table.start);
        fields.push(Field::of(place, "Certificate table", of, inside));
    }
    Ok(fields)
}

/// What is in a section.
fn content(
    image: &mut Source<'_>,
    header: &SectionHeader,
    inside: Option<Inside>,
) -> io::Result<Field> {
    let offset = u64::from(header.pointer_to_raw_data.get());
    let raw = u64::from(header.size_of_raw_data.get());
    let size = raw.min(header.virtual_size.get().into());
    let name = header.name();
    let row = SECTIONS.iter().find(|row| row.name == name);
    let place = image.place(offset);
    let of = row.map(|_| "UAPI Group, Unified Kernel Image");
    let mut field = Field::of((place, size), name, of, Vec::new());
    if let Some(row) = row {
        field.value = row.meaning.to_owned();
    } else {
        field.value = "section".to_owned();
    }
    if raw > 0 && offset.saturating_add(raw) > image.size() {
        let end = image.place(image.size());
        let why = "the file ends before the section does";
        field.fields.push(Field::ended(end, why));
    }
    match inside {
        Some(Inside::Text) => {
            let length = usize::try_from(size).unwrap_or(TEXT).min(TEXT);
            let bytes = image.at(offset, length)?;
            let is_sbat = header.name() == ".sbat";
            field.fields.extend(lines(place, &bytes, is_sbat));
            if size > TEXT as u64 {
                let why = "only the first 64 KiB of a text are shown";
                field.fields.push(Field::ended(place + TEXT as u64, why));
            }
        }
        Some(Inside::Archives) => {
            let inside = cpio::fields(&mut image.part(offset, size))?;
            field.fields.extend(inside);
        }
        None => {}
    }
    Ok(field)
}

/// SBAT.md, "Version number details": the columns of a line.
const COLUMNS: [&str; 6] = [
    "component_name",
    "component_generation",
    "vendor_name",
    "vendor_package_name",
    "vendor_version",
    "vendor_url",
];

/// A text, line by line, up to its first NUL.
fn lines(offset: u64, bytes: &[u8], is_sbat: bool) -> Vec<Field> {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let (mut list, mut at) = (List::default(), offset);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let size = line.len() as u64;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        list.push(at, || match is_sbat {
            true => Field::of(
                (at, size),
                "component",
                Some("shim, SBAT.md"),
                columns(at, line),
            ),
            false => Field::new(
                at,
                size,
                "line",
                show::quoted(&String::from_utf8_lossy(line)),
            ),
        });
        at += size;
    }
    list.finish()
}

fn columns(offset: u64, line: &[u8]) -> Vec<Field> {
    let mut at = offset;
    let mut fields = Vec::new();
    for (column, name) in line
        .splitn(COLUMNS.len(), |byte| *byte == b',')
        .zip(COLUMNS)
    {
        let value = show::quoted(&String::from_utf8_lossy(column));
        fields.push(Field::new(at, column.len() as u64, name, value));
        at += column.len() as u64 + 1;
    }
    fields
}
