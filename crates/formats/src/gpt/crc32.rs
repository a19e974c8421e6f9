//! The checksum of headers and entries (UEFI 2.10, section 4.2.1): CRC-32 of ISO 3309, the one of
//! Ethernet and zlib.
//!
//! Bit by bit, without tables: it covers some kilobytes a disk, and the tables that make it fast
//! would be a good part of PID 1.

/// The polynomial, lowest power first.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// The checksum of `bytes`.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| match sum & 1 {
            0 => sum >> 1,
            _ => sum >> 1 ^ POLYNOMIAL,
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_the_reference(bytes: Vec<u8>) {
            prop_assert_eq!(super::crc32(&bytes), crc32fast::hash(&bytes));
        }
    }
}
