//! Every byte of the target that will be written, and what it will be.

use std::io::{self, Seek, SeekFrom, Write};

use formats::gpt::{Layout, SectorSize};

use super::EDGE;
use super::error::Error;
use super::image::Image;
use super::target::{Allowed, Target};

/// Holes of a disk begin and end at multiples of this, in bytes: a few bytes more are written, and
/// in pieces that flash memory takes well.
const DISK_GRAIN: u64 = 1 << 20;

/// Holes of a file do, in bytes: no file system has finer ones.
const FILE_GRAIN: u64 = 4096;

/// What will be written, and where to.
#[derive(Debug)]
pub struct Plan {
    /// What.
    pub image: Image,
    /// Where to.
    pub target: Target,
    /// Size that the target has, or that the file will have, in bytes.
    pub size: u64,
    /// Bytes that are not the image's: where, and what; later ones count.
    patches: Vec<(u64, Vec<u8>)>,
}

/// A part of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    /// Its first byte.
    pub(super) start: u64,
    /// Behind its last byte.
    pub(super) end: u64,
    /// All of it is zero.
    pub(super) hole: bool,
}

impl Plan {
    /// Plans to write `image` to `target`.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with all that speaks against it, and [`Error::NoImage`] when the image's
    /// table cannot be fitted to a target of another size.
    pub fn new(image: Image, target: Target, allowed: Allowed) -> Result<Self, Error> {
        let reasons = target.refusals(&image, allowed);
        if !reasons.is_empty() {
            return Err(Error::Refused {
                path: target.path().to_owned(),
                reasons,
            });
        }
        let size = match &target {
            Target::Disk { disk, .. } => disk.size,
            Target::File { old_size, .. } => old_size.unwrap_or(0),
        };
        // A last, incomplete sector is no part of a disk.
        let sector = SectorSize::B512.bytes();
        let size = (size / sector * sector).max(image.size());
        let patches = if size > image.size() {
            table_at_the_end(&image, size)?
        } else {
            Vec::new()
        };
        Ok(Self {
            image,
            target,
            size,
            patches,
        })
    }

    /// Whether the partition table is fitted to a target larger than the image.
    pub fn moves_backup_table(&self) -> bool {
        !self.patches.is_empty()
    }

    /// The bytes that the target will have at `offset`.
    pub(super) fn content(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.image.read_at(offset, bytes)?;
        for (start, patch) in &self.patches {
            let from = (*start).max(offset);
            let to = (start + patch.len() as u64).min(offset + bytes.len() as u64);
            if from < to {
                let into = bytes.get_mut((from - offset) as usize..(to - offset) as usize);
                let part = patch.get((from - start) as usize..(to - start) as usize);
                if let (Some(into), Some(part)) = (into, part) {
                    into.copy_from_slice(part);
                }
            }
        }
        Ok(())
    }

    /// What is written last: the start of the disk, with its table.
    pub(super) fn head(&self) -> Region {
        Region {
            start: 0,
            end: EDGE.min(self.image.size()),
            hole: false,
        }
    }

    /// What is written before that, in order: the rest of the image, then the end of the disk.
    pub(super) fn body(&self) -> Vec<Region> {
        let size = self.image.size();
        let grain = match &self.target {
            Target::Disk { .. } => DISK_GRAIN,
            Target::File { .. } => FILE_GRAIN,
        };
        let mut data: Vec<(u64, u64)> = self.image.ranges().to_vec();
        let patches = self.patches.iter();
        data.extend(patches.map(|(start, bytes)| (*start, start + bytes.len() as u64)));
        let end_of_disk = (size.max(self.size.saturating_sub(EDGE)), self.size);
        data.push(end_of_disk);
        data.sort_unstable();

        let mut regions = Vec::new();
        let mut at = self.head().end;
        let mut add = |start: u64, end: u64, hole: bool| {
            if start < end {
                regions.push(Region { start, end, hole });
            }
        };
        for (start, end) in data {
            let start = (start / grain * grain).max(at);
            let end = end.next_multiple_of(grain).min(self.size);
            // Behind the image, what is between the data is left alone.
            add(at, start.min(size), true);
            add(start, end, false);
            at = at.max(end);
        }
        add(at, size, true);
        regions
    }
}

/// Both copies of the image's table, for a disk of `size` bytes; and zeroes where the image has
/// its own backup.
fn table_at_the_end(image: &Image, size: u64) -> Result<Vec<(u64, Vec<u8>)>, Error> {
    let table = image.table();
    let partitions = table.partitions.clone();
    let layout = Layout::new(table.sector_size, size, table.disk_guid, partitions);
    let layout = layout.map_err(|error| Error::NoImage {
        path: image.path().to_owned(),
        found: format!("its table cannot be fitted to a disk of {size} bytes: {error}"),
    })?;
    let behind = table.last_usable_lba.saturating_add(1);
    let behind = behind.saturating_mul(table.sector_size.bytes());
    let old = image.size().saturating_sub(behind).min(EDGE);
    let mut written = Written {
        at: 0,
        parts: vec![(image.size() - old, vec![0; old as usize])],
    };
    layout
        .write(&mut written)
        .map_err(|source| Error::ReadImage {
            path: image.path().to_owned(),
            offset: 0,
            state: super::State::Untouched,
            source,
        })?;
    Ok(written.parts)
}

/// Keeps what is written where.
struct Written {
    at: u64,
    parts: Vec<(u64, Vec<u8>)>,
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.parts.push((self.at, bytes.to_vec()));
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Written {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::Start(at) => self.at = at,
            _ => return Err(io::ErrorKind::Unsupported.into()),
        }
        Ok(self.at)
    }
}
