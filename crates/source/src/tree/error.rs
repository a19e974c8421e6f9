//! Why a tree cannot be made or read.

use std::path::PathBuf;

use super::path::Quoted;

/// Why a tree cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path cannot be used.
    #[error("{path:?}: {problem}")]
    Path {
        /// Which path, as it was asked for.
        path: Quoted,
        /// Why.
        problem: PathProblem,
    },
    /// A file is larger than the caller takes.
    #[error("{path:?} is {size} bytes; at most {limit} are read")]
    TooLarge {
        /// Which path.
        path: Quoted,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A layer's stream cannot be opened.
    #[error("layer {layer} cannot be opened")]
    Open {
        /// The layer's name.
        layer: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A layer's stream is not what it should be.
    #[error("layer {layer}, {error}")]
    Layer {
        /// The layer's name.
        layer: String,
        /// Which entry, and what is wrong with it.
        error: crate::layer::EntryError,
    },
    /// A layer's stream is not the one that its image names.
    #[error(
        "layer {layer} has the SHA-256 {found} when it is uncompressed, and the image's \
         configuration names {expected} (diff_id): copy the image again, or have it built again"
    )]
    DiffId {
        /// The layer's name.
        layer: String,
        /// What it should be.
        expected: crate::fetch::Digest,
        /// What it is.
        found: crate::fetch::Digest,
    },
    /// A layer is not the same when it is read for the second time.
    #[error(
        "layer {layer} changed between listing and reading: {what}; \
         let nothing write to it during a build"
    )]
    LayerChanged {
        /// The layer's name.
        layer: String,
        /// What differs.
        what: String,
    },
    /// A file of this machine cannot be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A content could not be handed over: its reader, or a temporary file, failed.
    #[error("a file's content cannot be handed over")]
    Content(#[source] std::io::Error),
    /// A file of this machine is not the size it had when the tree was made.
    #[error(
        "{} changed while it was used: it was {expected} bytes long, now it is {found}; \
         let nothing write to it during a build",
        path.display()
    )]
    FileChanged {
        /// Which file.
        path: PathBuf,
        /// Its size when the tree was made, in bytes.
        expected: u64,
        /// What was found: a size or a kind.
        found: String,
    },
}

impl Error {
    pub(crate) fn path(path: &[u8], problem: PathProblem) -> Self {
        let path = Quoted::new(path);
        Self::Path { path, problem }
    }
}

/// Why a path cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathProblem {
    /// A `..` among its names.
    #[error("a path with \"..\" is not taken")]
    DotDot,
    /// A zero byte in it.
    #[error("a path cannot hold a zero byte")]
    Nul,
    /// One of its names is longer than file systems take.
    #[error("a name of {0} bytes is too long; at most 255 are possible")]
    NameTooLong(usize),
    /// As a whole longer than Linux takes.
    #[error("a path of {0} bytes is too long; at most 4095 are possible")]
    TooLong(usize),
    /// Too many symbolic links: they go round in a circle.
    #[error("more than 40 symbolic links lead to it")]
    Loop,
    /// Nothing is there.
    #[error("there is nothing at this path")]
    Missing,
    /// Something on the way is not a directory.
    #[error("{0:?} on the way to it is not a directory")]
    NotDirectory(Quoted),
    /// Not a regular file.
    #[error("this is not a regular file")]
    NotFile,
    /// A hard link to a directory.
    #[error("a directory cannot have hard links")]
    LinkToDirectory,
    /// The root can only be a directory.
    #[error("the root can only be a directory")]
    Root,
    /// A symbolic link's target that no file system takes.
    #[error("a symbolic link's target of {0} bytes is not possible; it has 1 to 4095, none zero")]
    Target(usize),
}
