//! Every field of a file: which format it is, and what that format's `fields` in `formats` say.
//!
//! A damaged file is shown as far as it goes. So a format is taken by its first bytes, and by its name only when
//! those say nothing.

mod json;

use std::io;
use std::path::Path;

use formats::fields::{Field, Lines, Source};
use formats::squashfs::format::{PADDING, Superblock};
use formats::{
    cpio, efi_signature_list, fat, gpt, load_option, pkcs7, squashfs, uki, varstore, verity,
};

use crate::kind::SMALL;
use crate::{Error, Part};

/// Largest variable store that is read, in bytes.
const STORE: usize = 16 << 20;

/// Every field of a file.
#[derive(Clone, Debug)]
pub struct Fields {
    /// Its path.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// Its format, in words.
    pub format: &'static str,
    /// In the order of the file, where that says more than another one.
    pub fields: Vec<Field>,
}

impl Fields {
    /// For a person: at most 80 columns of ASCII, unless the path is long.
    pub fn render(&self) -> String {
        let path = formats::fields::ascii(&self.path);
        let (format, size) = (self.format, self.size);
        format!("{path}: {format}, {size} bytes\n{}", Lines(&self.fields))
    }
}

/// Dumps a file or a block device.
///
/// # Errors
///
/// When it cannot be read, or is of no format whose fields are known.
pub fn fields(path: &Path) -> Result<Fields, Error> {
    let mut part = Part::open(path)?;
    let (name, size) = (part.name().to_owned(), part.size());
    if size == 0 {
        return Err(Error::Empty(name));
    }
    let start = part.start(SMALL)?;
    let last = match size.checked_sub(512) {
        Some(offset) => part.bytes_at(offset, 512)?,
        None => Vec::new(),
    };
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let looked = Looked {
        name: &file,
        start: &start,
        last: &last,
        is_whole: size <= SMALL as u64,
    };
    let by_name = |row: &&Row| row.ends.iter().any(|end| file.ends_with(end));
    let row = FORMATS.iter().find(|row| (row.is)(&looked));
    let Some(row) = row.or_else(|| FORMATS.iter().find(by_name)) else {
        let start = start.get(..16).unwrap_or(&start).escape_ascii().to_string();
        return Err(Error::NoFields { what: name, start });
    };
    let read = Source::new(&mut part).and_then(|mut source| match row.show {
        Show::Stream(show) => show(&mut source),
        Show::Bytes(show) => Ok(show(&source.at(0, STORE)?, &file)),
    });
    let mut fields = read.map_err(|source| Error::Read {
        what: name.clone(),
        source,
    })?;
    if matches!(row.show, Show::Bytes(_)) && size > STORE as u64 {
        let why = "only the first 16 MiB of such a file are read";
        fields.push(Field::ended(STORE as u64, why));
    }
    Ok(Fields {
        path: name,
        size,
        format: row.words,
        fields,
    })
}

/// What a format is told by.
struct Looked<'a> {
    name: &'a str,
    /// The first bytes, at most [`SMALL`].
    start: &'a [u8],
    /// The last sector.
    last: &'a [u8],
    /// Whether `start` is all there is.
    is_whole: bool,
}

impl Looked<'_> {
    fn has(&self, offset: usize, magic: &[u8]) -> bool {
        let found = self.start.get(offset..);
        found.is_some_and(|bytes| bytes.starts_with(magic))
    }
}

