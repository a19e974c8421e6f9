//! How images are compressed.

use formats::squashfs::Compression;
use serde::{Deserialize, Serialize};

use super::Image;

/// `image.compressor`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Zstd, Self::Xz, Self::Gzip, Self::Lz4, Self::None];

    /// What it is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Zstd => "Zstandard",
            Self::Xz => "LZMA2",
            Self::Gzip => "zlib",
            Self::Lz4 => "LZ4",
            Self::None => "Nothing is compressed",
        }
    }

    /// As it is written in the configuration.
    pub fn name(self) -> &'static str {
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
