//! [`Plan`] → volume, each byte once: tables and directories (`metadata`), then the files
//! (`content`).

mod content;
mod metadata;

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::plan::{PlacedFile, Plan};

/// Zeroes of this length, in bytes, are left out on a blank medium.
const HOLE: usize = 64 << 10;

static ZEROES: [u8; HOLE] = [0; HOLE];

/// What the place of the volume holds before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Zeroes, as in a new file: zeroes are not written, so that the file stays sparse.
    Blank,
    /// Anything, as on a disk that was in use: what must be zero is written.
    Used,
}

/// Why a volume could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file's content cannot be had.
    #[error("reading the content of {path:?} for the FAT volume failed")]
    Content {
        /// Its path on the volume.
        path: String,
        /// What its reader said.
        source: io::Error,
    },
    /// A file's content is shorter or longer than planned.
    #[error(
        "the content of {path:?} has {}{found} bytes, {expected} were planned: it changed in \
         between, so plan again",
        if found > expected { "at least " } else { "" }
    )]
    Changed {
        /// Its path on the volume.
        path: String,
        /// The planned size, in bytes.
        expected: u64,
        /// What the reader gave, in bytes.
        found: u64,
    },
    /// The medium refused.
    #[error("writing {what} of the FAT volume failed")]
    Output {
        /// Which part.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Plan {
    /// Writes the whole volume at byte `start` of `out`.
    ///
    /// `open` gives the content of each file, in order, or nothing where it has put it there
    /// itself; `progress` is told how many more bytes of content are done. On a [`Medium::Blank`] the last sector is written too, so that a
    /// file gets its full length.
    ///
    /// # Errors
    ///
    /// See [`WriteError`]. What was written until then is no use.
    pub fn write<W, R>(
        &self,
        out: &mut W,
        start: u64,
        medium: Medium,
        mut open: impl FnMut(&PlacedFile) -> io::Result<Option<R>>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), WriteError>
    where
        W: Write + Seek,
        R: Read,
    {
        self.write_metadata(out, start, medium)?;
        for file in &self.files {
            let content = open(file).map_err(|source| WriteError::Content {
                path: file.path.clone(),
                source,
            })?;
            match content {
                Some(mut content) => {
                    self.write_content(out, start, medium, file, &mut content, progress)?;
                }
                None => progress(file.size),
            }
        }
        Ok(())
    }
}

fn write_at<W: Write + Seek>(out: &mut W, offset: u64, bytes: &[u8]) -> io::Result<()> {
    out.seek(SeekFrom::Start(offset))?;
    out.write_all(bytes)
}

fn write_zeroes<W: Write>(out: &mut W, mut length: u64) -> io::Result<()> {
    while length > 0 {
        let part = usize::try_from(length).unwrap_or(HOLE).min(HOLE);
        out.write_all(&ZEROES[..part])?;
        length -= part as u64;
    }
    Ok(())
}
