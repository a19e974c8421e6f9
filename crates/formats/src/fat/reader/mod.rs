//! Volume → directories and files. Nothing on the volume is trusted.

mod boot;
mod directory;
mod file;

use std::collections::HashSet;
use std::io::{self, Read, Seek, SeekFrom};

use zerocopy::{FromZeros, IntoBytes};

use super::format::{
    ATTR_DIRECTORY, ATTR_VOLUME_ID, BootSector, DIRECTORY_LIMIT, END_OF_CHAIN_MIN, FAT_MASK,
};
use super::geometry::Geometry;
use super::name;
use super::time::DosTime;

use boot::geometry;
use directory::{parse_directory, short_entries, text};
pub use file::File;
use file::Run;

/// Directories in directories that are followed; a path of 260 characters has at most 130.
const DEPTH_LIMIT: usize = 130;

/// The FAT is read in pieces of this many bytes.
const WINDOW: u64 = 4096;

/// Why a volume, or something on it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The medium does not answer.
    #[error("reading the FAT volume at its byte {offset} failed")]
    Read {
        /// From the start of the volume.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// Not a FAT32 volume.
    #[error("not a FAT32 volume: {field} in its boot sector is {found}; {expected}")]
    BootSector {
        /// The field's name in the specification.
        field: &'static str,
        /// Its value.
        found: u64,
        /// The rule.
        expected: &'static str,
    },
    /// A chain of clusters does not hold what its owner's size says.
    #[error("{owner:?} is damaged: its chain of clusters {problem} after {clusters} clusters")]
    Chain {
        /// The path of the file or directory.
        owner: String,
        /// What is wrong.
        problem: &'static str,
        /// How many clusters were sound.
        clusters: u32,
    },
    /// A name that FAT does not allow, and that would be dangerous elsewhere.
    #[error("directory {directory:?} has the impossible name {name:?}: {reason}")]
    Name {
        /// The directory's path.
        directory: String,
        /// The name.
        name: String,
        /// The rule.
        reason: &'static str,
    },
    /// Directories that contain each other, share clusters, or go too deep.
    #[error("directory {directory:?} is in another one, too, or over 130 directories deep")]
    Loop {
        /// The directory's path.
        directory: String,
    },
    /// No such file or directory.
    #[error("there is no {path:?} on the FAT volume: {missing:?} is missing")]
    NotFound {
        /// The path asked for.
        path: String,
        /// The part of it that is not there.
        missing: String,
    },
    /// A file where a directory is needed, or the reverse.
    #[error("{path:?} on the FAT volume is {}", if *is_directory { "a directory, not a file" } else { "a file, not a directory" })]
    Kind {
        /// Its path.
        path: String,
        /// What it is.
        is_directory: bool,
    },
    /// Longer than the caller wants to have in memory.
    #[error("{path:?} has {size} bytes; at most {limit} are read here")]
    TooLong {
        /// Its path.
        path: String,
        /// In bytes.
        size: u64,
        /// In bytes.
        limit: u64,
    },
}

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

    fn read_runs(&mut self, runs: &[Run]) -> Result<Vec<u8>, Error> {
        let cluster_size = self.geometry.cluster_size as usize;
        let mut bytes = Vec::new();
        for run in runs {
            let old = bytes.len();
            bytes.resize(old + run.count as usize * cluster_size, 0);
            let offset = self.geometry.cluster_offset(run.cluster);
            if let Some(part) = bytes.get_mut(old..) {
                self.read_at(offset, part)?;
            }
        }
        Ok(bytes)
    }

    /// Follows a chain to its end, which must come after `limit` clusters, exactly if `exact`.
    ///
    /// A chain with a cycle has no end, so it is refused as too long.
    fn chain(
        &mut self,
        owner: &str,
        first: u32,
        limit: u32,
        exact: bool,
    ) -> Result<Vec<Run>, Error> {
        let wrong = |problem, clusters| {
            Err(Error::Chain {
                owner: owner.to_owned(),
                problem,
                clusters,
            })
        };
        let mut runs: Vec<Run> = Vec::new();
        let mut cluster = first;
        for index in 0..limit {
            if !self.geometry.has(cluster) {
                return wrong("leads outside the volume", index);
            }
            match runs.last_mut() {
                Some(run) if run.cluster + run.count == cluster => run.count += 1,
                _ => runs.push(Run {
                    index,
                    cluster,
                    count: 1,
                }),
            }
            cluster = self.next(cluster)?;
            if cluster >= END_OF_CHAIN_MIN {
                if exact && index + 1 < limit {
                    return wrong("ends too early", index + 1);
                }
                return Ok(runs);
            }
        }
        wrong("goes in circles or is too long", limit)
    }

    /// The FAT's entry for a cluster that exists.
    fn next(&mut self, cluster: u32) -> Result<u32, Error> {
        let fat = self.geometry.fat_offset(self.active_fat);
        let offset = fat + 4 * u64::from(cluster);
        let piece = offset - offset % WINDOW;
        if self.window.0 != piece {
            // The volume's last piece can be short.
            let length = WINDOW.min(self.geometry.size().saturating_sub(piece));
            let mut bytes = vec![0; length as usize];
            self.window.0 = u64::MAX;
            self.read_at(piece, &mut bytes)?;
            self.window = (piece, bytes);
        }
        let place = (offset % WINDOW) as usize;
        let entry = self.window.1.get(place..place + 4);
        let entry = entry.and_then(|bytes| bytes.try_into().ok());
        // `geometry` made sure that the FAT has an entry for each cluster.
        Ok(entry.map_or(0, u32::from_le_bytes) & FAT_MASK)
    }

    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> Result<(), Error> {
        self.inner
            .seek(SeekFrom::Start(self.start.saturating_add(offset)))
            .and_then(|_| self.inner.read_exact(bytes))
            .map_err(|source| Error::Read { offset, source })
    }
}

fn join(directory: &str, name: &str) -> String {
    match directory {
        "" => name.to_owned(),
        _ => format!("{directory}/{name}"),
    }
}
