//! The parts of a package or index: one tar stream in several gzip members (RFC 1952), one after
//! the other (apk-v2(5)). The first holds signatures of the bytes of what follows.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;

use super::keyring::Signature;
use crate::layer::EntryError;
use crate::layer::archive::{Archive, EntryKind};
use crate::section::Limited;
use crate::tree::Quoted;

/// The first bytes of a gzip member.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Why a member cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is something else.
    #[error(
        "it starts with {0:?}, not with a gzip header; packages of apk 3 (\"ADB\") are not read"
    )]
    Start(Quoted),
    /// It is not gzip, it was cut, or it is too large.
    #[error("its {part} cannot be unpacked")]
    Gzip {
        /// `signature`, `control part`, `list of packages`.
        part: &'static str,
        /// What the decompressor said.
        source: io::Error,
    },
    /// It is not a tar stream.
    #[error("its {part} cannot be read")]
    Tar {
        /// The same.
        part: &'static str,
        /// Why.
        source: Box<EntryError>,
    },
    /// An entry that does not belong there.
    #[error("its {part} holds {found:?}; {expected}")]
    Entry {
        /// The same.
        part: &'static str,
        /// The entry's name.
        found: String,
        /// What is expected.
        expected: &'static str,
    },
}

/// A small file of a member.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) name: String,
    /// When it was changed, in seconds since 1970.
    pub(crate) mtime: i64,
    /// Its content.
    pub(crate) bytes: Vec<u8>,
}

/// The first member of `bytes`: its files, and the rest of `bytes`. `limit` is for its unpacked
/// size, in bytes.
pub(crate) fn first<'a>(
    bytes: &'a [u8],
    part: &'static str,
    limit: u64,
) -> Result<(Vec<Entry>, &'a [u8]), Error> {
    let mut rest = bytes;
    let mut decoder = GzDecoder::new(&mut rest);
    let mut tar = Vec::new();
    Limited::new(&mut decoder, limit, "any that is known")
        .read_to_end(&mut tar)
        .map_err(|source| Error::Gzip { part, source })?;
    drop(decoder);
    let in_tar = |error| Error::Tar {
        part,
        source: Box::new(error),
    };
    let mut archive = Archive::new(tar.as_slice());
    let mut found = Vec::new();
    while let Some(entry) = archive.next_entry().map_err(in_tar)? {
        let name = String::from_utf8_lossy(&entry.path).into_owned();
        if !matches!(entry.kind, EntryKind::File(_)) {
            return Err(Error::Entry {
                part,
                found: name,
                expected: "only files belong there",
            });
        }
        let mut bytes = Vec::new();
        let read = archive.content().read_to_end(&mut bytes);
        read.map_err(|source| Error::Gzip { part, source })?;
        found.push(Entry {
            name,
            mtime: entry.mtime,
            bytes,
        });
    }
    Ok((found, rest))
}

/// The signatures at the start of `bytes`, and what they are made over: the rest of `bytes`.
/// Where the first member holds other files, there are no signatures.
///
/// `limit` is for what is unpacked, in bytes: that of what may stand there in their place.
pub(crate) fn signatures(bytes: &[u8], limit: u64) -> Result<(Vec<Signature>, &[u8]), Error> {
    let part = "signature";
    if !bytes.starts_with(GZIP) {
        let start = bytes.get(..4).unwrap_or(bytes);
        return Err(Error::Start(Quoted::new(start)));
    }
    let (entries, rest) = first(bytes, part, limit)?;
    if !entries.iter().any(|entry| entry.name.starts_with(".SIGN.")) {
        return Ok((Vec::new(), bytes));
    }
    let mut signatures = Vec::new();
    for entry in entries {
        let found = entry.name.clone();
        let wrong = || Error::Entry {
            part,
            found,
            expected: "only files named .SIGN.ALGORITHM.KEY belong there",
        };
        signatures.push(Signature::new(&entry.name, entry.bytes).ok_or_else(wrong)?);
    }
    Ok((signatures, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..4),
        ) {
            let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(
                Vec::new(),
                flate2::Compression::fast(),
            ));
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, ".SIGN.RSA.key", bytes.as_slice()).unwrap();
            let mut packed = tar.into_inner().unwrap().finish().unwrap();
            let (found, rest) = signatures(&packed, 1 << 20).unwrap();
            prop_assert_eq!((found.len(), rest.len()), (1, 0));
            for (at, value) in changes {
                let at = at % packed.len();
                packed[at] ^= value;
            }
            let _ = signatures(&packed, 1 << 20);
            let _ = signatures(&bytes, 1 << 20);
        }
    }

    #[test]
    fn what_unpacks_to_too_much_is_refused() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut packer, &vec![0; 1 << 20]).unwrap();
        let bomb = packer.finish().unwrap();
        assert!(bomb.len() < 2000);
        let error = first(&bomb, "control part", 1 << 16).unwrap_err();
        assert!(matches!(error, Error::Gzip { .. }), "{error}");
    }
}
