//! An initrd, field by field: archives and zstd frames, one behind the other, with zeros between.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use super::format::{self, HEADER, MAGIC, MAGIC_CHECKSUM, TRAILER, TYPE};
use super::frames;
use crate::fields::{Field, List, Source, show};

/// Longest path or link that is read, in bytes: the kernel's `PATH_MAX`.
const PATH_LIMIT: u64 = 4096;
/// Most bytes that are unpacked.
const UNPACKED: u64 = 512 << 20;
/// Zeros that nobody pads with: behind so many, nothing is looked for.
const ZEROS: u64 = 1 << 30;
/// Most archives and frames that are told apart.
const PIECES: usize = 64;

const NEWC: &str = "initramfs buffer format, newc";

/// Names of the header's numbers, in their order.
const NUMBERS: [&str; 13] = [
    "c_ino",
    "c_mode",
    "c_uid",
    "c_gid",
    "c_nlink",
    "c_mtime",
    "c_filesize",
    "c_maj",
    "c_min",
    "c_rmaj",
    "c_rmin",
    "c_namesize",
    "c_chksum",
];

/// An initrd, or an archive alone.
///
/// # Errors
///
/// When it cannot be read.
pub fn fields(source: &mut Source<'_>) -> io::Result<Vec<Field>> {
    let (mut fields, mut at) = (Vec::new(), 0);
    while at < source.size() {
        let place = source.place(at);
        if fields.len() >= PIECES {
            let why = format!("more than {PIECES} archives and frames");
            fields.push(Field::ended(place, why));
            break;
        }
        let start = source.at(at, 6)?;
        if start.first() == Some(&0) {
            let end = behind_zeros(source, at)?;
            let size = end - at;
            fields.push(Field::new(place, size, "padding", "zeros".to_owned()));
            if size >= ZEROS {
                let why = "nothing but zeros for 1 GiB";
                fields.push(Field::ended(source.place(end), why));
                break;
            }
            at = end;
        } else if frames::is_frame(&start) {
            let (inside, end) = frames::fields(source, at)?;
            fields.extend(inside);
            fields.push(unpacked(source, at, end)?);
            at = end;
        } else if start.starts_with(MAGIC) || start.starts_with(MAGIC_CHECKSUM) {
            let size = source.size() - at;
            let mut part = source.part(at, size);
            let mut stream = Stream::new(BufReader::new(&mut part), place);
            let entries = stream.entries();
            let end = stream.offset - place;
            let of = Some(NEWC);
            fields.push(Field::of((place, end), "archive", of, entries));
            if end == 0 {
                break;
            }
            at = at.saturating_add(end);
        } else {
            let found = start.escape_ascii();
            let why = format!("{found} starts neither a newc archive nor a zstd frame");
            fields.push(Field::ended(place, why));
            break;
        }
    }
    Ok(fields)
}

/// The archives in frames that follow one another from `at` to `end`.
fn unpacked(source: &mut Source<'_>, at: u64, end: u64) -> io::Result<Field> {
    let mut part = source.part(at, end - at);
    part.seek(SeekFrom::Start(0))?;
    let decoder = zstd::Decoder::new(&mut part)?;
    let mut stream = Stream::new(BufReader::new(decoder.take(UNPACKED)), 0);
    let mut list = Vec::new();
    while list.len() < PIECES {
        let start = stream.offset;
        let entries = stream.entries();
        let has_ended = entries.last().is_some_and(|field| field.size == 0);
        let size = stream.offset - start;
        let of = Some(NEWC);
        list.push(Field::of((start, size), "archive", of, entries));
        let more = stream.skip_zeros();
        if has_ended || !matches!(more, Ok(true)) {
            break;
        }
    }
    let mut field = Field::of((0, stream.offset), "unpacked", None, list);
    if stream.offset >= UNPACKED {
        let why = "only the first 512 MiB are unpacked";
        field.fields.push(Field::ended(UNPACKED, why));
    }
    Ok(field
        .unpacked()
        .saying("offsets are those of the unpacked bytes"))
}

/// Where something else than zeros follows, or the end.
fn behind_zeros(source: &mut Source<'_>, mut at: u64) -> io::Result<u64> {
    let start = at;
    while at - start < ZEROS {
        let bytes = source.at(at, 1 << 16)?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        at = at.saturating_add(zeros as u64);
        if zeros < bytes.len() || bytes.is_empty() {
            break;
        }
    }
    Ok(at)
}

/// Archives that go by.
struct Stream<R> {
    bytes: R,
    /// Of the next byte.
    offset: u64,
}

/// Whether another entry follows.
enum Next {
    Entry,
    Trailer,
}

impl<R: BufRead> Stream<R> {
    fn new(bytes: R, offset: u64) -> Self {
        Self { bytes, offset }
    }

