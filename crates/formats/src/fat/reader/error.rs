//! Why a volume cannot be read.

use std::io;

/// Why a volume, or something on it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The medium does not answer.
    #[error("reading the FAT volume at its byte {offset} failed")]
    Read {
        /// From the start of the volume.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// Not a FAT32 volume.
    #[error("not a FAT32 volume: {field} in its boot sector is {found}; {expected}")]
    BootSector {
        /// The field's name in the specification.
        field: &'static str,
        /// Its value.
        found: u64,
        /// The rule.
        expected: &'static str,
    },
    /// A chain of clusters does not hold what its owner's size says.
    #[error("{owner:?} is damaged: its chain of clusters {problem} after {clusters} clusters")]
    Chain {
        /// The path of the file or directory.
        owner: String,
        /// What is wrong.
        problem: &'static str,
        /// How many clusters were sound.
        clusters: u32,
    },
    /// A name that FAT does not allow, and that would be dangerous elsewhere.
    #[error("directory {directory:?} has the impossible name {name:?}: {reason}")]
    Name {
        /// The directory's path.
        directory: String,
        /// The name.
        name: String,
        /// The rule.
        reason: &'static str,
    },
    /// Directories that contain each other, share clusters, or go too deep.
    #[error("directory {directory:?} is in another one, too, or over 130 directories deep")]
    Loop {
        /// The directory's path.
        directory: String,
    },
    /// No such file or directory.
    #[error("there is no {path:?} on the FAT volume: {missing:?} is missing")]
    NotFound {
        /// The path asked for.
        path: String,
        /// The part of it that is not there.
        missing: String,
    },
    /// A file where a directory is needed, or the reverse.
    #[error("{path:?} on the FAT volume is {}", if *is_directory { "a directory, not a file" } else { "a file, not a directory" })]
    Kind {
        /// Its path.
        path: String,
        /// What it is.
        is_directory: bool,
    },
    /// Longer than the caller wants to have in memory.
    #[error("{path:?} has {size} bytes; at most {limit} are read here")]
    TooLong {
        /// Its path.
        path: String,
        /// In bytes.
        size: u64,
        /// In bytes.
        limit: u64,
    },
}
