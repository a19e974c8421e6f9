//! Boot sectors, FSInfo, file allocation tables and directories.

use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use zerocopy::{FromZeros, IntoBytes};

use super::{HOLE, Medium, WriteError, ZEROES, write_at, write_zeroes};
use crate::fat::format::{
    ATTR_ARCHIVE, ATTR_DIRECTORY, ATTR_VOLUME_ID, BACKUP_BOOT_SECTOR, BootSector, END_OF_CHAIN,
    FAT_MASK, FS_INFO_SECTOR, FsInfo, MEDIA, ROOT_CLUSTER, ShortEntry,
};
use crate::fat::name::{self, ShortName};
use crate::fat::plan::Plan;
use crate::fat::tree::{Directory, Node};

impl Plan {
    /// Writes everything but the content of files.
    pub(super) fn write_metadata<W: Write + Seek>(
        &self,
        out: &mut W,
        start: u64,
        medium: Medium,
    ) -> Result<(), WriteError> {
        let output = |what: &str| {
            let what = what.to_owned();
            |source| WriteError::Output { what, source }
        };
        self.write_reserved(out, start, medium)
            .map_err(output("the boot sectors"))?;
        for number in 0..self.geometry.fats {
            let offset = start + self.geometry.fat_offset(number);
            self.write_fat(out, offset, medium)
                .map_err(output("the file allocation table"))?;
        }
        for (number, directory) in self.tree.directories.iter().enumerate() {
            let (first, count) = self.directories[number];
            let mut bytes = self.directory(number, directory);
            bytes.resize(count as usize * self.geometry.cluster_size as usize, 0);
            let offset = start + self.geometry.cluster_offset(first);
            write_at(out, offset, &bytes).map_err(output("a directory"))?;
        }
        let sector = self.geometry.sector_size as usize;
        let end = start + self.geometry.size();
        write_at(out, end - sector as u64, &ZEROES[..sector]).map_err(output("the last sector"))
    }

    fn write_reserved<W: Write + Seek>(
        &self,
        out: &mut W,
        start: u64,
        medium: Medium,
    ) -> io::Result<()> {
        if medium == Medium::Used {
            out.seek(SeekFrom::Start(start))?;
            write_zeroes(out, self.geometry.fat_offset(0))?;
        }
        let boot = self.boot_sector();
        let info = self.fs_info();
        // The third boot sector of fatgen103 holds only its signature.
        let mut third = [0; 512];
        third[510..].copy_from_slice(&[0x55, 0xaa]);
        let parts: [&[u8]; 3] = [boot.as_bytes(), info.as_bytes(), &third];
        for copy in [0, BACKUP_BOOT_SECTOR] {
            for (sector, part) in (u64::from(copy)..).zip(parts) {
                let offset = sector * u64::from(self.geometry.sector_size);
                write_at(out, start + offset, part)?;
            }
        }
        Ok(())
    }

    fn boot_sector(&self) -> BootSector {
        let g = &self.geometry;
        let mut boot = BootSector::new_zeroed();
        boot.jump = [0xeb, 0x58, 0x90];
        // fatgen103: some drivers want exactly this.
        boot.oem_name = *b"MSWIN4.1";
        boot.bytes_per_sector = (g.sector_size as u16).into();
        boot.sectors_per_cluster = (g.cluster_size / g.sector_size) as u8;
        boot.reserved_sectors = (g.reserved_sectors as u16).into();
        boot.fats = g.fats as u8;
        boot.media = MEDIA;
        // No disk has this shape, but BIOSes and old tools divide by it.
        boot.sectors_per_track = 63.into();
        boot.heads = 255.into();
        boot.hidden_sectors = self.hidden_sectors.into();
        boot.total_sectors = g.total_sectors.into();
        boot.fat_sectors = g.fat_sectors.into();
        boot.root_cluster = ROOT_CLUSTER.into();
        boot.fs_info_sector = FS_INFO_SECTOR.into();
        boot.backup_boot_sector = BACKUP_BOOT_SECTOR.into();
        boot.drive = 0x80;
        boot.boot_signature = 0x29;
        boot.serial = self.serial.into();
        boot.label = self.label.unwrap_or(*b"NO NAME    ");
        boot.filesystem = *b"FAT32   ";
        // For a BIOS: try the next disk (interrupt 0x18), else stop for good.
        boot.boot_code[..5].copy_from_slice(&[0xcd, 0x18, 0xf4, 0xeb, 0xfd]);
        boot.signature = [0x55, 0xaa];
        boot
    }

