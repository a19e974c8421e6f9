//! Headers of an image, field by field.

use std::ops::Range;

use super::format::{
    CoffHeader, DOS_MAGIC, DataDirectory, DosHeader, OptionalHeader, PE_MAGIC, PE32_PLUS,
    SectionHeader,
};
use crate::fields::{Field, List, Row, rows, show, structure, value_of};

/// What the headers say, and what they lead to.
pub(crate) struct Image {
    /// Every header.
    pub(crate) fields: Vec<Field>,
    /// Those that are there, at most [`crate::fields::MOST`].
    pub(crate) sections: Vec<SectionHeader>,
    /// Where the attribute certificate table should be.
    pub(crate) certificates: Option<Range<u64>>,
}

const DOS: &[Row] = rows!(DosHeader {
    magic: "e_magic" => show::text,
    words: "e_cblp" | "e_cp" | "e_crlc" | "e_cparhdr" | "e_minalloc" | "e_maxalloc" | "e_ss"
        | "e_sp" | "e_csum" | "e_ip" | "e_cs" | "e_lfarlc" | "e_ovno" => show::hex,
    reserved: "e_res" => show::reserved,
    maker: "e_oemid" | "e_oeminfo" => show::hex,
    reserved_2: "e_res2" => show::reserved,
    pe_offset: "e_lfanew" => show::place,
});

const COFF: &[Row] = rows!(CoffHeader {
    machine: "Machine" => |b| show::named(b, &[
        (0x14c, "IMAGE_FILE_MACHINE_I386"),
        (0x8664, "IMAGE_FILE_MACHINE_AMD64"),
        (0xaa64, "IMAGE_FILE_MACHINE_ARM64"),
        (0x5064, "IMAGE_FILE_MACHINE_RISCV64"),
        (0x6264, "IMAGE_FILE_MACHINE_LOONGARCH64"),
    ]),
    number_of_sections: "NumberOfSections" => show::number,
    time_date_stamp: "TimeDateStamp" => show::unix_time,
    pointer_to_symbol_table: "PointerToSymbolTable" => show::place,
    number_of_symbols: "NumberOfSymbols" => show::number,
    size_of_optional_header: "SizeOfOptionalHeader" => show::number,
    characteristics: "Characteristics" => |b| show::flags(b, &[
        (0x0001, "RELOCS_STRIPPED"),
        (0x0002, "EXECUTABLE_IMAGE"),
        (0x0004, "LINE_NUMS_STRIPPED"),
        (0x0008, "LOCAL_SYMS_STRIPPED"),
        (0x0020, "LARGE_ADDRESS_AWARE"),
        (0x0100, "32BIT_MACHINE"),
        (0x0200, "DEBUG_STRIPPED"),
        (0x1000, "SYSTEM"),
        (0x2000, "DLL"),
    ]),
});

const OPTIONAL: &[Row] = rows!(OptionalHeader {
    magic: "Magic" => |b| show::named(b, &[(0x10b, "PE32"), (0x20b, "PE32+")]),
    linker_version: "MajorLinkerVersion" | "MinorLinkerVersion" => show::number,
    size_of_code: "SizeOfCode" => show::number,
    size_of_initialized_data: "SizeOfInitializedData" => show::number,
    size_of_uninitialized_data: "SizeOfUninitializedData" => show::number,
    address_of_entry_point: "AddressOfEntryPoint" => show::place,
    base_of_code: "BaseOfCode" => show::place,
    image_base: "ImageBase" => show::place,
    section_alignment: "SectionAlignment" => show::number,
    file_alignment: "FileAlignment" => show::number,
    versions: "MajorOperatingSystemVersion" | "MinorOperatingSystemVersion"
        | "MajorImageVersion" | "MinorImageVersion"
        | "MajorSubsystemVersion" | "MinorSubsystemVersion" => show::number,
    win32_version_value: "Win32VersionValue" => show::number,
    size_of_image: "SizeOfImage" => show::number,
    size_of_headers: "SizeOfHeaders" => show::number,
    check_sum: "CheckSum" => show::hex,
    subsystem: "Subsystem" => |b| show::named(b, &[
        (10, "EFI_APPLICATION"),
        (11, "EFI_BOOT_SERVICE_DRIVER"),
        (12, "EFI_RUNTIME_DRIVER"),
        (13, "EFI_ROM"),
    ]),
    dll_characteristics: "DllCharacteristics" => |b| show::flags(b, &[
        (0x0020, "HIGH_ENTROPY_VA"),
        (0x0040, "DYNAMIC_BASE"),
        (0x0080, "FORCE_INTEGRITY"),
        (0x0100, "NX_COMPAT"),
        (0x0200, "NO_ISOLATION"),
        (0x0400, "NO_SEH"),
        (0x0800, "NO_BIND"),
        (0x8000, "TERMINAL_SERVER_AWARE"),
    ]),
    stack_and_heap: "SizeOfStackReserve" | "SizeOfStackCommit"
        | "SizeOfHeapReserve" | "SizeOfHeapCommit" => show::number,
    loader_flags: "LoaderFlags" => show::reserved,
    number_of_rva_and_sizes: "NumberOfRvaAndSizes" => show::number,
});

