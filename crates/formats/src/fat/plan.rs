//! Paths and sizes → the place of every byte.

use crate::gpt::SectorSize;

use super::FILE_LIMIT;
use super::format::ROOT_CLUSTER;
use super::geometry::{Geometry, least_size};
use super::time::DosTime;
use super::tree::Tree;

/// What a volume is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// The sector size of the disk.
    pub sector_size: SectorSize,
    /// The size of the volume, in bytes; see [`size_for`].
    pub size: u64,
    /// Sectors before the volume: where its partition starts.
    pub hidden_sectors: u32,
    /// Up to 11 of A-Z, 0-9, space and `! # $ % & ' ( ) - @ ^ _ { } ~` and the back quote;
    /// empty for no label.
    pub label: String,
    /// The volume's serial number: Linux's `UUID`.
    pub serial: u32,
    /// All times of all files, in seconds since 1970; see [`DosTime::from_epoch`].
    pub epoch: i64,
}

/// Why a volume cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// FAT cannot hold a name.
    #[error("{path:?} cannot be a path on FAT32: {reason}")]
    Name {
        /// The whole path.
        path: String,
        /// The rule.
        reason: &'static str,
    },
    /// Two names are the same to FAT, or a name is a file's and a directory's.
    #[error("{path:?} cannot be on the volume: {name:?} is there already as {other:?}")]
    Clash {
        /// The whole path.
        path: String,
        /// The part of the path that clashes.
        name: String,
        /// What it clashes with.
        other: String,
    },
    /// Over [`FILE_LIMIT`].
    #[error(
        "{path:?} has {size} bytes; a file on FAT32 has at most {FILE_LIMIT} (4 GiB - 32 KiB) \
         here: make it smaller, or split it"
    )]
    FileTooLarge {
        /// The whole path.
        path: String,
        /// Its size, in bytes.
        size: u64,
    },
    /// Over 65,536 entries.
    #[error(
        "the directory of {example:?} needs {entries} entries; FAT has at most 65536 in one \
         directory, and long names take several: spread its files over more directories"
    )]
    DirectoryTooLarge {
        /// The path of something in it.
        example: String,
        /// What its names need.
        entries: usize,
    },
    /// The files do not fit, or the volume is too small to be FAT32.
    #[error("a FAT32 volume of {size} bytes is too small: {needed} are needed")]
    TooSmall {
        /// In bytes.
        size: u64,
        /// The least size, in bytes.
        needed: u64,
    },
    /// Over 2^32 sectors.
    #[error(
        "a FAT32 volume of {size} bytes is too large: it has at most 4294967295 sectors of \
         {sector_size} bytes"
    )]
    TooLarge {
        /// In bytes.
        size: u64,
        /// In bytes.
        sector_size: u64,
    },
    /// The label has characters that it cannot have.
    #[error(
        "{label:?} cannot be a FAT volume label: up to 11 of A-Z, 0-9, space and \
         ! # $ % & ' ( ) - @ ^ _ ` {{ }} ~ are possible, no space first"
    )]
    Label {
        /// The label.
        label: String,
    },
}

/// A file's place on the volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedFile {
    /// Where it is in the tree: `EFI/BOOT/BOOTX64.EFI`.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// Where its content starts, in bytes from the start of the volume. It is in one piece.
    pub offset: u64,
    /// Its first cluster; 0 for an empty file.
    pub cluster: u32,
}

/// A volume whose every byte has its place; see [`Plan::write`].
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) geometry: Geometry,
    pub(super) hidden_sectors: u32,
    /// 11 bytes, filled with spaces.
    pub(super) label: Option<[u8; 11]>,
    pub(super) serial: u32,
    pub(super) time: DosTime,
    pub(super) tree: Tree,
    /// First cluster and number of clusters of each directory, by number.
    pub(super) directories: Vec<(u32, u32)>,
    pub(super) files: Vec<PlacedFile>,
    /// Clusters in use.
    pub(super) used: u32,
}

/// The least size of a volume, in bytes, that holds `files` (path, size in bytes) and keeps
/// `free` bytes free. It may be rounded up to whole MiB without harm.
///
/// # Errors
///
/// Those of [`Plan::new`] that are about the files.
pub fn size_for(
    files: &[(String, u64)],
    free: u64,
    sector_size: SectorSize,
) -> Result<u64, PlanError> {
    // With a label, which is one entry more than without.
    let tree = Tree::new(files, true)?;
    least_size_of(&tree, files, free, sector_size)
}

