//! A layer of an image.

use std::io::{self, BufReader, Read};
use std::sync::OnceLock;

use super::blob::Blob;
use crate::fetch::Digest;
use crate::layer::{Layer, LayerKind};
use crate::section::Limited;

/// The most that one layer may be when it is decompressed, in bytes: 64 GiB. What claims more
/// fills no disk and no memory here, but would be read for an hour.
const UNPACKED_MAX: u64 = 64 << 30;

/// The same for messages.
const EXPECTED: &str = "any layer may be: 64 GiB";

/// The largest window of a zstd stream, as the logarithm of its size in bytes: what zstd itself
/// takes by default.
const WINDOW_LOG_MAX: u32 = 27;

/// One layer of an image: a tar, compressed with gzip or zstd or not at all.
///
/// Before its first byte is looked at, the blob's size and digest are checked; whoever reads the
/// stream to its end compares it with [`Layer::diff_id`].
#[derive(Debug)]
pub struct ImageLayer {
    pub(super) name: String,
    pub(super) blob: Blob,
    /// Digest and size of the blob, in bytes. `None` in a `docker-archive`, which has only
    /// uncompressed layers and their `diff_id`.
    pub(super) expected: Option<(Digest, u64)>,
    pub(super) diff_id: Digest,
    pub(super) checked: OnceLock<()>,
}

impl Layer for ImageLayer {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> LayerKind {
        LayerKind::Oci
    }

    fn diff_id(&self) -> Option<Digest> {
        Some(self.diff_id)
    }

    fn digest(&self) -> Option<Digest> {
        // The blob is compared with it where the stream is opened; until then nothing of it counts.
        self.expected.map(|(digest, _)| digest)
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        self.check()?;
        unpack(&self.blob, UNPACKED_MAX)
    }
}

impl ImageLayer {
    /// Compares the blob with its digest, once.
    fn check(&self) -> io::Result<()> {
        if let (Some((digest, size)), None) = (self.expected, self.checked.get()) {
            self.blob.check(digest, size).map_err(io::Error::other)?;
            self.checked.get_or_init(|| ());
        }
        Ok(())
    }
}

/// The blob, decompressed as its first bytes ask, up to `most` bytes.
fn unpack(blob: &Blob, most: u64) -> io::Result<Box<dyn Read + Send>> {
    let mut magic = Vec::new();
    blob.reader().take(4).read_to_end(&mut magic)?;
    let input = BufReader::with_capacity(1 << 17, blob.reader());
    Ok(match magic.as_slice() {
        [0x1f, 0x8b, ..] => {
            let inner = flate2::bufread::MultiGzDecoder::new(input);
            Box::new(Limited::new(inner, most, EXPECTED))
        }
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
            // Skippable frames, in front or at the end (zstd:chunked), are passed over.
            let mut inner = zstd::Decoder::with_buffer(input)?;
            inner.window_log_max(WINDOW_LOG_MAX)?;
            Box::new(Limited::new(inner, most, EXPECTED))
        }
        _ => Box::new(input),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::Arc;

    #[test]
    fn what_swells_is_stopped() {
        let zeros = vec![0; 4 << 20];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&zeros).unwrap();
        for packed in [
            gzip.finish().unwrap(),
            zstd::encode_all(&zeros[..], 1).unwrap(),
        ] {
            // Several streams one after the other are one.
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&packed.repeat(3)).unwrap();
            let size = 3 * packed.len() as u64;
            let blob = Blob::new(&Arc::new(file), 0, size, "test");
            let unpacked = |most| io::copy(&mut unpack(&blob, most)?, &mut io::sink());
            assert_eq!(unpacked(12 << 20).unwrap(), 12 << 20);
            let error = unpacked((12 << 20) - 1).unwrap_err().to_string();
            assert!(error.contains("longer than any layer"), "{error}");
        }
    }
}
