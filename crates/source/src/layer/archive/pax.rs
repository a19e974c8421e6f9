//! Extended headers: records `<length> <key>=<value>\n` that override fields of the next
//! entry (`x`) or of all entries from there on (`g`). A value may hold any byte.

use std::collections::BTreeMap;

use super::EntryProblem;
use crate::tree::{PathProblem, Quoted};

/// Linux's `XATTR_NAME_MAX` and `XATTR_SIZE_MAX`, in bytes.
const XATTR_NAME_MAX: usize = 255;
const XATTR_SIZE_MAX: usize = 65536;

/// The fields that records have set.
#[derive(Clone, Default)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) mtime: Option<i64>,
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) sparse: Sparse,
}

/// What GNU tar's records say about a file with holes, in formats 0.0, 0.1 and 1.0.
#[derive(Clone, Default)]
pub(super) struct Sparse {
    /// Format 1.0: the map stands before the data.
    pub(super) major: Option<u64>,
    pub(super) minor: Option<u64>,
    /// The file's own name (the entry's is made up), from 0.1 on.
    pub(super) name: Option<Vec<u8>>,
    /// Size with holes, in bytes.
    pub(super) size: Option<u64>,
    /// Offsets and lengths of the parts, one after the other, in 0.0 and 0.1.
    pub(super) numbers: Vec<u64>,
}

impl Pax {
    /// Reads the records in order; a later one overrides an earlier one, an empty value
    /// takes an override away.
    pub(super) fn apply(&mut self, header: &[u8]) -> Result<(), EntryProblem> {
        let mut rest = header;
        while !rest.is_empty() {
            let at = header.len() - rest.len();
            // Some programs fill the rest of the block.
            if rest.iter().all(|byte| *byte == 0) {
                break;
            }
            let (key, value, after) = record(rest).ok_or(EntryProblem::Record(at))?;
            self.set(key, value)?;
            rest = after;
        }
        Ok(())
    }

