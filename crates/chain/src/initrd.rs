//! What an initrd pins: the manifest and boot settings that init will read.

use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};

use contract::esp;
use formats::cpio;

use crate::uki::Section;
use crate::{Error, Part};

/// Longest of these files, in bytes.
const LIMIT: u64 = 1 << 20;
/// Longest archive, in bytes: more does not fit beside a kernel.
const ARCHIVE: u64 = 2 << 30;

/// How an initrd is packed, by its first bytes.
enum Form {
    Zstd,
    Newc,
}

fn form(start: &[u8]) -> Option<Form> {
    match start {
        // RFC 8878, section 3.1.1.
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Form::Zstd),
        _ if start.starts_with(b"070701") || start.starts_with(b"070702") => Some(Form::Newc),
        _ => None,
    }
}

/// Whether an initrd is packed as sealboot packs its own, or not at all.
pub(crate) fn is_known(part: &mut Part<'_>, section: Section) -> bool {
    let length = section.size.min(6) as usize;
    let start = part.bytes_at(section.offset, length);
    start.is_ok_and(|start| form(&start).is_some())
}

/// The files that say what starts. `None`: the initrd has no such file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pinned {
    pub(crate) manifest: Option<Vec<u8>>,
    pub(crate) boot: Option<Vec<u8>>,
}

/// Most archives that are read. One of sealboot's has two.
const ARCHIVES: usize = 16;

/// Reads an initrd: newc archives one behind the other, as they are or as zstd frames. The kernel unpacks
/// all of them, and a later file takes an earlier one's place: what pins the release may be in them
/// once.
pub(crate) fn pinned(part: &mut Part<'_>, section: Section) -> Result<Pinned, Error> {
    let what = part.name().to_owned();
    let wrong = |problem: String| Error::Initrd {
        what: what.clone(),
        problem,
    };
    part.seek(SeekFrom::Start(section.offset))
        .map_err(|source| Error::Read {
            what: what.clone(),
            source,
        })?;
    let mut packed = BufReader::new(part.take(section.size));
    let magic = packed.fill_buf().map_err(|e| wrong(e.to_string()))?;
    let stream: Box<dyn Read + '_> = match form(magic) {
        Some(Form::Zstd) => {
            let frames = Frames::new(packed).map_err(|e| wrong(e.to_string()))?;
            Box::new(frames.take(ARCHIVE))
        }
        Some(Form::Newc) => Box::new(packed),
        None => {
            let start = magic.get(..6).unwrap_or(magic).escape_ascii();
            let expected = "a newc archive is needed, as it is or compressed with zstd";
            return Err(wrong(format!("it starts with {start}; {expected}")));
        }
    };
    let mut stream = BufReader::new(stream);
    let rows = [esp::MANIFEST, esp::BOOT].map(|name| (name, LIMIT));
    let mut files = Vec::new();
    for number in 1.. {
        let selected = cpio::select(&mut stream, &rows).map_err(|error| match error {
            cpio::Error::Read(source) => wrong(format!("it cannot be unpacked: {source}")),
            other => wrong(format!("archive {number}: {other}")),
        });
        files.extend(selected?);
        let more = skip_zeros(&mut stream);
        if !more.map_err(|e| wrong(format!("something follows its archive: {e}")))? {
            break;
        }
        if number == ARCHIVES {
            return Err(wrong(format!("it has more than {ARCHIVES} archives")));
        }
    }
    let mut pinned = Pinned::default();
    for (name, bytes) in files {
        let place = match name.as_str() {
            esp::MANIFEST => &mut pinned.manifest,
            _ => &mut pinned.boot,
        };
        if place.replace(bytes).is_some() {
            return Err(wrong(format!("{name} is in it twice")));
        }
    }
    Ok(pinned)
}

/// Passes over zeros; whether anything follows them.
fn skip_zeros(rest: &mut dyn BufRead) -> std::io::Result<bool> {
    loop {
        let buffer = match rest.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let length = buffer.len();
        let zeros = buffer.iter().take_while(|byte| **byte == 0).count();
        rest.consume(zeros);
        if zeros < length || length == 0 {
            return Ok(length != 0);
        }
    }
}

/// zstd frames, one behind the other, as one stream. Zeros between them are what makers pad initrds with
/// that they join: the kernel passes over them, too.
struct Frames<R: BufRead> {
    /// None at the end.
    frame: Option<zstd::Decoder<'static, R>>,
}

impl<R: BufRead> Frames<R> {
    fn new(packed: R) -> std::io::Result<Self> {
        let frame = Some(zstd::Decoder::with_buffer(packed)?.single_frame());
        Ok(Self { frame })
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while let Some(frame) = &mut self.frame {
            match frame.read(buffer)? {
                0 if !buffer.is_empty() => {}
                read => return Ok(read),
            }
            let Some(ended) = self.frame.take() else {
                break;
            };
            let mut packed = ended.finish();
            if !skip_zeros(&mut packed)? {
                break;
            }
            let start = packed.fill_buf()?;
            if !matches!(form(start), Some(Form::Zstd)) {
                let start = start.get(..6).unwrap_or(start).escape_ascii();
                let words = format!("{start} follows a zstd frame, where another one could");
                return Err(std::io::Error::other(words));
            }
            self.frame = Some(zstd::Decoder::with_buffer(packed)?.single_frame());
        }
        Ok(0)
    }
}