/// How a format's fields are got.
enum Show {
    /// Piece by piece.
    Stream(fn(&mut Source<'_>) -> io::Result<Vec<Field>>),
    /// From all bytes, at most [`STORE`], and the file's name.
    Bytes(fn(&[u8], &str) -> Vec<Field>),
}

/// A format.
struct Row {
    words: &'static str,
    /// Ends of names that files of it have.
    ends: &'static [&'static str],
    is: fn(&Looked<'_>) -> bool,
    show: Show,
}

/// The more certain before the less.
const FORMATS: &[Row] = &[
    Row {
        words: "squashfs image",
        ends: &[".squashfs"],
        is: |file| file.has(0, b"hsqs"),
        show: Show::Stream(image),
    },
    Row {
        words: "disk with a GUID partition table",
        ends: &[".img"],
        is: |file| {
            let has_table = file.has(512, b"EFI PART") || file.has(4096, b"EFI PART");
            let is_protective = file.has(510, &[0x55, 0xaa]) && file.has(450, &[0xee]);
            has_table || is_protective || file.last.starts_with(b"EFI PART")
        },
        show: Show::Stream(disk),
    },
    Row {
        words: "PE image",
        ends: &[".efi"],
        is: |file| file.has(0, b"MZ"),
        show: Show::Stream(uki::fields),
    },
    Row {
        words: "FAT32 volume",
        ends: &[],
        is: |file| fat::is_volume(file.start),
        show: Show::Stream(fat::fields),
    },
    Row {
        words: "dm-verity hash tree",
        ends: &[],
        is: |file| verity::is_superblock(file.start),
        show: Show::Stream(verity::fields),
    },
    Row {
        words: "initrd",
        ends: &[".cpio", ".initrd"],
        is: |file| {
            let magics = [&b"070701"[..], b"070702", &[0x28, 0xb5, 0x2f, 0xfd]];
            magics.into_iter().any(|magic| file.has(0, magic))
        },
        show: Show::Stream(cpio::fields),
    },
    Row {
        words: "variable store",
        ends: &[".fd"],
        is: |file| file.has(40, b"_FVH"),
        show: Show::Bytes(|bytes, _| varstore::fields(bytes)),
    },
    Row {
        words: "X.509 certificate in PEM",
        ends: &[],
        is: |file| file.has(0, b"-----BEGIN CERTIFICATE-----"),
        show: Show::Bytes(|bytes, _| pem(bytes)),
    },
    Row {
        words: "signed EFI variable",
        ends: &[".auth"],
        is: |file| file.has(20, &[0x00, 0x02, 0xf1, 0x0e]),
        show: Show::Bytes(|bytes, _| efi_signature_list::auth_fields(0, bytes)),
    },
    Row {
        words: "boot entry",
        ends: &[],
        is: |file| is_entry(file.name),
        show: Show::Bytes(entry),
    },
    Row {
        words: "EFI signature list",
        ends: &[".esl"],
        is: |file| {
            let types = [
                efi_signature_list::CERT_X509,
                efi_signature_list::CERT_SHA256,
                efi_signature_list::CERT_X509_SHA256,
            ];
            types.iter().any(|guid| file.has(0, &guid.to_bytes()))
        },
        show: Show::Bytes(|bytes, _| efi_signature_list::fields(0, bytes)),
    },
    Row {
        words: "PKCS#7 signature",
        ends: &[".p7s", ".p7b"],
        is: |file| file.is_whole && pkcs7::is_message(file.start),
        show: Show::Bytes(|bytes, _| pkcs7::fields(0, bytes)),
    },
    Row {
        words: "X.509 certificate",
        ends: &[".cer", ".crt"],
        is: |file| file.is_whole && pkcs7::is_certificate(file.start),
        show: Show::Bytes(|bytes, _| pkcs7::certificate_fields(0, bytes)),
    },
    Row {
        words: "boot entry",
        ends: &[],
        is: |file| {
            let read = load_option::read(file.start);
            file.is_whole && read.is_ok_and(|option| !option.paths.is_empty())
        },
        show: Show::Bytes(|bytes, _| load_option::fields(0, bytes)),
    },
];

/// A squashfs, and the hash tree behind it.
fn image(source: &mut Source<'_>) -> io::Result<Vec<Field>> {
    let mut fields = squashfs::fields(source)?;
    let bytes = source.at(std::mem::offset_of!(Superblock, bytes_used) as u64, 8)?;
    let used = bytes.first_chunk().map(|used| u64::from_le_bytes(*used));
    let hashes = used.and_then(|used| used.checked_next_multiple_of(PADDING));
    if let Some(hashes) = hashes.filter(|hashes| *hashes < source.size()) {
        let size = source.size() - hashes;
        fields.extend(verity::fields(&mut source.part(hashes, size))?);
    }
    Ok(fields)
}

/// A partition table, and the FAT32 volumes in its partitions.
fn disk(source: &mut Source<'_>) -> io::Result<Vec<Field>> {
    let shown = gpt::fields(source)?;
    let mut fields = shown.fields;
    for partition in &shown.partitions {
        let offset = partition.offset(shown.sector_size);
        let size = partition.size(shown.sector_size);
        let place = (source.place(offset), size);
        let mut part = source.part(offset, size);
        if fat::is_volume(&part.at(0, 512)?) {
            let name = format!("partition {}", partition.number);
            let volume = fat::fields(&mut part)?;
            fields.push(Field::of(place, name, Some("FAT32"), volume));
        }
    }
    Ok(fields)
}

/// What PEM encodes.
fn pem(bytes: &[u8]) -> Vec<Field> {
    let size = bytes.len() as u64;
    let field = Field::new(0, size, "PEM", String::new());
    match der::pem::decode_vec(bytes) {
        Ok((label, der)) => {
            let words = format!("{label}: offsets are those of the decoded bytes");
            let inside = pkcs7::certificate_fields(0, &der).into_iter();
            let fields = inside.map(Field::unpacked).collect();
            vec![Field { fields, ..field }.saying(words)]
        }
        Err(error) => vec![field, Field::ended(0, format!("this is not PEM: {error}"))],
    }
}

/// `Boot0001`, or a file of efivarfs: `Boot0001-8be4df61-93ca-11d2-aa0d-00e098032b8c`.
fn is_entry(name: &str) -> bool {
    let number = name.strip_prefix("Boot").unwrap_or_default();
    let number = number.split('-').next().unwrap_or_default();
    number.len() == 4 && number.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// A boot entry; in efivarfs the variable's attributes come first.
fn entry(bytes: &[u8], name: &str) -> Vec<Field> {
    match bytes.split_at_checked(4) {
        Some((attributes, option)) if name.contains('-') => {
            let value = attributes.iter().rev();
            let value: String = value.map(|byte| format!("{byte:02x}")).collect();
            let first = Field::new(0, 4, "Attributes", format!("0x{value}"));
            let rest = load_option::fields(4, option);
            [vec![first], rest].concat()
        }
        _ => load_option::fields(0, bytes),
    }
}
