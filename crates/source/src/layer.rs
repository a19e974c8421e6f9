//! One layer: a tar stream that can be read from its start as often as needed.

use std::io::Read;

/// One tar stream: an OCI layer, a `.deb`'s data, an `.apk`'s data, a tarball.
pub trait Layer: Send + Sync {
    /// What to call it in messages: `kmod_34.2-2_amd64.deb`.
    fn name(&self) -> &str;
    /// The uncompressed tar stream, from its start.
    fn open(&self) -> std::io::Result<Box<dyn Read + Send + '_>>;
}
