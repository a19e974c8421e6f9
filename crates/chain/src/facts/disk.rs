//! A disk: partitions, filesystems, files, and the release on it.

use formats::fat;
use formats::gpt::Table;
use serde::Serialize;

use super::{Facts, fact, look as look_at, write_all};
use crate::files::Files;
use crate::text::Text;
use crate::{Error, Part, disk};

/// A disk with a GUID partition table.
#[derive(Clone, Debug, Serialize)]
pub struct Disk {
    /// Which disk it is.
    pub guid: String,
    /// In bytes.
    pub sector_size: u64,
    /// Count of sectors.
    pub sectors: u64,
    /// Which copy of the table was read.
    pub table: String,
    /// What is wrong with the other copy.
    pub table_problem: Option<String>,
    /// By number.
    pub partitions: Vec<Partition>,
}

/// A partition. Offsets and sizes are in bytes.
#[derive(Clone, Debug, Serialize)]
pub struct Partition {
    /// From 1.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Linux's `PARTUUID`.
    pub guid: String,
    /// What it is for.
    pub type_guid: String,
    /// Whether firmware starts from it.
    pub boot: bool,
    /// From the start of the disk.
    pub offset: u64,
    /// Its length.
    pub size: u64,
    /// The FAT32 volume in it.
    pub volume: Option<Volume>,
    /// Why there is none.
    pub volume_problem: Option<String>,
    /// The files on it whose format is known.
    pub contents: Vec<Facts>,
}

/// A FAT32 volume.
#[derive(Clone, Debug, Serialize)]
pub struct Volume {
    /// Its label.
    pub label: Option<String>,
    /// Linux's `UUID`: `1234-ABCD`.
    pub serial: String,
    /// In bytes.
    pub cluster_size: u32,
    /// Count of clusters.
    pub clusters: u32,
    /// Files and directories, each directory before its content.
    pub files: Vec<FileOnDisk>,
}

/// A file or directory.
#[derive(Clone, Debug, Serialize)]
pub struct FileOnDisk {
    /// From the volume's root.
    pub path: String,
    /// Whether it is a directory.
    pub directory: bool,
    /// In bytes.
    pub size: u64,
}

pub(super) fn look(part: &mut Part<'_>, deep: bool) -> Result<Disk, Error> {
    let table = disk::table(part)?;
    let boot = disk::boot_partitions(&table);
    let partitions = table.partitions.iter().map(|partition| {
        let is_boot = boot.iter().any(|b| b.number == partition.number);
        look_into(part, &table, partition, is_boot, deep)
    });
    let partitions = partitions.collect();
    Ok(Disk {
        guid: table.disk_guid.to_string(),
        sector_size: table.sector_size.bytes(),
        sectors: table.disk_sectors,
        table: table.side.to_string(),
        table_problem: table.other_side.as_ref().err().map(ToString::to_string),
        partitions,
    })
}

fn look_into(
    part: &mut Part<'_>,
    table: &Table,
    partition: &formats::gpt::Partition,
    boot: bool,
    deep: bool,
) -> Partition {
    let offset = partition.offset(table.sector_size);
    let size = partition.size(table.sector_size);
    let (mut volume, mut volume_problem, mut contents) = (None, None, Vec::new());
    if boot {
        match Files::slot(part, offset, size) {
            Ok(mut files) => match volume_of(&mut files) {
                Ok(found) => {
                    if deep {
                        contents = files_of(&mut files, &found);
                    }
                    volume = Some(found);
                }
                Err(error) => volume_problem = Some(error.to_string()),
            },
            Err(error) => volume_problem = Some(error.to_string()),
        }
    }
    Partition {
        number: partition.number,
        name: partition.name.clone(),
        guid: partition.guid.to_string(),
        type_guid: partition.type_guid.to_string(),
        boot,
        offset,
        size,
        volume,
        volume_problem,
        contents,
    }
}

fn volume_of(files: &mut Files<'_>) -> Result<Volume, fat::Error> {
    let Files::Slot { volume, .. } = files else {
        // Only a slot has a volume.
        return Err(fat::Error::NotFound {
            path: String::new(),
            missing: String::new(),
        });
    };
    let serial = volume.serial();
    let geometry = *volume.geometry();
    let entries = volume.walk()?.into_iter().map(|(path, entry)| FileOnDisk {
        path,
        directory: entry.is_directory,
        size: entry.size,
    });
    Ok(Volume {
        files: entries.collect(),
        label: volume.label()?,
        serial: format!("{:04X}-{:04X}", serial >> 16, serial & 0xffff),
        cluster_size: geometry.cluster_size,
        clusters: geometry.clusters,
    })
}

/// What the files are; those that cannot be read or are unknown are named in the list only.
fn files_of(files: &mut Files<'_>, volume: &Volume) -> Vec<Facts> {
    let paths = volume.files.iter().filter(|file| !file.directory);
    let mut look = |file: &FileOnDisk| look_at(&mut files.open(&file.path).ok()?, false).ok();
    paths.filter_map(&mut look).collect()
}

impl Disk {
    pub(super) fn write(&self, text: &mut Text) {
        fact(text, "disk GUID", &self.guid);
        let sectors = format!("{} of {} bytes", self.sectors, self.sector_size);
        fact(text, "sectors", &sectors);
        fact(text, "table", &format!("read from the {} copy", self.table));
        if let Some(problem) = &self.table_problem {
            fact(text, "other copy", problem);
        }
        for partition in &self.partitions {
            text.gap();
            partition.write(text);
        }
    }
}

impl Partition {
    fn write(&self, text: &mut Text) {
        let kind = match self.boot {
            true => "EFI system partition",
            false => "partition",
        };
        text.line(&format!(
            "partition {}: {kind} {:?}",
            self.number, self.name
        ));
        fact(text, "GUID", &self.guid);
        fact(text, "type", &self.type_guid);
        let place = format!("{} bytes at byte {}", self.size, self.offset);
        fact(text, "place", &place);
        if let Some(problem) = &self.volume_problem {
            fact(text, "FAT", problem);
        }
        if let Some(volume) = &self.volume {
            let shape = format!(
                "FAT32 {:?} {}, {} clusters of {} bytes",
                volume.label.as_deref().unwrap_or_default(),
                volume.serial,
                volume.clusters,
                volume.cluster_size
            );
            fact(text, "volume", &shape);
            for file in &volume.files {
                let size = match file.directory {
                    true => "directory".to_owned(),
                    false => file.size.to_string(),
                };
                text.exactly(&format!("  {size:>13} {}", file.path));
            }
        }
        write_all(text, &self.contents);
    }
}
