//! The files of a release: in the folder of a build, or on a boot partition.

use std::io;
use std::path::PathBuf;

use contract::{esp, out};
use formats::fat::{self, Volume};

use crate::part::Map;
use crate::{Bytes, Error, Part};

/// Where a release is.
pub(crate) enum Files<'a> {
    /// In a folder.
    Folder(PathBuf),
    /// On a FAT volume that starts at `start` of the disk, in bytes.
    Slot {
        volume: Volume<&'a mut dyn Bytes>,
        start: u64,
    },
}

impl<'a> Files<'a> {
    /// The volume in a partition of `size` bytes from byte `start` on.
    pub(crate) fn slot(disk: &'a mut dyn Bytes, start: u64, size: u64) -> Result<Self, fat::Error> {
        let volume = Volume::open(disk, start, size)?;
        Ok(Self::Slot { volume, start })
    }

    /// The path of a system's UKI here, or of the release's when it has one system only.
    pub(crate) fn uki(&self, system: Option<&str>) -> String {
        match self {
            Self::Folder(_) => out::uki(system),
            Self::Slot { .. } => esp::uki(system),
        }
    }

    /// The paths of all that are called as manifests are.
    pub(crate) fn manifests(&mut self) -> Vec<String> {
        self.named(esp::RELEASE, esp::MANIFEST_END)
    }

    /// The paths of all that are called as UKIs are, where UKIs are.
    pub(crate) fn ukis(&mut self) -> Vec<String> {
        let mut paths = self.named(esp::UKIS, esp::UKI_END);
        if let Self::Slot { .. } = self {
            paths.push(esp::UKI.to_owned());
        }
        paths
    }

    /// The files with this end of the name, in the folder of that name on a boot partition.
    fn named(&mut self, on_slot: &str, end: &str) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Self::Folder(folder) => {
                let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
                let names = entries.map(|entry| entry.file_name().into_string());
                names.filter_map(Result::ok).collect()
            }
            Self::Slot { volume, .. } => {
                let entries = volume.read_dir(on_slot).unwrap_or_default().into_iter();
                let files = entries.filter(|entry| !entry.is_directory);
                files
                    .map(|entry| format!("{on_slot}/{}", entry.name))
                    .collect()
            }
        };
        names.retain(|name| name.to_ascii_lowercase().ends_with(end));
        names.sort();
        names
    }

    /// The path of another file of the release here.
    pub(crate) fn release(&self, name: &str) -> String {
        match self {
            Self::Folder(_) => name.to_owned(),
            Self::Slot { .. } => format!("{}/{name}", esp::RELEASE),
        }
    }

    /// Opens a file by its path here.
    pub(crate) fn open(&mut self, path: &str) -> Result<Part<'_>, Error> {
        match self {
            Self::Folder(folder) => match Part::named(path, &folder.join(path)) {
                Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    Err(Error::Missing(path.to_owned()))
                }
                other => other,
            },
            Self::Slot { volume, start } => {
                let start = *start;
                let file = match volume.file(path) {
                    Err(fat::Error::NotFound { .. }) => {
                        return Err(Error::Missing(path.to_owned()));
                    }
                    other => other?,
                };
                let pieces = file.pieces().into_iter();
                let on_disk = |(position, place)| (position, start.saturating_add(place));
                let map = Map::new(pieces.map(on_disk).collect());
                Ok(Part::on_disk(path.to_owned(), file.size(), file, map))
            }
        }
    }

    /// The content of a small file by its path here.
    pub(crate) fn read(&mut self, path: &str, limit: usize) -> Result<Vec<u8>, Error> {
        self.open(path)?.all(limit)
    }
}
