//! A UKI in one pass: its digest and its checksum are known when its last byte is written.

use std::io::{self, Seek, SeekFrom, Write};

use formats::authenticode::{self, ImageHasher};
use formats::pe::format::DIRECTORY_CERTIFICATES;
use formats::pe::{Checksum, Data, Give};
use sha2::{Digest, Sha256};
use source::keys::{Signer, verify_image_digest};

use super::{Error, Parts, lay_out};

/// Writes the UKI to `out`, an empty file, signed if there is a signer; returns its size in bytes.
/// `give` writes the initrd when [`Parts::initrd`] says that it comes later: twice where PCRs are signed, because the
/// signatures are a part of the image and follow from all of it.
///
/// The signature is verified before it is stored. After an error `out` is of no use.
pub fn write<W: Write + Seek>(
    stub: &[u8],
    parts: &Parts<'_>,
    signer: Option<&dyn Signer>,
    out: &mut W,
    give: &mut Give<'_>,
) -> Result<u64, Error> {
    let initrd = match (parts.initrd, parts.pcr) {
        (Data::Later(_), Some(_)) => {
            let mut hash = Hash(Sha256::new());
            give(&mut hash).map_err(Error::Write)?;
            Some(hash.0.finalize().into())
        }
        _ => None,
    };
    lay_out(stub, parts, initrd, |layout| {
        let mut pass = Pass {
            out,
            digest: ImageHasher::new(),
            checksum: Checksum::default(),
        };
        layout.write(&mut pass, give).map_err(Error::Write)?;
        let (out, digest, mut checksum) = (pass.out, pass.digest.finish()?, pass.checksum);
        let (headers, mut size) = (layout.headers(), layout.size());
        let mut put = |offset: u64, bytes: &[u8]| {
            let place = out.seek(SeekFrom::Start(offset));
            place
                .and_then(|_| out.write_all(bytes))
                .map_err(Error::Write)
        };
        if let Some(signer) = signer {
            let signature = signer.sign(&authenticode::to_be_signed(&digest)?)?;
            let certificate = signer.certificate();
            let pkcs7 = authenticode::assemble(certificate, &digest, &signature)?;
            verify_image_digest(certificate, &digest, &[&pkcs7])?;
            let directory = headers.directory_offset(DIRECTORY_CERTIFICATES);
            let directory =
                directory.ok_or(authenticode::Error::NoDirectory(headers.directories.len()))?;
            let entry = authenticode::entry(&pkcs7, size)?;
            put(size, &entry)?;
            checksum.update(&entry);
            let end = size + entry.len() as u64;
            let place = authenticode::directory(size, end);
            put(directory as u64, &place)?;
            checksum.replace_zeros(directory as u64, &place);
            size = end;
        }
        let field = headers.checksum_offset() as u64;
        put(field, &checksum.finish().to_le_bytes())?;
        out.flush().map_err(Error::Write)?;
        Ok(size)
    })
}

/// Hashes what is written into it.
struct Hash(Sha256);

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hashes and sums what is written through it.
struct Pass<'a, W> {
    out: &'a mut W,
    digest: ImageHasher,
    checksum: Checksum,
}

impl<W: Write> Write for Pass<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        let bytes = bytes.get(..written).unwrap_or(bytes);
        self.digest.update(bytes).map_err(io::Error::other)?;
        self.checksum.update(bytes);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
