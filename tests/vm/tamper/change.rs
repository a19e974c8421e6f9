//! Changes to a disk image, each of which can be taken back.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::place::{Disk, Structure, UKI};
use crate::release::{Release, succeed};

/// What is done to a structure.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// The bit of value 16 of one byte.
    Flip(At),
    /// The sector in which it starts, or as much of that as it has.
    Zero,
    /// A file loses its last bytes: so many.
    Truncate(u64),
    /// The disk image ends here.
    CutDisk,
    /// The same structure of the older release, as much of it as there is room for.
    Swap,
    /// Whole files of the older release in the place of these.
    RollBack(&'static [&'static str]),
}

/// Which byte of a structure.
#[derive(Clone, Copy, Debug)]
pub enum At {
    Byte(u64),
    Middle,
    /// So many before the end.
    End(u64),
}

/// A disk image that is changed and restored.
pub struct Copy {
    pub path: PathBuf,
    original: PathBuf,
    older: &'static Release,
}

impl Copy {
    /// A sparse copy of the release's disk in `folder`.
    pub fn new(folder: &Path, release: &Release, older: &'static Release) -> Self {
        let copy = Self {
            path: folder.join("disk.img"),
            original: release.out.join("disk.img"),
            older,
        };
        copy.restore();
        copy
    }

    /// As it was.
    pub fn restore(&self) {
        let mut copy = Command::new("cp");
        copy.args(["--sparse=always", "--reflink=auto"]);
        succeed(copy.arg(&self.original).arg(&self.path));
    }

    pub fn apply(&self, structure: Structure, change: Change) {
        let span = Disk::open(&self.original).find(structure);
        let file = OpenOptions::new().write(true).open(&self.path).unwrap();
        let read = |disk: &Path, offset: u64, size: u64| {
            let mut bytes = vec![0; size as usize];
            let disk = File::open(disk).unwrap();
            disk.read_exact_at(&mut bytes, offset).unwrap();
            bytes
        };
        match change {
            Change::Flip(at) => {
                let offset = match at {
                    At::Byte(byte) => byte,
                    At::Middle => span.size / 2,
                    At::End(left) => span.size - left,
                };
                assert!(offset < span.size);
                let place = span.offset + offset;
                let byte = read(&self.original, place, 1)[0] ^ 0x10;
                file.write_all_at(&[byte], place).unwrap();
            }
            Change::Zero => {
                let size = span.size.min(512);
                let old = read(&self.original, span.offset, size);
                assert!(old.iter().any(|b| *b != 0), "{structure:?} is zero already");
                file.write_all_at(&vec![0; size as usize], span.offset)
                    .unwrap();
            }
            Change::CutDisk => file.set_len(span.offset).unwrap(),
            Change::Swap => {
                let other = self.older.out.join("disk.img");
                let theirs = Disk::open(&other).find(structure);
                let size = span.size.min(theirs.size);
                let bytes = read(&other, theirs.offset, size);
                let ours = read(&self.original, span.offset, size);
                assert!(bytes != ours, "{structure:?} is the same in both releases");
                file.write_all_at(&bytes, span.offset).unwrap();
            }
            Change::Truncate(bytes) => {
                let Structure::File(path) = structure else {
                    panic!("{structure:?} is no file");
                };
                let short = self.path.with_file_name("short");
                let content = read(&self.original, span.offset, span.size - bytes);
                fs::write(&short, content).unwrap();
                self.put(&short, path);
            }
            Change::RollBack(paths) => {
                for path in paths {
                    let name = match *path {
                        UKI => "kernel.efi",
                        other => other.strip_prefix("sealboot/").unwrap(),
                    };
                    let ours = self.original.with_file_name(name);
                    let theirs = self.older.out.join(name);
                    let same = fs::read(&ours).unwrap() == fs::read(&theirs).unwrap();
                    assert!(!same, "{name} is the same in both releases");
                    self.put(&theirs, path);
                }
            }
        }
    }

    fn put(&self, from: &Path, to: &str) {
        let start = Disk::open(&self.original).start();
        let image = format!("{}@@{start}", self.path.display());
        let mut copy = Command::new("mcopy");
        copy.args(["-o", "-i", &image]).arg(from);
        succeed(copy.arg(format!("::{to}")));
    }
}
