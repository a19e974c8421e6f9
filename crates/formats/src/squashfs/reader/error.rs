//! What can go wrong while reading.

use std::io;

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Reading failed, or the file ends early.
    #[error("reading {what} at byte {offset} of the image failed")]
    Io {
        /// What was to be read.
        what: &'static str,
        /// Where, in bytes.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The superblock says something impossible, or something that is not supported here.
    #[error("the superblock's {field} is {found}; {expected} is needed")]
    Superblock {
        /// Which field.
        field: &'static str,
        /// Its value.
        found: u64,
        /// What it should have been.
        expected: String,
    },
    /// Something else is impossible.
    #[error("{what} at byte {offset} of the image is damaged: {reason}")]
    Damaged {
        /// What.
        what: &'static str,
        /// Where it is, or where its metadata block is, in bytes.
        offset: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The content of something else than a regular file was asked for, or the like.
    #[error("inode {number} is no {expected}")]
    Kind {
        /// The inode's number.
        number: u32,
        /// What it should have been.
        expected: &'static str,
    },
    /// Whoever takes the content failed.
    #[error("writing the content out failed")]
    Output {
        /// What it said.
        source: io::Error,
    },
}
