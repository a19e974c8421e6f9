//! Compressing and decompressing single blocks.

use std::io::{self, Read};

use flate2::{Compress, FlushCompress};
use liblzma::stream::{Action, Check, Filters, LzmaOptions, Status, Stream};

use super::Compression;
use super::format::{Compressor, METADATA_SIZE};

/// Compresses block after block, with what can be used again: setting that up costs more than a
/// block.
pub(super) enum Packer {
    Zstd(zstd::bulk::Compressor<'static>),
    Xz {
        preset: u32,
        /// In bytes.
        dictionary: u32,
    },
    Gzip(Compress),
    Lz4,
    None,
}

impl Packer {
    /// `block_size` is that of the image, in bytes.
    pub(super) fn new(compression: Compression, block_size: u32) -> io::Result<Self> {
        Ok(match compression {
            Compression::Zstd(level) => Self::Zstd(zstd::bulk::Compressor::new(level)?),
            Compression::Xz(preset) => Self::Xz {
                preset: preset.unsigned_abs(),
                // The kernel sets this much aside, and refuses a stream that asks for more.
                dictionary: block_size.max(METADATA_SIZE as u32),
            },
            Compression::Gzip(level) => {
                let level = flate2::Compression::new(level.unsigned_abs());
                Self::Gzip(Compress::new(level, true))
            }
            Compression::Lz4 => Self::Lz4,
            Compression::None => Self::None,
        })
    }

    /// Replaces `packed` by the compressed `raw`; false when that is not smaller.
    pub(super) fn shrink(&mut self, raw: &[u8], packed: &mut Vec<u8>) -> io::Result<bool> {
        packed.clear();
        match self {
            Self::Zstd(zstd) => {
                packed.reserve(zstd::zstd_safe::compress_bound(raw.len()));
                zstd.compress_to_buffer(raw, packed)?;
            }
            // What does not fit into as much is of no use.
            Self::Xz { preset, dictionary } => {
                packed.reserve_exact(raw.len());
                let mut options = LzmaOptions::new_preset(*preset)?;
                options.dict_size(*dictionary);
                let mut filters = Filters::new();
                filters.lzma2(&options);
                let mut stream = Stream::new_stream_encoder(&filters, Check::Crc32)?;
                let status = stream.process_vec(raw, packed, Action::Finish)?;
                if status != Status::StreamEnd {
                    return Ok(false);
                }
            }
            Self::Gzip(gzip) => {
                packed.reserve_exact(raw.len());
                gzip.reset();
                let status = gzip.compress_vec(raw, packed, FlushCompress::Finish)?;
                if status != flate2::Status::StreamEnd {
                    return Ok(false);
                }
            }
            Self::Lz4 => {
                packed.resize(lz4_flex::block::get_maximum_output_size(raw.len()), 0);
                let length = lz4_flex::block::compress_into(raw, packed);
                packed.truncate(length.map_err(io::Error::other)?);
            }
            Self::None => return Ok(false),
        }
        Ok(packed.len() < raw.len())
    }
}

/// Memory that an xz stream may ask for, in bytes: dictionaries here are at most 1 MiB.
const XZ_MEMORY: u64 = 32 << 20;

/// The content of one block, which is at most `limit` bytes.
pub(super) fn expand(compressor: Compressor, packed: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let stream: Box<dyn Read> = match compressor {
        Compressor::Zstd => return zstd::bulk::Decompressor::new()?.decompress(packed, limit),
        Compressor::Lz4 => {
            return lz4_flex::block::decompress(packed, limit).map_err(io::Error::other);
        }
        Compressor::Gzip => Box::new(flate2::read::ZlibDecoder::new(packed)),
        Compressor::Xz => {
            let decoder = Stream::new_stream_decoder(XZ_MEMORY, 0)?;
            Box::new(liblzma::read::XzDecoder::new_stream(packed, decoder))
        }
    };
    let mut raw = Vec::new();
    let room = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    stream.take(room).read_to_end(&mut raw)?;
    if raw.len() > limit {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it holds more than {limit} bytes"),
        ));
    }
    Ok(raw)
}