    /// The entries of one archive, its end mark included.
    fn entries(&mut self) -> Vec<Field> {
        let mut list = List::default();
        loop {
            let start = self.offset;
            match self.entry(&mut list) {
                Ok(Next::Entry) => {}
                Ok(Next::Trailer) => return list.finish(),
                Err(why) => {
                    let mut fields = list.finish();
                    let why = format!("in the entry at {start:#x}: {why}");
                    fields.push(Field::ended(self.offset, why));
                    return fields;
                }
            }
        }
    }

    /// One entry. `Err`: why it cannot be read.
    fn entry(&mut self, list: &mut List) -> Result<Next, String> {
        let start = self.offset;
        let header = self.take(HEADER as u64)?;
        let (magic, digits) = header.split_at_checked(MAGIC.len()).unwrap_or_default();
        if magic != MAGIC && magic != MAGIC_CHECKSUM {
            let found = magic.escape_ascii();
            return Err(format!("it starts with {found}, not 070701 or 070702"));
        }
        let numbers: Vec<u32> = digits
            .chunks(8)
            .map_while(|digits| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())
            .collect();
        let &[_, mode, .., size, _, _, _, _, name, _] = &numbers[..] else {
            return Err("its numbers have hex digits only".to_owned());
        };
        let (size, name) = (u64::from(size), u64::from(name));
        if name == 0 || name > PATH_LIMIT {
            return Err(format!("a path of {name} bytes; 1 to {PATH_LIMIT} can be"));
        }
        let path_at = self.offset;
        let path = self.take(name)?;
        self.skip(format::padding(HEADER + name as usize) as u64)?;
        let content_at = self.offset;
        let is_link = mode & TYPE == format::SYMLINK && size <= PATH_LIMIT;
        let link = if is_link {
            self.take(size)?
        } else {
            Vec::new()
        };
        let rest = if is_link { 0 } else { size };
        // Of a content that is cut off, the header is there.
        let skipped = self.skip(rest);
        let skipped = skipped.and_then(|()| self.skip(format::padding((size % 4) as usize) as u64));
        let path = path.strip_suffix(&[0]).unwrap_or(&path);
        let end = self.offset;
        list.push(start, || {
            let mut fields = vec![Field::new(start, 6, "c_magic", show::text(magic))];
            for (index, (name, value)) in (0_u64..).zip(NUMBERS.into_iter().zip(&numbers)) {
                let value = match name {
                    "c_mode" => format!("{value:#o} {}", kind(*value)).trim_end().to_owned(),
                    "c_mtime" => show::unix_time(&value.to_le_bytes()),
                    _ => value.to_string(),
                };
                let place = start.saturating_add(6 + 8 * index);
                fields.push(Field::new(place, 8, name, value));
            }
            let shown = show::quoted(&path.escape_ascii().to_string());
            fields.push(Field::new(path_at, name, "path", shown));
            if size > 0 {
                let shown = match is_link {
                    true => show::quoted(&link.escape_ascii().to_string()),
                    false => String::new(),
                };
                fields.push(Field::new(content_at, size, "data", shown));
            }
            let name = path.escape_ascii().to_string();
            Field::of((start, end - start), name, None, fields)
        });
        skipped?;
        match path == TRAILER {
            true => Ok(Next::Trailer),
            false => Ok(Next::Entry),
        }
    }

    fn take(&mut self, length: u64) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let read = (&mut self.bytes).take(length).read_to_end(&mut bytes);
        self.offset = self.offset.saturating_add(bytes.len() as u64);
        read.map_err(|error| error.to_string())?;
        match bytes.len() as u64 == length {
            true => Ok(bytes),
            false => Err(format!("{} of {length} bytes are there", bytes.len())),
        }
    }

    fn skip(&mut self, length: u64) -> Result<(), String> {
        let skipped = io::copy(&mut (&mut self.bytes).take(length), &mut io::sink());
        let skipped = skipped.map_err(|error| error.to_string())?;
        self.offset = self.offset.saturating_add(skipped);
        match skipped == length {
            true => Ok(()),
            false => Err(format!("{skipped} of {length} bytes are there")),
        }
    }

    /// Passes over zeros; whether anything follows them.
    fn skip_zeros(&mut self) -> io::Result<bool> {
        loop {
            let buffer = self.bytes.fill_buf()?;
            let length = buffer.len();
            let zeros = buffer.iter().take_while(|byte| **byte == 0).count();
            self.bytes.consume(zeros);
            self.offset = self.offset.saturating_add(zeros as u64);
            if zeros < length || length == 0 {
                return Ok(length != 0);
            }
        }
    }
}

/// What a mode is of (`inode(7)`).
fn kind(mode: u32) -> &'static str {
    match mode & TYPE {
        format::DIRECTORY => "directory",
        format::FILE => "file",
        format::SYMLINK => "symbolic link",
        format::CHAR_DEVICE => "character device",
        format::BLOCK_DEVICE => "block device",
        format::FIFO => "named pipe",
        format::SOCKET => "socket",
        _ => "",
    }
}
