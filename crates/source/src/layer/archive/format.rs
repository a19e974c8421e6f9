//! The 512 bytes that every entry starts with.

use super::EntryProblem;
use crate::tree::Quoted;

/// Size of a header, and what all sizes are rounded up to, in bytes.
pub(super) const BLOCK: usize = 512;

/// Where a field is in a header: its name for messages, offset and size in bytes.
pub(super) struct Field(pub(super) &'static str, usize, usize);

const NAME: Field = Field("name", 0, 100);
pub(super) const MODE: Field = Field("mode", 100, 8);
pub(super) const UID: Field = Field("uid", 108, 8);
pub(super) const GID: Field = Field("gid", 116, 8);
pub(super) const SIZE: Field = Field("size", 124, 12);
pub(super) const MTIME: Field = Field("mtime", 136, 12);
const CHECKSUM: Field = Field("checksum", 148, 8);
const TYPE: usize = 156;
const LINK_NAME: Field = Field("link name", 157, 100);
const MAGIC: Field = Field("magic", 257, 6);
pub(super) const DEVICE_MAJOR: Field = Field("device major", 329, 8);
pub(super) const DEVICE_MINOR: Field = Field("device minor", 337, 8);
const PREFIX: Field = Field("prefix", 345, 155);

/// GNU's sparse map in the header: offset of the first pair, how many there are, offset of
/// the byte that says whether more blocks of pairs follow.
pub(super) const SPARSE_IN_HEADER: (usize, usize, usize) = (386, 4, 482);
/// The same in a block of its own.
pub(super) const SPARSE_IN_BLOCK: (usize, usize, usize) = (0, 21, 504);
/// Size of a GNU sparse file, holes included.
pub(super) const SPARSE_SIZE: Field = Field("real size", 483, 12);

/// A pair of GNU's sparse map: where a part is in the file, how long it is; in bytes.
pub(super) fn sparse_pair(at: usize) -> (Field, Field) {
    (
        Field("sparse offset", at, 12),
        Field("sparse length", at + 12, 12),
    )
}

/// One block of the stream.
pub(super) struct Block(pub(super) [u8; BLOCK]);

impl Block {
    fn bytes(&self, field: &Field) -> &[u8] {
        self.0.get(field.1..field.1 + field.2).unwrap_or_default()
    }

    pub(super) fn byte(&self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or_default()
    }

    /// Whether it is the end of the archive.
    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    /// The type flag.
    pub(super) fn kind(&self) -> u8 {
        self.byte(TYPE)
    }

    /// The name, with ustar's prefix.
    pub(super) fn name(&self) -> Vec<u8> {
        let name = until_zero(self.bytes(&NAME));
        let prefix = until_zero(self.bytes(&PREFIX));
        if self.bytes(&MAGIC) != b"ustar\0" || prefix.is_empty() {
            return name.to_vec();
        }
        [prefix, b"/", name].concat()
    }

    pub(super) fn link_name(&self) -> Vec<u8> {
        until_zero(self.bytes(&LINK_NAME)).to_vec()
    }

    /// Checks the checksum: the sum of all bytes with spaces in the checksum's place, in which
    /// some old programs took bytes as signed.
    pub(super) fn check(&self) -> Result<(), EntryProblem> {
        let (mut unsigned, mut signed) = (0u32, 0i64);
        for (at, byte) in self.0.iter().enumerate() {
            let field = CHECKSUM.1..CHECKSUM.1 + CHECKSUM.2;
            let byte = if field.contains(&at) { b' ' } else { *byte };
            unsigned += u32::from(byte);
            signed += i64::from(byte.cast_signed());
        }
        match self.number(&CHECKSUM) {
            Ok(sum) if sum == i64::from(unsigned) || sum == signed => Ok(()),
            _ => Err(EntryProblem::Checksum {
                found: Quoted::new(until_zero(self.bytes(&CHECKSUM))),
                expected: unsigned,
            }),
        }
    }

    /// A number: octal digits, or big-endian two's complement after a set top bit.
    pub(super) fn number(&self, field: &Field) -> Result<i64, EntryProblem> {
        let bytes = self.bytes(field);
        let number = match bytes.first() {
            Some(first) if first & 0x80 != 0 => binary(bytes),
            _ => octal(bytes),
        };
        number.ok_or_else(|| self.wrong(field, "an octal or base-256 number of at most 63 bits"))
    }

    /// A number that is not negative.
    pub(super) fn natural(&self, field: &Field) -> Result<u64, EntryProblem> {
        let number = u64::try_from(self.number(field)?);
        number.map_err(|_| self.wrong(field, "a number from 0 on"))
    }

    /// A number of 32 bits.
    pub(super) fn word(&self, field: &Field) -> Result<u32, EntryProblem> {
        let number = u32::try_from(self.number(field)?);
        number.map_err(|_| self.wrong(field, "a number from 0 to 4294967295"))
    }

    fn wrong(&self, field: &Field, expected: &'static str) -> EntryProblem {
        EntryProblem::Number {
            field: field.0,
            found: Quoted::new(self.bytes(field)),
            expected,
        }
    }
}

/// What stands before the first zero byte.
pub(super) fn until_zero(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == 0);
    &bytes[..end.unwrap_or(bytes.len())]
}

/// Octal digits with spaces around, up to a zero byte; nothing is 0.
fn octal(bytes: &[u8]) -> Option<i64> {
    let digits = until_zero(bytes).trim_ascii();
    digits.iter().try_fold(0i64, |number, digit| {
        let digit = (b'0'..=b'7').contains(digit).then(|| digit - b'0')?;
        number.checked_mul(8)?.checked_add(i64::from(digit))
    })
}

/// Two's complement in all bits but the topmost.
fn binary(bytes: &[u8]) -> Option<i64> {
    let (first, rest) = bytes.split_first()?;
    // The topmost bit is the mark of this encoding, the next one the sign.
    let negative = first & 0x40 != 0;
    let start = i64::from(first & 0x3f) - if negative { 0x40 } else { 0 };
    rest.iter().try_fold(start, |number, byte| {
        number.checked_mul(256)?.checked_add(i64::from(*byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let cases: &[(&[u8], Option<i64>)] = &[
            (b"0000644\0", Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"77777777", Some(0o7777_7777)),
            (b"12x\0\0\0\0\0", None),
            (b"-1\0\0\0\0\0\0", None),
            (&[0x80, 0, 0, 0, 0, 0x20, 0, 0], Some(0x20_0000)),
            (&[0xff; 8], Some(-1)),
            (&[0xff; 12], Some(-1)),
            (&[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0], None),
            (
                &[0x80, 0, 0, 0, 0x7f, 255, 255, 255, 255, 255, 255, 255],
                Some(i64::MAX),
            ),
        ];
        for (bytes, expected) in cases {
            let mut block = Block([0; BLOCK]);
            block.0[..bytes.len()].copy_from_slice(bytes);
            let number = block.number(&Field("test", 0, bytes.len())).ok();
            assert_eq!(number, *expected, "{bytes:x?}");
        }
    }
}
