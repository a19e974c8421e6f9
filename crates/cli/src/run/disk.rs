//! The disks as the machine sees them: overlays in the run's folder, over images that are only
//! read.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use formats::qcow2::{self, CLUSTER};

use super::bus::Row;
use crate::args::Tamper;
use crate::exit::{Code, WithCode};

/// A disk of the machine.
#[derive(Clone, Debug)]
pub struct Disk {
    /// Name of its block node: `disk0`.
    pub node: String,
    /// What lies on it.
    pub image: PathBuf,
    /// What differs, and what the machine writes: a qcow2 file.
    pub overlay: PathBuf,
}

/// An image that is to become a disk.
#[derive(Debug)]
pub struct Image {
    /// The file.
    pub path: PathBuf,
    /// Its length, in bytes.
    pub size: u64,
    /// Bits to flip.
    pub tamper: Vec<Tamper>,
}

impl Image {
    /// Checks that the file can be a disk.
    pub fn open(path: &Path, tamper: &[Tamper]) -> anyhow::Result<Self> {
        let shown = path.display();
        let file = File::open(path)
            .with_context(|| format!("the disk image {shown} cannot be read"))
            .input_code()?;
        let metadata = file
            .metadata()
            .with_context(|| format!("the disk image {shown} cannot be read"))
            .code(Code::Failed)?;
        let wrong = |what: String| Err(anyhow!("the disk image {shown} {what}")).code(Code::Usage);
        if !metadata.is_file() {
            return wrong("is not a file".to_owned());
        }
        let size = metadata.len();
        if size == 0 {
            return wrong("has no bytes; 'truncate -s 4G FILE' makes an empty disk".to_owned());
        }
        if let Some(bit) = tamper.iter().find(|bit| bit.offset >= size) {
            return wrong(format!("has {size} bytes, and none at {}", bit.offset));
        }
        Ok(Self {
            path: path.to_owned(),
            size,
            tamper: tamper.to_vec(),
        })
    }

    /// Makes the disk: its overlay is written to `folder`.
    pub fn disk(&self, node: &str, row: &Row, folder: &Path) -> anyhow::Result<Disk> {
        let sectors = self.size.next_multiple_of(512);
        let size = match row.power_of_two {
            true => sectors.next_power_of_two(),
            false => sectors,
        };
        let changed = self
            .changed()
            .with_context(|| format!("the disk image {} cannot be read", self.path.display()))
            .code(Code::Failed)?;
        let bytes = qcow2::overlay(size, &changed).code(Code::Usage)?;
        let overlay = folder.join(format!("{node}.qcow2"));
        fs::write(&overlay, bytes)
            .with_context(|| format!("the overlay {} cannot be written", overlay.display()))
            .code(Code::Failed)?;
        Ok(Disk {
            node: node.to_owned(),
            image: self.path.clone(),
            overlay,
        })
    }

    /// The clusters in which a bit differs.
    fn changed(&self) -> std::io::Result<BTreeMap<u64, Vec<u8>>> {
        let mut changed = BTreeMap::new();
        if self.tamper.is_empty() {
            return Ok(changed);
        }
        let file = File::open(&self.path)?;
        for Tamper { offset, bit } in &self.tamper {
            let (cluster, within) = (offset / CLUSTER, (offset % CLUSTER) as usize);
            let bytes = match changed.entry(cluster) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    let start = cluster * CLUSTER;
                    // Behind the end of the file there are zeros.
                    let mut bytes = vec![0; CLUSTER as usize];
                    let there = (self.size - start).min(CLUSTER) as usize;
                    file.read_exact_at(&mut bytes[..there], start)?;
                    entry.insert(bytes)
                }
            };
            bytes[within] ^= 1 << bit;
        }
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_flipped_and_twice_is_never() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk.img");
        fs::write(&path, vec![0xf0; CLUSTER as usize + 10]).unwrap();
        let flip = |offset, bit| Tamper { offset, bit };
        let tamper = [flip(0, 7), flip(1, 0), flip(1, 0), flip(CLUSTER + 9, 1)];
        let changed = Image::open(&path, &tamper).unwrap().changed().unwrap();
        assert_eq!(changed[&0][..3], [0x70, 0xf0, 0xf0]);
        assert_eq!(changed[&1][8..11], [0xf0, 0xf2, 0]);
    }

    #[test]
    fn what_can_be_no_disk_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk.img");
        let code = |tamper: &[Tamper]| match Image::open(&path, tamper) {
            Ok(_) => 0,
            Err(error) => crate::exit::code_of(&error) as u8,
        };
        assert_eq!(code(&[]), Code::Missing as u8);
        fs::write(&path, "").unwrap();
        assert_eq!(code(&[]), Code::Usage as u8);
        fs::write(&path, "x").unwrap();
        assert_eq!(code(&[]), 0);
        assert_eq!(code(&[Tamper { offset: 1, bit: 0 }]), Code::Usage as u8);
    }
}
