//! What sysfs says of a block device (kernel: `Documentation/ABI/stable/sysfs-block`).

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use linux::Error;
use rustix::fs::{major, minor};

use super::{Bus, Disk, Partition};

/// Longest text that is taken from a device, in characters.
const LONGEST: usize = 40;

/// Names of all block devices.
pub(super) fn names(root: &Path) -> Result<Vec<String>, Error> {
    let folder = root.join("sys/class/block");
    let entries = fs::read_dir(&folder).map_err(Error::at("cannot list", &folder))?;
    let names = entries.flatten().map(|entry| entry.file_name());
    Ok(names.filter_map(|name| name.into_string().ok()).collect())
}

/// The kernel's name of the block device at a path, through symbolic links; `None` when there is
/// none. A node is what its number says, not what it is called.
pub fn device_at(root: &Path, path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.file_type().is_block_device() {
        return None;
    }
    let number = metadata.rdev();
    by_number(root, major(number), minor(number))
}

/// The kernel's name of the block device with that number.
pub(super) fn by_number(root: &Path, major: u32, minor: u32) -> Option<String> {
    let link = root.join("sys/dev/block").join(format!("{major}:{minor}"));
    let target = fs::read_link(link).ok()?;
    Some(target.file_name()?.to_str()?.to_owned())
}

/// The disk that a partition's folder lies in; `None` for a whole disk.
pub(super) fn disk_of(folder: &Path) -> Option<String> {
    number(&folder.join("partition"))?;
    Some(folder.parent()?.file_name()?.to_str()?.to_owned())
}

/// A whole disk, without its uses.
pub(super) fn disk(name: &str, folder: &Path) -> Option<Disk> {
    let bus = bus(name, folder);
    Some(Disk {
        name: name.to_owned(),
        size: size(folder)?,
        sector_size: number(&folder.join("queue/logical_block_size"))
            .and_then(|bytes| u32::try_from(bytes).ok())
            .unwrap_or(512),
        bus,
        removable: number(&folder.join("removable")) == Some(1)
            || matches!(bus, Bus::Usb | Bus::Sd),
        read_only: number(&folder.join("ro")) == Some(1),
        model: model(folder),
        serial: serial(folder, bus),
        sequence: number(&folder.join("diskseq")),
        partitions: partitions(folder),
        uses: Vec::new(),
        system: false,
    })
}

fn size(folder: &Path) -> Option<u64> {
    // In units of 512 bytes, whatever the sector size.
    number(&folder.join("size"))?.checked_mul(512)
}

fn partitions(folder: &Path) -> Vec<Partition> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut partitions: Vec<Partition> = entries
        .filter_map(|entry| {
            let folder = entry.path();
            let uevent = fs::read_to_string(folder.join("uevent")).unwrap_or_default();
            let label = uevent
                .lines()
                .find_map(|line| line.strip_prefix("PARTNAME="));
            Some(Partition {
                number: u32::try_from(number(&folder.join("partition"))?).ok()?,
                name: entry.file_name().into_string().ok()?,
                size: size(&folder)?,
                label: plain(label.unwrap_or_default().as_bytes()),
            })
        })
        .collect();
    partitions.sort_by_key(|partition| partition.number);
    partitions
}

/// From the names of the devices that the disk hangs on: `/sys/devices/pci0000:00/…/usb2/2-1/…`.
fn bus(name: &str, folder: &Path) -> Bus {
    let path = folder.to_string_lossy();
    let parents: Vec<&str> = path.split('/').collect();
    let hangs_on = |prefix: &str| {
        let numbered = |part: &str| {
            let number = part.strip_prefix(prefix);
            number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        };
        parents.iter().any(|part| numbered(part))
    };
    if hangs_on("usb") {
        Bus::Usb
    } else if hangs_on("mmc") {
        match text(&folder.join("device/type")).as_str() {
            "SD" => Bus::Sd,
            _ => Bus::Emmc,
        }
    } else if name.starts_with("nvme") {
        Bus::Nvme
    } else if hangs_on("ata") {
        Bus::Ata
    } else if hangs_on("host") {
        Bus::Scsi
    } else if hangs_on("virtio") {
        Bus::Virtio
    } else if parents.contains(&"virtual") {
        Bus::Virtual
    } else {
        Bus::Other
    }
}

fn model(folder: &Path) -> String {
    let mut vendor = text(&folder.join("device/vendor"));
    // A number is what the driver matched, not who made it; "ATA" is who translates.
    if vendor.starts_with("0x") || vendor == "ATA" {
        vendor.clear();
    }
    let model = match text(&folder.join("device/model")) {
        model if model.is_empty() => text(&folder.join("device/name")),
        model => model,
    };
    if let Some(file) = backing_file(folder) {
        return plain(format!("file {}", file.display()).as_bytes());
    }
    if model.is_empty() {
        return text(&folder.join("dm/name"));
    }
    format!("{vendor} {model}").trim().to_owned()
}

/// What a loop device shows.
pub(super) fn backing_file(folder: &Path) -> Option<PathBuf> {
    let path = fs::read_to_string(folder.join("loop/backing_file")).ok()?;
    Some(PathBuf::from(path.trim_end_matches('\n')))
}

fn serial(folder: &Path, bus: Bus) -> String {
    // The serial that is printed on a stick is its USB device's.
    if bus == Bus::Usb {
        let device = folder.ancestors().find(|f| f.join("idVendor").exists());
        let serial = device.map(|device| text(&device.join("serial")));
        if let Some(serial) = serial.filter(|serial| !serial.is_empty()) {
            return serial;
        }
    }
    let own = ["serial", "device/serial"].map(|name| text(&folder.join(name)));
    if let Some(serial) = own.into_iter().find(|serial| !serial.is_empty()) {
        return serial;
    }
    // SCSI vital product data, page 80h: four bytes of header, then the serial (SPC-4, 7.8.15).
    let page = fs::read(folder.join("device/vpd_pg80")).unwrap_or_default();
    plain(page.get(4..).unwrap_or_default())
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn text(file: &Path) -> String {
    plain(&fs::read(file).unwrap_or_default())
}

/// Text that is safe to show: a device's strings come from outside, and a terminal obeys control
/// characters.
pub(super) fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let visible = |c: char| match c {
        '\0' => ' ',
        c if c.is_ascii_graphic() || c == ' ' => c,
        _ => '?',
    };
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    text.chars().take(LONGEST).map(visible).collect()
}
