//! Where the structures of a disk are: found with the readers, never by constants.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use contract::manifest::Manifest;
use formats::fat::Volume;
use formats::gpt::{self, SectorSize};
use formats::pe::parse_headers;
use formats::squashfs;

/// A structure of a disk image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    ProtectiveMbr,
    PrimaryHeader,
    PrimaryEntries,
    BackupEntries,
    BackupHeader,
    BootSector,
    BackupBootSector,
    FsInfo,
    /// From 0.
    Fat(u32),
    /// A file's entry in its directory.
    Entry(&'static str),
    /// A file's content.
    File(&'static str),
    /// What follows a file's content in its last cluster.
    Slack(&'static str),
    FreeCluster,
    /// Headers of the UKI.
    DosHeader,
    PeHeader,
    SectionTable,
    /// A section of the UKI.
    Section(&'static str),
    /// The PKCS#7 in the UKI: the certificate in its middle, the signature at its end.
    Signature,
    /// Of an image: the squashfs superblock.
    Superblock(&'static str),
    Inodes(&'static str),
    /// The whole squashfs.
    Data(&'static str),
    HashTree(&'static str),
    VeritySuperblock(&'static str),
    /// What follows the dm-verity superblock in its block.
    VerityPadding(&'static str),
}

/// Bytes on the disk.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub offset: u64,
    pub size: u64,
}

impl Span {
    fn within(self, offset: u64, size: u64) -> Self {
        assert!(offset + size <= self.size, "{offset} {size} in {self:?}");
        Self {
            offset: self.offset + offset,
            size,
        }
    }
}

pub const UKI: &str = "EFI/BOOT/BOOTX64.EFI";

/// A disk image that is sound, opened.
pub struct Disk {
    file: File,
    /// Where the boot partition starts, in bytes.
    start: u64,
    size: u64,
    manifest: Manifest,
}

impl Disk {
    pub fn open(path: &Path) -> Self {
        let mut file = File::open(path).unwrap();
        let table = gpt::read(&mut file, SectorSize::B512).unwrap();
        let partition = &table.partitions[0];
        let start = partition.offset(SectorSize::B512);
        let size = partition.size(SectorSize::B512);
        let mut volume = Volume::open(&mut file, start, size).unwrap();
        let manifest = volume.read("sealboot/release.json", 1 << 20).unwrap();
        let manifest = Manifest::from_json(&manifest).unwrap();
        Self {
            file,
            start,
            size,
            manifest,
        }
    }

    /// Where the boot partition starts, in bytes.
    pub fn start(&self) -> u64 {
        self.start
    }

    pub fn find(&mut self, structure: Structure) -> Span {
        use Structure as S;
        let span = |offset, size| Span { offset, size };
        let length = self.file.metadata().unwrap().len();
        match structure {
            S::ProtectiveMbr => span(0, 512),
            S::PrimaryHeader => span(512, 92),
            S::PrimaryEntries => span(1024, 128 * 128),
            S::BackupEntries => span(length - 512 - 128 * 128, 128 * 128),
            S::BackupHeader => span(length - 512, 92),
            S::BootSector => span(self.start, 512),
            S::BackupBootSector => span(self.start + 512 * self.boot_word(50), 512),
            S::FsInfo => span(self.start + 512 * self.boot_word(48), 512),
            S::Fat(number) => {
                let start = self.start;
                let g = *self.volume().geometry();
                let size = u64::from(g.fat_sectors) * u64::from(g.sector_size);
                span(start + g.fat_offset(number), size)
            }
            S::Entry(path) => self.entry(path),
            S::File(path) => self.content(path),
            S::Slack(path) => {
                let content = self.content(path);
                let cluster = u64::from(self.volume().geometry().cluster_size);
                let end = content.size.next_multiple_of(cluster);
                assert!(end > content.size, "{path} fills its clusters");
                span(content.offset + content.size, end - content.size)
            }
            S::FreeCluster => {
                let start = self.start;
                let g = *self.volume().geometry();
                // Files are placed from the start: the last cluster is free.
                let offset = start + g.cluster_offset(g.clusters + 1);
                span(offset, g.cluster_size.into())
            }
            S::DosHeader => self.content(UKI).within(0, 64),
            S::PeHeader => {
                let (uki, headers) = self.uki();
                let size = headers.section_table_offset() - headers.coff_offset;
                uki.within(headers.coff_offset as u64, size as u64)
            }
            S::SectionTable => {
                let (uki, headers) = self.uki();
                let size = headers.section_table_end() - headers.section_table_offset();
                uki.within(headers.section_table_offset() as u64, size as u64)
            }
            S::Section(name) => {
                let (uki, headers) = self.uki();
                let section = headers.sections.iter().find(|s| s.name() == name);
                let section = section.unwrap_or_else(|| panic!("the UKI has no {name}"));
                let size = (section.virtual_size.get()).min(section.size_of_raw_data.get());
                uki.within(section.pointer_to_raw_data.get().into(), size.into())
            }
            S::Signature => {
                let (uki, headers) = self.uki();
                let table = headers.certificate_table().expect("the UKI is signed");
                // The entry's first 8 bytes say how long it is; up to 7 at its end are padding.
                let entry = uki.within(table.start, table.end - table.start);
                let length = u32::from_le_bytes(self.read(entry.offset, 4).try_into().unwrap());
                entry.within(8, u64::from(length) - 8)
            }
            S::Superblock(image) => self.image(image).0.within(0, 96),
            S::Inodes(image) => {
                let (content, _, superblock) = self.image(image);
                let start = superblock.inode_table.get();
                let size = superblock.directory_table.get() - start;
                content.within(start, size)
            }
            S::Data(image) => {
                let (content, row, _) = self.image(image);
                content.within(0, row.data_size)
            }
            S::HashTree(image) => {
                let (content, row, _) = self.image(image);
                let start = row.hash_offset + 4096;
                content.within(start, row.size - start)
            }
            S::VeritySuperblock(image) => {
                let (content, row, _) = self.image(image);
                content.within(row.hash_offset, 512)
            }
            S::VerityPadding(image) => {
                let (content, row, _) = self.image(image);
                content.within(row.hash_offset + 512, 4096 - 512)
            }
        }
    }

    pub fn read(&mut self, offset: u64, size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        self.file.seek(SeekFrom::Start(offset)).unwrap();
        self.file.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn volume(&mut self) -> Volume<&mut File> {
        Volume::open(&mut self.file, self.start, self.size).unwrap()
    }

    /// A 16-bit field of the boot sector (fatgen103).
    fn boot_word(&mut self, offset: u64) -> u64 {
        let bytes = self.read(self.start + offset, 2);
        u64::from(u16::from_le_bytes(bytes.try_into().unwrap()))
    }

    /// A file, which lies in one piece.
    fn content(&mut self, path: &str) -> Span {
        let start = self.start;
        let mut volume = self.volume();
        let file = volume.file(path).unwrap();
        let pieces = file.pieces();
        assert_eq!(pieces.len(), 1, "{path} lies in pieces");
        Span {
            offset: start + pieces[0].1,
            size: file.size(),
        }
    }

    /// The 32 bytes of a directory entry with the file's first cluster in it.
    fn entry(&mut self, path: &str) -> Span {
        let start = self.start;
        let (parent, _) = path.rsplit_once('/').unwrap_or(("", path));
        let mut volume = self.volume();
        let geometry = *volume.geometry();
        let cluster = volume.entry(path).unwrap().cluster;
        // The root directory has the first cluster (fatgen103 leaves it open; the writer does so).
        let directory = match parent {
            "" => 2,
            _ => volume.entry(parent).unwrap().cluster,
        };
        let offset = start + geometry.cluster_offset(directory);
        drop(volume);
        // The writer puts all of a directory in one place, however small clusters are.
        let bytes = self.read(offset, 4096);
        let is_it = |entry: &[u8]| {
            let high = u16::from_le_bytes([entry[20], entry[21]]);
            let low = u16::from_le_bytes([entry[26], entry[27]]);
            entry[11] != 0x0f && u32::from(high) << 16 | u32::from(low) == cluster
        };
        let index = bytes.chunks_exact(32).position(is_it);
        let index = index.unwrap_or_else(|| panic!("no entry of {path}"));
        Span {
            offset: offset + 32 * index as u64,
            size: 32,
        }
    }

    fn uki(&mut self) -> (Span, formats::pe::Headers) {
        let span = self.content(UKI);
        let bytes = self.read(span.offset, 1 << 16);
        (span, parse_headers(&bytes).unwrap())
    }

    fn image(
        &mut self,
        name: &str,
    ) -> (
        Span,
        contract::manifest::Image,
        squashfs::format::Superblock,
    ) {
        let row = self
            .manifest
            .images
            .iter()
            .find(|i| i.name.as_str() == name);
        let row = row.unwrap().clone();
        let path = format!("sealboot/{}", row.file);
        let span = self.content(&path);
        let mut volume = self.volume();
        let reader = squashfs::Reader::open(volume.file(&path).unwrap()).unwrap();
        let superblock = reader.superblock().clone();
        (span, row, superblock)
    }
}
