//! What is to be written: a file that holds a disk with a sound partition table.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use contract::esp;
use formats::fat::Volume;
use formats::gpt::{self, SectorSize, Table};

use super::error::{Error, State};
use crate::slot;

/// A disk image, open.
#[derive(Debug)]
pub struct Image {
    path: PathBuf,
    file: File,
    size: u64,
    ranges: Vec<(u64, u64)>,
    table: Table,
    release: Option<String>,
}

impl Image {
    /// Opens an image and reads its partition table.
    ///
    /// # Errors
    ///
    /// [`Error::OpenImage`], [`Error::ReadImage`], and [`Error::NoImage`] unless both copies of
    /// its table are sound: what is cut short or no disk at all should not cost the disk's content.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let none = |found: String| Error::NoImage {
            path: path.to_owned(),
            found,
        };
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = opened.map_err(|source| Error::OpenImage {
            path: path.to_owned(),
            source,
        })?;
        if !metadata.is_file() {
            return Err(none("it is not a regular file".to_owned()));
        }
        let size = metadata.len();
        let table = gpt::read(&mut (&file), SectorSize::B512).map_err(|error| match error {
            gpt::Error::Read { offset, source, .. } => Error::ReadImage {
                path: path.to_owned(),
                offset,
                state: State::Untouched,
                source,
            },
            error => none(error.to_string()),
        })?;
        if let Err(damage) = &table.other_side {
            return Err(none(format!("one copy of its table is damaged: {damage}")));
        }
        if !size.is_multiple_of(SectorSize::B512.bytes()) {
            let found = format!("its {size} bytes are no whole sectors of 512 bytes");
            return Err(none(found));
        }
        let ranges = linux::disk::data_ranges(&file, size).map_err(|source| Error::ReadImage {
            path: path.to_owned(),
            offset: 0,
            state: State::Untouched,
            source,
        })?;
        let release = release(&file, &table);
        Ok(Self {
            path: path.to_owned(),
            file,
            size,
            ranges,
            table,
            release,
        })
    }

    /// Its path, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its size in bytes: a multiple of 512.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of it that are no holes.
    pub fn content_size(&self) -> u64 {
        self.ranges.iter().map(|(start, end)| end - start).sum()
    }

    /// The parts of it that are no holes, in order: start and end in bytes.
    pub(super) fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    /// Its partition table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The release that its manifest names, unverified; `None` when it is no image of sealboot's.
    pub fn release(&self) -> Option<&str> {
        self.release.as_deref()
    }

    /// Whether it is the file with that device and inode number.
    pub(super) fn is(&self, other: &std::fs::Metadata) -> bool {
        let own = self.file.metadata();
        own.is_ok_and(|own| (own.dev(), own.ino()) == (other.dev(), other.ino()))
    }

    /// Reads at `offset`; what lies behind its end is zero.
    pub(super) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let inside = self.size.saturating_sub(offset).min(bytes.len() as u64);
        let (inside, behind) = bytes.split_at_mut(inside as usize);
        behind.fill(0);
        self.file.read_exact_at(inside, offset)
    }
}

fn release(file: &File, table: &Table) -> Option<String> {
    let slots = table.partitions.iter();
    let mut slots = slots.filter(|slot| slot.type_guid == esp::PARTITION_TYPE);
    slots.find_map(|slot| {
        let (start, size) = (slot.offset(table.sector_size), slot.size(table.sector_size));
        let mut volume = Volume::open(Reader { file, at: 0 }, start, size).ok()?;
        Some(slot::manifest(&mut volume)?.version)
    })
}

/// A place of its own in a file that others read, too.
struct Reader<'a> {
    file: &'a File,
    at: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(bytes, self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let moved = |from: u64, by: i64| {
            from.checked_add_signed(by)
                .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
        };
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::Current(by) => moved(self.at, by)?,
            SeekFrom::End(by) => moved(self.file.metadata()?.len(), by)?,
        };
        Ok(self.at)
    }
}
