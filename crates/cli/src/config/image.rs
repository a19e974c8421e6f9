//! How images are compressed.

use formats::squashfs::Compression;
use serde::{Deserialize, Serialize};

use super::Image;

/// `image.compressor`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Compressor {
    /// Zstandard.
    Zstd,
    /// LZMA2.
    Xz,
    /// zlib.
    Gzip,
    /// LZ4.
    Lz4,
    /// Nothing is compressed.
    None,
}

impl Compressor {
    fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Gzip => "gzip",
            Self::Lz4 => "lz4",
            Self::None => "none",
        }
    }
}

impl Image {
    /// Compressor and level together; the error says which levels there are.
    pub fn compression(&self) -> Result<Compression, String> {
        Compression::new(self.compressor.name(), self.level)
    }
}
