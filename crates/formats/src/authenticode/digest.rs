//! The image digest, following "Calculating the PE Image Hash" of the specification.

use std::io::{self, Write};
use std::ops::Range;

use sha2::{Digest, Sha256};

use super::Error;
use crate::pe::format::{DIRECTORY_CERTIFICATES, DataDirectory};
use crate::pe::{Headers, Pe, parse_headers};

/// Headers are kept in memory until they are complete, but not more of them than this, in bytes.
const HEADERS_LIMIT: usize = 1 << 20;

/// SHA-256 of an image in memory.
pub fn image_digest(image: &[u8]) -> Result<[u8; 32], Error> {
    Pe::parse(image)?;
    let mut hasher = ImageHasher::new();
    hasher.update(image)?;
    hasher.finish()
}

/// SHA-256 of an image that is written into it: one pass, nothing kept but headers.
pub struct ImageHasher {
    hash: Sha256,
    position: u64,
    state: State,
}

enum State {
    /// Collecting headers.
    Headers(Vec<u8>),
    /// Headers are hashed. What follows is, too, up to the certificate table.
    Contents {
        end_of_sections: u64,
        certificates: Option<Range<u64>>,
    },
}

impl ImageHasher {
    /// Ready for the image's first byte.
    pub fn new() -> Self {
        // 1. and 2.: the headers come first; a new hash.
        Self {
            hash: Sha256::new(),
            position: 0,
            state: State::Headers(Vec::new()),
        }
    }

    /// Takes the next bytes of the image.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let State::Headers(collected) = &mut self.state else {
            self.contents(bytes);
            return Ok(());
        };
        collected.extend_from_slice(bytes);
        let headers = match parse_headers(collected) {
            Ok(headers) => headers,
            Err(crate::pe::Error::Truncated { .. }) if collected.len() < HEADERS_LIMIT => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let size = u64::from(headers.optional.size_of_headers.get());
        if (collected.len() as u64) < size && collected.len() < HEADERS_LIMIT {
            return Ok(());
        }
        let collected = std::mem::take(collected);
        let (head, rest) = hash_headers(&mut self.hash, &headers, &collected)?;
        self.position = head;
        self.state = contents_of(&headers, head)?;
        self.contents(rest);
        Ok(())
    }

    /// The digest, after the image's last byte.
    pub fn finish(self) -> Result<[u8; 32], Error> {
        let (end_of_sections, certificates) = match self.state {
            State::Headers(collected) => {
                let headers = parse_headers(&collected)?;
                return Err(Error::Truncated {
                    size: collected.len() as u64,
                    end: u64::from(headers.optional.size_of_headers.get()),
                });
            }
            State::Contents {
                end_of_sections,
                certificates,
            } => (end_of_sections, certificates),
        };
        let size = self.position;
        let end = certificates.map_or(size, |table| table.end);
        if end != size {
            return Err(Error::TableNotLast { end, size });
        }
        if size < end_of_sections {
            let end = end_of_sections;
            return Err(Error::Truncated { size, end });
        }
        // 15. Finalise.
        Ok(self.hash.finalize().into())
    }

    /// 11. to 14.: contents are one after the other, so sections and what follows them are one run.
    fn contents(&mut self, bytes: &[u8]) {
        let State::Contents { certificates, .. } = &self.state else {
            return;
        };
        let until = certificates.as_ref().map_or(u64::MAX, |table| table.start);
        let left = until.saturating_sub(self.position);
        let hashed = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.hash.update(bytes.get(..hashed).unwrap_or(bytes));
        self.position += bytes.len() as u64;
    }
}

impl Default for ImageHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for ImageHasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hashes the headers; their size, and the bytes after them.
fn hash_headers<'a>(
    hash: &mut Sha256,
    headers: &Headers,
    bytes: &'a [u8],
) -> Result<(u64, &'a [u8]), Error> {
    let size = headers.optional.size_of_headers.get() as usize;
    let end = headers.section_table_end();
    let too_short = || Error::HeadersTooShort {
        size_of_headers: size as u64,
        end: end as u64,
    };
    let checksum = headers.checksum_offset();
    let directory = headers
        .directory_offset(DIRECTORY_CERTIFICATES)
        .ok_or(Error::NoDirectory(headers.directories.len()))?;
    if size < end {
        return Err(too_short());
    }
    for range in [
        // 3. From the start to the checksum; 4. without the checksum.
        0..checksum,
        // 5. On to the certificate table's directory entry; 6. which is not hashed.
        checksum + size_of::<u32>()..directory,
        // 7. The rest of the headers, section table included.
        directory + size_of::<DataDirectory>()..size,
    ] {
        hash.update(bytes.get(range).ok_or_else(too_short)?);
    }
    Ok((size as u64, bytes.get(size..).unwrap_or_default()))
}

/// Where sections and certificates are, when sections follow one another without gaps.
fn contents_of(headers: &Headers, headers_size: u64) -> Result<State, Error> {
    // 8. SUM_OF_BYTES_HASHED starts as the size of the headers.
    let mut sum = headers_size;
    // 9. Sections that have content, 10. in the order of their content.
    let mut sections: Vec<_> = (headers.sections.iter())
        .map(|s| (s.pointer_to_raw_data.get(), s.size_of_raw_data.get()))
        .filter(|(_, size)| *size > 0)
        .collect();
    sections.sort_unstable();
    // 11. to 13. Each is hashed and its size added. The specification allows gaps, but adds
    // sizes, not offsets: after a gap, step 14 would start inside of the last section.
    for (start, size) in sections {
        let start = u64::from(start);
        if start != sum {
            return Err(Error::NotContiguous {
                start,
                position: sum,
            });
        }
        sum += u64::from(size);
    }
    // 14. What follows, but for the certificate table.
    let certificates = headers.certificate_table();
    if let Some(table) = &certificates
        && table.start < sum
    {
        return Err(Error::NotContiguous {
            start: table.start,
            position: sum,
        });
    }
    Ok(State::Contents {
        end_of_sections: sum,
        certificates,
    })
}
