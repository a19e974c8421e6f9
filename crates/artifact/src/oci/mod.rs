//! Container images, written: a tree becomes a layer, layers and a configuration become an image in
//! an OCI layout (image-spec 1.1); a [`release`] becomes an artifact.
//!
//! In order: [`difference`] finds what one tree has over another; `tar` writes that as a tar stream;
//! [`layer`] compresses it and takes its digests;
//! [`document`] are the JSON documents; [`Layout`] puts all of it into a folder, or a tar of one.
//!
//! Same inputs, same bytes: no clock, no order of a file system, one thread per layer.

mod difference;
pub mod document;
pub mod layer;
mod layout;
pub mod release;
mod tar;
#[cfg(test)]
mod tests;

pub use difference::{Difference, difference};
pub use layer::{Compression, Layer};
pub use layout::Layout;

use std::io;
use std::path::PathBuf;

/// Why an image could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tree cannot be read.
    #[error(transparent)]
    Tree(#[from] source::tree::Error),
    /// A file's name would take other files away where the layer is read.
    #[error("{0} has the name of a whiteout, which an OCI layer cannot hold as a file")]
    Whiteout(String),
    /// The stream cannot be written.
    #[error("the layer cannot be written")]
    Stream(#[from] io::Error),
    /// A file of the layout cannot be written.
    #[error("{action} {} failed", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
