//! Which devices a device stands on: a partition on its disk, device-mapper and md on their
//! slaves, a loop device on the file system that its file lies on.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::mounts::{self, Mount};
use super::sysfs;

/// What is needed to walk downwards.
pub(super) struct Stack<'a> {
    pub(super) root: &'a Path,
    pub(super) mounts: &'a [Mount],
}

impl Stack<'_> {
    /// The device and all that it stands on, down to the disks.
    pub(super) fn under(&self, device: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut todo = vec![device.to_owned()];
        while let Some(name) = todo.pop() {
            if !found.insert(name.clone()) {
                continue;
            }
            let folder = self.root.join("sys/class/block").join(&name);
            let Ok(folder) = folder.canonicalize() else {
                continue;
            };
            todo.extend(sysfs::disk_of(&folder));
            todo.extend(entries(&folder.join("slaves")));
            if let Some(file) = sysfs::backing_file(&folder) {
                todo.extend(self.of_path(&file));
            }
        }
        found
    }

    /// The devices that a path lies on, or that it is itself; not what is below them.
    pub(super) fn of_path(&self, path: &Path) -> Vec<String> {
        match self.device(path) {
            Some(name) => vec![name],
            None => mounts::of_path(self.mounts, path)
                .map(|mount| self.of_mount(mount))
                .unwrap_or_default(),
        }
    }

    /// The device that a path is.
    pub(super) fn device(&self, path: &Path) -> Option<String> {
        sysfs::device_at(self.root, &below(self.root, path))
    }

    /// The devices that a file system is on; for an overlay, those of its layers.
    pub(super) fn of_mount(&self, mount: &Mount) -> Vec<String> {
        let (major, minor) = mount.device;
        let mut names: Vec<String> = sysfs::by_number(self.root, major, minor)
            .into_iter()
            .collect();
        if mount.source.starts_with('/') {
            names.extend(self.device(Path::new(&mount.source)));
        }
        for layer in mount.layers() {
            let on = mounts::of_path(self.mounts, &layer);
            // A layer on an overlay, and that on itself, would go round.
            let on = on.filter(|on| on.layers().is_empty());
            names.extend(on.into_iter().flat_map(|on| self.of_mount(on)));
        }
        names.sort();
        names.dedup();
        names
    }
}

pub(super) fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}
