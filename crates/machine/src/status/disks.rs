//! The disks of this machine, and what each holds: enough for a person to know which is which.

use std::fs::File;
use std::path::Path;

use contract::running;
use formats::fat::Volume;
use serde::Serialize;

use super::gather::{Mount, path, plain};
use crate::disk::{self, Bus, Content};
use crate::slot;

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// What it is.
    #[serde(flatten)]
    pub disk: disk::Disk,
    /// What its partitions hold, by number; of a disk without any, what it holds itself.
    pub holds: Vec<Held>,
}

/// What a partition or an unpartitioned disk holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// `sda1`.
    pub device: String,
    /// Size in bytes.
    pub size: u64,
    /// Name in the partition table; empty when it has none.
    pub name: String,
    /// The file system or whatever else it is; nothing when it does not say, or may not be read.
    pub content: Option<Content>,
    /// Version of the sealboot release on it, by its manifest; nobody checked that manifest here.
    pub release: Option<String>,
    /// Whether this system was started from it.
    pub running: bool,
}

/// Every disk with hardware behind it.
pub(super) fn read(root: &Path, mounts: &[Mount]) -> Vec<Disk> {
    let disks = disk::survey(root).unwrap_or_default().into_iter();
    disks
        .filter(|disk| disk.bus != Bus::Virtual)
        .map(|disk| Disk {
            holds: holds(root, &disk, mounts),
            disk,
        })
        .filter(|disk| !is_empty_drive(disk))
        .collect()
}

/// Whether it is a drive for optical discs with nothing in it: the kernel gives it 1 GiB then.
fn is_empty_drive(disk: &Disk) -> bool {
    disk.disk.name.starts_with("sr") && disk.holds.iter().all(|held| held.content.is_none())
}

fn holds(root: &Path, disk: &disk::Disk, mounts: &[Mount]) -> Vec<Held> {
    let mut parts: Vec<(&str, u64, &str)> = disk
        .partitions
        .iter()
        .map(|partition| (&*partition.name, partition.size, &*partition.label))
        .collect();
    if parts.is_empty() {
        parts.push((&disk.name, disk.size, ""));
    }
    let held = |(device, size, name): (&str, u64, &str)| {
        let node = format!("/dev/{device}");
        let mut file = File::open(path(root, &node)).ok();
        let content = file.as_mut().and_then(disk::content);
        let is_fat = content
            .as_ref()
            .is_some_and(|content| content.kind.starts_with("FAT"));
        Held {
            device: device.to_owned(),
            size,
            name: name.to_owned(),
            content,
            release: file.filter(|_| is_fat).and_then(|file| release(file, size)),
            running: mounts
                .iter()
                .any(|mount| mount.source == node && mount.target == running::PARTITION),
        }
    };
    parts.into_iter().map(held).collect()
}

fn release(partition: File, size: u64) -> Option<String> {
    let mut volume = Volume::open(partition, 0, size).ok()?;
    Some(plain(&slot::manifest(&mut volume)?.version))
}
