//! Why an image could not be written.

use std::io;

/// Why an image could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option's value is impossible.
    #[error("the image's {field} is {found}; {expected} is needed")]
    Option {
        /// Which one.
        field: &'static str,
        /// Its value.
        found: i64,
        /// What it should have been.
        expected: String,
    },
    /// Reading or writing the image failed.
    #[error("{action} at byte {offset} of the image failed")]
    Io {
        /// What was being done.
        action: &'static str,
        /// Where, in bytes from the image's start.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A file's content cannot be read.
    #[error("reading the content failed after {offset} bytes")]
    Read {
        /// How much had been read.
        offset: u64,
        /// What the reader said.
        source: io::Error,
    },
    /// A file's content ended early.
    #[error("the content ended after {found} bytes, {expected} were expected")]
    Short {
        /// The size that was announced, in bytes.
        expected: u64,
        /// How many bytes there were.
        found: u64,
    },
    /// A file's content goes on where it should have ended.
    #[error("the content is longer than the {expected} bytes that were expected")]
    Long {
        /// The size that was announced, in bytes.
        expected: u64,
    },
    /// The compressor failed.
    #[error("compressing a block failed")]
    Compress {
        /// What it said.
        source: io::Error,
    },
    /// The format's fields are too small for this tree.
    #[error("there are too many {what}: squashfs has room for {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are possible.
        limit: u64,
    },
    /// Something failed before, so that data is missing.
    #[error("the image is incomplete because of an earlier error; start it again")]
    Broken,
}
