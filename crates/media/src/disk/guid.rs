//! GUIDs and serial numbers that depend on nothing but what they are for.

use sha2::{Digest, Sha256};
use uguid::Guid;

/// The GUID of `what` ("disk", "partition a") on a medium that `seed` stands for.
///
/// The first 16 bytes of SHA-256 over the seed's length (64 bits, little-endian), the seed and
/// `what`, as an RFC 9562 UUID of version 8 (section 5.8). Same inputs, same GUID.
pub fn guid_from(seed: &[u8], what: &str) -> Guid {
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&digest(seed, what)[..16]);
    // RFC 9562, sections 4.1 and 4.2: octet 8 starts with bits 10, octet 6 with the version.
    uuid[6] = uuid[6] & 0x0f | 0x80;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    // A UUID is big-endian; the first three fields of a GUID on disk are little-endian.
    uuid[0..4].reverse();
    uuid[4..6].reverse();
    uuid[6..8].reverse();
    Guid::from_bytes(uuid)
}

/// The FAT serial number of `what` on a medium that `seed` stands for, made like
/// [`guid_from`]'s.
pub fn serial_from(seed: &[u8], what: &str) -> u32 {
    let mut serial = [0; 4];
    serial.copy_from_slice(&digest(seed, what)[..4]);
    u32::from_be_bytes(serial)
}

fn digest(seed: &[u8], what: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update((seed.len() as u64).to_le_bytes());
    hash.update(seed);
    hash.update(what);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use uguid::Variant;

    use super::*;

    #[test]
    fn guids_are_version_8_and_differ_by_seed_and_purpose() {
        let guid = guid_from(b"release 1", "disk");
        assert_eq!(guid.version(), 8);
        assert_eq!(guid.variant(), Variant::Rfc4122);
        assert_eq!(guid, guid_from(b"release 1", "disk"));
        assert_ne!(guid, guid_from(b"release 1", "partition"));
        assert_ne!(guid, guid_from(b"release 2", "disk"));
        // Where the seed ends is part of it.
        assert_ne!(guid_from(b"ab", "c"), guid_from(b"a", "bc"));
    }

    /// `printf '\3\0\0\0\0\0\0\0abcdisk' | sha256sum`, version and variant set by hand.
    #[test]
    fn the_guid_of_a_seed_never_changes() {
        assert_eq!(
            guid_from(b"abc", "disk").to_string(),
            "ce84e6d3-3a44-8442-95bf-5d274ed6d0a3"
        );
        assert_eq!(serial_from(b"abc", "disk"), 0xce84_e6d3);
    }
}