fn least_size_of(
    tree: &Tree,
    files: &[(String, u64)],
    free: u64,
    sector_size: SectorSize,
) -> Result<u64, PlanError> {
    let clusters = |cluster_size: u64| {
        let sizes = tree.directories.iter().map(|d| d.size.max(1));
        sizes
            .chain(files.iter().map(|(_, size)| *size))
            .chain([free])
            .map(|size| size.div_ceil(cluster_size))
            .fold(0, u64::saturating_add)
    };
    least_size(sector_size, clusters).ok_or_else(|| PlanError::TooLarge {
        size: clusters(4096).saturating_mul(4096),
        sector_size: sector_size.bytes(),
    })
}

impl Plan {
    /// Places `files` (path, size in bytes) on a volume, in the order given, each in one piece.
    /// Directories are made as paths need them.
    ///
    /// # Errors
    ///
    /// See [`PlanError`]; one that is about a file says its path.
    pub fn new(options: &Options, files: &[(String, u64)]) -> Result<Self, PlanError> {
        let label = check_label(&options.label)?;
        let tree = Tree::new(files, label.is_some())?;
        let sector_size = options.sector_size;
        let needed = least_size_of(&tree, files, 0, sector_size)?;
        if options.size / sector_size.bytes() > u64::from(u32::MAX) {
            return Err(PlanError::TooLarge {
                size: options.size,
                sector_size: sector_size.bytes(),
            });
        }
        let too_small = || PlanError::TooSmall {
            size: options.size,
            needed,
        };
        let geometry = Geometry::for_size(sector_size, options.size).ok_or_else(too_small)?;

        // Clusters are handed out in order; `next` may run past the end, which is checked last.
        let mut next = u64::from(ROOT_CLUSTER);
        let mut take = |size: u64| {
            let first = next;
            next += size.div_ceil(geometry.cluster_size.into());
            (first, next - first)
        };
        let directories: Vec<_> = tree
            .directories
            .iter()
            .map(|directory| take(directory.size.max(1)))
            .collect();
        let places: Vec<_> = files.iter().map(|(_, size)| take(*size)).collect();
        let used = next - u64::from(ROOT_CLUSTER);
        if used > geometry.clusters.into() {
            return Err(too_small());
        }

        // Nothing is beyond the last cluster, whose number has 28 bits.
        let files = files
            .iter()
            .zip(places)
            .map(|((path, size), (first, count))| PlacedFile {
                path: path.clone(),
                size: *size,
                offset: geometry.cluster_offset(first as u32),
                cluster: if count == 0 { 0 } else { first as u32 },
            })
            .collect();
        Ok(Self {
            geometry,
            hidden_sectors: options.hidden_sectors,
            label,
            serial: options.serial,
            time: DosTime::from_epoch(options.epoch),
            tree,
            directories: directories
                .into_iter()
                .map(|(first, count)| (first as u32, count as u32))
                .collect(),
            files,
            used: used as u32,
        })
    }

    /// The volume's shape.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The files, in the order of the disk, which is the order in which they were given.
    pub fn files(&self) -> &[PlacedFile] {
        &self.files
    }

    /// What all files hold together, in bytes.
    pub fn content_size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// What is left for other files, in bytes.
    pub fn free(&self) -> u64 {
        let clusters = self.geometry.clusters.saturating_sub(self.used);
        u64::from(clusters) * u64::from(self.geometry.cluster_size)
    }
}

/// Whether a volume can have that label; an empty one is none.
pub fn is_label(label: &str) -> bool {
    let legal =
        |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b" !#$%&'()-@^_`{}~".contains(&b);
    label.len() <= 11 && !label.starts_with(' ') && label.bytes().all(legal)
}

fn check_label(label: &str) -> Result<Option<[u8; 11]>, PlanError> {
    if !is_label(label) {
        return Err(PlanError::Label {
            label: label.to_owned(),
        });
    }
    let mut bytes = [b' '; 11];
    for (place, byte) in bytes.iter_mut().zip(label.bytes()) {
        *place = byte;
    }
    Ok((!label.is_empty()).then_some(bytes))
}
