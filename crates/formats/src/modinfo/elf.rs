//! The little of ELF that a kernel module needs: ELF64, little-endian, relocatable.
//!
//! Specification: System V ABI, chapter 4 "Object Files" (<https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.intro.html>).

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::Error;

/// The first bytes of every ELF file.
const MAGIC: &[u8] = b"\x7fELF";
/// `e_ident[EI_CLASS]`: 64-bit objects.
const CLASS_64: u8 = 2;
/// `e_ident[EI_DATA]`: little-endian.
const DATA_LITTLE_ENDIAN: u8 = 1;
/// `e_type`: relocatable, as every module is.
const TYPE_RELOCATABLE: u16 = 1;
/// `sh_type` of a section that takes no room in the file.
const SECTION_NOBITS: u32 = 8;
/// `st_shndx` of a symbol that is defined elsewhere.
pub(super) const SECTION_UNDEFINED: u16 = 0;
/// `st_shndx` of a symbol whose value is a plain number.
pub(super) const SECTION_ABSOLUTE: u16 = 0xfff1;
/// The binding in `st_info >> 4`: a symbol that may stay undefined.
pub(super) const BINDING_WEAK: u8 = 2;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct FileHeader {
    magic: [u8; 4],
    class: u8,
    data: u8,
    ident: [u8; 10],
    kind: U16,
    machine: U16,
    version: U32,
    entry: U64,
    program_headers: U64,
    section_headers: U64,
    flags: U32,
    header_size: U16,
    program_header_size: U16,
    program_header_count: U16,
    section_header_size: U16,
    section_header_count: U16,
    section_names: U16,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct SectionHeader {
    name: U32,
    kind: U32,
    flags: U64,
    address: U64,
    offset: U64,
    size: U64,
    link: U32,
    info: U32,
    alignment: U64,
    entry_size: U64,
}

/// An entry of `.symtab`.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct Symbol {
    /// Offset of the name in `.strtab`, in bytes.
    pub(super) name: U32,
    /// Binding in the high four bits, type in the low ones.
    pub(super) info: u8,
    other: u8,
    /// Section index, or one of the `SECTION_…` numbers.
    pub(super) section: U16,
    /// Offset in the section, in bytes.
    pub(super) value: U64,
    size: U64,
}

/// A section's name and bytes.
pub(super) struct Section<'a> {
    pub(super) name: &'a [u8],
    /// Empty for sections that take no room in the file.
    pub(super) bytes: &'a [u8],
}

/// A relocatable object: its sections, by section index.
pub(super) struct Object<'a> {
    pub(super) sections: Vec<Section<'a>>,
}

impl<'a> Object<'a> {
    /// Reads the section table; every section's bytes are inside the file.
    pub(super) fn parse(file: &'a [u8]) -> Result<Self, Error> {
        let (header, _) = FileHeader::ref_from_prefix(file).map_err(|_| Error::NotElf)?;
        if header.magic != MAGIC {
            return Err(Error::NotElf);
        }
        if (header.class, header.data) != (CLASS_64, DATA_LITTLE_ENDIAN) {
            return Err(Error::Class {
                class: header.class,
                data: header.data,
            });
        }
        if header.kind.get() != TYPE_RELOCATABLE {
            return Err(Error::Type {
                found: header.kind.get(),
            });
        }
        let entry = u64::from(header.section_header_size.get());
        if entry != size_of::<SectionHeader>() as u64 {
            return Err(Error::EntrySize {
                what: "section header table",
                found: entry,
                expected: size_of::<SectionHeader>() as u64,
            });
        }
        let count = header.section_header_count.get();
        let table = part(
            file,
            header.section_headers.get(),
            u64::from(count) * entry,
            "section header table",
        )?;
        let (headers, _) = <[SectionHeader]>::ref_from_prefix_with_elems(table, usize::from(count))
            .map_err(|_| Error::OutOfBounds {
                what: "section header table",
                offset: header.section_headers.get(),
                size: u64::from(count) * entry,
                file: file.len() as u64,
            })?;
        let names = headers
            .get(usize::from(header.section_names.get()))
            .ok_or(Error::NoSectionNames)?;
        let names = part(
            file,
            names.offset.get(),
            names.size.get(),
            "table of section names",
        )?;
        let mut sections = Vec::with_capacity(headers.len());
        for header in headers {
            let bytes = match header.kind.get() {
                SECTION_NOBITS => &[][..],
                _ => part(file, header.offset.get(), header.size.get(), "section")?,
            };
            let name = string(names, header.name.get()).unwrap_or_default();
            sections.push(Section { name, bytes });
        }
        Ok(Self { sections })
    }

    /// The bytes of the first section of that name.
    pub(super) fn section(&self, name: &str) -> Option<&'a [u8]> {
        let mut sections = self.sections.iter();
        sections
            .find(|section| section.name == name.as_bytes())
            .map(|section| section.bytes)
    }

    /// `.symtab` without its first, empty entry, and `.strtab`; both empty when either is missing.
    pub(super) fn symbols(&self) -> Result<(&'a [Symbol], &'a [u8]), Error> {
        let (Some(table), Some(strings)) = (self.section(".symtab"), self.section(".strtab"))
        else {
            return Ok((&[], &[]));
        };
        let symbols = <[Symbol]>::ref_from_bytes(table).map_err(|_| Error::EntrySize {
            what: ".symtab",
            found: table.len() as u64,
            expected: size_of::<Symbol>() as u64,
        })?;
        Ok((symbols.get(1..).unwrap_or_default(), strings))
    }
}

/// `size` bytes at `offset`.
fn part<'a>(file: &'a [u8], offset: u64, size: u64, what: &'static str) -> Result<&'a [u8], Error> {
    let range = || {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        file.get(start..end)
    };
    range().ok_or(Error::OutOfBounds {
        what,
        offset,
        size,
        file: file.len() as u64,
    })
}

/// The NUL-terminated string at `offset` of a string table, without the NUL.
pub(super) fn string(table: &[u8], offset: u32) -> Option<&[u8]> {
    let rest = table.get(usize::try_from(offset).ok()?..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    rest.get(..end)
}
