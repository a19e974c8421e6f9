//! deb822(5): stanzas of `Field: value` lines, separated by empty lines.
//!
//! Read as a stream, one stanza at a time, with a bound on its size: a `Packages` file is tens of
//! megabytes, and none of it is trusted to be well-formed.

use std::io::{BufRead, Read};

/// The most that one stanza may take, in bytes. Debian's largest are near 100 KiB; Release files
/// are one stanza of up to a few megabytes and are read with their own bound.
pub(crate) const MOST_STANZA: usize = 1 << 20;

/// One stanza: its fields in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stanza {
    fields: Vec<(Box<str>, Box<str>)>,
}

/// Why a text is not deb822.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The reader failed.
    #[error("reading line {line} failed")]
    Read {
        /// Counted from 1.
        line: u64,
        /// What the reader said.
        source: std::io::Error,
    },
    /// A line is neither a field nor the continuation of one.
    #[error("line {line} is {found:?}; \"Field: value\" or a continuation line is needed")]
    Line {
        /// Counted from 1.
        line: u64,
        /// Its text, shortened.
        found: String,
    },
    /// A field is there twice: which one counts would be anybody's guess.
    #[error("line {line}: the field {field} is there a second time")]
    Twice {
        /// Counted from 1.
        line: u64,
        /// The field.
        field: String,
    },
    /// A stanza is longer than any real one.
    #[error("the stanza at line {line} is longer than {limit} bytes")]
    TooLong {
        /// Counted from 1.
        line: u64,
        /// The limit in bytes.
        limit: usize,
    },
}

impl Stanza {
    /// The value of a field, without the space around it; field names know no case. The lines of
    /// a folded value are separated by newlines, with their leading space.
    pub fn get(&self, field: &str) -> Option<&str> {
        let found = self
            .fields
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(field));
        found.map(|(_, value)| &**value)
    }

    /// Whether there is no field at all.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// Reads stanzas, one after the other.
pub(crate) struct Reader<R> {
    input: R,
    limit: usize,
    line: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Reader<R> {
    /// Reads `input`; a stanza longer than `limit` bytes is an error.
    pub(crate) fn new(input: R, limit: usize) -> Self {
        Self {
            input,
            limit,
            line: 0,
            buffer: Vec::new(),
        }
    }

    /// The next stanza; `None` at the end.
    pub(crate) fn next_stanza(&mut self) -> Result<Option<Stanza>, Error> {
        let mut stanza = Stanza::default();
        let mut current: Option<(Box<str>, String)> = None;
        let mut size = 0;
        while self.next_line(&mut size)? {
            let number = self.line;
            let text = String::from_utf8_lossy(&self.buffer);
            let text = text.trim_end_matches(['\n', '\r']);
            if text.trim_matches([' ', '\t']).is_empty() {
                if stanza.fields.is_empty() && current.is_none() {
                    continue;
                }
                break;
            }
            if text.starts_with('#') {
                continue;
            }
            let wrong = || Error::Line {
                line: number,
                found: text.chars().take(60).collect(),
            };
            if text.starts_with([' ', '\t']) {
                let (_, value) = current.as_mut().ok_or_else(wrong)?;
                value.push('\n');
                value.push_str(text.trim_end());
                continue;
            }
            let (name, value) = text.split_once(':').ok_or_else(wrong)?;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(wrong());
            }
            let known = |(other, _): &(Box<str>, _)| other.eq_ignore_ascii_case(name);
            stanza.take(current.take());
            if stanza.fields.iter().any(known) {
                return Err(Error::Twice {
                    line: number,
                    field: name.to_owned(),
                });
            }
            current = Some((name.into(), value.trim().to_owned()));
        }
        stanza.take(current);
        Ok(if stanza.is_empty() {
            None
        } else {
            Some(stanza)
        })
    }

    /// Reads a line into the buffer; false at the end. `size` is what the stanza has so far.
    fn next_line(&mut self, size: &mut usize) -> Result<bool, Error> {
        self.buffer.clear();
        self.line += 1;
        let line = self.line;
        let left = self.limit.saturating_sub(*size) as u64 + 1;
        let read = Read::take(&mut self.input, left).read_until(b'\n', &mut self.buffer);
        *size += read.map_err(|source| Error::Read { line, source })?;
        if *size > self.limit {
            return Err(Error::TooLong {
                line,
                limit: self.limit,
            });
        }
        Ok(!self.buffer.is_empty())
    }
}

impl Stanza {
    fn take(&mut self, field: Option<(Box<str>, String)>) {
        self.fields
            .extend(field.map(|(name, value)| (name, value.trim_end().into())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &[u8], limit: usize) -> Result<Vec<Stanza>, Error> {
        let mut reader = Reader::new(text, limit);
        std::iter::from_fn(|| reader.next_stanza().transpose()).collect()
    }

    #[test]
    fn stanzas_and_folded_values() {
        let text = b"\n\nPackage: a\nVersion:1\n# a comment\nTag: x,\n y,\n\tz\n \n\nPackage: b\r\nEmpty:\r\n";
        let stanzas = all(text, 1000).unwrap();
        assert_eq!(stanzas.len(), 2);
        assert_eq!(stanzas[0].get("package"), Some("a"));
        assert_eq!(stanzas[0].get("Version"), Some("1"));
        assert_eq!(stanzas[0].get("Tag"), Some("x,\n y,\n\tz"));
        assert_eq!(stanzas[1].get("Package"), Some("b"));
        assert_eq!(stanzas[1].get("Empty"), Some(""));
        assert_eq!(stanzas[1].get("Version"), None);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let cases: &[(&[u8], &str)] = &[
            (b"Package: a\nnonsense\n", "line 2 is \"nonsense\""),
            (b" folded first\n", "line 1 is"),
            (b": x\n", "line 1 is"),
            (b"A b: x\n", "line 1 is"),
            (
                b"Package: a\npackage: b\n",
                "line 2: the field package is there a second time",
            ),
            (
                b"A: 1\n\nB: 0123456789012345678901234567890\n",
                "line 3 is longer than 30 bytes",
            ),
        ];
        for (text, expected) in cases {
            let error = all(text, 30).unwrap_err().to_string();
            assert!(
                error.replace("the stanza at ", "").contains(expected),
                "{expected}: {error}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = all(&bytes, 100);
        }

        #[test]
        fn nor_do_likely_ones(text in "[A:#\n \t-]{0,80}") {
            let _ = all(text.as_bytes(), 60);
        }
    }
}
