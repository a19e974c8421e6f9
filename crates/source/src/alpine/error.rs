//! Why Alpine packages could not be had.

use super::{index, keyring};
use crate::{fetch, resolve};

/// Each message names the URL or file that it is about.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be fetched, or is not the package that was asked for.
    #[error(transparent)]
    Fetch(#[from] fetch::Error),
    /// A key cannot be used.
    #[error(transparent)]
    Keyring(#[from] keyring::Error),
    /// An index is not believed, or cannot be read.
    #[error("{url} is refused")]
    Index {
        /// Where it came from.
        url: String,
        /// Why.
        source: Box<index::Error>,
    },
    /// An index is another one than was asked for.
    #[error("{url} is refused: it is of {found:?}, {expected:?} was asked for; use another mirror")]
    OtherRelease {
        /// Where it came from.
        url: String,
        /// What it says that it is.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// An index is older than one seen before.
    #[error(
        "{url} is refused: it was made on {found}, and one of {seen} was seen before: the mirror \
         is behind, or replays an old one to hide updates; use another mirror, or set \
         allow_older"
    )]
    Older {
        /// Where it came from.
        url: String,
        /// When it was made.
        found: String,
        /// When the newest one seen before was made.
        seen: String,
    },
    /// An index has no package for the architecture.
    #[error("{url} has no package for the architecture {architecture}")]
    NoPackages {
        /// The index.
        url: String,
        /// What was asked for.
        architecture: String,
    },
    /// No set of packages fits.
    #[error(transparent)]
    Resolve(#[from] Box<resolve::Error>),
}
