//! Headers and section contents, with every offset checked.

use std::mem::size_of;
use std::ops::Range;

use zerocopy::FromBytes;

use super::format::{
    CHECKSUM_OFFSET, CoffHeader, DIRECTORY_CERTIFICATES, DOS_MAGIC, DataDirectory, OptionalHeader,
    PE_MAGIC, PE_OFFSET, PE32_PLUS, SectionHeader,
};

/// Why a file is not taken as a PE32+ image. Offsets and sizes are in bytes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A part lies outside of the file.
    #[error(
        "PE image: the {what} at offset {offset:#x} ({size:#x} bytes) lies beyond the end of the file at {file_size:#x}"
    )]
    Truncated {
        /// Which part.
        what: String,
        /// Where it should start.
        offset: u64,
        /// How long it should be.
        size: u64,
        /// How long the file is.
        file_size: u64,
    },
    /// A fixed value is another one.
    #[error("PE image: the {what} at offset {offset:#x} is {found:#x}; {expected} is needed")]
    Value {
        /// Which field.
        what: &'static str,
        /// Where it is.
        offset: u64,
        /// What it is.
        found: u64,
        /// What it should be.
        expected: &'static str,
    },
}

/// All headers of an image, copied.
#[derive(Clone, Debug)]
pub struct Headers {
    /// COFF header.
    pub coff: CoffHeader,
    /// Optional header.
    pub optional: OptionalHeader,
    /// Data directories, at most 16.
    pub directories: Vec<DataDirectory>,
    /// Section table.
    pub sections: Vec<SectionHeader>,
    /// File offset of the COFF header.
    pub coff_offset: usize,
}

impl Headers {
    /// File offset of the optional header.
    pub fn optional_offset(&self) -> usize {
        self.coff_offset + size_of::<CoffHeader>()
    }

    /// File offset of the 32-bit checksum.
    pub fn checksum_offset(&self) -> usize {
        self.optional_offset() + CHECKSUM_OFFSET
    }

    /// File offset of the data directory of that index, when the image has it.
    pub fn directory_offset(&self, index: usize) -> Option<usize> {
        let first = self.optional_offset() + size_of::<OptionalHeader>();
        (index < self.directories.len()).then(|| first + index * size_of::<DataDirectory>())
    }

    /// File offset of the section table.
    pub fn section_table_offset(&self) -> usize {
        self.optional_offset() + usize::from(self.coff.size_of_optional_header.get())
    }

    /// File offset right after the last section header.
    pub fn section_table_end(&self) -> usize {
        self.section_table_offset() + self.sections.len() * size_of::<SectionHeader>()
    }

    /// Where the attribute certificate table is in the file; `None` when there is none.
    pub fn certificate_table(&self) -> Option<Range<u64>> {
        let directory = self.directories.get(DIRECTORY_CERTIFICATES)?;
        let start = u64::from(directory.virtual_address.get());
        let size = u64::from(directory.size.get());
        (size > 0).then(|| start..start + size)
    }
}

/// An image in memory whose headers and sections lie inside the file.
#[derive(Clone, Debug)]
pub struct Pe<'a> {
    /// Its headers.
    pub headers: Headers,
    /// The whole file.
    pub bytes: &'a [u8],
}

impl<'a> Pe<'a> {
    /// Reads the headers and checks that all sections and certificates are inside of `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let headers = parse_headers(bytes)?;
        for section in &headers.sections {
            let offset = section.pointer_to_raw_data.get();
            let size = section.size_of_raw_data.get();
            if size > 0 {
                inside(bytes, u64::from(offset), u64::from(size), || {
                    format!("section {}", section.name())
                })?;
            }
        }
        if let Some(table) = headers.certificate_table() {
            inside(bytes, table.start, table.end - table.start, || {
                "attribute certificate table".to_owned()
            })?;
        }
        Ok(Self { headers, bytes })
    }

    /// The first section of that name.
    pub fn section(&self, name: &str) -> Option<&SectionHeader> {
        self.headers.sections.iter().find(|s| s.name() == name)
    }

    /// A section's bytes without the padding that follows them in the file.
    pub fn content(&self, section: &SectionHeader) -> &'a [u8] {
        let raw = self.raw(section);
        let size = usize::try_from(section.virtual_size.get()).unwrap_or(usize::MAX);
        raw.get(..size).unwrap_or(raw)
    }

    /// A section's bytes as they are in the file.
    pub fn raw(&self, section: &SectionHeader) -> &'a [u8] {
        let start = u64::from(section.pointer_to_raw_data.get());
        let size = u64::from(section.size_of_raw_data.get());
        inside(self.bytes, start, size, String::new).unwrap_or_default()
    }
}

