//! [`DiskOptions`] → [`DiskPlan`]: checked and placed, not yet written.

use std::path::PathBuf;
use std::sync::Arc;

use contract::esp;
use formats::fat::{self, Options, Plan};
use formats::gpt::{Layout, LayoutError, Partition, SectorSize};
use uguid::Guid;

use super::guid::{guid_from, serial_from};

/// Partitions start and end at multiples of this, in bytes.
pub(super) const MIB: u64 = 1 << 20;

/// Room for the files that firmware, an owner or a later system put beside the release.
const DEFAULT_FREE: u64 = 8 * MIB;

/// A file on the boot partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOnSlot {
    /// Where it goes, from the partition's root: `EFI/BOOT/BOOTX64.EFI`.
    pub path: String,
    /// In bytes. The source must have exactly as many.
    pub size: u64,
    /// Where its content comes from.
    pub source: Source,
}

/// Where a file's content comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// From memory.
    Bytes(Arc<[u8]>),
    /// From a file of this machine, opened when its turn to be written comes.
    File(PathBuf),
}

impl FileOnSlot {
    /// A file with its content in memory.
    pub fn from_bytes(path: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self {
            path: path.into(),
            size: bytes.len() as u64,
            source: Source::Bytes(bytes),
        }
    }
}

/// What a disk is to be.
#[derive(Clone, Debug)]
pub struct DiskOptions {
    /// What is on the boot partition, in the order of the disk.
    pub files: Vec<FileOnSlot>,
    /// Which disk it is.
    pub disk_guid: Guid,
    /// Which partition it is: Linux's `PARTUUID`.
    pub partition_guid: Guid,
    /// The partition's name.
    pub partition_name: String,
    /// The FAT volume's label.
    pub volume_label: String,
    /// The FAT volume's serial number.
    pub volume_serial: u32,
    /// Room for other files on the partition, in bytes; at least as much is free.
    pub free: u64,
    /// Size of the whole disk in bytes, a multiple of 1 MiB; when not set, what files and `free` need.
    pub disk_size: Option<u64>,
    /// The time of all files, in seconds since 1970.
    pub epoch: i64,
    /// The disk's sector size: 512 bytes for an image that is written to sticks.
    pub sector_size: SectorSize,
}

impl DiskOptions {
    /// Boot slot A with `files`; GUIDs and serial number come from `seed`, so the same files,
    /// seed and epoch make the same bytes.
    pub fn new(files: Vec<FileOnSlot>, seed: &[u8], epoch: i64) -> Self {
        Self {
            files,
            disk_guid: guid_from(seed, "disk"),
            partition_guid: guid_from(seed, esp::SLOT_A_NAME),
            partition_name: esp::SLOT_A_NAME.to_owned(),
            volume_label: esp::SLOT_A_LABEL.to_owned(),
            volume_serial: serial_from(seed, esp::SLOT_A_LABEL),
            free: DEFAULT_FREE,
            disk_size: None,
            epoch,
            sector_size: SectorSize::B512,
        }
    }
}

/// Why a disk cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The boot partition's filesystem.
    #[error("the boot partition cannot be made")]
    Fat(#[from] fat::PlanError),
    /// The partition table.
    #[error("the partition table cannot be made")]
    Gpt(#[from] LayoutError),
    /// The disk is to have another size than one it can have.
    #[error(
        "a disk of {size} bytes is asked for; a multiple of 1 MiB, at least {needed} bytes, is needed"
    )]
    DiskSize {
        /// As asked for, in bytes.
        size: u64,
        /// What files, free room and partition table need, in bytes.
        needed: u64,
    },
    /// A file in memory is not as long as its entry says.
    #[error("{path:?} has {found} bytes in memory, its size is given as {expected}")]
    Size {
        /// Its path on the partition.
        path: String,
        /// As given, in bytes.
        expected: u64,
        /// The length of its bytes.
        found: u64,
    },
}

/// A disk whose every byte has its place. `Display` prints it.
#[derive(Clone, Debug)]
pub struct DiskPlan {
    pub(super) layout: Layout,
    pub(super) volume: Plan,
    pub(super) label: String,
    pub(super) sources: Vec<Source>,
    pub(super) disk_size: u64,
    /// Where the partition starts, in bytes.
    pub(super) start: u64,
}

impl DiskPlan {
    /// Checks the options and places everything. Reads no file.
    ///
    /// # Errors
    ///
    /// See [`PlanError`].
    pub fn new(options: DiskOptions) -> Result<Self, PlanError> {
        for file in &options.files {
            if let Source::Bytes(bytes) = &file.source
                && bytes.len() as u64 != file.size
            {
                return Err(PlanError::Size {
                    path: file.path.clone(),
                    expected: file.size,
                    found: bytes.len() as u64,
                });
            }
        }
        let sector_size = options.sector_size;
        let (files, sources): (Vec<_>, Vec<_>) = options
            .files
            .into_iter()
            .map(|file| ((file.path, file.size), file.source))
            .unzip();
        let needed = fat::size_for(&files, options.free, sector_size)?.next_multiple_of(MIB);
        let needed = needed.saturating_add(2 * MIB);
        let disk_size = options.disk_size.unwrap_or(needed);
        if disk_size < needed || !disk_size.is_multiple_of(MIB) {
            return Err(PlanError::DiskSize {
                size: disk_size,
                needed,
            });
        }
        let (start, end) = (MIB, disk_size - MIB);
        let size = end - start;
        let first_lba = start / sector_size.bytes();
        let volume = Plan::new(
            &Options {
                sector_size,
                size,
                // One MiB: 2048 sectors or fewer.
                hidden_sectors: first_lba as u32,
                label: options.volume_label.clone(),
                serial: options.volume_serial,
                epoch: options.epoch,
            },
            &files,
        )?;
        let partition = Partition {
            number: 1,
            type_guid: esp::PARTITION_TYPE,
            guid: options.partition_guid,
            first_lba,
            last_lba: end / sector_size.bytes() - 1,
            attributes: 0,
            name: options.partition_name,
        };
        let layout = Layout::new(sector_size, disk_size, options.disk_guid, vec![partition])?;
        Ok(Self {
            layout,
            volume,
            label: options.volume_label,
            sources,
            disk_size,
            start,
        })
    }

    /// The size of the disk, in bytes: a whole number of MiB.
    pub fn disk_size(&self) -> u64 {
        self.disk_size
    }

    /// What all files hold together, in bytes: what the progress of a write adds up to.
    pub fn content_size(&self) -> u64 {
        self.volume.content_size()
    }

    /// The partition table.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The boot partition's filesystem.
    pub fn volume(&self) -> &Plan {
        &self.volume
    }
}
