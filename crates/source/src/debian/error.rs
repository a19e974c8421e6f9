//! Why Debian packages could not be had.

use super::{deb, index, keyring, release};
use crate::{fetch, resolve};

/// Each message names the URL or file that it is about.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be fetched.
    #[error(transparent)]
    Fetch(#[from] fetch::Error),
    /// A keyring cannot be used.
    #[error(transparent)]
    Keyring(#[from] keyring::Error),
    /// An `InRelease` is not believed.
    #[error("{url} is refused")]
    Release {
        /// Where it came from.
        url: String,
        /// Why.
        source: Box<release::Error>,
    },
    /// A suite has no list of packages for a component and architecture.
    #[error("{url} lists no {path}; its components are {}, its architectures {}", components.join(" "), architectures.join(" "))]
    NoPackages {
        /// The `InRelease`.
        url: String,
        /// What was looked for in it.
        path: String,
        /// What there is.
        components: Vec<String>,
        /// What there is.
        architectures: Vec<String>,
    },
    /// A list of packages cannot be read, although it is the one that the archive signed.
    #[error("{url} cannot be read")]
    Packages {
        /// Where it came from.
        url: String,
        /// Why.
        source: Box<index::Error>,
    },
    /// No set of packages fits.
    #[error(transparent)]
    Resolve(#[from] Box<resolve::Error>),
    /// A package file cannot be read.
    #[error(transparent)]
    Deb(#[from] deb::Error),
}
