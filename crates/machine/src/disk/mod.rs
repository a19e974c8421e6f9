//! The disks of this machine: what each one is, what is on it, and who uses it.
//!
//! In order: `mounts` (what is mounted where), `sysfs` (what the kernel says of a device), `stack`
//! (which devices carry which), `uses` (who uses what), and here the [`survey`] that joins them.
//! Everything is read below a folder that stands for `/`, and nothing needs root; reading the
//! partitions' content ([`content`]) does, on most systems.

mod content;
mod mounts;
mod stack;
mod sysfs;
mod uses;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub use content::{Content, content};
pub use sysfs::device_at;
pub use uses::{Use, What};

/// A whole disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// The kernel's name: `sdb`.
    pub name: String,
    /// Size in bytes; 0 when there is no medium in the drive.
    pub size: u64,
    /// Logical block size in bytes.
    pub sector_size: u32,
    /// What connects it.
    pub bus: Bus,
    /// Whether it, or its medium, is made to be taken away: USB, SD cards, card readers.
    pub removable: bool,
    /// Whether the kernel refuses to write to it.
    pub read_only: bool,
    /// Vendor and model, as it says itself; empty when it does not.
    pub model: String,
    /// Serial number; empty when it does not say.
    pub serial: String,
    /// Another medium has another number; not known before Linux 5.15.
    pub sequence: Option<u64>,
    /// By number.
    pub partitions: Vec<Partition>,
    /// Who uses it or a partition of it.
    pub uses: Vec<Use>,
    /// Whether the running system stands on it.
    pub system: bool,
}

/// A partition that the kernel knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// The kernel's name: `sdb1`.
    pub name: String,
    /// Number in the partition table, from 1.
    pub number: u32,
    /// Size in bytes.
    pub size: u64,
    /// Name in the partition table; empty when it has none.
    pub label: String,
}

/// What connects a disk to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bus {
    /// USB, whatever is behind the bridge.
    Usb,
    /// A card in a slot.
    Sd,
    /// A chip on the board.
    Emmc,
    /// NVMe.
    Nvme,
    /// SATA or IDE.
    Ata,
    /// virtio-blk.
    Virtio,
    /// SAS, iSCSI, virtio-scsi …
    Scsi,
    /// Made by the kernel: loop, device-mapper, md, memory.
    Virtual,
    /// None of these.
    Other,
}

impl Bus {
    /// As a person calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usb => "USB",
            Self::Sd => "SD card",
            Self::Emmc => "eMMC",
            Self::Nvme => "NVMe",
            Self::Ata => "ATA",
            Self::Virtio => "virtio",
            Self::Scsi => "SCSI",
            Self::Virtual => "virtual",
            Self::Other => "other",
        }
    }
}

/// What a path to a device node stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// A whole disk.
    Disk(Box<Disk>),
    /// Part of one.
    Partition {
        /// `sdb1`.
        name: String,
        /// `sdb`.
        disk: String,
    },
}

/// All disks that have a size, by name.
///
/// # Errors
///
/// When sysfs cannot be listed: nothing is known of any disk then.
pub fn survey(root: &Path) -> Result<Vec<Disk>, linux::Error> {
    let known = uses::Known::gather(root)?;
    let folder = root.join("sys/class/block");
    let mut disks: Vec<Disk> = sysfs::names(root)?
        .iter()
        .filter_map(|name| match device(&folder, name, &known)? {
            Device::Disk(disk) => Some(*disk),
            Device::Partition { .. } => None,
        })
        .filter(|disk| disk.size > 0)
        .collect();
    disks.sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
    Ok(disks)
}

/// The device that the kernel calls `name`; `None` when there is no such device.
///
/// # Errors
///
/// As [`survey`].
pub fn named(root: &Path, name: &str) -> Result<Option<Device>, linux::Error> {
    let known = uses::Known::gather(root)?;
    Ok(device(&root.join("sys/class/block"), name, &known))
}

fn device(folder: &Path, name: &str, known: &uses::Known) -> Option<Device> {
    // A device that goes away while it is read is not there.
    let folder: PathBuf = folder.join(name).canonicalize().ok()?;
    if let Some(disk) = sysfs::disk_of(&folder) {
        let name = name.to_owned();
        return Some(Device::Partition { name, disk });
    }
    let mut disk = sysfs::disk(name, &folder)?;
    disk.uses = known.of(&disk);
    disk.system = known.system.contains(name);
    Some(Device::Disk(Box::new(disk)))
}
