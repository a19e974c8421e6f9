//! The checksum of an image: all 16-bit words added with end-around carry, its own field left out, plus
//! the file's length in bytes.

use super::{Error, parse_headers};

/// Size of the field, in bytes.
const FIELD: usize = size_of::<u32>();

/// A checksum in the making: the image's bytes one after the other, with zeros in its own field.
#[derive(Clone, Debug, Default)]
pub struct Checksum {
    sum: u64,
    length: u64,
}

impl Checksum {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.replace_zeros(self.length, bytes);
        self.length += bytes.len() as u64;
    }

    /// Takes bytes that are at `offset` where zeros were before.
    pub fn replace_zeros(&mut self, offset: u64, bytes: &[u8]) {
        // What starts at an odd offset is on the other halves of its words.
        let places = if offset.is_multiple_of(2) { 1 } else { 1 << 8 };
        self.sum = u64::from(fold(self.sum + sum(bytes) * places));
    }

    /// The checksum.
    pub fn finish(&self) -> u32 {
        fold(self.sum).wrapping_add(self.length as u32)
    }
}

/// The checksum of an image in memory, whose field is at `offset`.
pub fn checksum(file: &[u8], offset: usize) -> u32 {
    let (before, rest) = file.split_at(offset.min(file.len()));
    let (field, after) = rest.split_at(FIELD.min(rest.len()));
    let mut checksum = Checksum::default();
    for part in [
        before,
        [0; FIELD].get(..field.len()).unwrap_or_default(),
        after,
    ] {
        checksum.update(part);
    }
    checksum.finish()
}

/// Computes the checksum of `file` and stores it.
pub fn set_checksum(file: &mut [u8]) -> Result<(), Error> {
    let offset = parse_headers(file)?.checksum_offset();
    let sum = checksum(file, offset);
    if let Some(field) = file.get_mut(offset..offset + FIELD) {
        field.copy_from_slice(&sum.to_le_bytes());
    }
    Ok(())
}

/// The sum of the 16-bit words, with end-around carry.
///
/// 2^16 leaves 1 when it is divided by 2^16 - 1: words of 32 bits have the same sum as their halves,
/// and are twice as fast.
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let words = words
        .iter()
        .map(|word| u64::from(u32::from_le_bytes(*word)));
    let mut last = [0; 4];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    u64::from(fold(words.sum()) + fold(u32::from_le_bytes(last).into()))
}

/// Adds what does not fit into 16 bits to what does, until all does.
fn fold(mut sum: u64) -> u32 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Word by word, as the definition has it.
    fn expected(file: &[u8], offset: usize) -> u32 {
        let mut total = 0;
        for (at, byte) in file.iter().enumerate() {
            if !(offset..offset + FIELD).contains(&at) {
                total += u64::from(*byte) << (8 * (at % 2));
            }
        }
        fold(total).wrapping_add(file.len() as u32)
    }

    #[test]
    fn it_carries_around() {
        // 0xffff + 0x0002 = 0x1_0001, folded 0x0002, and 4 bytes of file.
        assert_eq!(checksum(&[0xff, 0xff, 2, 0], 100), 6);
        // The field itself does not count, wherever it starts, and neither does a missing last byte.
        assert_eq!(checksum(&[1, 0, 9, 9, 9, 9, 3], 2), 4 + 7);
        assert_eq!(checksum(&[1, 9, 9, 9, 9, 2], 1), 0x201 + 6);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_parts(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            offset in 0_usize..310,
            part in 1_usize..50,
        ) {
            prop_assert_eq!(checksum(&bytes, offset), expected(&bytes, offset));
            let mut parts = Checksum::default();
            bytes.chunks(part).for_each(|part| parts.update(part));
            prop_assert_eq!(parts.finish(), expected(&bytes, 1000));
        }
    }
}