    fn fs_info(&self) -> FsInfo {
        let free = self.geometry.clusters - self.used;
        let mut info = FsInfo::new_zeroed();
        info.lead_signature = *b"RRaA";
        info.struct_signature = *b"rrAa";
        info.free_clusters = free.into();
        info.next_free = match free {
            0 => u32::MAX,
            _ => ROOT_CLUSTER + self.used,
        }
        .into();
        info.trail_signature = [0, 0, 0x55, 0xaa];
        info
    }

    fn write_fat<W: Write + Seek>(
        &self,
        out: &mut W,
        offset: u64,
        medium: Medium,
    ) -> io::Result<()> {
        out.seek(SeekFrom::Start(offset))?;
        let mut out = BufWriter::with_capacity(HOLE, out);
        let media = FAT_MASK & !0xff | u32::from(MEDIA);
        for entry in [media, END_OF_CHAIN] {
            out.write_all(&entry.to_le_bytes())?;
        }
        for (first, count) in self.chains() {
            for next in first + 1..first + count {
                out.write_all(&next.to_le_bytes())?;
            }
            out.write_all(&END_OF_CHAIN.to_le_bytes())?;
        }
        if medium == Medium::Used {
            let length =
                u64::from(self.geometry.fat_sectors) * u64::from(self.geometry.sector_size);
            let used = 4 * (u64::from(ROOT_CLUSTER) + u64::from(self.used));
            write_zeroes(&mut out, length - used)?;
        }
        out.flush()
    }

    /// First cluster and number of clusters of everything that has any, in order.
    fn chains(&self) -> impl Iterator<Item = (u32, u32)> {
        let cluster_size = u64::from(self.geometry.cluster_size);
        let files = self
            .files
            .iter()
            .filter(|file| file.size > 0)
            .map(move |file| (file.cluster, file.size.div_ceil(cluster_size) as u32));
        self.directories.iter().copied().chain(files)
    }

    fn directory(&self, number: usize, directory: &Directory) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(directory.size as usize);
        if number > 0 {
            // The root is cluster 0 to `..`, whatever its number is.
            let parent = match directory.parent {
                0 => 0,
                parent => self.directories[parent].0,
            };
            let own = self.directories[number].0;
            for (name, cluster) in [(b".          ", own), (b"..         ", parent)] {
                bytes.extend(self.entry(name, ATTR_DIRECTORY, cluster, 0).as_bytes());
            }
        } else if let Some(label) = &self.label {
            let mut entry = self.entry(label, ATTR_VOLUME_ID, 0, 0);
            // A label has only a time of writing.
            entry.created_hundredths = 0;
            entry.created_time = 0.into();
            entry.created_date = 0.into();
            entry.accessed_date = 0.into();
            bytes.extend(entry.as_bytes());
        }
        for child in &directory.children {
            if child.has_long_name() {
                for part in name::long_entries(&child.name, &child.short) {
                    bytes.extend(part.as_bytes());
                }
            }
            let entry = match child.node {
                Node::Directory(inner) => {
                    self.entry(&child.short, ATTR_DIRECTORY, self.directories[inner].0, 0)
                }
                Node::File(file) => {
                    let file = &self.files[file];
                    self.entry(&child.short, ATTR_ARCHIVE, file.cluster, file.size as u32)
                }
            };
            bytes.extend(entry.as_bytes());
        }
        bytes
    }

    fn entry(&self, name: &ShortName, attributes: u8, cluster: u32, size: u32) -> ShortEntry {
        ShortEntry {
            name: *name,
            attributes,
            case: 0,
            created_hundredths: self.time.hundredths,
            created_time: self.time.time.into(),
            created_date: self.time.date.into(),
            accessed_date: self.time.date.into(),
            cluster_high: ((cluster >> 16) as u16).into(),
            written_time: self.time.time.into(),
            written_date: self.time.date.into(),
            cluster_low: (cluster as u16).into(),
            size: size.into(),
        }
    }
}
