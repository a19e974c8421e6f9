//! Who uses which device, as far as the kernel tells. It does not tell all (another container's
//! mounts, a program that has the disk open): opening the disk exclusively is the last word.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

use contract::manifest::ImageName;
use contract::running;
use serde::Serialize;

use super::mounts::Mount;
use super::stack::{Stack, entries};
use super::{Disk, sysfs};

/// A disk or partition, and one who uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Use {
    /// `sdb1`.
    pub device: String,
    /// By whom.
    #[serde(flatten)]
    pub what: What,
}

/// See [`Use`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "used", content = "by", rename_all = "kebab-case")]
pub enum What {
    /// Mounted there.
    Mounted(String),
    /// Swapped to.
    Swap,
    /// Part of this device: RAID, LVM, encryption.
    PartOf(String),
    /// Part of a btrfs of several devices.
    Btrfs,
    /// Shown by this loop device.
    Loop(String),
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device = &self.device;
        match &self.what {
            What::Mounted(at) => write!(f, "{device} is mounted at {at}"),
            What::Swap => write!(f, "{device} is swapped to"),
            What::PartOf(other) => write!(f, "{device} is part of {other}"),
            What::Btrfs => write!(f, "{device} is part of a mounted btrfs"),
            What::Loop(other) => write!(f, "{device} is shown by {other}"),
        }
    }
}

impl Use {
    /// What ends it, as a command to a person.
    pub fn way_out(&self) -> &'static str {
        match &self.what {
            What::Mounted(_) | What::Btrfs => "unmount it first",
            What::Swap => "swapoff it first",
            What::PartOf(_) => "take it out of that first",
            What::Loop(_) => "detach that first",
        }
    }
}

/// Where the running system's files are; not all of these are there on every machine.
const SYSTEM: [&str; 6] = [
    "/",
    "/usr",
    "/boot",
    "/boot/efi",
    "/efi",
    running::PARTITION,
];

/// What is known of all devices.
pub(super) struct Known {
    uses: BTreeMap<String, BTreeSet<What>>,
    /// Every device that the running system stands on.
    pub(super) system: BTreeSet<String>,
}

impl Known {
    pub(super) fn gather(root: &Path) -> Result<Self, linux::Error> {
        let mountinfo = fs::read(root.join("proc/self/mountinfo")).unwrap_or_default();
        let mounts = Mount::parse(&String::from_utf8_lossy(&mountinfo));
        let stack = Stack {
            root,
            mounts: &mounts,
        };
        let names = sysfs::names(root)?;
        let mut uses = Vec::new();
        for mount in &mounts {
            let target = sysfs::plain(mount.target.to_string_lossy().as_bytes());
            let what = What::Mounted(target);
            uses.extend(
                stack
                    .of_mount(mount)
                    .into_iter()
                    .map(|on| (on, what.clone())),
            );
        }
        uses.extend(swapped(root, &stack).into_iter().map(|on| (on, What::Swap)));
        uses.extend(btrfs(root).into_iter().map(|on| (on, What::Btrfs)));
        let mut system: Vec<String> = mounts
            .iter()
            .filter(|mount| SYSTEM.iter().any(|place| mount.target == Path::new(place)))
            .flat_map(|mount| stack.of_mount(mount))
            .collect();
        for name in &names {
            let folder = root.join("sys/class/block").join(name);
            let holders = entries(&folder.join("holders")).into_iter();
            uses.extend(holders.map(|holder| (name.clone(), What::PartOf(holder))));
            // One that shows a file is no use of its own: the file's file system is mounted.
            let shown = sysfs::backing_file(&folder);
            let shown = shown.and_then(|path| stack.device(&path));
            uses.extend(shown.map(|on| (on, What::Loop(name.clone()))));
            let mapped = fs::read_to_string(folder.join("dm/name")).unwrap_or_default();
            if is_image(mapped.trim()) {
                system.push(name.clone());
            }
        }
        let mut known = Self {
            uses: BTreeMap::new(),
            system: system.iter().flat_map(|name| stack.under(name)).collect(),
        };
        for (device, what) in uses {
            known.uses.entry(device).or_default().insert(what);
        }
        Ok(known)
    }

    /// The uses of a disk and its partitions.
    pub(super) fn of(&self, disk: &Disk) -> Vec<Use> {
        let partitions = disk.partitions.iter().map(|partition| &partition.name);
        let devices = [&disk.name].into_iter().chain(partitions);
        let uses = devices.flat_map(|device| {
            let what = self.uses.get(device).into_iter().flatten();
            what.map(move |what| Use {
                device: device.clone(),
                what: what.clone(),
            })
        });
        uses.collect()
    }
}

/// The images of the release that runs: their disk may be unmounted, and is needed all the same.
fn is_image(mapped: &str) -> bool {
    let names = [ImageName::Root, ImageName::Modules, ImageName::Firmware];
    names.iter().any(|name| running::device(*name) == mapped)
}

/// proc_swaps(5): a heading, then a line a device or file.
fn swapped(root: &Path, stack: &Stack<'_>) -> Vec<String> {
    let swaps = fs::read_to_string(root.join("proc/swaps")).unwrap_or_default();
    let paths = swaps.lines().skip(1).filter_map(|l| l.split(' ').next());
    paths
        .flat_map(|path| stack.of_path(Path::new(path)))
        .collect()
}

/// `/sys/fs/btrfs/<uuid>/devices/<name>`: the mount names only one of them.
fn btrfs(root: &Path) -> Vec<String> {
    let folder = root.join("sys/fs/btrfs");
    let systems = entries(&folder).into_iter();
    systems
        .flat_map(|uuid| entries(&folder.join(uuid).join("devices")))
        .collect()
}
