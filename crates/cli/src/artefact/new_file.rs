//! A file that takes its place when it is complete, and not before.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tempfile::NamedTempFile;

use crate::exit::{Code, WithCode};
use crate::write_behind::WriteBehind;

/// A file in the making, beside its place; removed on drop.
pub struct NewFile {
    file: NamedTempFile,
    place: PathBuf,
    behind: Option<WriteBehind>,
}

impl NewFile {
    /// Starts a file that will be at `place`, where nothing or another file is.
    pub fn create(place: &Path) -> anyhow::Result<Self> {
        let start = || -> anyhow::Result<Self> {
            // Taking the place of a disk's node would write nothing to that disk.
            if fs::metadata(place).is_ok_and(|is| !is.is_file()) {
                bail!("what is there is not a file");
            }
            let file = NamedTempFile::new_in(folder(place))
                // Its own message names the temporary file, which nobody asked for.
                .map_err(|error| io::Error::from(error.kind()))?;
            Ok(Self {
                file,
                place: place.to_owned(),
                behind: None,
            })
        };
        start().with_context(|| cannot(place)).code(Code::Failed)
    }

    /// The same for a large one, which goes to the disk while it is written.
    pub fn create_large(place: &Path) -> anyhow::Result<Self> {
        let mut new = Self::create(place)?;
        new.behind = Some(WriteBehind::start(new.file.as_file()));
        Ok(new)
    }

    /// To write to, and to read back.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Puts it in its place, after it has reached the disk.
    pub fn publish(self) -> anyhow::Result<()> {
        let Self {
            file,
            place,
            behind,
        } = self;
        let finish = || -> io::Result<()> {
            behind.map_or(Ok(()), WriteBehind::finish)?;
            file.as_file().sync_all()?;
            file.as_file()
                .set_permissions(Permissions::from_mode(0o644))?;
            file.persist(&place)?;
            File::open(folder(&place))?.sync_all()
        };
        finish().with_context(|| cannot(&place)).code(Code::Failed)
    }

    /// Writes a whole file.
    pub fn write(place: &Path, bytes: &[u8]) -> anyhow::Result<()> {
        let mut new = Self::create(place)?;
        new.file()
            .write_all(bytes)
            .with_context(|| cannot(place))
            .code(Code::Failed)?;
        new.publish()
    }
}

fn folder(place: &Path) -> &Path {
    let folder = place.parent().unwrap_or(Path::new(""));
    match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    }
}

fn cannot(place: &Path) -> String {
    format!("{} cannot be written", place.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a");
        fs::write(&place, "old").unwrap();
        let mut new = NewFile::create(&place).unwrap();
        new.file().write_all(b"half").unwrap();
        drop(new);
        assert_eq!(fs::read(&place).unwrap(), b"old");
        NewFile::write(&place, b"new").unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(NewFile::create(folder.path()).is_err());
    }
}
