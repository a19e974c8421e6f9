//! What an initrd pins: the manifest, boot settings and execution policy that init will read.

use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};

use contract::esp;
use formats::cpio;

use crate::uki::Section;
use crate::{Error, Part};

/// Longest of these files, in bytes.
const LIMIT: u64 = 1 << 20;
/// Longest archive, in bytes: more does not fit beside a kernel.
const ARCHIVE: u64 = 2 << 30;
/// First bytes of a zstd frame (RFC 8878, section 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The files that say what starts. `None`: the initrd has no such file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pinned {
    pub(crate) manifest: Option<Vec<u8>>,
    pub(crate) boot: Option<Vec<u8>>,
    pub(crate) policy: Option<Vec<u8>>,
}

/// Reads an initrd: one newc archive, as it is or as one zstd frame. The kernel would unpack
/// whatever follows, and a later file takes an earlier one's place: neither may be.
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
    let mut archive: Box<dyn Read + '_> = match magic.get(..6) {
        Some(start) if start.starts_with(&ZSTD) => {
            let decoder = zstd::Decoder::with_buffer(packed).map_err(|e| wrong(e.to_string()))?;
            Box::new(decoder.take(ARCHIVE))
        }
        Some(b"070701" | b"070702") => Box::new(packed),
        start => {
            let start = start.unwrap_or_default().escape_ascii();
            let expected = "a newc archive is needed, as it is or compressed with zstd";
            return Err(wrong(format!("it starts with {start}; {expected}")));
        }
    };
    let rows = [esp::MANIFEST, esp::BOOT, esp::POLICY].map(|name| (name, LIMIT));
    let files = cpio::select(&mut archive, &rows).map_err(|error| match error {
        cpio::Error::Read(source) => wrong(format!("it cannot be unpacked: {source}")),
        other => wrong(other.to_string()),
    })?;
    if !is_blank(&mut archive).map_err(|e| wrong(format!("something follows its archive: {e}")))? {
        return Err(wrong("something follows its archive".to_owned()));
    }
    let mut pinned = Pinned::default();
    for (name, bytes) in files {
        let place = match name.as_str() {
            esp::MANIFEST => &mut pinned.manifest,
            esp::POLICY => &mut pinned.policy,
            _ => &mut pinned.boot,
        };
        if place.replace(bytes).is_some() {
            return Err(wrong(format!("{name} is in it twice")));
        }
    }
    Ok(pinned)
}

/// Whether only zeros are left.
fn is_blank(rest: &mut dyn Read) -> std::io::Result<bool> {
    let mut buffer = [0; 4096];
    loop {
        match rest.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(length) => {
                let bytes = buffer.get(..length).unwrap_or_default();
                if bytes.iter().any(|byte| *byte != 0) {
                    return Ok(false);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
