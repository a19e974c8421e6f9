//! Why there is no configuration.

use std::io;
use std::path::PathBuf;

use crate::Wrong;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("the configuration {path} cannot be read: {source}")]
    Read {
        /// Its path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A mistake in it.
    #[error(transparent)]
    Wrong(#[from] Wrong),
    /// A toolbox's defaults cannot be read.
    #[error("{path} cannot be read: {source}")]
    Defaults {
        /// Their path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A toolbox's defaults are none.
    #[error("{path} is damaged: {source}")]
    Damaged {
        /// Their path.
        path: PathBuf,
        /// What is wrong.
        source: toml::de::Error,
    },
    /// It cannot be written as TOML.
    #[error("the configuration cannot be printed")]
    Print(#[from] toml::ser::Error),
}