/// Reads the headers from the start of a file: `bytes` may end right after the section table.
pub fn parse_headers(bytes: &[u8]) -> Result<Headers, Error> {
    // 1. DOS header: magic, and the offset of the PE header.
    let magic: [u8; 2] = read(bytes, 0, "DOS header")?;
    if magic != DOS_MAGIC {
        let found = u64::from(u16::from_le_bytes(magic));
        return Err(value("DOS magic", 0, found, "0x5a4d (MZ)"));
    }
    let pe_offset: zerocopy::U32<zerocopy::LE> = read(bytes, PE_OFFSET as u64, "PE header offset")?;
    let pe_offset = u64::from(pe_offset.get());

    // 2. Signature and COFF header.
    let magic: [u8; 4] = read(bytes, pe_offset, "PE signature")?;
    if magic != PE_MAGIC {
        let found = u64::from(u32::from_le_bytes(magic));
        return Err(value("PE signature", pe_offset, found, "0x4550 (PE)"));
    }
    let coff_offset = pe_offset + size_of_val(&magic) as u64;
    let coff: CoffHeader = read(bytes, coff_offset, "COFF header")?;

    // 3. Optional header and data directories.
    let optional_offset = coff_offset + size_of::<CoffHeader>() as u64;
    let optional: OptionalHeader = read(bytes, optional_offset, "optional header")?;
    if optional.magic != PE32_PLUS {
        let found = u64::from(optional.magic.get());
        return Err(value(
            "optional header's magic",
            optional_offset,
            found,
            "0x20b (PE32+)",
        ));
    }
    let optional_size = u64::from(coff.size_of_optional_header.get());
    let count = u64::from(optional.number_of_rva_and_sizes.get());
    let fixed = size_of::<OptionalHeader>() as u64;
    if count > 16 || fixed + count * size_of::<DataDirectory>() as u64 > optional_size {
        let offset = optional_offset + fixed - 4;
        let expected = "at most 16, and what fits the optional header,";
        return Err(value("count of data directories", offset, count, expected));
    }
    let directories = (0..count)
        .map(|i| {
            let offset = optional_offset + fixed + i * size_of::<DataDirectory>() as u64;
            read(bytes, offset, "data directory")
        })
        .collect::<Result<_, _>>()?;

    // 4. Section table.
    let table = optional_offset + optional_size;
    let sections = (0..u64::from(coff.number_of_sections.get()))
        .map(|i| {
            let offset = table + i * size_of::<SectionHeader>() as u64;
            read(bytes, offset, "section header")
        })
        .collect::<Result<_, _>>()?;

    // 5. Values that later arithmetic relies on.
    for (what, offset, alignment) in [
        ("section alignment", 32, optional.section_alignment.get()),
        ("file alignment", 36, optional.file_alignment.get()),
    ] {
        if !alignment.is_power_of_two() || alignment > 1 << 24 {
            let expected = "a power of two up to 16 MiB";
            return Err(value(
                what,
                optional_offset + offset,
                u64::from(alignment),
                expected,
            ));
        }
    }
    // All offsets up to here were read, so they fit into memory.
    let coff_offset = coff_offset as usize;
    Ok(Headers {
        coff,
        optional,
        directories,
        sections,
        coff_offset,
    })
}

fn read<T: FromBytes>(bytes: &[u8], offset: u64, what: &str) -> Result<T, Error> {
    let found = inside(bytes, offset, size_of::<T>() as u64, || what.to_owned())?;
    T::read_from_bytes(found).map_err(|_| truncated(what.to_owned(), offset, 0, bytes))
}

fn inside(
    bytes: &[u8],
    offset: u64,
    size: u64,
    what: impl FnOnce() -> String,
) -> Result<&[u8], Error> {
    let range = || {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        bytes.get(start..end)
    };
    range().ok_or_else(|| truncated(what(), offset, size, bytes))
}

fn truncated(what: String, offset: u64, size: u64, bytes: &[u8]) -> Error {
    Error::Truncated {
        what,
        offset,
        size,
        file_size: bytes.len() as u64,
    }
}

fn value(what: &'static str, offset: u64, found: u64, expected: &'static str) -> Error {
    Error::Value {
        what,
        offset,
        found,
        expected,
    }
}
