//! Where to write, and what speaks against it.

use std::fmt;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::image::Image;
use crate::disk::{self, Device, Disk, Use};

/// Where to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A whole disk.
    Disk {
        /// Its node, as it was named.
        path: PathBuf,
        /// What is known of it.
        disk: Box<Disk>,
    },
    /// A file: a new one takes its place, with the same size when that is larger than the image.
    File {
        /// As it was named.
        path: PathBuf,
        /// The size of the one that is there, in bytes; `None` when there is none.
        old_size: Option<u64>,
    },
}

/// What the person allowed beforehand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowed {
    /// Disks that are not made to be taken away.
    pub fixed_disk: bool,
}

/// Why a target is not written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The running system stands on it.
    System,
    /// Somebody uses it.
    Used(Use),
    /// It is opened exclusively by somebody who does not show.
    Claimed,
    /// It is built in.
    Fixed,
    /// The kernel does not write to it.
    ReadOnly,
    /// There is nothing in the drive.
    NoMedium,
    /// The image does not fit.
    TooSmall {
        /// Bytes that it has.
        size: u64,
        /// Bytes that the image has.
        needed: u64,
    },
    /// The image is made for sectors of 512 bytes.
    SectorSize(u32),
    /// A part of a disk.
    Partition {
        /// Of this one.
        disk: String,
    },
    /// The image itself.
    Image,
    /// Neither a disk nor a file: what it is.
    Kind(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("the running system is on it"),
            Self::Used(used) => write!(f, "{used}; {}", used.way_out()),
            Self::Claimed => f.write_str(
                "another program or device uses it; unmount and close what is on it first",
            ),
            Self::Fixed => {
                f.write_str("it is a fixed disk, not one to be taken away; --fixed-disk allows it")
            }
            Self::ReadOnly => {
                f.write_str("it is read-only; a card or stick may have a switch for that")
            }
            Self::NoMedium => f.write_str("there is no medium in this drive"),
            Self::TooSmall { size, needed } => {
                write!(
                    f,
                    "it has {size} bytes and the image {needed}; take a larger disk"
                )
            }
            Self::SectorSize(size) => write!(
                f,
                "it has sectors of {size} bytes, and the image is made for 512"
            ),
            Self::Partition { disk } => write!(
                f,
                "it is a partition; name the whole disk, /dev/{disk}, if that is what you mean"
            ),
            Self::Image => f.write_str("it is the image itself; name another target"),
            Self::Kind(kind) => write!(f, "it is {kind}; a disk or a file is needed"),
        }
    }
}

/// Who must be asked before a target is overwritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody: nothing is there.
    Free,
    /// The person, who must type this name: a disk's by the kernel, or a file's.
    Name(String),
}

impl Target {
    /// Finds out what is at `path`, on the machine whose `/` is `root`.
    ///
    /// # Errors
    ///
    /// [`Error::NoTarget`], [`Error::Unknown`], and [`Error::Refused`] when it is neither a whole
    /// disk nor a file.
    pub fn find(root: &Path, path: &Path) -> Result<Self, Error> {
        let refused = |reason| {
            Err(Error::Refused {
                path: path.to_owned(),
                reasons: vec![reason],
            })
        };
        let Ok(metadata) = fs::metadata(path) else {
            return Self::new_file(root, path);
        };
        let kind = metadata.file_type();
        if kind.is_file() {
            return Ok(Self::File {
                path: path.to_owned(),
                old_size: Some(metadata.len()),
            });
        }
        if !kind.is_block_device() {
            return refused(Refusal::Kind(match kind {
                kind if kind.is_dir() => "a folder",
                kind if kind.is_char_device() => "a character device",
                kind if kind.is_fifo() => "a pipe",
                _ => "neither a disk nor a file",
            }));
        }
        let name = disk::device_at(root, path);
        let device = match &name {
            Some(name) => disk::named(root, name).map_err(|source| Error::Unknown {
                path: path.to_owned(),
                source,
            })?,
            None => None,
        };
        match device {
            Some(Device::Disk(disk)) => Ok(Self::Disk {
                path: path.to_owned(),
                disk,
            }),
            Some(Device::Partition { disk, .. }) => refused(Refusal::Partition { disk }),
            None => refused(Refusal::Kind("a device that the kernel does not list")),
        }
    }

    /// A path at which there is nothing: a new file, unless it looks like a disk that is not there.
    fn new_file(root: &Path, path: &Path) -> Result<Self, Error> {
        let missing = |hint| {
            Err(Error::NoTarget {
                path: path.to_owned(),
                hint,
            })
        };
        if path.starts_with("/dev") && !path.starts_with("/dev/shm") {
            return missing("'sealboot write --list' shows the disks that are there");
        }
        let bare = path.components().count() == 1 && !path.is_absolute();
        if bare && root.join("sys/class/block").join(path).exists() {
            return missing("put /dev/ before a disk's name, or ./ before a file's");
        }
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        match (folder.is_dir(), path.file_name()) {
            (true, Some(_)) => Ok(Self::File {
                path: path.to_owned(),
                old_size: None,
            }),
            _ => missing("make its folder first"),
        }
    }

    /// As it was named.
    pub fn path(&self) -> &Path {
        match self {
            Self::Disk { path, .. } | Self::File { path, .. } => path,
        }
    }

    /// What must be typed before it is overwritten.
    pub fn claim(&self) -> Claim {
        match self {
            Self::Disk { disk, .. } => Claim::Name(disk.name.clone()),
            Self::File { old_size: None, .. } => Claim::Free,
            Self::File { path, .. } => {
                let name = path.file_name().unwrap_or(path.as_os_str());
                Claim::Name(name.to_string_lossy().into_owned())
            }
        }
    }

    /// All that speaks against writing this image to it.
    pub fn refusals(&self, image: &Image, allowed: Allowed) -> Vec<Refusal> {
        match self {
            Self::File { path, .. } => {
                let same = fs::metadata(path).is_ok_and(|metadata| image.is(&metadata));
                same.then_some(Refusal::Image).into_iter().collect()
            }
            Self::Disk { disk, .. } => disk_refusals(disk, Some(image.size()), allowed),
        }
    }
}

/// All that speaks against writing to a disk: the gravest first.
pub(super) fn disk_refusals(disk: &Disk, needed: Option<u64>, allowed: Allowed) -> Vec<Refusal> {
    if disk.size == 0 {
        return vec![Refusal::NoMedium];
    }
    let size = disk.size;
    let too_small = needed.filter(|needed| size < *needed);
    let rows = [
        (disk.system, Refusal::System),
        (disk.read_only, Refusal::ReadOnly),
        (
            disk.sector_size != 512,
            Refusal::SectorSize(disk.sector_size),
        ),
        (!disk.removable && !allowed.fixed_disk, Refusal::Fixed),
    ];
    let rows = rows
        .into_iter()
        .filter_map(|(so, refusal)| so.then_some(refusal));
    let used = disk.uses.iter().cloned().map(Refusal::Used);
    let small = too_small.map(|needed| Refusal::TooSmall { size, needed });
    rows.chain(used).chain(small).collect()
}

impl Disk {
    /// What speaks against writing an image to this disk, whatever its size; see
    /// [`Target::refusals`] for a given one.
    pub fn refusals(&self, allowed: Allowed) -> Vec<Refusal> {
        disk_refusals(self, None, allowed)
    }
}
