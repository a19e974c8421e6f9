//! What else must hold on a volume that can be read: the copies agree, every cluster belongs to
//! one file, every directory is sound. Free space and what follows a file's end are not looked at.

use std::collections::HashSet;
use std::io::{Read, Seek};

use zerocopy::{FromZeros, IntoBytes};

use super::{DEPTH_LIMIT, Error, Run, Volume, join, parse_directory};
use crate::fat::format::{BootSector, END_OF_CHAIN_MIN, FAT_MASK, FsInfo, ROOT_CLUSTER};
use crate::fat::name;

/// Where on the volume a [`Problem`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The copy of the boot sector.
    BackupBootSector,
    /// The hints on free space.
    FsInfo,
    /// The file allocation tables.
    Fats,
    /// Directories, and the chains of what is in them.
    Directories,
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub part: Part,
    /// Where exactly, in bytes from the start of the volume.
    pub offset: u64,
    /// What is wrong.
    pub problem: String,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

/// Tables are compared in pieces of this many bytes.
const PIECE: u64 = 1 << 16;
/// A cluster that the medium cannot hold (fatgen103, "FAT Data Structure").
const BAD_CLUSTER: u32 = 0x0fff_fff7;

impl<R: Read + Seek> Volume<R> {
    /// Everything that does not hold, at most `limit` of it for each part.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] only: everything else is a [`Problem`].
    pub fn check(&mut self, limit: usize) -> Result<Vec<Problem>, Error> {
        let mut problems = Problems {
            limit,
            found: Vec::new(),
        };
        let boot: BootSector = self.structure(0)?;
        self.backup(&boot, &mut problems)?;
        let used = self.directories(&mut problems)?;
        let free = self.table(&used, &mut problems)?;
        self.fs_info(&boot, free, &mut problems)?;
        self.copies(&mut problems)?;
        Ok(problems.found)
    }

    fn structure<T: FromZeros + IntoBytes + zerocopy::FromBytes>(
        &mut self,
        sector: u16,
    ) -> Result<T, Error> {
        let mut value = T::new_zeroed();
        let offset = u64::from(sector) * u64::from(self.geometry.sector_size);
        self.read_at(offset, value.as_mut_bytes())?;
        Ok(value)
    }

    fn backup(&mut self, boot: &BootSector, problems: &mut Problems) -> Result<(), Error> {
        let sector = boot.backup_boot_sector.get();
        // Zero or all ones: the volume has none.
        if matches!(sector, 0 | u16::MAX) {
            return Ok(());
        }
        let backup: BootSector = self.structure(sector)?;
        let pairs = boot.as_bytes().iter().zip(backup.as_bytes());
        if let Some((index, (ours, theirs))) = pairs.enumerate().find(|(_, (a, b))| a != b) {
            let start = u64::from(sector) * u64::from(self.geometry.sector_size);
            problems.add(
                Part::BackupBootSector,
                start + index as u64,
                "the copy of the boot sector differs from it".to_owned(),
                format!("{ours:#04x}"),
                format!("{theirs:#04x}"),
            );
        }
        Ok(())
    }

    fn fs_info(
        &mut self,
        boot: &BootSector,
        free: u32,
        problems: &mut Problems,
    ) -> Result<(), Error> {
        let sector = boot.fs_info_sector.get();
        if matches!(sector, 0 | u16::MAX) {
            return Ok(());
        }
        let info: FsInfo = self.structure(sector)?;
        let start = u64::from(sector) * u64::from(self.geometry.sector_size);
        let signatures: [(&[u8], &[u8], u64); 3] = [
            (&info.lead_signature, b"RRaA", 0),
            (&info.struct_signature, b"rrAa", 484),
            (&info.trail_signature, &[0, 0, 0x55, 0xaa], 508),
        ];
        for (found, expected, offset) in signatures {
            if found != expected {
                problems.add(
                    Part::FsInfo,
                    start + offset,
                    "a signature of FSInfo is another one".to_owned(),
                    expected.escape_ascii().to_string(),
                    found.escape_ascii().to_string(),
                );
            }
        }
        let counted = info.free_clusters.get();
        // All ones: not known.
        if counted != free && counted != u32::MAX {
            problems.add(
                Part::FsInfo,
                start + 488,
                "the count of free clusters is wrong".to_owned(),
                free.to_string(),
                counted.to_string(),
            );
        }
        Ok(())
    }

    /// Follows every chain; gives the clusters that belong to somebody, from cluster 0 on.
    fn directories(&mut self, problems: &mut Problems) -> Result<Vec<bool>, Error> {
        let clusters = self.geometry.clusters as usize + ROOT_CLUSTER as usize;
        let mut used = vec![false; clusters];
        let root = self.directory_runs("", self.root_cluster);
        let mut left: Vec<(String, usize, Vec<Run>)> = Vec::new();
        if let Some(runs) = self.claim("", self.root_cluster, root, &mut used, problems)? {
            left.push((String::new(), 0, runs));
        }
        while let Some((directory, depth, runs)) = left.pop() {
            let bytes = self.read_runs(&runs)?;
            let start = runs.first().map_or(0, |run| run.cluster);
            let place = self.geometry.cluster_offset(start);
            let entries = match parse_directory(&directory, &bytes) {
                Ok(entries) => entries,
                Err(error) => {
                    problems.error(Part::Directories, place, &error);
                    continue;
                }
            };
            let mut names = HashSet::new();
            for entry in entries {
                let path = join(&directory, &entry.name);
                if !names.insert(name::fold(&entry.name)) {
                    problems.add(
                        Part::Directories,
                        place,
                        format!("{path:?} is there twice"),
                        "one entry of each name".to_owned(),
                        "two".to_owned(),
                    );
                }
                let chain = match (entry.is_directory, entry.size) {
                    (true, _) => self.directory_runs(&path, entry.cluster),
                    (false, 0) => continue,
                    (false, size) => {
                        let count = size.div_ceil(self.geometry.cluster_size.into());
                        // A size has 32 bits, so this fits.
                        self.chain(&path, entry.cluster, count as u32, true)
                    }
                };
                let runs = self.claim(&path, start, chain, &mut used, problems)?;
                match runs {
                    Some(runs) if entry.is_directory && depth < DEPTH_LIMIT => {
                        left.push((path, depth + 1, runs));
                    }
                    _ => {}
                }
            }
        }
        Ok(used)
    }

