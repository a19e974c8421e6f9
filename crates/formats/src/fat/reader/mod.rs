//! Volume → directories and files. Nothing on the volume is trusted.
//!
//! In order: `boot` (boot sector → geometry), `chain` (clusters through the FAT), `directory`
//! (bytes → entries), `file` (an open one), `check` (what else must hold), and here the [`Volume`] that uses them.

mod boot;
mod chain;
mod check;
mod directory;
#[cfg(feature = "build")]
mod entries;
mod error;
mod file;

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom};

use zerocopy::{FromZeros, IntoBytes};

use super::format::{ATTR_DIRECTORY, ATTR_VOLUME_ID, BootSector, DIRECTORY_LIMIT};
use super::geometry::Geometry;
use super::name;
use super::time::DosTime;

use boot::geometry;
use chain::Run;
pub use check::{Part, Problem};
use directory::{parse_directory, short_entries, text};
pub use error::Error;
pub use file::File;

/// Directories in directories that are followed; a path of 260 characters has at most 130.
const DEPTH_LIMIT: usize = 130;

/// A file or directory as its directory describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its long name if it has one, else its short name.
    pub name: String,
    /// Its 8.3 name: `KERNEL.EFI`.
    pub short_name: String,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// In bytes; 0 for a directory.
    pub size: u64,
    /// When it was last written.
    pub written: DosTime,
    /// Its first cluster; 0 if it has none.
    pub cluster: u32,
}

/// A FAT32 volume.
pub struct Volume<R> {
    inner: R,
    /// Where the volume starts in `inner`, in bytes.
    start: u64,
    geometry: Geometry,
    active_fat: u32,
    root_cluster: u32,
    serial: u32,
    /// The last piece of the FAT that was read, and its offset from the start of the volume.
    window: (u64, Vec<u8>),
}

impl<R: Read + Seek> Volume<R> {
    /// Opens the volume that has `size` bytes from byte `start` of `inner` on.
    ///
    /// # Errors
    ///
    /// [`Error::BootSector`] if it is no FAT32 volume or longer than `size`.
    pub fn open(mut inner: R, start: u64, size: u64) -> Result<Self, Error> {
        let mut boot = BootSector::new_zeroed();
        inner
            .seek(SeekFrom::Start(start))
            .and_then(|_| inner.read_exact(boot.as_mut_bytes()))
            .map_err(|source| Error::Read { offset: 0, source })?;
        let (geometry, active_fat) = geometry(&boot, size)?;
        Ok(Self {
            inner,
            start,
            geometry,
            active_fat,
            root_cluster: boot.root_cluster.get(),
            serial: boot.serial.get(),
            window: (u64::MAX, Vec::new()),
        })
    }

    /// The volume's shape.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The volume's serial number: Linux's `UUID`.
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// The volume's label, as the root directory has it.
    ///
    /// # Errors
    ///
    /// Those of reading the root directory.
    pub fn label(&mut self) -> Result<Option<String>, Error> {
        let bytes = self.directory_bytes("", self.root_cluster)?;
        let label = short_entries(&bytes)
            .find(|entry| entry.attributes & (ATTR_VOLUME_ID | ATTR_DIRECTORY) == ATTR_VOLUME_ID);
        Ok(label.map(|entry| text(&entry.name)))
    }

    /// What is in a directory, in the order of the disk, without `.` and `..`. The root is "".
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn read_dir(&mut self, path: &str) -> Result<Vec<Entry>, Error> {
        let cluster = match path {
            "" => self.root_cluster,
            _ => match self.entry(path)? {
                entry if entry.is_directory => entry.cluster,
                _ => {
                    return Err(Error::Kind {
                        path: path.to_owned(),
                        is_directory: false,
                    });
                }
            },
        };
        self.entries(path, cluster)
    }

