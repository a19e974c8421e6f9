//! The EFI partitions that are there now, and what the screen says when the right one is not.

use std::fs::File;
use std::time::Duration;

use contract::esp;
use formats::gpt::{self, SectorSize};
use linux::block::{self, BlockDevice, Kind};

use crate::failure::Failure;
use crate::hardware::Hardware;
use crate::machine::Machine;

/// An EFI partition of some disk.
pub(super) struct Candidate {
    /// `/dev/nvme0n1p1`.
    pub(super) device: String,
    /// Lower case. Copies of one disk have the same.
    pub(super) guid: String,
}

/// The EFI partitions of all disks that are there now, by disk and number: always in the same
/// order. A disk without a table that can be read has none.
pub(super) fn candidates(machine: &Machine) -> Result<Vec<Candidate>, Failure> {
    let devices = block::list(&machine.path("/sys")).map_err(|error| {
        Failure::new("the disks cannot be listed", "start again").because(&error)
    })?;
    let disks = devices.iter().filter(|device| device.kind == Kind::Disk);
    Ok(disks
        .flat_map(|disk| on_disk(machine, disk, &devices))
        .collect())
}

fn on_disk(machine: &Machine, disk: &BlockDevice, devices: &[BlockDevice]) -> Vec<Candidate> {
    let partitions = table(machine, disk)
        .map(|table| table.partitions)
        .unwrap_or_default();
    let efi = partitions
        .into_iter()
        .filter(|partition| partition.type_guid == esp::PARTITION_TYPE);
    efi.filter_map(|partition| {
        let kind = Kind::Partition {
            disk: disk.name.clone(),
            number: partition.number,
        };
        let device = devices.iter().find(|device| device.kind == kind)?;
        Some(Candidate {
            device: format!("/dev/{}", device.name),
            guid: partition.guid.to_string(),
        })
    })
    .collect()
}

fn table(machine: &Machine, disk: &BlockDevice) -> Result<gpt::Table, String> {
    let sector_size = match disk.block_size {
        512 => SectorSize::B512,
        4096 => SectorSize::B4096,
        other => return Err(format!("it has sectors of {other} bytes")),
    };
    let node = block::node(&machine.path("/"), &disk.name);
    let mut file = File::open(node).map_err(|error| error.to_string())?;
    gpt::read(&mut file, sector_size).map_err(|error| error.to_string())
}

/// The failure for `words` that did not come in `wait`: with every disk that is there instead.
pub(super) fn missing(
    machine: &Machine,
    words: &str,
    wait: Duration,
    hardware: &Hardware,
) -> Failure {
    let devices = block::list(&machine.path("/sys")).unwrap_or_default();
    let mut found: Vec<String> = Vec::new();
    for disk in devices.iter().filter(|device| device.kind == Kind::Disk) {
        let on_it = match table(machine, disk) {
            Ok(table) => {
                let efi = on_disk(machine, disk, &devices);
                format!(
                    "{} partition(s), {} of them EFI",
                    table.partitions.len(),
                    efi.len()
                )
            }
            Err(reason) => reason,
        };
        found.push(format!("{} of {} MiB: {on_it}", disk.name, disk.size >> 20));
    }
    if found.is_empty() {
        found.push("no disk at all".to_owned());
    }
    if !hardware.refused().is_empty() {
        found.push(format!(
            "modules that were refused: {}",
            hardware.refused().join(", ")
        ));
    }
    let what = format!(
        "the disk to start from did not appear in {} seconds",
        wait.as_secs()
    );
    let next =
        "check its cable or plug; a slow disk needs a larger sealboot.wait= on the command line";
    Failure::new(what, next).differs(words, found.join("; "))
}
