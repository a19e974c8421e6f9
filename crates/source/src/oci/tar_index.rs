//! A tar as a table of files: nothing is unpacked, contents are read where they are.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use super::blob::{self, Blob};
use crate::layer::archive::{Archive, EntryKind};
use crate::section::Section;

/// The most entries that are looked at. An image has about three for each layer.
const ENTRIES_MAX: usize = 65_536;

/// The most memory that their names may take, in bytes.
const NAMES_MAX: usize = 16 << 20;

/// How many links are followed to a file.
const LINKS_MAX: usize = 8;

/// Where the files of a tar are in it.
pub(super) struct TarIndex {
    path: PathBuf,
    file: Arc<File>,
    entries: BTreeMap<Vec<u8>, Found>,
}

enum Found {
    /// Offset and size in bytes.
    File(u64, u64),
    /// The same as another name.
    Link(Vec<u8>),
}

impl TarIndex {
    /// Reads the headers of all entries. Of several with one name the last one counts, as when
    /// a tar is unpacked.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let unusable = |what| Error::Container {
            path: path.to_owned(),
            what,
        };
        let (file, size) = blob::open(path)?.ok_or_else(|| Error::Read {
            action: "open",
            path: path.to_owned(),
            source: std::io::Error::from_raw_os_error(rustix::io::Errno::NOENT.raw_os_error()),
        })?;
        let mut magic = Vec::new();
        let start = Section::new(&file, 0, size.min(6)).read_to_end(&mut magic);
        start.map_err(|source| Error::Read {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        if matches!(
            magic.as_slice(),
            [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..]
        ) || magic.starts_with(b"\xfd7zXZ")
            || magic.starts_with(b"BZh")
        {
            return Err(unusable(
                "it is compressed as a whole, so that nothing can be found in it; decompress it \
                 first (gunzip, unxz, unzstd)",
            ));
        }
        let mut archive = Archive::seekable(Section::new(&file, 0, size));
        let broken = |error| Error::Tar {
            path: path.to_owned(),
            error,
        };
        let (mut entries, mut count, mut names) = (BTreeMap::new(), 0, 0);
        while let Some(entry) = archive.next_entry().map_err(broken)? {
            let found = match entry.kind {
                EntryKind::File(size) => match archive.content_offset() {
                    Some(offset) => Found::File(offset, size),
                    // With holes in it, it is no part of the file.
                    None => continue,
                },
                EntryKind::HardLink(target) => Found::Link(tidy(&target, b"")),
                EntryKind::Symlink(target) => Found::Link(tidy(&target, &entry.path)),
                _ => continue,
            };
            count += 1;
            names += entry.path.len();
            if let Found::Link(target) = &found {
                names += target.len();
            }
            if count > ENTRIES_MAX || names > NAMES_MAX {
                return Err(unusable(
                    "it has more entries than an image can have (65536)",
                ));
            }
            entries.insert(tidy(&entry.path, b""), found);
        }
        let path = path.to_owned();
        Ok(Self {
            path,
            file,
            entries,
        })
    }

    /// The tar's own path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file of that name, links followed.
    pub(super) fn get(&self, name: &str) -> Option<Blob> {
        let mut name = tidy(name.as_bytes(), b"");
        for _ in 0..=LINKS_MAX {
            match self.entries.get(&name)? {
                Found::Link(target) => name.clone_from(target),
                Found::File(offset, size) => {
                    let place = self.path.display().to_string();
                    return Some(Blob::new(&self.file, *offset, *size, place));
                }
            }
        }
        None
    }
}

/// A name without dots and doubled slashes; what is seen from the folder of `from`.
fn tidy(name: &[u8], from: &[u8]) -> Vec<u8> {
    let folder = from.iter().rposition(|byte| *byte == b'/');
    let folder = folder.and_then(|at| from.get(..at)).unwrap_or_default();
    let mut names: Vec<&[u8]> = Vec::new();
    for name in folder
        .split(|b| *b == b'/')
        .chain(name.split(|b| *b == b'/'))
    {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_seen_from_their_folder() {
        for (name, from, expected) in [
            ("./a//b", "", "a/b"),
            ("../c/layer.tar", "d/layer.tar", "c/layer.tar"),
            ("../../../x", "d/e", "x"),
            ("/x", "", "x"),
        ] {
            let found = tidy(name.as_bytes(), from.as_bytes());
            assert_eq!(found, expected.as_bytes(), "{name} from {from}");
        }
    }
}
