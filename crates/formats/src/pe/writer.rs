//! Sections added to an image.

use zerocopy::IntoBytes;
use zerocopy::byteorder::little_endian::{U16, U32};

use super::format::{
    CNT_CODE, CNT_INITIALIZED_DATA, DIRECTORY_CERTIFICATES, DIRECTORY_DEBUG, DataDirectory,
    SectionHeader,
};
use super::layout::{Data, Layout};
use super::reader::{Error, Headers, Pe};

/// Firmware protects memory in pages of this size, in bytes: two sections must not share one.
const PAGE: u64 = 4096;

/// Where `SizeOfHeaders` is in the optional header, in bytes.
const SIZE_OF_HEADERS_OFFSET: usize = 60;

/// A section to be added. An existing section of the same name is replaced in its place.
#[derive(Clone, Copy, Debug)]
pub struct NewSection<'a> {
    /// 1 to 8 bytes of ASCII.
    pub name: &'a str,
    /// Its content; not empty.
    pub data: Data<'a>,
    /// Flags such as [`super::format::CNT_INITIALIZED_DATA`].
    pub characteristics: u32,
}

/// Why sections could not be added. Offsets and sizes are in bytes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The image cannot be read.
    #[error(transparent)]
    Read(#[from] Error),
    /// A name does not fit its field.
    #[error("adding section {0:?} to a PE image: 1 to 8 ASCII characters are needed")]
    Name(String),
    /// A section without content.
    #[error("adding section {0} to a PE image: it is empty")]
    Empty(String),
    /// The section table cannot grow.
    #[error(
        "adding sections to a PE image: the headers have room for {room} more section headers, \
         {needed} are needed"
    )]
    NoRoomForHeaders {
        /// How many fit.
        room: usize,
        /// How many were asked for.
        needed: usize,
    },
    /// A replaced section would run into the next one in memory.
    #[error(
        "replacing section {name} of a PE image: {size:#x} bytes are needed, {room:#x} are there \
         before the next section"
    )]
    NoRoomInMemory {
        /// Which section.
        name: String,
        /// Bytes wanted.
        size: u64,
        /// Bytes there.
        room: u64,
    },
    /// Firmware loads no image of 2 GiB or more.
    #[error(
        "adding sections to a PE image: {size} bytes are too large; EFI images end below 2 GiB"
    )]
    TooLarge {
        /// Size it would have.
        size: u64,
    },
    /// Something after the last section that no header explains.
    #[error(
        "adding sections to a PE image: there are {size:#x} unknown bytes after its last section, \
         at offset {offset:#x}"
    )]
    UnknownTail {
        /// Where they start.
        offset: u64,
        /// How many.
        size: u64,
    },
    /// Debug data holds file offsets, which would become wrong.
    #[error(
        "adding sections to a PE image: its sections would move, and it has debug data that points at them; strip the image first"
    )]
    DebugData,
}

