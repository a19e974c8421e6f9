//! On-disk structures and constants, in the order of the specification.

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What every image starts with: a program for DOS.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DosHeader {
    /// [`DOS_MAGIC`].
    pub magic: [u8; 2],
    /// What only DOS looks at: sizes, first values of registers, where relocations are.
    pub words: [U16; 13],
    /// Reserved.
    pub reserved: [u8; 8],
    /// Who made it, and what they say.
    pub maker: [U16; 2],
    /// Reserved.
    pub reserved_2: [u8; 20],
    /// Where [`PE_MAGIC`] is, in bytes from the start.
    pub pe_offset: U32,
}

/// First two bytes of the file.
pub const DOS_MAGIC: [u8; 2] = *b"MZ";

/// Where the offset of [`PE_MAGIC`] is, in bytes from the start: `e_lfanew`, 32 bits.
pub const PE_OFFSET: usize = 0x3c;

/// What `e_lfanew` points at.
pub const PE_MAGIC: [u8; 4] = *b"PE\0\0";

/// `OptionalHeader::magic` of PE32+.
pub const PE32_PLUS: u16 = 0x20b;

/// `Subsystem` of an EFI application.
pub const SUBSYSTEM_EFI_APPLICATION: u16 = 10;

/// `DllCharacteristics`: pages are never writable and executable at once.
pub const DLL_NX_COMPAT: u16 = 0x0100;

/// Section characteristic: holds code.
pub const CNT_CODE: u32 = 0x0000_0020;
/// Section characteristic: holds initialised data.
pub const CNT_INITIALIZED_DATA: u32 = 0x0000_0040;
/// Section characteristic: may be read.
pub const MEM_READ: u32 = 0x4000_0000;

/// Index of the attribute certificate table in the data directories. Its address is a file
/// offset, unlike all others.
pub const DIRECTORY_CERTIFICATES: usize = 4;
/// Index of the debug data.
pub const DIRECTORY_DEBUG: usize = 6;

/// Offset of `CheckSum` in the optional header, in bytes.
pub const CHECKSUM_OFFSET: usize = 64;

/// COFF file header.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CoffHeader {
    /// Processor: 0x8664 is x86-64, 0xaa64 is ARM64.
    pub machine: U16,
    /// How many section headers follow the optional header.
    pub number_of_sections: U16,
    /// Seconds since 1970, or a hash of the content in reproducible builds.
    pub time_date_stamp: U32,
    /// File offset of the COFF symbols; 0 in images.
    pub pointer_to_symbol_table: U32,
    /// Count of COFF symbols, 18 bytes each.
    pub number_of_symbols: U32,
    /// Bytes of the optional header, data directories included.
    pub size_of_optional_header: U16,
    /// Flags.
    pub characteristics: U16,
}

/// Optional header of PE32+, without its data directories.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct OptionalHeader {
    /// [`PE32_PLUS`].
    pub magic: U16,
    /// Major and minor version of the linker.
    pub linker_version: [u8; 2],
    /// Bytes in sections that hold code.
    pub size_of_code: U32,
    /// Bytes in sections that hold initialised data.
    pub size_of_initialized_data: U32,
    /// Bytes in sections that hold no data in the file.
    pub size_of_uninitialized_data: U32,
    /// Address of the first instruction, relative to the image base.
    pub address_of_entry_point: U32,
    /// Address of the code, relative to the image base.
    pub base_of_code: U32,
    /// Preferred address of the image in memory.
    pub image_base: U64,
    /// Sections start at multiples of this in memory, in bytes.
    pub section_alignment: U32,
    /// Sections start at multiples of this in the file, in bytes.
    pub file_alignment: U32,
    /// Operating system, image and subsystem versions: major and minor of each.
    pub versions: [U16; 6],
    /// Reserved, 0.
    pub win32_version_value: U32,
    /// Bytes in memory, headers included: a multiple of `section_alignment`.
    pub size_of_image: U32,
    /// Bytes of all headers in the file: a multiple of `file_alignment`.
    pub size_of_headers: U32,
    /// See [`super::checksum`].
    pub check_sum: U32,
    /// [`SUBSYSTEM_EFI_APPLICATION`] for what firmware starts.
    pub subsystem: U16,
    /// Flags such as [`DLL_NX_COMPAT`].
    pub dll_characteristics: U16,
    /// Stack and heap: reserve and commit of each, in bytes. EFI ignores them.
    pub stack_and_heap: [U64; 4],
    /// Reserved, 0.
    pub loader_flags: U32,
    /// How many data directories follow.
    pub number_of_rva_and_sizes: U32,
}

/// One entry of the data directories.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DataDirectory {
    /// Address relative to the image base; a file offset for the certificate table.
    pub virtual_address: U32,
    /// Bytes.
    pub size: U32,
}

/// One entry of the section table.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SectionHeader {
    /// ASCII, padded with zeros.
    pub name: [u8; 8],
    /// Bytes in memory; may be less than in the file, where sections are padded.
    pub virtual_size: U32,
    /// Address relative to the image base.
    pub virtual_address: U32,
    /// Bytes in the file.
    pub size_of_raw_data: U32,
    /// File offset of the content.
    pub pointer_to_raw_data: U32,
    /// 0 in images.
    pub pointer_to_relocations: U32,
    /// 0 in images.
    pub pointer_to_linenumbers: U32,
    /// 0 in images.
    pub number_of_relocations: U16,
    /// 0 in images.
    pub number_of_linenumbers: U16,
    /// Flags such as [`CNT_CODE`].
    pub characteristics: U32,
}

impl SectionHeader {
    /// The name without its padding; bytes that are not ASCII are shown as `?`.
    pub fn name(&self) -> String {
        let name = self.name.iter().take_while(|b| **b != 0);
        name.map(|b| {
            if b.is_ascii_graphic() {
                char::from(*b)
            } else {
                '?'
            }
        })
        .collect()
    }
}
