//! A kernel module (`.ko`): what it says about itself, what it offers and what it needs.
//!
//! A module is an ELF64 relocatable object. What matters here is in few places:
//!
//! 1. `.modinfo`: NUL-terminated `key=value` strings (`include/linux/moduleinfo.h` in Linux).
//! 2. Exported symbols: `.symtab` entries `__crc_<name>` (kernels before 6.4 with
//!    `CONFIG_MODVERSIONS`), else the strings of `__ksymtab_strings`, their checksums in
//!    `__kcrctab*` (`include/linux/export-internal.h`).
//! 3. Needed symbols: undefined entries of `.symtab`, then what `__versions` names beside
//!    them (`struct modversion_info` in `include/linux/module.h`). An undefined `__crc_<name>` is a
//!    checksum that the build left out: no module can offer it, so none is needed.
//! 4. A signature after the ELF file's end (`include/linux/module_signature.h`).
//!
//! The order of symbols is kept: `depmod`'s output depends on it.

mod elf;
#[cfg(test)]
mod tests;
pub mod writer;

use std::collections::{HashMap, HashSet};

use elf::Object;

/// What ends the file of a signed module (`MODULE_SIG_STRING`).
pub const SIGNATURE_MARKER: &[u8] = b"~Module signature appended~\n";

/// Length of an entry in `__versions`: 8 bytes of checksum, 56 of name.
const VERSION_ENTRY: usize = 64;

/// Starts the name of a symbol that is the checksum of the one whose name follows.
const CHECKSUM_OF: &[u8] = b"__crc_";

/// Length of an entry in `__ksymtab`: three 32-bit relative references (value, name, namespace).
const KSYMTAB_ENTRY: u64 = 12;

/// What a module's file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modinfo {
    /// `.modinfo` in file order: key, value. A string without `=` has an empty value. Bytes that
    /// are no UTF-8 (in an author's name, say) become U+FFFD.
    pub strings: Vec<(String, String)>,
    /// Symbols that other modules may use.
    pub exports: Vec<Export>,
    /// Symbols that the kernel or other modules must offer.
    pub imports: Vec<Import>,
    /// Whether a signature follows the ELF file. Nothing here checks it: the kernel does.
    pub signed: bool,
}

/// A symbol that a module offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// Checksum of its type, when the kernel was built with `CONFIG_MODVERSIONS`.
    pub crc: Option<u32>,
}

/// A symbol that a module needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Its name.
    pub name: String,
    /// Checksum that the module was built against.
    pub crc: Option<u32>,
    /// The module loads without it, too.
    pub weak: bool,
}

/// Why a file was not read as a kernel module.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// No ELF magic.
    #[error(
        "not an ELF file: a kernel module starts with 7f 45 4c 46; is it compressed or cut off?"
    )]
    NotElf,
    /// Another word size or byte order.
    #[error(
        "an ELF file of class {class}, byte order {data}; class 2 (64-bit), byte order 1 (little-endian) is needed"
    )]
    Class {
        /// `e_ident[EI_CLASS]`.
        class: u8,
        /// `e_ident[EI_DATA]`.
        data: u8,
    },
    /// A program or library.
    #[error("an ELF file of type {found}; a kernel module is of type 1 (relocatable)")]
    Type {
        /// `e_type`.
        found: u16,
    },
    /// A table whose entries have another size.
    #[error("the {what} has {found} bytes; entries of {expected} bytes are needed")]
    EntrySize {
        /// Which table.
        what: &'static str,
        /// Size in bytes.
        found: u64,
        /// Size of one entry, in bytes.
        expected: u64,
    },
    /// The header names no section that holds the sections' names.
    #[error("the ELF header's section of section names does not exist")]
    NoSectionNames,
    /// A part of the file lies past its end.
    #[error(
        "the {what} at offset {offset}, {size} bytes, lies past the file's end at {file}; is it cut off?"
    )]
    OutOfBounds {
        /// Which part.
        what: &'static str,
        /// Where it starts, in bytes.
        offset: u64,
        /// Its size in bytes.
        size: u64,
        /// The file's size in bytes.
        file: u64,
    },
}

impl Modinfo {
    /// Reads an uncompressed module.
    pub fn parse(file: &[u8]) -> Result<Self, Error> {
        let object = Object::parse(file)?;
        let versions = versions(&object);
        Ok(Self {
            strings: object.section(".modinfo").map(strings).unwrap_or_default(),
            exports: exports(&object)?,
            imports: imports(&object, &versions)?,
            signed: file.ends_with(SIGNATURE_MARKER),
        })
    }

    /// The values of `key`, in file order.
    pub fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let strings = self.strings.iter();
        strings
            .filter(move |(k, _)| k == key)
            .map(|(_, value)| value.as_str())
    }

    /// The first value of `key`.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.strings
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, value)| value.as_str())
    }

    /// Names of the modules that must be loaded before (`depends`), as the build recorded them.
    pub fn depends(&self) -> impl Iterator<Item = &str> {
        self.value("depends")
            .unwrap_or_default()
            .split(',')
            .filter(|name| !name.is_empty())
    }
}

