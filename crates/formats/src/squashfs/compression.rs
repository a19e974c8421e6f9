//! How an image's blocks are compressed, as a value.

use super::format::{Compressor, DEFAULT_GZIP_LEVEL, DEFAULT_ZSTD_LEVEL, LZ4_LEGACY, flags};

/// How a writer compresses blocks. A reader finds out by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Zstandard at a level from 1 to 22.
    Zstd(i32),
    /// `.xz` streams at a preset from 0 to 9, with a dictionary of a block's size.
    Xz(i32),
    /// zlib streams at a level from 1 to 9.
    Gzip(i32),
    /// LZ4 blocks: the quickest to read.
    Lz4,
    /// Every block as it is.
    None,
}

/// Name of a compression, lowest, usual and highest level; the same where there are none.
const LEVELS: [(&str, [i32; 3]); 5] = [
    ("zstd", [1, 9, 22]),
    ("xz", [0, 6, 9]),
    ("gzip", [1, 9, 9]),
    ("lz4", [0, 0, 0]),
    ("none", [0, 0, 0]),
];

impl Compression {
    /// zstd's usual level: within 6 % of the smallest size for a seventh of its time. Measured
    /// with the 99 MiB of Debian 13's network drivers (6.12, uncompressed modules), 128 KiB blocks:
    ///
    /// | level | bytes | CPU seconds |
    /// |---|---|---|
    /// | 3 | 26,394,629 | 0.6 |
    /// | 6 | 24,403,248 | 1.4 |
    /// | 9 | 23,961,925 | 2.0 |
    /// | 12 | 24,118,930 | 6.6 |
    /// | 13 | 23,360,893 | 9.2 |
    /// | 15 | 22,559,999 | 14.3 |
    pub const ZSTD_LEVEL: i32 = LEVELS[0].1[1];

    /// The compression of that name (`zstd`, `xz`, `gzip`, `lz4` or `none`) at that level, its usual
    /// one when there is none. The error says which levels there are.
    pub fn new(name: &str, level: Option<i32>) -> Result<Self, String> {
        let Some((_, [lowest, usual, highest])) = LEVELS.iter().find(|(known, _)| *known == name)
        else {
            return Err("zstd, xz, gzip, lz4 or none is needed".to_owned());
        };
        match level {
            Some(_) if lowest == highest => return Err(format!("{name} has no levels")),
            Some(level) if !(*lowest..=*highest).contains(&level) => {
                return Err(format!("{lowest} to {highest} is needed for {name}"));
            }
            _ => {}
        }
        let level = level.unwrap_or(*usual);
        Ok(match name {
            "zstd" => Self::Zstd(level),
            "xz" => Self::Xz(level),
            "gzip" => Self::Gzip(level),
            "lz4" => Self::Lz4,
            _ => Self::None,
        })
    }

    /// Its name, as [`new`](Self::new) takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zstd(_) => "zstd",
            Self::Xz(_) => "xz",
            Self::Gzip(_) => "gzip",
            Self::Lz4 => "lz4",
            Self::None => "none",
        }
    }

    /// Its level, where it has levels.
    pub fn level(self) -> Option<i32> {
        match self {
            Self::Zstd(level) | Self::Xz(level) | Self::Gzip(level) => Some(level),
            Self::Lz4 | Self::None => None,
        }
    }

    /// What the superblock says. It has no number for blocks that are left as they are; zstd stands
    /// there, as for most images, so that what mounts those mounts these.
    pub(super) fn compressor(self) -> Compressor {
        match self {
            Self::Zstd(_) | Self::None => Compressor::Zstd,
            Self::Xz(_) => Compressor::Xz,
            Self::Gzip(_) => Compressor::Gzip,
            Self::Lz4 => Compressor::Lz4,
        }
    }

    /// The superblock's flags that go with it.
    pub(super) fn flags(self) -> u16 {
        let options = match self.options().is_empty() {
            true => 0,
            false => flags::COMPRESSOR_OPTIONS,
        };
        match self {
            Self::None => options | flags::UNCOMPRESSED,
            _ => options,
        }
    }

    /// "Compressor Options": only for what is not the compressor's default. LZ4 has none, so the
    /// kernel insists on it.
    pub(super) fn options(self) -> Vec<u8> {
        let words: &[i32] = match self {
            Self::Zstd(DEFAULT_ZSTD_LEVEL) | Self::Gzip(DEFAULT_GZIP_LEVEL) => &[],
            Self::Zstd(level) => &[level],
            // The window has 15 bits, and no strategy is named: two fields of 16 bits.
            Self::Gzip(level) => &[level, 15],
            Self::Lz4 => &[LZ4_LEGACY, 0],
            // The default dictionary is what is used: it has the size of a block.
            Self::Xz(_) | Self::None => &[],
        };
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_each_compressors_own() {
        let cases = [
            ("zstd", None, Ok(Compression::Zstd(9))),
            ("zstd", Some(22), Ok(Compression::Zstd(22))),
            ("zstd", Some(0), Err("1 to 22 is needed for zstd")),
            ("zstd", Some(23), Err("1 to 22 is needed for zstd")),
            ("xz", None, Ok(Compression::Xz(6))),
            ("xz", Some(0), Ok(Compression::Xz(0))),
            ("xz", Some(10), Err("0 to 9 is needed for xz")),
            ("gzip", None, Ok(Compression::Gzip(9))),
            ("gzip", Some(0), Err("1 to 9 is needed for gzip")),
            ("lz4", None, Ok(Compression::Lz4)),
            ("lz4", Some(1), Err("lz4 has no levels")),
            ("none", None, Ok(Compression::None)),
            ("none", Some(0), Err("none has no levels")),
            ("lzo", None, Err("zstd, xz, gzip, lz4 or none is needed")),
        ];
        for (name, level, expected) in cases {
            let found = Compression::new(name, level);
            assert_eq!(found, expected.map_err(str::to_owned), "{name} {level:?}");
            if let Ok(found) = found {
                assert_eq!(found.name(), name);
                assert_eq!(Compression::new(name, found.level()), Ok(found));
            }
        }
    }
}
