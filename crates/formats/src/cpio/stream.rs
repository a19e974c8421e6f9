//! An archive as a stream: for those that are larger than memory should be.

use std::io::{self, Read};

use super::Error;
use super::format::{self, HEADER, MAGIC, MAGIC_CHECKSUM, TRAILER, TYPE};

/// Longest path that is read, in bytes: the kernel's `PATH_MAX`.
const PATH_LIMIT: usize = 4096;

/// Reads an uncompressed archive from its start to the end mark and gives the content of the
/// regular files that `wanted` names, path → the most bytes that are kept of it, in their order.
/// A file that is longer is an error.
///
/// # Errors
///
/// [`Error::Damaged`], and [`Error::Read`] when `archive` fails.
pub fn select(
    archive: &mut dyn Read,
    wanted: &[(&str, u64)],
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut found = Vec::new();
    let mut offset: u64 = 0;
    loop {
        let start = offset;
        let damaged = |problem| Error::Damaged {
            offset: usize::try_from(start).unwrap_or(usize::MAX),
            problem,
        };
        let header = take(archive, HEADER)?;
        let magic = header.get(..MAGIC.len()).unwrap_or_default();
        if magic != MAGIC && magic != MAGIC_CHECKSUM {
            return Err(damaged("an entry starts with 070701 or 070702"));
        }
        let number = |index: usize| {
            let at = MAGIC.len() + 8 * index;
            let digits = header.get(at..at + 8)?;
            let digits = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
            u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
        };
        let (Some(mode), Some(size), Some(name)) = (number(1), number(6), number(11)) else {
            return Err(damaged("a header's numbers have hex digits only"));
        };
        let (size, name) = (u64::from(size), name as usize);
        if name == 0 || name > PATH_LIMIT {
            return Err(damaged("a path has 1 to 4096 bytes"));
        }
        let padded = name + format::padding(HEADER + name);
        let path = take(archive, padded)?;
        let Some((0, path)) = path.get(..name).and_then(<[u8]>::split_last) else {
            return Err(damaged("a path ends with NUL"));
        };
        if path == TRAILER {
            return Ok(found);
        }
        let padding = format::padding((size % 4) as usize) as u64;
        let row = wanted.iter().find(|(name, _)| name.as_bytes() == path);
        match row {
            Some((name, limit)) if mode & TYPE == format::FILE => {
                if size > *limit {
                    return Err(damaged("a file is longer than it can be"));
                }
                // `limit` is what the caller wants to have in memory.
                found.push(((*name).to_owned(), take(archive, size as usize)?));
                skip(archive, padding)?;
            }
            _ => skip(archive, size + padding)?,
        }
        offset = offset.saturating_add((HEADER + padded) as u64 + size + padding);
    }
}

fn take(archive: &mut dyn Read, length: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; length];
    archive.read_exact(&mut bytes).map_err(Error::Read)?;
    Ok(bytes)
}

fn skip(archive: &mut dyn Read, length: u64) -> Result<(), Error> {
    let skipped = io::copy(&mut archive.take(length), &mut io::sink()).map_err(Error::Read)?;
    match skipped == length {
        true => Ok(()),
        false => Err(Error::Read(io::ErrorKind::UnexpectedEof.into())),
    }
}