/// `key=value` strings with NULs between them.
fn strings(section: &[u8]) -> Vec<(String, String)> {
    let split = section.split(|byte| *byte == 0);
    split
        .filter(|string| !string.is_empty())
        .map(|string| {
            let string = String::from_utf8_lossy(string);
            match string.split_once('=') {
                Some((key, value)) => (key.to_owned(), value.to_owned()),
                None => (string.into_owned(), String::new()),
            }
        })
        .collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Entries of `__versions`: name, checksum.
fn versions<'a>(object: &Object<'a>) -> Vec<(&'a [u8], u32)> {
    let section = object.section("__versions").unwrap_or_default();
    if !section.len().is_multiple_of(VERSION_ENTRY) {
        return Vec::new();
    }
    let entries = section.chunks_exact(VERSION_ENTRY);
    entries
        .filter_map(|entry| {
            let crc = entry.first_chunk::<4>()?;
            let name = entry.get(8..)?;
            let end = name
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(name.len());
            Some((name.get(..end)?, u32::from_le_bytes(*crc)))
        })
        .collect()
}

/// Exported symbols, by the older way when the module has it, else by the newer.
fn exports(object: &Object<'_>) -> Result<Vec<Export>, Error> {
    let mut with_crc = Vec::new();
    let mut table_crcs = HashMap::new();
    let (symbols, names) = object.symbols()?;
    for symbol in symbols {
        let Some(name) = elf::string(names, symbol.name.get()) else {
            continue;
        };
        if let Some(name) = name.strip_prefix(CHECKSUM_OF)
            && !name.is_empty()
        {
            with_crc.push(Export {
                name: text(name),
                crc: symbol_crc(object, symbol),
            });
        } else if let Some(name) = name.strip_prefix(b"__ksymtab_")
            && let Some(crc) = table_crc(object, symbol)
        {
            table_crcs.insert(name, crc);
        }
    }
    if !with_crc.is_empty() {
        return Ok(with_crc);
    }
    let names = object.section("__ksymtab_strings").unwrap_or_default();
    let names = names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty());
    Ok(names
        .map(|name| Export {
            name: text(name),
            crc: table_crcs.get(name).copied(),
        })
        .collect())
}

/// The checksum that a `__crc_` symbol stands for: its value, or what its section holds there.
fn symbol_crc(object: &Object<'_>, symbol: &elf::Symbol) -> Option<u32> {
    match symbol.section.get() {
        elf::SECTION_UNDEFINED | elf::SECTION_ABSOLUTE => u32::try_from(symbol.value.get()).ok(),
        section => word(
            object.sections.get(usize::from(section))?.bytes,
            symbol.value.get(),
        ),
    }
}

/// The checksum beside a `__ksymtab_` entry: `__ksymtab` goes with `__kcrctab`,
/// `__ksymtab_gpl` with `__kcrctab_gpl`; the n-th entries belong together.
fn table_crc(object: &Object<'_>, symbol: &elf::Symbol) -> Option<u32> {
    let section = object.sections.get(usize::from(symbol.section.get()))?;
    let crcs = match section.name {
        b"__ksymtab" => "__kcrctab",
        b"__ksymtab_gpl" => "__kcrctab_gpl",
        _ => return None,
    };
    word(
        object.section(crcs)?,
        symbol.value.get() / KSYMTAB_ENTRY * 4,
    )
}

fn word(section: &[u8], offset: u64) -> Option<u32> {
    let word = section.get(usize::try_from(offset).ok()?..)?;
    word.first_chunk::<4>()
        .map(|word| u32::from_le_bytes(*word))
}

/// Undefined symbols in the order of `.symtab`, then those that only `__versions` names.
fn imports(object: &Object<'_>, versions: &[(&[u8], u32)]) -> Result<Vec<Import>, Error> {
    let crcs: HashMap<&[u8], u32> = versions.iter().rev().copied().collect();
    let mut seen: HashSet<&[u8]> = HashSet::new();
    let mut imports = Vec::new();
    let (symbols, names) = object.symbols()?;
    let undefined = symbols
        .iter()
        .filter(|s| s.section.get() == elf::SECTION_UNDEFINED);
    for symbol in undefined {
        let Some(name) = elf::string(names, symbol.name.get()) else {
            return Err(Error::OutOfBounds {
                what: "name of a symbol",
                offset: u64::from(symbol.name.get()),
                size: 1,
                file: names.len() as u64,
            });
        };
        if name.is_empty() || name.starts_with(CHECKSUM_OF) {
            continue;
        }
        seen.insert(name);
        imports.push(Import {
            name: text(name),
            crc: crcs.get(name).copied(),
            weak: symbol.info >> 4 == elf::BINDING_WEAK,
        });
    }
    let rest = versions.iter();
    let rest = rest.filter(|(name, _)| !seen.contains(name) && !name.starts_with(CHECKSUM_OF));
    imports.extend(rest.map(|(name, crc)| Import {
        name: text(name),
        crc: Some(*crc),
        weak: false,
    }));
    Ok(imports)
}
