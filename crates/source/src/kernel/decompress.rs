//! Compressed modules: `.ko.xz`, `.ko.zst`, `.ko.gz`.

use std::io::{Error, ErrorKind, Read};

/// The largest module that is taken, uncompressed, in bytes. The largest of Debian's has 20 MB
/// (`amdgpu`); a bomb has more.
pub const SIZE_LIMIT: u64 = 512 << 20;

/// A module's uncompressed bytes: the ELF file with its signature. The path's suffix says how it
/// is compressed.
pub fn decompress(path: &str, file: impl Read) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let suffix = path.rsplit('.').next().unwrap_or_default();
    let size = match suffix {
        "xz" => read(liblzma::read::XzDecoder::new(file), &mut bytes)?,
        "zst" => read(zstd::Decoder::new(file)?, &mut bytes)?,
        "gz" => read(flate2::read::MultiGzDecoder::new(file), &mut bytes)?,
        _ => read(file, &mut bytes)?,
    };
    if size > SIZE_LIMIT {
        let message = format!("it is larger than {SIZE_LIMIT} bytes uncompressed");
        return Err(Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

fn read(from: impl Read, to: &mut Vec<u8>) -> Result<u64, Error> {
    let size = from.take(SIZE_LIMIT + 1).read_to_end(to)?;
    Ok(size as u64)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn every_compression_is_read() {
        let content = b"\x7fELF module".repeat(100);
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(&content).unwrap();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&content).unwrap();
        let cases = [
            ("a.ko", content.clone()),
            ("a.ko.xz", xz.finish().unwrap()),
            ("a.ko.gz", gz.finish().unwrap()),
            ("a.ko.zst", zstd::bulk::compress(&content, 1).unwrap()),
        ];
        for (path, bytes) in cases {
            assert_eq!(decompress(path, &bytes[..]).unwrap(), content, "{path}");
            if path != "a.ko" {
                assert!(
                    decompress(path, &bytes[..bytes.len() / 2]).is_err(),
                    "{path}"
                );
            }
        }
    }
}