/// `image` with `sections` added, in their order: file-aligned, each at the next multiple of
/// `SectionAlignment`, and at least of a page, after the one before it, `VirtualSize` their real size, and the
/// `DllCharacteristics` in `clear` taken away.
///
/// A signature, symbols and the padding after the last section are dropped. The checksum is set. All
/// of `sections` are in memory.
pub fn add_sections(
    image: &[u8],
    sections: &[NewSection<'_>],
    clear: u16,
) -> Result<Vec<u8>, EditError> {
    let later = |new: &&NewSection<'_>| matches!(new.data, Data::Later(_));
    let missing = sections.iter().find(later);
    let missing = missing.map_or(String::new(), |new| new.name.to_owned());
    let layout = lay_out(image, sections, clear)?;
    layout.into_image().ok_or(EditError::Empty(missing))
}

/// The same, not written yet, and sections may have data that comes later.
pub fn lay_out<'a>(
    image: &'a [u8],
    sections: &[NewSection<'a>],
    clear: u16,
) -> Result<Layout<'a>, EditError> {
    let pe = Pe::parse(image)?;
    let mut headers = pe.headers.clone();
    let file_alignment = u64::from(headers.optional.file_alignment.get());
    let section_alignment = u64::from(headers.optional.section_alignment.get());
    check_names(sections)?;
    check_tail(&pe)?;

    // 1. Room in the headers: whatever is there before the first section's content.
    let (replaced, added): (Vec<&NewSection<'a>>, Vec<&NewSection<'a>>) = sections
        .iter()
        .partition(|new| pe.section(new.name).is_some());
    let headers_size = up(
        u64::from(headers.optional.size_of_headers.get()),
        file_alignment,
    );
    let first_content = pe.headers.sections.iter();
    let first_content = first_content
        .filter(|s| s.size_of_raw_data.get() > 0)
        .map(|s| u64::from(s.pointer_to_raw_data.get()))
        .min()
        .unwrap_or(headers_size);
    let headers_size = headers_size.min(first_content);
    let table_end = headers.section_table_end() as u64;
    let Some(room) = headers_size.checked_sub(table_end) else {
        let size_of_headers = headers.optional_offset() + SIZE_OF_HEADERS_OFFSET;
        return Err(EditError::Read(Error::Value {
            what: "size of the headers, or the start of the first content",
            offset: size_of_headers as u64,
            found: headers_size,
            expected: "one behind the section table",
        }));
    };
    let room = room as usize / size_of::<SectionHeader>();
    if room < added.len() {
        let needed = added.len();
        return Err(EditError::NoRoomForHeaders { room, needed });
    }

    let head = image.get(..headers_size as usize).ok_or(Error::Truncated {
        what: "headers".to_owned(),
        offset: 0,
        size: headers_size,
        file_size: image.len() as u64,
    })?;

    // 2. Existing sections, in the order of their contents.
    let mut out = Layout {
        head: head.to_vec(),
        headers: pe.headers.clone(),
        pieces: Vec::new(),
        size: headers_size,
    };
    let mut order: Vec<usize> = (0..headers.sections.len()).collect();
    order.sort_by_key(|&i| pe.headers.sections[i].pointer_to_raw_data.get());
    let mut moved = false;
    for index in order {
        let old = pe.headers.sections[index];
        let new = replaced.iter().find(|new| old.name() == new.name);
        if let Some(new) = new {
            check_room(&pe.headers, &old, new.data.size(), section_alignment)?;
        } else if old.size_of_raw_data.get() == 0 {
            continue;
        }
        let data = new.map_or(Data::Bytes(pe.raw(&old)), |new| new.data);
        let (offset, size) = append(&mut out, data, file_alignment)?;
        moved |= u32::from(old.pointer_to_raw_data) != offset;
        let section = &mut headers.sections[index];
        section.pointer_to_raw_data = U32::new(offset);
        section.size_of_raw_data = U32::new(size);
        if new.is_some() {
            section.virtual_size = U32::new(data.size() as u32);
        }
    }
    let debug = headers.directories.get(DIRECTORY_DEBUG);
    if moved && debug.is_some_and(|d| d.size.get() > 0) {
        return Err(EditError::DebugData);
    }

    // 3. New sections.
    for new in added {
        let virtual_address = up(end_in_memory(&headers), section_alignment.max(PAGE));
        let (offset, size) = append(&mut out, new.data, file_alignment)?;
        let mut name = [0; 8];
        for (to, from) in name.iter_mut().zip(new.name.bytes()) {
            *to = from;
        }
        headers.sections.push(SectionHeader {
            name,
            virtual_size: U32::new(new.data.size() as u32),
            virtual_address: U32::new(small(virtual_address)?),
            size_of_raw_data: U32::new(size),
            pointer_to_raw_data: U32::new(offset),
            pointer_to_relocations: U32::ZERO,
            pointer_to_linenumbers: U32::ZERO,
            number_of_relocations: U16::ZERO,
            number_of_linenumbers: U16::ZERO,
            characteristics: U32::new(new.characteristics),
        });
        let optional = &mut headers.optional;
        for (kind, total) in [
            (CNT_CODE, &mut optional.size_of_code),
            (CNT_INITIALIZED_DATA, &mut optional.size_of_initialized_data),
        ] {
            if new.characteristics & kind != 0 {
                *total = U32::new(small(u64::from(total.get()) + u64::from(size))?);
            }
        }
    }

    // 4. Headers.
    let end = up(end_in_memory(&headers), section_alignment);
    headers.optional.size_of_image = U32::new(small(end)?);
    headers.optional.size_of_headers = U32::new(headers_size as u32);
    headers.optional.dll_characteristics &= U16::new(!clear);
    headers.coff.number_of_sections = U16::new(headers.sections.len() as u16);
    headers.coff.pointer_to_symbol_table = U32::ZERO;
    headers.coff.number_of_symbols = U32::ZERO;
    if let Some(directory) = headers.directories.get_mut(DIRECTORY_CERTIFICATES) {
        *directory = DataDirectory::default();
    }
    headers.optional.check_sum = U32::ZERO;
    write_headers(&mut out.head, &headers);
    out.headers = headers;
    Ok(out)
}