/// "Optional Header Data Directories", in their order.
const DIRECTORIES: [&str; 16] = [
    "Export Table",
    "Import Table",
    "Resource Table",
    "Exception Table",
    "Certificate Table",
    "Base Relocation Table",
    "Debug",
    "Architecture",
    "Global Ptr",
    "TLS Table",
    "Load Config Table",
    "Bound Import",
    "IAT",
    "Delay Import Descriptor",
    "CLR Runtime Header",
    "Reserved",
];

const DIRECTORY: &[Row] = rows!(DataDirectory {
    virtual_address: "VirtualAddress" => show::place,
    size: "Size" => show::number,
});

const SECTION: &[Row] = rows!(SectionHeader {
    name: "Name" => show::text,
    virtual_size: "VirtualSize" => show::number,
    virtual_address: "VirtualAddress" => show::place,
    size_of_raw_data: "SizeOfRawData" => show::number,
    pointer_to_raw_data: "PointerToRawData" => show::place,
    pointer_to_relocations: "PointerToRelocations" => show::place,
    pointer_to_linenumbers: "PointerToLinenumbers" => show::place,
    number_of_relocations: "NumberOfRelocations" => show::number,
    number_of_linenumbers: "NumberOfLinenumbers" => show::number,
    characteristics: "Characteristics" => |b| show::flags(b, &[
        (0x0000_0020, "CNT_CODE"),
        (0x0000_0040, "CNT_INITIALIZED_DATA"),
        (0x0000_0080, "CNT_UNINITIALIZED_DATA"),
        (0x0200_0000, "MEM_DISCARDABLE"),
        (0x1000_0000, "MEM_SHARED"),
        (0x2000_0000, "MEM_EXECUTE"),
        (0x4000_0000, "MEM_READ"),
        (0x8000_0000, "MEM_WRITE"),
    ]),
});

/// A structure of that type at `offset`, as much of it as there is.
fn fixed<T>(bytes: &[u8], offset: u64, rows: &[Row]) -> (u64, Vec<Field>) {
    let found = from(bytes, offset);
    let size = size_of::<T>().min(found.len()) as u64;
    (size, structure(offset, found, rows))
}

fn from(bytes: &[u8], offset: u64) -> &[u8] {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    bytes.get(offset..).unwrap_or_default()
}

/// The headers, in the order of the file, whose first bytes are `bytes`: at least up to the end of its
/// section table.
pub(crate) fn fields(bytes: &[u8]) -> Image {
    let mut image = Image {
        fields: Vec::new(),
        sections: Vec::new(),
        certificates: None,
    };
    if let Err(end) = read(bytes, &mut image) {
        image.fields.push(end);
    }
    image
}

