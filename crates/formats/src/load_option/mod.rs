//! Boot entries: the value of a `Boot####` variable, which says what firmware starts.
//!
//! Specification: UEFI 2.10, section 3.1.3 (load options) and section 10.3 (device paths).
//!
//! Order of things: attributes, length of the device paths, description, device paths, data for
//! what is started. A device path is a row of nodes, from the machine inwards; a short one starts
//! at the partition, and firmware looks for the disk that has it (section 3.1.2).

mod dump;
#[cfg(feature = "build")]
mod fields;
pub mod format;
mod reader;
mod writer;

use uguid::Guid;

#[cfg(feature = "build")]
pub use fields::fields;
pub use format::ACTIVE;
pub use reader::{Error, read};
pub use writer::{WriteError, write};

/// A boot entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadOption {
    /// [`ACTIVE`] and others.
    pub attributes: u32,
    /// What a boot menu shows.
    pub description: String,
    /// Device paths: the first says what is started. What the others are for is not defined.
    pub paths: Vec<Vec<Node>>,
    /// Passed to what is started.
    pub data: Vec<u8>,
}

/// A node of a device path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A partition of a disk with a GUID partition table.
    Partition {
        /// From 1.
        number: u32,
        /// Its first sector.
        first_lba: u64,
        /// Its sectors.
        sectors: u64,
        /// Linux's `PARTUUID`.
        guid: Guid,
    },
    /// A path in the file system there: `\EFI\Linux\alpine.efi`.
    File(String),
    /// Any other.
    Other {
        /// Type.
        kind: u8,
        /// Subtype.
        subtype: u8,
        /// What follows its length.
        data: Vec<u8>,
    },
}

impl LoadOption {
    /// The entry that starts a file of a partition, wherever its disk is. `path` has `/` between its
    /// parts: `EFI/Linux/alpine.efi`.
    pub fn of_file(description: &str, partition: Node, path: &str) -> Self {
        let path = Node::File(format!("\\{}", path.replace('/', "\\")));
        Self {
            attributes: ACTIVE,
            description: description.to_owned(),
            paths: vec![vec![partition, path]],
            data: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
