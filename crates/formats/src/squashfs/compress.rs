//! Compressing and decompressing single blocks.

use std::io::{self, Read};

use super::format::Compressor;

/// A zstd context that is used again for every block: setting one up costs more than a block.
pub(super) struct Zstd(zstd::bulk::Compressor<'static>);

impl Zstd {
    pub(super) fn new(level: i32) -> io::Result<Self> {
        zstd::bulk::Compressor::new(level).map(Self)
    }

    /// Replaces `packed` by the compressed `raw`; false when that is not smaller.
    pub(super) fn shrink(&mut self, raw: &[u8], packed: &mut Vec<u8>) -> io::Result<bool> {
        packed.clear();
        packed.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        self.0.compress_to_buffer(raw, packed)?;
        Ok(packed.len() < raw.len())
    }
}

/// Memory that an xz stream may ask for, in bytes: dictionaries here are at most 1 MiB.
const XZ_MEMORY: u64 = 32 << 20;

/// The content of one block, which is at most `limit` bytes.
pub(super) fn expand(compressor: Compressor, packed: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let stream: Box<dyn Read> = match compressor {
        Compressor::Zstd => return zstd::bulk::Decompressor::new()?.decompress(packed, limit),
        Compressor::Gzip => Box::new(flate2::read::ZlibDecoder::new(packed)),
        Compressor::Xz => {
            let decoder = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, 0)?;
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
