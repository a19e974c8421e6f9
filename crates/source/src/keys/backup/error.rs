//! Why a key cannot be written down, or come back from paper.

use std::io;
use std::path::PathBuf;

use super::super::{CreateError, LoadError};

/// Why a key cannot be written down, or come back from paper.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The owner is not known.
    #[error("{0} holds no GUID; it is written by 'sealboot keys create'")]
    NoOwner(PathBuf),
    /// The key or its certificate cannot be used.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Not as a line is: what is wrong with it.
    #[error("line {line}: {problem}")]
    Line {
        /// Its number in the text, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// Nothing that could be a line.
    #[error("there is no line of a backup in it, such as \"db 1/90 MIIFLTBX …\"")]
    Nothing,
    /// Not all of them are there.
    #[error("of {name}, {missing} of {total} are missing")]
    Missing {
        /// The key's name.
        name: String,
        /// The numbers of the lines: `lines 3, 7-9`.
        missing: String,
        /// How many there should be.
        total: usize,
    },
    /// Every line is right, and together they are no key.
    #[error("of {0}, all lines are there and right, but they are not those of one key")]
    Damaged(String),
    /// Two owners' keys.
    #[error("these keys are of several owners: {0} has another owner's GUID than the others")]
    Owners(String),
    /// The signed variables could not be made.
    #[error(transparent)]
    Create(#[from] CreateError),
}