fn check_names(sections: &[NewSection<'_>]) -> Result<(), EditError> {
    for new in sections {
        let graphic = new.name.bytes().all(|b| b.is_ascii_graphic());
        if !(1..=8).contains(&new.name.len()) || !graphic {
            return Err(EditError::Name(new.name.to_owned()));
        }
        if new.data.size() == 0 {
            return Err(EditError::Empty(new.name.to_owned()));
        }
    }
    Ok(())
}

/// After the last section there may be symbols, certificates and zeros: all are dropped.
fn check_tail(pe: &Pe<'_>) -> Result<(), EditError> {
    let ends = pe
        .headers
        .sections
        .iter()
        .map(|s| u64::from(s.pointer_to_raw_data.get()) + u64::from(s.size_of_raw_data.get()));
    let start = ends.max().unwrap_or(0);
    let mut end = pe.bytes.len() as u64;
    if let Some(table) = pe.headers.certificate_table() {
        end = end.min(table.start);
    }
    let symbols = u64::from(pe.headers.coff.pointer_to_symbol_table.get());
    if symbols >= start {
        end = end.min(symbols);
    }
    let tail = pe.bytes.get(start as usize..end as usize).unwrap_or(&[]);
    if tail.iter().any(|b| *b != 0) {
        let size = tail.len() as u64;
        return Err(EditError::UnknownTail {
            offset: start,
            size,
        });
    }
    Ok(())
}

fn check_room(
    headers: &Headers,
    section: &SectionHeader,
    size: u64,
    alignment: u64,
) -> Result<(), EditError> {
    let start = section.virtual_address.get();
    let later = headers.sections.iter().map(|s| s.virtual_address.get());
    let next = later.filter(|address| *address > start).min();
    let room = next.map_or(u64::MAX, |next| u64::from(next - start));
    if up(size, alignment) > room {
        let name = section.name();
        return Err(EditError::NoRoomInMemory { name, size, room });
    }
    Ok(())
}

/// Appends data; where it is and its padded size, as headers have them.
fn append<'a>(
    out: &mut Layout<'a>,
    data: Data<'a>,
    alignment: u64,
) -> Result<(u32, u32), EditError> {
    let (offset, size) = out.append(data, alignment);
    small(offset.saturating_add(size))?;
    Ok((offset as u32, size as u32))
}

fn write_headers(out: &mut [u8], headers: &Headers) {
    let mut put = |offset: usize, bytes: &[u8]| {
        if let Some(place) = out.get_mut(offset..offset + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    };
    put(headers.coff_offset, headers.coff.as_bytes());
    put(headers.optional_offset(), headers.optional.as_bytes());
    if let Some(offset) = headers.directory_offset(0) {
        put(offset, headers.directories.as_slice().as_bytes());
    }
    let table = headers.section_table_offset();
    put(table, headers.sections.as_slice().as_bytes());
}

fn end_in_memory(headers: &Headers) -> u64 {
    let ends = headers
        .sections
        .iter()
        .map(|s| u64::from(s.virtual_address.get()) + u64::from(s.virtual_size.get()));
    ends.max().unwrap_or(0)
}

fn up(value: u64, alignment: u64) -> u64 {
    value.next_multiple_of(alignment)
}

fn small(size: u64) -> Result<u32, EditError> {
    match u32::try_from(size) {
        Ok(small) if small < 1 << 31 => Ok(small),
        _ => Err(EditError::TooLarge { size }),
    }
}
