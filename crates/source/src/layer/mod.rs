//! One layer: a tar stream that can be read from its start as often as needed.

use std::io::Read;

/// One tar stream: an OCI layer, a `.deb`'s data, an `.apk`'s data, a tarball.
pub trait Layer: Send + Sync {
    /// What to call it in messages: `kmod_34.2-2_amd64.deb`.
    fn name(&self) -> &str;
    /// The uncompressed tar stream, from its start.
    fn open(&self) -> std::io::Result<Box<dyn Read + Send + '_>>;
    /// By which rules it is merged over what is below it.
    fn kind(&self) -> LayerKind {
        LayerKind::Archive
    }
}

/// By which rules a layer is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// A tarball or package: `.wh.` names are ordinary files.
    Archive,
    /// An OCI layer: `.wh.` names take away what is below.
    Oci,
}

/// What is wrong with a layer's entry.
#[derive(Debug, thiserror::Error)]
pub enum EntryProblem {
    /// Its path cannot be used.
    #[error("{0}")]
    Path(crate::tree::PathProblem),
}