    /// What a path stands for. Case does not matter, and 8.3 names are taken too.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], and those of the directories on the way.
    pub fn entry(&mut self, path: &str) -> Result<Entry, Error> {
        let mut cluster = self.root_cluster;
        let mut directory = String::new();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            let wanted = name::fold(part);
            let found = self
                .entries(&directory, cluster)?
                .into_iter()
                .find(|e| name::fold(&e.name) == wanted || name::fold(&e.short_name) == wanted);
            match found {
                Some(entry) if parts.peek().is_none() => return Ok(entry),
                Some(entry) if entry.is_directory => cluster = entry.cluster,
                _ => {
                    return Err(Error::NotFound {
                        path: path.to_owned(),
                        missing: join(&directory, part),
                    });
                }
            }
            directory = join(&directory, part);
        }
        Err(Error::NotFound {
            path: path.to_owned(),
            missing: path.to_owned(),
        })
    }

    /// Opens a file. Its whole chain of clusters is checked first.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Kind`] for a directory, [`Error::Chain`].
    pub fn file(&mut self, path: &str) -> Result<File<'_, R>, Error> {
        let entry = self.entry(path)?;
        if entry.is_directory {
            return Err(Error::Kind {
                path: path.to_owned(),
                is_directory: true,
            });
        }
        let clusters = entry.size.div_ceil(self.geometry.cluster_size.into());
        let runs = match clusters {
            0 => Vec::new(),
            // A size has 32 bits, so this fits.
            _ => self.chain(path, entry.cluster, clusters as u32, true)?,
        };
        Ok(File {
            volume: self,
            runs,
            size: entry.size,
            position: 0,
        })
    }

    /// The content of a file of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// Those of [`Volume::file`], [`Error::TooLong`], [`Error::Read`].
    pub fn read(&mut self, path: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let mut file = self.file(path)?;
        let size = file.size;
        if size > limit {
            return Err(Error::TooLong {
                path: path.to_owned(),
                size,
                limit,
            });
        }
        let mut content = Vec::new();
        let offset = file.offset().unwrap_or(0);
        file.read_to_end(&mut content)
            .map_err(|source| Error::Read { offset, source })?;
        Ok(content)
    }

    /// Every file and directory with its path, each directory before its content.
    ///
    /// # Errors
    ///
    /// [`Error::Loop`] if directories contain each other, and those of reading them.
    pub fn walk(&mut self) -> Result<Vec<(String, Entry)>, Error> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let root = self.new_entries("", self.root_cluster, &mut seen)?;
        // Entries that are still to come, of the directory at hand and of those above it.
        let mut levels = vec![(String::new(), root.into_iter())];
        while let Some((directory, entries)) = levels.last_mut() {
            let Some(entry) = entries.next() else {
                levels.pop();
                continue;
            };
            let path = join(directory, &entry.name);
            if entry.is_directory {
                if levels.len() >= DEPTH_LIMIT {
                    return Err(Error::Loop { directory: path });
                }
                let inner = self.new_entries(&path, entry.cluster, &mut seen)?;
                levels.push((path.clone(), inner.into_iter()));
            }
            found.push((path, entry));
        }
        Ok(found)
    }

    /// The entries of a directory that shares no cluster with those `seen` before: so each
    /// cluster is read once, however its directories point at each other.
    fn new_entries(
        &mut self,
        path: &str,
        cluster: u32,
        seen: &mut HashSet<u32>,
    ) -> Result<Vec<Entry>, Error> {
        let runs = self.directory_runs(path, cluster)?;
        let mut clusters = runs.iter().flat_map(|r| r.cluster..r.cluster + r.count);
        if !clusters.all(|cluster| seen.insert(cluster)) {
            return Err(Error::Loop {
                directory: path.to_owned(),
            });
        }
        let bytes = self.read_runs(&runs)?;
        parse_directory(path, &bytes)
    }

    fn entries(&mut self, path: &str, cluster: u32) -> Result<Vec<Entry>, Error> {
        let bytes = self.directory_bytes(path, cluster)?;
        parse_directory(path, &bytes)
    }

    fn directory_bytes(&mut self, path: &str, cluster: u32) -> Result<Vec<u8>, Error> {
        let runs = self.directory_runs(path, cluster)?;
        self.read_runs(&runs)
    }

    /// The clusters of a directory: at most 2 MiB.
    fn directory_runs(&mut self, path: &str, cluster: u32) -> Result<Vec<Run>, Error> {
        let limit = DIRECTORY_LIMIT.div_ceil(self.geometry.cluster_size.into());
        self.chain(path, cluster, limit as u32, false)
    }
}

fn join(directory: &str, name: &str) -> String {
    match directory {
        "" => name.to_owned(),
        _ => format!("{directory}/{name}"),
    }
}