/// `Err`: why there is nothing more.
fn read(bytes: &[u8], image: &mut Image) -> Result<(), Field> {
    // 1. DOS header, and the program for DOS behind it.
    let mut add = |size: u64, offset: u64, name: &'static str, of: &'static str, fields| {
        let field = Field::of((offset, size), name, Some(of), fields);
        image.fields.push(field);
    };
    let (size, fields) = fixed::<DosHeader>(bytes, 0, DOS);
    add(size, 0, "DOS header", "PE Format, MS-DOS Stub", fields);
    let Some(dos) = value_of::<DosHeader>(bytes) else {
        return Err(Field::ended(size, "the DOS header is cut off"));
    };
    if dos.magic != DOS_MAGIC {
        return Err(Field::ended(size, "e_magic is not MZ"));
    }
    let at = u64::from(dos.pe_offset.get());
    if let Some(stub) = at.checked_sub(size).filter(|stub| *stub > 0) {
        let of = "PE Format, MS-DOS Stub";
        add(stub, size, "MS-DOS stub", of, Vec::new());
    }

    // 2. Signature, COFF header.
    let magic = from(bytes, at).get(..PE_MAGIC.len());
    let Some(magic) = magic else {
        return Err(Field::ended(at, "e_lfanew leads behind the end"));
    };
    add(4, at, "Signature", "PE Format, Signature", Vec::new());
    if let Some(field) = image.fields.last_mut() {
        field.value = show::text(magic);
    }
    if magic != PE_MAGIC {
        return Err(Field::ended(at + 4, "the signature is not PE"));
    }
    let coff_at = at + 4;
    let (size, fields) = fixed::<CoffHeader>(bytes, coff_at, COFF);
    let of = Some("PE Format, COFF File Header");
    let field = Field::of((coff_at, size), "COFF file header", of, fields);
    image.fields.push(field);
    let cut = |offset, what: &str| Field::ended(offset, format!("the {what} is cut off"));
    let coff: CoffHeader =
        value_of(from(bytes, coff_at)).ok_or_else(|| cut(coff_at + size, "COFF header"))?;

    // 3. Optional header, data directories.
    let optional_at = coff_at + size;
    let found = from(bytes, optional_at);
    let length = u64::from(coff.size_of_optional_header.get());
    let optional = value_of::<OptionalHeader>(found);
    let (size, mut fields) = match &optional {
        Some(optional) if optional.magic != PE32_PLUS => {
            // Only the magic is the same in PE32.
            let magic = OPTIONAL.get(..1).unwrap_or_default();
            (length, structure(optional_at, found, magic))
        }
        _ => fixed::<OptionalHeader>(bytes, optional_at, OPTIONAL),
    };
    let is_plus = optional.as_ref().is_some_and(|o| o.magic == PE32_PLUS);
    if let (true, Some(optional)) = (is_plus, &optional) {
        let count = u64::from(optional.number_of_rva_and_sizes.get());
        let first = optional_at + size;
        directories(bytes, first, count, image, &mut fields);
    } else if optional.is_some() {
        fields.push(Field::ended(
            optional_at + 2,
            "only PE32+ (0x20b) is shown here",
        ));
    }
    let of = Some("PE Format, Optional Header");
    let place = (optional_at, length);
    image
        .fields
        .push(Field::of(place, "Optional header", of, fields));
    optional.ok_or_else(|| cut(optional_at + size, "optional header"))?;

    // 4. Section table.
    let table = optional_at + length;
    let count = u64::from(coff.number_of_sections.get());
    let (mut list, each) = (List::default(), size_of::<SectionHeader>() as u64);
    let mut end = None;
    for offset in (0..count).map(|index| table + index * each) {
        let Some(header) = value_of::<SectionHeader>(from(bytes, offset)) else {
            end = Some(cut(offset, "section table"));
            break;
        };
        if !list.is_full() {
            image.sections.push(header);
        }
        list.push(offset, || {
            let fields = fixed::<SectionHeader>(bytes, offset, SECTION).1;
            Field::of((offset, each), header.name(), None, fields)
        });
    }
    let of = Some("PE Format, Section Table");
    let place = (table, count * each);
    image
        .fields
        .push(Field::of(place, "Section table", of, list.finish()));
    end.map_or(Ok(()), Err)
}

fn directories(bytes: &[u8], first: u64, count: u64, image: &mut Image, fields: &mut Vec<Field>) {
    let each = size_of::<DataDirectory>() as u64;
    for (index, name) in (0..count).zip(DIRECTORIES) {
        let offset = first + index * each;
        let (size, inside) = fixed::<DataDirectory>(bytes, offset, DIRECTORY);
        let mut field = Field::of((offset, size), name, None, inside);
        let directory = value_of::<DataDirectory>(from(bytes, offset));
        if let Some(directory) = directory {
            let start = u64::from(directory.virtual_address.get());
            let size = u64::from(directory.size.get());
            if index == super::format::DIRECTORY_CERTIFICATES as u64 && size > 0 {
                image.certificates = Some(start..start + size);
            }
            if (start, size) == (0, 0) {
                // One line for what is not there.
                field = field.saying("none");
                field.fields = Vec::new();
            }
        }
        fields.push(field);
    }
    if count > DIRECTORIES.len() as u64 {
        let offset = first + DIRECTORIES.len() as u64 * each;
        let why = format!("{count} data directories; 16 have a meaning");
        fields.push(Field::ended(offset, why));
    }
}
