//! Reading a tar stream, entry by entry.
//!
//! Formats: POSIX ustar and pax (IEEE Std 1003.1, utility pax, "Extended Description"), GNU
//! tar ("Basic Tar Format" and "Storing Sparse Files" in its manual), and the older v7.
//!
//! The `tar` crate's iterator is not used here, because it splits extended headers at every
//! newline: a `security.capability` whose bytes include 0x0a, and a path with a newline,
//! are lost without a word. Where formats leave room, this follows Go's `archive/tar`, by
//! which OCI layers are made and read: links, directories and devices have no data, a GNU
//! long name wins over a pax path.
//!
//! In order: `format` (the header block), `stream` (headers and the data behind them), `pax`
//! (extended headers), `sparse` (files with holes), `entry` (what is found), `reader`.

mod entry;
mod format;
mod pax;
mod reader;
mod sparse;
mod stream;

pub use entry::{Entry, EntryError, EntryKind};
pub use reader::{Archive, ContentReader};

use crate::tree::{PathProblem, Quoted};

/// What is wrong with an entry of a tar stream, or why it cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum EntryProblem {
    /// The stream ends inside the entry.
    #[error("the stream ends {missing} bytes too early; get the layer again")]
    Truncated {
        /// How many bytes are missing at least.
        missing: u64,
    },
    /// What is below the stream (a file, a decompressor) failed.
    #[error("the stream cannot be read: {0}")]
    Read(std::io::Error),
    /// The header's checksum is wrong.
    #[error(
        "the header's checksum is {found:?}, its bytes add up to {expected:o} (octal): \
         this is not a tar stream, or it is damaged"
    )]
    Checksum {
        /// The field as it stands.
        found: Quoted,
        /// The sum of the header's bytes.
        expected: u32,
    },
    /// A number in the header is none.
    #[error("the header's {field} is {found:?}; {expected} is needed")]
    Number {
        /// Which field.
        field: &'static str,
        /// The field as it stands.
        found: Quoted,
        /// What it should have been.
        expected: &'static str,
    },
    /// An extended header is not made of records.
    #[error("the extended header has no valid record (\"<length> <key>=<value>\") at its byte {0}")]
    Record(usize),
    /// A header that describes the next entry is too large.
    #[error("a describing header of {0} bytes is too large; at most 1048576 are read")]
    Description(u64),
    /// What is said of all entries that follow is too much.
    #[error(
        "the extended attributes that all following entries get have {0} bytes; at most 65536 are \
         read"
    )]
    Global(u64),
    /// Two headers of one kind describe the same entry.
    #[error("two {0} headers describe one entry")]
    DescribedTwice(&'static str),
    /// The stream ends after a header that describes an entry.
    #[error("the stream ends after a header that describes a next entry")]
    DescribedNothing,
    /// An entry of a type that has no meaning in a tree.
    #[error("entries of type {:?} are not supported", char::from(*.0))]
    Type(u8),
    /// The map of a file with holes is wrong.
    #[error("the sparse file's map is wrong: {0}")]
    Sparse(&'static str),
    /// An extended attribute that Linux does not take.
    #[error("the extended attribute {name:?} of {size} bytes is not possible; {expected}")]
    Xattr {
        /// Its name.
        name: Quoted,
        /// Its value's size in bytes.
        size: usize,
        /// What is possible.
        expected: &'static str,
    },
    /// Its path cannot be used.
    #[error("{0}")]
    Path(PathProblem),
    /// What a hard link links to cannot be used.
    #[error("it is a hard link to {target:?}, which cannot be: {problem}")]
    HardLink {
        /// The link's target.
        target: Quoted,
        /// What is wrong with the target.
        problem: PathProblem,
    },
    /// A whiteout that names nothing, or a file in a directory with a reserved name.
    #[error("names with \".wh.\" in front are whiteouts, and this one hides no name")]
    Whiteout,
    /// In an archive (not an OCI layer), something else would replace a directory in use.
    #[error(
        "it is not a directory and would replace a directory with files in it; \
         the layer with this entry has to come first"
    )]
    ReplacesDirectory,
    /// The layer's names and attributes need too much memory.
    #[error("the layer's names and attributes need more than {0} bytes of memory")]
    Memory(u64),
}
