//! A compressed layer, with the digests that name it.

use std::io::{self, Write};

use super::{Difference, Error, tar};
use sha2::{Digest, Sha256};

/// How a layer is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip, level 1 to 9: read by everything.
    Gzip(u32),
    /// zstd, level 1 to 19: smaller and faster, read by what is newer than 2021.
    Zstd(i32),
}

/// Media type of a tar compressed with gzip.
const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A layer that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its media type (image-spec, layer.md).
    pub media_type: &'static str,
    /// SHA-256 of what was written.
    pub digest: [u8; 32],
    /// Its length in bytes.
    pub size: u64,
    /// SHA-256 of the tar stream inside.
    pub diff_id: [u8; 32],
}

/// Writes a layer. No file is younger than `epoch`, seconds since 1970.
pub fn write(
    content: &Difference,
    compression: Compression,
    epoch: u32,
    out: &mut dyn Write,
) -> Result<Layer, Error> {
    let mut out = Hashed::new(out);
    let (diff_id, media_type) = match compression {
        Compression::Gzip(level) => {
            let level = flate2::Compression::new(level);
            // Neither name nor time goes into the header.
            let mut encoder = flate2::write::GzEncoder::new(&mut out, level);
            let diff_id = stream(content, epoch, &mut encoder)?;
            encoder.finish()?;
            (diff_id, GZIP)
        }
        Compression::Zstd(level) => {
            let mut encoder = zstd::Encoder::new(&mut out, level)?;
            encoder.include_checksum(true)?;
            let diff_id = stream(content, epoch, &mut encoder)?;
            encoder.finish()?;
            (diff_id, "application/vnd.oci.image.layer.v1.tar+zstd")
        }
    };
    let (digest, size) = out.finish();
    Ok(Layer {
        media_type,
        digest,
        size,
        diff_id,
    })
}

/// What to call a layer that is written already.
pub(super) fn of_gzip(bytes: &[u8]) -> Result<Layer, Error> {
    let mut nowhere = io::sink();
    let mut inside = Hashed::new(&mut nowhere);
    io::copy(&mut flate2::read::GzDecoder::new(bytes), &mut inside)?;
    Ok(Layer {
        media_type: GZIP,
        digest: Sha256::digest(bytes).into(),
        size: bytes.len() as u64,
        diff_id: inside.finish().0,
    })
}

fn stream(content: &Difference, epoch: u32, out: &mut dyn Write) -> Result<[u8; 32], Error> {
    let mut out = Hashed::new(out);
    tar::write(content, epoch, &mut out)?;
    Ok(out.finish().0)
}

/// A writer that takes the digest of what goes through it.
pub(super) struct Hashed<'a> {
    out: &'a mut dyn Write,
    hash: Sha256,
    size: u64,
}

impl<'a> Hashed<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self {
            out,
            hash: Sha256::new(),
            size: 0,
        }
    }

    /// The SHA-256 and the number of the bytes.
    pub(super) fn finish(self) -> ([u8; 32], u64) {
        (self.hash.finalize().into(), self.size)
    }
}

impl Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