    /// Bytes of the extended attributes, their names included.
    pub(super) fn attributes(&self) -> u64 {
        let attributes = self.xattrs.iter();
        let lengths = attributes.map(|(name, value)| (name.len() + value.len()) as u64);
        lengths.sum()
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), EntryProblem> {
        if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            check_xattr(name, value)?;
            self.xattrs.insert(name.to_vec(), value.to_vec());
            return Ok(());
        }
        let word = "a decimal number from 0 to 4294967295";
        match key {
            b"path" => self.path = text(value)?,
            b"linkpath" => self.link = text(value)?,
            b"size" => self.size = decimal("size", value)?,
            b"uid" => self.uid = narrow("uid", value, word)?,
            b"gid" => self.gid = narrow("gid", value, word)?,
            b"mtime" => self.mtime = time(value)?,
            b"GNU.sparse.major" => self.sparse.major = decimal("sparse version", value)?,
            b"GNU.sparse.minor" => self.sparse.minor = decimal("sparse version", value)?,
            b"GNU.sparse.name" => self.sparse.name = text(value)?,
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => {
                self.sparse.size = decimal("sparse size", value)?;
            }
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                // They come in pairs, the offset first.
                if (key == b"GNU.sparse.offset") != self.sparse.numbers.len().is_multiple_of(2) {
                    return Err(EntryProblem::Sparse("offsets and lengths do not alternate"));
                }
                let number = decimal("sparse map", value)?;
                self.sparse.numbers.extend(number);
            }
            b"GNU.sparse.map" => {
                self.sparse.numbers.clear();
                for number in value.split(|byte| *byte == b',') {
                    let number = decimal("sparse map", number)?;
                    self.sparse.numbers.extend(number);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The first record: key, value, and what follows it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(21).position(|byte| *byte == b' ')?;
    let length = number(bytes.get(..space)?)?;
    let length = usize::try_from(length).ok()?;
    let record = bytes.get(space + 1..length)?;
    let record = record.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let key = record.get(..equals).filter(|key| !key.is_empty())?;
    Some((key, record.get(equals + 1..)?, bytes.get(length..)?))
}

fn check_xattr(name: &[u8], value: &[u8]) -> Result<(), EntryProblem> {
    let possible = (1..=XATTR_NAME_MAX).contains(&name.len())
        && !name.contains(&0)
        && value.len() <= XATTR_SIZE_MAX;
    match possible {
        true => Ok(()),
        false => Err(EntryProblem::Xattr {
            name: Quoted::new(name),
            size: value.len(),
            expected: "a name has 1 to 255 bytes, none zero, a value at most 65536",
        }),
    }
}

fn text(value: &[u8]) -> Result<Option<Vec<u8>>, EntryProblem> {
    match value {
        b"" => Ok(None),
        _ if value.contains(&0) => Err(EntryProblem::Path(PathProblem::Nul)),
        _ => Ok(Some(value.to_vec())),
    }
}

fn wrong(field: &'static str, value: &[u8], expected: &'static str) -> EntryProblem {
    let found = Quoted::new(value);
    EntryProblem::Number {
        field,
        found,
        expected,
    }
}

/// A decimal number; nothing for an empty value.
fn decimal(field: &'static str, value: &[u8]) -> Result<Option<u64>, EntryProblem> {
    match (value, number(value)) {
        (b"", _) => Ok(None),
        (_, Some(number)) if number <= i64::MAX.cast_unsigned() => Ok(Some(number)),
        _ => Err(wrong(field, value, "a decimal number of at most 63 bits")),
    }
}

fn narrow(
    field: &'static str,
    value: &[u8],
    expected: &'static str,
) -> Result<Option<u32>, EntryProblem> {
    let number = decimal(field, value)?.map(u32::try_from).transpose();
    number.map_err(|_| wrong(field, value, expected))
}

/// Digits only, unlike `str::parse`, which takes a sign too.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Seconds with a fraction, which is cut off towards the past.
fn time(value: &[u8]) -> Result<Option<i64>, EntryProblem> {
    if value.is_empty() {
        return Ok(None);
    }
    let seconds = || {
        let unsigned = value.strip_prefix(b"-");
        let mut parts = unsigned.unwrap_or(value).splitn(2, |byte| *byte == b'.');
        let whole = i64::try_from(number(parts.next()?)?).ok()?;
        let fraction = parts.next().unwrap_or_default();
        if !fraction.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let part = fraction.iter().any(|digit| *digit != b'0');
        Some(match unsigned {
            Some(_) => -whole - i64::from(part),
            None => whole,
        })
    };
    let seconds = seconds();
    let seconds = seconds.ok_or_else(|| wrong("mtime", value, "a decimal number of seconds"));
    seconds.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_towards_the_past() {
        let cases = [
            ("1.9", Some(1)),
            ("1", Some(1)),
            ("-1.5", Some(-2)),
            ("-1.0", Some(-1)),
            ("-0.1", Some(-1)),
            ("0.000000001", Some(0)),
            ("1.x", None),
            ("--1", None),
            ("+1", None),
            ("9223372036854775808", None),
        ];
        for (text, expected) in cases {
            let time = time(text.as_bytes()).ok().flatten();
            assert_eq!(time, expected, "{text}");
        }
    }

    #[test]
    fn a_value_may_hold_newlines_and_equals_signs() {
        let mut pax = Pax::default();
        pax.apply(b"11 path=a\n\n25 SCHILY.xattr.u.x=\n=\n\0\n")
            .unwrap();
        assert_eq!(pax.path.unwrap(), b"a\n");
        assert_eq!(pax.xattrs[b"u.x".as_slice()], b"\n=\n\0");
    }

    #[test]
    fn broken_records_are_refused() {
        let cases: &[&[u8]] = &[
            b"x",
            b"10 path=a",
            b"9 path=a\n9 path=a",
            b"0 path=a\n",
            b"2 \n",
            b"99999999999999999999 path=a\n",
            b"8 path a",
            b"6 =ab\n",
        ];
        for header in cases {
            let result = Pax::default().apply(header);
            assert!(matches!(result, Err(EntryProblem::Record(_))), "{header:?}");
        }
    }
}
