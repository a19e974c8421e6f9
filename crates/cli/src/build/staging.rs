//! The output folder: everything is written beside its final place and moved there at the end,
//! so a build that fails or is cut off leaves the last release as it was.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use contract::out::TO_SIGN;
use media::disk::{FileOnSlot, Source};
use rustix::fs::{FlockOperation, flock};

use super::release::ReleaseFile;
use crate::exit::{Code, WithCode};
use crate::write_behind::WriteBehind;

/// Prefix of the folder that a running build writes to.
const PREFIX: &str = ".building-";

/// A build's own corner of the output folder; removed on drop.
pub struct Staging {
    out: PathBuf,
    /// Holds the lock on the output folder.
    _lock: File,
    corner: tempfile::TempDir,
    names: Vec<String>,
    /// Of these, what is in its place already.
    kept: Vec<String>,
    /// Names that a release can have.
    possible: Vec<String>,
    /// Files on their way to the disk.
    flushing: Vec<WriteBehind>,
}

impl Staging {
    /// Makes `out` if need be, locks it, and clears away what a killed build left there.
    /// `possible` are all names that a release can have: those are the build's to replace.
    pub fn open(out: &Path, possible: Vec<String>) -> anyhow::Result<Self> {
        let cannot = || {
            format!(
                "the output folder {} cannot be used; --out names another",
                out.display()
            )
        };
        Self::prepare(out, possible)
            .with_context(cannot)
            .code(Code::Failed)
    }