    /// Notes that clusters belong to `path`; `None` when its chain is broken, or some of it is
    /// another's. `at` is the cluster of the directory that says so.
    fn claim(
        &mut self,
        path: &str,
        at: u32,
        chain: Result<Vec<Run>, Error>,
        used: &mut [bool],
        problems: &mut Problems,
    ) -> Result<Option<Vec<Run>>, Error> {
        let runs = match chain {
            Ok(runs) => runs,
            Err(error @ Error::Read { .. }) => return Err(error),
            Err(error) => {
                let place = self.geometry.cluster_offset(at);
                problems.error(Part::Directories, place, &error);
                return Ok(None);
            }
        };
        for cluster in runs.iter().flat_map(|r| r.cluster..r.cluster + r.count) {
            let Some(mark) = used.get_mut(cluster as usize) else {
                return Ok(None);
            };
            if std::mem::replace(mark, true) {
                problems.add(
                    Part::Directories,
                    self.geometry.cluster_offset(cluster),
                    format!("cluster {cluster} of {path:?} belongs to something else, too"),
                    "one owner of each cluster".to_owned(),
                    "two".to_owned(),
                );
                return Ok(None);
            }
        }
        Ok(Some(runs))
    }

    /// Looks for clusters that nobody owns; gives the count of free ones.
    fn table(&mut self, used: &[bool], problems: &mut Problems) -> Result<u32, Error> {
        let fat = self.geometry.fat_offset(self.active_fat);
        let length = used.len() as u64 * 4;
        let (mut free, mut lost, mut first_lost) = (0, 0_u32, None);
        let mut position = 0;
        while position < length {
            let mut bytes = vec![0; PIECE.min(length - position) as usize];
            self.read_at(fat + position, &mut bytes)?;
            for (cluster, entry) in (position / 4..).zip(bytes.as_chunks().0) {
                let value = u32::from_le_bytes(*entry) & FAT_MASK;
                let owned = used.get(cluster as usize) == Some(&true);
                match cluster {
                    0 if value < END_OF_CHAIN_MIN - 8 => {
                        let problem = "entry 0 of the file allocation table".to_owned();
                        let found = format!("{value:#010x}");
                        problems.add(Part::Fats, fat, problem, "0x0ffffff8".to_owned(), found);
                    }
                    1 if value < END_OF_CHAIN_MIN => {
                        let problem = "the volume was not unmounted, or has disk errors";
                        let found = format!("{value:#010x}");
                        let expected = "0x0fffffff".to_owned();
                        problems.add(Part::Fats, fat + 4, problem.to_owned(), expected, found);
                    }
                    0 | 1 => {}
                    _ if value == 0 => free += 1,
                    _ if !owned && value != BAD_CLUSTER => {
                        lost += 1;
                        first_lost.get_or_insert(cluster);
                    }
                    _ => {}
                }
            }
            position += bytes.len() as u64;
        }
        if let Some(first) = first_lost {
            problems.add(
                Part::Fats,
                fat + 4 * first,
                format!("{lost} clusters from {first} on are taken, and no file has them"),
                "0".to_owned(),
                lost.to_string(),
            );
        }
        Ok(free)
    }

    /// Compares the other tables with the one that counts.
    fn copies(&mut self, problems: &mut Problems) -> Result<(), Error> {
        let length = u64::from(self.geometry.fat_sectors) * u64::from(self.geometry.sector_size);
        let active_fat = self.active_fat;
        let active = self.geometry.fat_offset(active_fat);
        for number in (0..self.geometry.fats).filter(|number| *number != active_fat) {
            let other = self.geometry.fat_offset(number);
            let mut position = 0;
            while position < length {
                let size = PIECE.min(length - position) as usize;
                let (mut ours, mut theirs) = (vec![0; size], vec![0; size]);
                self.read_at(active + position, &mut ours)?;
                self.read_at(other + position, &mut theirs)?;
                let pairs = ours.as_chunks::<4>().0.iter().zip(theirs.as_chunks().0);
                for (index, (ours, theirs)) in (0..).zip(pairs).filter(|(_, (a, b))| a != b) {
                    let place = position + 4 * index;
                    problems.add(
                        Part::Fats,
                        other + place,
                        format!("entry {} of FAT {} differs", place / 4, number + 1),
                        format!("{:#010x}", u32::from_le_bytes(*ours)),
                        format!("{:#010x}", u32::from_le_bytes(*theirs)),
                    );
                }
                position += size as u64;
            }
        }
        Ok(())
    }
}

struct Problems {
    limit: usize,
    found: Vec<Problem>,
}

impl Problems {
    fn add(&mut self, part: Part, offset: u64, problem: String, expected: String, found: String) {
        if self.found.iter().filter(|p| p.part == part).count() < self.limit {
            self.found.push(Problem {
                part,
                offset,
                problem,
                expected,
                found,
            });
        }
    }

    fn error(&mut self, part: Part, offset: u64, error: &Error) {
        let expected = "a sound directory".to_owned();
        self.add(
            part,
            offset,
            error.to_string(),
            expected,
            "damage".to_owned(),
        );
    }
}
