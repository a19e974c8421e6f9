//! Block devices as sysfs lists them (kernel: `Documentation/ABI/stable/sysfs-block`).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Error;

/// A disk or a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockDevice {
    /// The kernel's name: `nvme0n1p2`. Its node is `/dev/<name>`.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Logical block size in bytes.
    pub block_size: u32,
    /// What it is.
    pub kind: Kind,
}

/// See [`BlockDevice`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Real hardware, or a virtual machine's idea of it.
    Disk,
    /// Part of a disk.
    Partition {
        /// The disk's name: `nvme0n1`.
        disk: String,
        /// Number in the partition table, from 1.
        number: u32,
    },
    /// Made by the kernel: loop, device-mapper, RAM, md.
    Virtual,
}

/// All block devices that sysfs (mounted at `sys`) lists and that have a size, by name.
pub fn list(sys: &Path) -> Result<Vec<BlockDevice>, Error> {
    let folder = sys.join("class/block");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::at("cannot list", &folder)(error)),
    };
    // A device that goes away while it is read is not an error: it is not there.
    let mut devices: Vec<BlockDevice> = entries
        .flatten()
        .filter_map(|entry| read(&entry.path()))
        .collect();
    devices.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(devices)
}

fn read(link: &Path) -> Option<BlockDevice> {
    let folder = fs::canonicalize(link).ok()?;
    let name = folder.file_name()?.to_str()?.to_owned();
    let size = number(&folder.join("size"))?.checked_mul(512)?;
    if size == 0 {
        return None;
    }
    let parent = folder.parent()?;
    let (kind, queue) = match number(&folder.join("partition")) {
        Some(number) => {
            let disk = parent.file_name()?.to_str()?.to_owned();
            let number = u32::try_from(number).ok()?;
            (Kind::Partition { disk, number }, parent.join("queue"))
        }
        None if is_virtual(&folder) => (Kind::Virtual, folder.join("queue")),
        None => (Kind::Disk, folder.join("queue")),
    };
    let block_size = number(&queue.join("logical_block_size")).unwrap_or(512);
    Some(BlockDevice {
        name,
        size,
        block_size: u32::try_from(block_size).ok()?,
        kind,
    })
}

/// `/sys/devices/virtual/block/…` holds what has no hardware under it.
fn is_virtual(folder: &Path) -> bool {
    let mut parents = folder.ancestors().skip(1);
    let block = parents.next().and_then(Path::file_name);
    let above = parents.next().and_then(Path::file_name);
    block.is_some_and(|name| name == "block") && above.is_some_and(|name| name == "virtual")
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// `/dev/<name>` below `root`.
pub fn node(root: &Path, name: &str) -> PathBuf {
    root.join("dev").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn disks_partitions_and_virtual_devices_are_told_apart() {
        let sys = tempfile::tempdir().unwrap();
        let sys = sys.path();
        let files = [
            ("devices/pci0/nvme/nvme0n1/size", "1000"),
            (
                "devices/pci0/nvme/nvme0n1/queue/logical_block_size",
                "4096\n",
            ),
            ("devices/pci0/nvme/nvme0n1/nvme0n1p2/size", "100\n"),
            ("devices/pci0/nvme/nvme0n1/nvme0n1p2/partition", "2\n"),
            ("devices/virtual/block/loop0/size", "8"),
            ("devices/virtual/block/loop1/size", "0"),
            ("devices/odd/block/odd/size", "many"),
        ];
        for (path, content) in files {
            let path = sys.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::create_dir_all(sys.join("class/block")).unwrap();
        let links = [
            "pci0/nvme/nvme0n1",
            "pci0/nvme/nvme0n1/nvme0n1p2",
            "virtual/block/loop0",
            "virtual/block/loop1",
            "odd/block/odd",
        ];
        for link in links {
            let name = link.rsplit('/').next().unwrap();
            symlink(
                Path::new("../../devices").join(link),
                sys.join("class/block").join(name),
            )
            .unwrap();
        }
        let disk = |name: &str, size, block_size, kind| BlockDevice {
            name: name.to_owned(),
            size,
            block_size,
            kind,
        };
        let partition = Kind::Partition {
            disk: "nvme0n1".to_owned(),
            number: 2,
        };
        assert_eq!(
            list(sys).unwrap(),
            [
                disk("loop0", 4096, 512, Kind::Virtual),
                disk("nvme0n1", 512_000, 4096, Kind::Disk),
                disk("nvme0n1p2", 51_200, 4096, partition),
            ]
        );
        assert_eq!(list(&sys.join("nowhere")).unwrap(), []);
    }
}
