//! `ar`: the outer container of a `.deb`.
//!
//! Format: <https://manpages.debian.org/ar.5>, the common variant: the magic `!<arch>\n`, then for
//! each member a 60-byte ASCII header and its data, padded to an even offset. The extensions for
//! long names (`/`, `//`, `#1/…`) do not occur in a `.deb` (deb(5)) and are refused.

use std::io::{Read, Seek, SeekFrom};

/// The first eight bytes.
pub const MAGIC: &[u8; 8] = b"!<arch>\n";

/// Length of a member's header, in bytes.
pub const HEADER_SIZE: u64 = 60;

/// The two bytes that end a member's header.
const HEADER_END: &[u8; 2] = b"`\n";

/// One member: where its data lies in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name, without padding and without a final `/`.
    pub name: String,
    /// Where its data starts, in bytes from the start of the file.
    pub offset: u64,
    /// Length of its data, in bytes.
    pub size: u64,
}

/// Why a file is not a usable `ar` archive.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The reader failed.
    #[error("reading the ar archive at byte {offset} failed")]
    Read {
        /// Where, in bytes.
        offset: u64,
        /// What the reader said.
        source: std::io::Error,
    },
    /// The magic is something else.
    #[error("not an ar archive: it starts with {found:02x?}, not with \"!<arch>\\n\"")]
    Magic {
        /// The first bytes.
        found: Vec<u8>,
    },
    /// A header's field is impossible.
    #[error("the ar header at byte {offset} has the {field} {found:?}; {expected} is needed")]
    Header {
        /// Where the header starts, in bytes.
        offset: u64,
        /// Which field.
        field: &'static str,
        /// Its text.
        found: String,
        /// What it should have been.
        expected: &'static str,
    },
    /// A header or a member's data reaches past the end of the file.
    #[error(
        "the ar archive is cut: {what} at byte {offset} needs {needed} bytes, {left} are there"
    )]
    Cut {
        /// `the header`, or the member's name.
        what: String,
        /// Where it starts, in bytes.
        offset: u64,
        /// How long it is, in bytes.
        needed: u64,
        /// How much of the file is left there, in bytes.
        left: u64,
    },
    /// More members than the caller can want.
    #[error("the ar archive has more than {limit} members")]
    TooMany {
        /// The caller's limit.
        limit: usize,
    },
}

/// Lists the members of an archive, at most `limit` of them, in their order in the file.
pub fn members<R: Read + Seek>(file: &mut R, limit: usize) -> Result<Vec<Member>, Error> {
    let end = seek(file, SeekFrom::End(0))?;
    seek(file, SeekFrom::Start(0))?;
    let mut magic = Vec::new();
    read_up_to(file, 0, MAGIC.len() as u64, &mut magic)?;
    if magic != MAGIC {
        return Err(Error::Magic { found: magic });
    }
    let mut members = Vec::new();
    let mut offset = MAGIC.len() as u64;
    while offset < end {
        if members.len() == limit {
            return Err(Error::TooMany { limit });
        }
        seek(file, SeekFrom::Start(offset))?;
        let member = member(file, offset, end)?;
        // `member` has made sure that this is within the file; the padding may be missing.
        offset = member.offset + member.size;
        offset += offset % 2;
        members.push(member);
    }
    Ok(members)
}

/// Reads the header at `offset` of a file that is `end` bytes long.
fn member<R: Read>(file: &mut R, offset: u64, end: u64) -> Result<Member, Error> {
    let mut header = Vec::new();
    read_up_to(file, offset, HEADER_SIZE, &mut header)?;
    let cut = |what: &str, at: u64, needed: u64| Error::Cut {
        what: what.to_owned(),
        offset: at,
        needed,
        left: end.saturating_sub(at),
    };
    let text = |from: usize, length: usize| {
        let bytes = header.get(from..).and_then(|rest| rest.get(..length));
        bytes.ok_or_else(|| cut("the header", offset, HEADER_SIZE))
    };
    let wrong = |field, bytes: &[u8], expected| Error::Header {
        offset,
        field,
        found: String::from_utf8_lossy(bytes).into_owned(),
        expected,
    };
    // Name, time, owner, group, mode, size, end: the fields between are of no use here.
    let (name, size, mark) = (text(0, 16)?, text(48, 10)?, text(58, 2)?);
    if mark != HEADER_END {
        return Err(wrong("end mark", mark, "a backtick and a newline"));
    }
    let trimmed = name.trim_ascii_end();
    let trimmed = trimmed.strip_suffix(b"/").unwrap_or(trimmed);
    let plain = |b: &u8| b.is_ascii_graphic() && *b != b'/';
    if trimmed.is_empty() || !trimmed.iter().all(plain) {
        return Err(wrong(
            "name",
            name,
            "1 to 16 printable characters without a slash",
        ));
    }
    let digits = size.trim_ascii_end();
    let length = std::str::from_utf8(digits)
        .ok()
        .filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|digits| digits.parse::<u64>().ok())
        .ok_or_else(|| wrong("size", size, "a decimal number"))?;
    let data = offset + HEADER_SIZE;
    let name = String::from_utf8_lossy(trimmed).into_owned();
    if length > end.saturating_sub(data) {
        return Err(cut(&name, data, length));
    }
    Ok(Member {
        name,
        offset: data,
        size: length,
    })
}

