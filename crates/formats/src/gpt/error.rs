//! What is wrong with a disk's table.

use std::io;

/// Why a disk's table cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk does not answer.
    #[error("reading {length} bytes of the disk at byte {offset} failed")]
    Read {
        /// From the start of the disk.
        offset: u64,
        /// How many bytes.
        length: usize,
        /// What the system said.
        source: io::Error,
    },
    /// There is no GPT, or an MBR in use hides it (UEFI 2.10, section 5.2.3).
    #[error(
        "the disk has no GUID partition table: its first sector has no protective MBR record \
         (type 0xee)"
    )]
    NoProtectiveMbr,
    /// Both copies are damaged.
    #[error("no copy of the partition table can be used: primary: {primary}; backup: {backup}")]
    Unusable {
        /// What is wrong with the primary.
        primary: Damage,
        /// What is wrong with the backup.
        backup: Damage,
    },
}

/// What is wrong with one copy of the table.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// It cannot be read.
    #[error("sector {lba} cannot be read: {reason}")]
    Read {
        /// Which sector.
        lba: u64,
        /// What the system said.
        reason: String,
    },
    /// Not a header.
    #[error("sector {lba} has no GPT header: it does not start with \"EFI PART\"")]
    Signature {
        /// Which sector.
        lba: u64,
    },
    /// A checksum does not match.
    #[error("the {what} in sector {lba} has CRC-32 {found:#010x}, {expected:#010x} is recorded")]
    Checksum {
        /// The header, or the partition entries of the header.
        what: &'static str,
        /// The header's sector.
        lba: u64,
        /// As recorded.
        expected: u32,
        /// As computed.
        found: u32,
    },
    /// A header field has an impossible value.
    #[error("{field} of the header in sector {lba} is {found}; {expected}")]
    Field {
        /// The field's name in the specification.
        field: &'static str,
        /// The header's sector.
        lba: u64,
        /// Its value.
        found: u64,
        /// The rule.
        expected: &'static str,
    },
    /// A partition is not inside the usable part of the disk.
    #[error(
        "partition {number} has sectors {first} to {last}, outside the usable sectors {usable_first} to {usable_last}"
    )]
    Outside {
        /// The partition.
        number: u32,
        /// Its first sector.
        first: u64,
        /// Its last sector.
        last: u64,
        /// The disk's first usable sector.
        usable_first: u64,
        /// The disk's last usable sector.
        usable_last: u64,
    },
    /// Two partitions share sectors.
    #[error("partitions {first} and {second} overlap")]
    Overlap {
        /// One.
        first: u32,
        /// The other.
        second: u32,
    },
    /// The copies are both sound and differ.
    #[error("the two copies of the table differ")]
    Differs,
}
