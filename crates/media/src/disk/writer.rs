//! [`DiskPlan`] → disk image.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use formats::fat::{self, Medium};

use super::place::place;
use super::plan::{DiskPlan, Source};

/// Why a disk could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The boot partition, or the source of one of its files.
    #[error("the disk image's boot partition could not be written")]
    Volume(#[from] fat::WriteError),
    /// The partition table.
    #[error("the disk image's partition table could not be written")]
    Table(#[source] io::Error),
    /// What was written did not reach the medium.
    #[error("the disk image could not be completed")]
    Flush(#[source] io::Error),
}

impl DiskPlan {
    /// Writes the disk to `out`, an empty file, which is left sparse: what is free is never
    /// written, and neither are holes of files and long zeroes of what is in memory. Where the file
    /// system can, `out` shares its bytes with the files that it holds.
    ///
    /// `progress` is told how many more bytes of content are done; they add up to
    /// [`DiskPlan::content_size`]. The partition table comes last, so a disk cut off half-way
    /// is none. `out` is not synced: that, and giving the file its name, is the caller's.
    ///
    /// # Errors
    ///
    /// See [`WriteError`]; a source whose size is not the planned one is one of them. What was
    /// written until then is no use.
    pub fn write(&self, out: &File, progress: &mut dyn FnMut(u64)) -> Result<(), WriteError> {
        // Files are asked for in the plan's order, which is the sources' order.
        let mut sources = self.sources.iter();
        let open = |placed: &fat::PlacedFile| match sources.next() {
            Some(Source::Bytes(bytes)) => Ok(Some(Content::Bytes(bytes))),
            Some(Source::File(path)) => {
                let content = self.place(path, placed, out).map_err(|error| {
                    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                })?;
                Ok(content.map(Content::File))
            }
            None => Ok(None),
        };
        let mut written = out;
        self.volume
            .write(&mut written, self.start, Medium::Blank, open, progress)?;
        self.layout.write(&mut written).map_err(WriteError::Table)?;
        written.flush().map_err(WriteError::Flush)
    }

    /// Puts a file's content in its place, or gives it to be written there.
    fn place(&self, path: &Path, placed: &fat::PlacedFile, out: &File) -> io::Result<Option<File>> {
        let mut content = File::open(path)?;
        if place(&content, placed.size, out, self.start + placed.offset) {
            return Ok(None);
        }
        content.rewind()?;
        Ok(Some(content))
    }
}

enum Content<'a> {
    Bytes(&'a [u8]),
    File(File),
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Bytes(bytes) => bytes.read(buffer),
            Self::File(file) => file.read(buffer),
        }
    }
}