fn seek<R: Seek>(file: &mut R, to: SeekFrom) -> Result<u64, Error> {
    let offset = match to {
        SeekFrom::Start(offset) => offset,
        SeekFrom::End(_) | SeekFrom::Current(_) => 0,
    };
    file.seek(to)
        .map_err(|source| Error::Read { offset, source })
}

fn read_up_to<R: Read>(
    file: &mut R,
    offset: u64,
    length: u64,
    into: &mut Vec<u8>,
) -> Result<(), Error> {
    let read = file.take(length).read_to_end(into);
    read.map(drop)
        .map_err(|source| Error::Read { offset, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for (name, data) in entries {
            let header = format!(
                "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
                0,
                0,
                0,
                "100644",
                data.len()
            );
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(data);
            if data.len() % 2 == 1 {
                bytes.push(b'\n');
            }
        }
        bytes
    }

    fn list(bytes: &[u8]) -> Result<Vec<Member>, Error> {
        members(&mut Cursor::new(bytes), 8)
    }

    #[test]
    fn members_lie_where_their_headers_say() {
        let bytes = archive(&[
            ("debian-binary", b"2.0\n"),
            ("odd/", b"abc"),
            ("last", b"12"),
        ]);
        let members = list(&bytes).unwrap();
        let found: Vec<_> = members
            .iter()
            .map(|m| {
                (
                    m.name.as_str(),
                    &bytes[m.offset as usize..][..m.size as usize],
                )
            })
            .collect();
        let expected: [(&str, &[u8]); 3] = [
            ("debian-binary", b"2.0\n"),
            ("odd", b"abc"),
            ("last", b"12"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_padding_after_the_last_member_may_be_missing() {
        let mut bytes = archive(&[("odd", b"abc")]);
        bytes.pop();
        assert_eq!(list(&bytes).unwrap().len(), 1);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let good = archive(&[("debian-binary", b"2.0\n")]);
        let change = |at: usize, with: &[u8]| {
            let mut bytes = good.clone();
            bytes[at..at + with.len()].copy_from_slice(with);
            bytes
        };
        let many: Vec<(&str, &[u8])> = vec![("x", b""); 9];
        let cases: &[(Vec<u8>, &str)] = &[
            (b"PK\x03\x04".to_vec(), "not an ar archive"),
            (Vec::new(), "not an ar archive"),
            (change(8, b"/               "), "has the name"),
            (change(8, b"../etc          "), "has the name"),
            (change(56, b"-1        "), "has the size"),
            (change(56, b"          "), "has the size"),
            (
                change(56, b"5         "),
                "debian-binary at byte 68 needs 5 bytes, 4 are there",
            ),
            (change(56, b"9999999999"), "is cut"),
            (change(66, b"xx"), "has the end mark"),
            (
                good[..50].to_vec(),
                "the header at byte 8 needs 60 bytes, 42 are there",
            ),
            (archive(&many), "more than 8 members"),
        ];
        for (bytes, text) in cases {
            let error = list(bytes).unwrap_err().to_string();
            assert!(error.contains(text), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = list(&bytes);
            let mut with_magic = MAGIC.to_vec();
            with_magic.extend_from_slice(&bytes);
            let _ = list(&with_magic);
        }

        #[test]
        fn a_member_never_reaches_past_the_end(at in 0usize..140, to: u8, cut in 0usize..140) {
            let mut bytes = archive(&[("debian-binary", b"2.0\n"), ("data.tar", b"abc")]);
            let length = bytes.len();
            bytes[at % length] = to;
            bytes.truncate(length - cut % length);
            for member in list(&bytes).unwrap_or_default() {
                prop_assert!(member.offset + member.size <= bytes.len() as u64);
            }
        }
    }
}
