//! A UKI, read piece by piece: headers, sections, digest and signatures.

use std::io::{self, Read, Seek, SeekFrom};

use formats::authenticode::{self, ImageHasher};
use formats::pe::{self, Headers, parse_headers};

use crate::{Error, Part};

/// Headers end before this, in bytes; the hasher takes no more either.
const HEADERS: usize = 1 << 20;
/// Longest certificate table that is read, in bytes.
const TABLE: u64 = 1 << 20;
/// Longest text in a section that is read, in bytes.
pub(crate) const TEXT: u64 = 1 << 16;
/// Bytes hashed at once.
const CHUNK: usize = 1 << 18;

/// The headers of a PE image whose sections and certificates lie inside of the file.
pub(crate) struct Uki {
    /// All of them.
    pub(crate) headers: Headers,
}

/// One section: where its content is in the file, without padding, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

impl Uki {
    /// Reads the headers.
    pub(crate) fn open(part: &mut Part<'_>) -> Result<Self, Error> {
        let headers = parse_headers(&part.start(HEADERS)?)?;
        let file_size = part.size();
        let inside = |what: String, offset: u64, size: u64| match offset.checked_add(size) {
            Some(end) if end <= file_size => Ok(()),
            _ => Err(pe::Error::Truncated {
                what,
                offset,
                size,
                file_size,
            }),
        };
        for header in &headers.sections {
            let size = header.size_of_raw_data.get();
            if size > 0 {
                let what = format!("section {}", header.name());
                inside(what, header.pointer_to_raw_data.get().into(), size.into())?;
            }
        }
        if let Some(table) = headers.certificate_table() {
            let what = "attribute certificate table".to_owned();
            inside(what, table.start, table.end - table.start)?;
        }
        Ok(Self { headers })
    }

    /// The first section of that name.
    pub(crate) fn section(&self, name: &str) -> Option<Section> {
        let header = self.headers.sections.iter().find(|s| s.name() == name)?;
        let size = (header.size_of_raw_data.get()).min(header.virtual_size.get());
        Some(Section {
            offset: header.pointer_to_raw_data.get().into(),
            size: size.into(),
        })
    }

    /// The text in a section, up to its first NUL; `None` without one, or when it is no text.
    pub(crate) fn text(&self, part: &mut Part<'_>, name: &str) -> Option<String> {
        let section = self.section(name).filter(|s| s.size <= TEXT)?;
        // At most TEXT.
        let bytes = part.bytes_at(section.offset, section.size as usize).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        text.split('\0').next().map(str::to_owned)
    }

    /// The PKCS#7 signatures, DER.
    pub(crate) fn signatures(&self, part: &mut Part<'_>) -> Result<Vec<Vec<u8>>, Error> {
        let Some(table) = self.headers.certificate_table() else {
            return Ok(Vec::new());
        };
        let size = table.end - table.start;
        if size > TABLE {
            return Err(Error::TooLong {
                what: format!("the certificate table of {}", part.name()),
                size,
                limit: TABLE,
            });
        }
        // At most TABLE.
        let bytes = part.bytes_at(table.start, size as usize)?;
        let entries = authenticode::entries(&bytes, table.start)?;
        Ok(entries.into_iter().map(<[u8]>::to_vec).collect())
    }
}

/// The Authenticode digest, SHA-256.
pub(crate) fn digest(
    part: &mut Part<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<[u8; 32], Error> {
    let mut hasher = ImageHasher::new();
    let mut buffer = vec![0; CHUNK];
    let rewound = part.seek(SeekFrom::Start(0));
    rewound.map_err(|source| part.unreadable(source))?;
    loop {
        match part.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()?),
            Ok(length) => {
                hasher.update(buffer.get(..length).unwrap_or_default())?;
                progress(length as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(part.unreadable(source)),
        }
    }
}
