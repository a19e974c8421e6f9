//! The content of files, and zeroes up to the end of their last clusters.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::{HOLE, Medium, WriteError, ZEROES, write_at, write_zeroes};
use crate::fat::plan::{PlacedFile, Plan};

/// Files are copied in pieces of this many bytes.
const COPY: usize = 1 << 20;

impl Plan {
    pub(super) fn write_content<W: Write + Seek>(
        &self,
        out: &mut W,
        start: u64,
        medium: Medium,
        file: &PlacedFile,
        content: &mut impl Read,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), WriteError> {
        let changed = |found| WriteError::Changed {
            path: file.path.clone(),
            expected: file.size,
            found,
        };
        let mut buffer = vec![0; COPY.min(usize::try_from(file.size).unwrap_or(COPY) + 1)];
        let mut done = 0;
        loop {
            // One byte more than is left is asked for, so that a longer file is noticed.
            let left = file.size - done;
            let wanted = buffer
                .len()
                .min(usize::try_from(left).unwrap_or(COPY).saturating_add(1));
            let length =
                fill(content, &mut buffer[..wanted]).map_err(|source| WriteError::Content {
                    path: file.path.clone(),
                    source,
                })?;
            if length as u64 > left {
                return Err(changed(done + length as u64));
            }
            if length == 0 {
                break;
            }
            write_piece(out, start + file.offset + done, medium, &buffer[..length]).map_err(
                |source| WriteError::Output {
                    what: format!("{:?} at its byte {done}", file.path),
                    source,
                },
            )?;
            done += length as u64;
            progress(length as u64);
        }
        if done < file.size {
            return Err(changed(done));
        }
        let slack = file
            .size
            .next_multiple_of(self.geometry.cluster_size.into())
            - file.size;
        if medium == Medium::Used && slack > 0 {
            out.seek(SeekFrom::Start(start + file.offset + file.size))
                .and_then(|_| write_zeroes(out, slack))
                .map_err(|source| WriteError::Output {
                    what: format!("what follows {:?}", file.path),
                    source,
                })?;
        }
        Ok(())
    }
}

/// Reads until `buffer` is full or the content ends.
fn fill(content: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match content.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

fn write_piece<W: Write + Seek>(
    out: &mut W,
    offset: u64,
    medium: Medium,
    bytes: &[u8],
) -> io::Result<()> {
    if medium == Medium::Used {
        return write_at(out, offset, bytes);
    }
    // A hole reads as zeroes: nothing to write. What is between two holes is written at once.
    let is_hole = |part: &[u8]| part == &ZEROES[..part.len()];
    let parts: Vec<&[u8]> = bytes.chunks(HOLE).collect();
    let (mut offset, mut left) = (offset, bytes);
    for run in parts.chunk_by(|one, next| is_hole(one) == is_hole(next)) {
        let (now, rest) = left.split_at(run.iter().map(|part| part.len()).sum());
        if !run.iter().all(|part| is_hole(part)) {
            write_at(out, offset, now)?;
        }
        (offset, left) = (offset + now.len() as u64, rest);
    }
    Ok(())
}