    /// The same, without advice.
    pub(crate) fn prepare(out: &Path, possible: Vec<String>) -> anyhow::Result<Self> {
        if out.exists() && !out.is_dir() {
            bail!("it is not a folder");
        }
        fs::create_dir_all(out)?;
        // A file cannot take a folder's place, and half a release in its place is none.
        let files = possible.iter().filter(|name| *name != TO_SIGN);
        let places = files.map(|name| out.join(name));
        if let Some(folder) = places.into_iter().find(|place| place.is_dir()) {
            bail!(
                "{} is a folder, where a file has to go; move it away",
                folder.display()
            );
        }
        let lock = File::open(out)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => bail!("another build is writing to it"),
            Err(error) => return Err(error.into()),
        }
        for entry in fs::read_dir(out)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let corner = tempfile::Builder::new().prefix(PREFIX).tempdir_in(out);
        // Its own message names the temporary folder, which nobody asked for.
        let corner = corner.map_err(|error| io::Error::from(error.kind()))?;
        Ok(Self {
            out: out.to_owned(),
            _lock: lock,
            corner,
            names: Vec::new(),
            kept: Vec::new(),
            possible,
            flushing: Vec::new(),
        })
    }

    /// The folder that everything is written to before it is published.
    pub(crate) fn corner(&self) -> &Path {
        self.corner.path()
    }

    /// Where to write the file that will be `name`.
    pub fn path(&mut self, name: &str) -> PathBuf {
        self.names.push(name.to_owned());
        self.corner.path().join(name)
    }

    /// Opens a new file that will be `name`, for writing and reading back.
    pub fn create(&mut self, name: &str) -> anyhow::Result<File> {
        let path = self.path(name);
        File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .with_context(|| format!("{} cannot be made", self.out.join(name).display()))
    }

    /// Writes a whole small file.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        fs::write(self.path(name), bytes)
            .with_context(|| format!("{} cannot be written", self.out.join(name).display()))
    }

    /// Writes a small file into a folder of the release.
    pub fn write_in(&mut self, folder: &str, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let whole = self.corner.path().join(folder);
        if !self.names.iter().any(|name| name == folder) {
            self.names.push(folder.to_owned());
            fs::create_dir(&whole)?;
        }
        let write = || {
            let mut file = File::create_new(whole.join(name))?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().with_context(|| {
            let file = self.out.join(folder).join(name);
            format!("{} cannot be written", file.display())
        })
    }

    /// A file of the output folder that stays as it is, as part of the release.
    pub fn keep(&mut self, name: &str) {
        self.names.push(name.to_owned());
        self.kept.push(name.to_owned());
    }

    fn place(&self, name: &str) -> PathBuf {
        match self.kept.iter().any(|kept| kept == name) {
            true => self.out.join(name),
            false => self.corner.path().join(name),
        }
    }

    /// Brings a large file to the disk while it is written, and while the build goes on.
    pub fn flush(&mut self, file: &File) {
        self.flushing.push(WriteBehind::start(file));
    }

    /// A file that was written, as it goes on a boot partition at `path`.
    pub fn on_slot(&self, name: &str, path: &str) -> anyhow::Result<FileOnSlot> {
        let file = self.place(name);
        let size = fs::metadata(&file)
            .with_context(|| format!("{name} was not written"))?
            .len();
        Ok(FileOnSlot {
            path: path.to_owned(),
            size,
            source: Source::File(file),
        })
    }

    /// All files of the release, by name.
    pub fn files(&self) -> anyhow::Result<Vec<ReleaseFile>> {
        let size = |name: &String| {
            let size = fs::metadata(self.place(name))?.len();
            Ok(ReleaseFile {
                name: name.clone(),
                size,
            })
        };
        let mut names: Vec<&String> = self.names.iter().collect();
        names.retain(|name| *name != TO_SIGN);
        names.sort();
        names.into_iter().map(size).collect()
    }

    /// Puts everything in its place, after it has reached the disk. What an earlier release had
    /// and this one has not goes away.
    pub fn publish(mut self) -> anyhow::Result<()> {
        let flushing = std::mem::take(&mut self.flushing);
        let finish = || -> io::Result<()> {
            for behind in flushing {
                behind.finish()?;
            }
            for name in &self.names {
                File::open(self.place(name))?.sync_all()?;
            }
            let gone = self.possible.iter();
            for name in gone.filter(|name| !self.names.contains(name) || *name == TO_SIGN) {
                let place = self.out.join(name);
                let removed = match name == TO_SIGN {
                    true => fs::remove_dir_all(place),
                    false => fs::remove_file(place),
                };
                match removed {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            for name in self.names.iter().filter(|name| !self.kept.contains(name)) {
                fs::rename(self.corner.path().join(name), self.out.join(name))?;
            }
            File::open(&self.out)?.sync_all()
        };
        finish().with_context(|| format!("putting the release into {}", self.out.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_build_that_is_dropped_leaves_the_last_release() {
        let out = tempfile::tempdir().unwrap();
        fs::write(out.path().join("a"), "old").unwrap();
        let mut staging = Staging::open(out.path(), Vec::new()).unwrap();
        staging.write("a", b"new").unwrap();
        drop(staging);
        assert_eq!(fs::read(out.path().join("a")).unwrap(), b"old");
        assert_eq!(names(out.path()), ["a"]);
    }

    #[test]
    fn publishing_replaces_and_clears() {
        let out = tempfile::tempdir().unwrap();
        for name in ["a", "firmware", "mine"] {
            fs::write(out.path().join(name), "old").unwrap();
        }
        let possible = vec!["a".to_owned(), "firmware".to_owned()];
        let mut staging = Staging::open(out.path(), possible).unwrap();
        staging.write("a", b"new").unwrap();
        staging.publish().unwrap();
        assert_eq!(fs::read(out.path().join("a")).unwrap(), b"new");
        assert_eq!(names(out.path()), ["a", "mine"]);
    }

    #[test]
    fn two_builds_do_not_write_at_once_and_litter_goes() {
        let out = tempfile::tempdir().unwrap();
        fs::create_dir(out.path().join(".building-dead")).unwrap();
        let first = Staging::open(out.path(), Vec::new()).unwrap();
        let second = Staging::open(out.path(), Vec::new());
        let error = format!("{:#}", second.err().unwrap());
        assert!(error.contains("another build"), "{error}");
        drop(first);
        assert!(names(out.path()).is_empty());
    }
}
