//! A change of several files of a keys folder that survives an interruption at any moment.
//!
//! What is new is written to a folder beside the files first (it appears in one step, whole); then what it
//! replaces is kept in another; then each new file takes its place. Whatever comes between, the same again
//! goes on where it was: nothing is lost, and no file is replaced before it is kept.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use formats::efi_signature_list;

use super::folder::write_file;
use super::{CreateError, KeyFile, KeySet, LoadError, WriteError};

/// Why a keys folder could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// A file or folder cannot be read.
    #[error("{path} cannot be read; take it from your copy of the keys")]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file or folder cannot be written, moved or removed.
    #[error(
        "{path} cannot be changed; nothing is lost: make room, or take care that you may write there, and type the same again"
    )]
    Move {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A signature list or signed variable is none.
    #[error("{path} cannot be used: {error}; take it from your copy of the keys")]
    List {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: efi_signature_list::Error,
    },
    /// A signed variable's time is none.
    #[error(
        "{path} says that it was signed at {time_found}, which is no time; the next one must be later"
    )]
    Time {
        /// The file.
        path: PathBuf,
        /// What it says.
        time_found: efi_signature_list::Timestamp,
    },
    /// After the year 9999.
    #[error("there is no time later than that of the newest .auth file in the keys folder")]
    NoLaterTime,
    /// The owner's GUID.
    #[error("{path} holds {found:?}; a GUID is needed: the one that keys/db.esl has")]
    Owner {
        /// The file.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// The list does not hold the certificate.
    #[error("{list} does not hold the certificate {certificate}; `sealboot keys check` says more")]
    NotListed {
        /// The list's file.
        list: PathBuf,
        /// The certificate's file.
        certificate: PathBuf,
    },
    /// Something of that name is there.
    #[error("{0} exists already; move it away")]
    Exists(PathBuf),
    /// A certificate or key.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A key or signature could not be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// Files could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// What is not firmware's matter any more was to be signed, and there is no key.
    #[error("the change of {0} must be signed, and no key was given")]
    Unsigned(&'static str),
}

impl ChangeError {
    pub(super) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }

    pub(super) fn moving(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Move { path, source }
    }
}

/// A keys folder, in which a folder `stage` has new files, and `kept` gets what they replace.
#[derive(Clone, Copy)]
pub(super) struct FolderChange<'a> {
    pub(super) folder: &'a Path,
    pub(super) stage: &'a Path,
    pub(super) kept: &'a Path,
}

/// One thing to do. Doing it twice is no harm.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// The folder for what is replaced.
    Make,
    /// A file that will be replaced gets a second name there.
    Keep(String),
    /// A new file takes its place.
    Place(String),
    /// The folder of new files, empty now.
    Remove,
}

impl FolderChange<'_> {
    /// Puts new files into a folder beside the others: all of them or none.
    pub(super) fn prepare(&self, files: Vec<KeyFile>) -> Result<(), ChangeError> {
        match self.stage.exists() {
            true => Err(ChangeError::Exists(self.stage.to_owned())),
            false => Ok(KeySet { files }.write(self.stage)?),
        }
    }

    /// One more new file, or another in its place.
    pub(super) fn add(&self, file: &KeyFile) -> Result<(), ChangeError> {
        let wrong = || ChangeError::moving(self.stage);
        let beside = tempfile::tempdir_in(self.stage).map_err(wrong())?;
        write_file(beside.path(), file).map_err(wrong())?;
        let from = beside.path().join(&file.name);
        fs::rename(from, self.stage.join(&file.name)).map_err(wrong())?;
        sync(self.stage)
    }

    /// Lets the new files take their places.
    pub(super) fn run(&self) -> Result<(), ChangeError> {
        for step in self.steps()? {
            self.take(&step)?;
        }
        Ok(())
    }

    fn steps(&self) -> Result<Vec<Step>, ChangeError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.stage).map_err(ChangeError::reading(self.stage))? {
            let entry = entry.map_err(ChangeError::reading(self.stage))?;
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            match entry.file_name().into_string() {
                Ok(name) if is_file => names.push(name),
                // What an interruption left of a file that was to be added.
                _ => {
                    fs::remove_dir_all(entry.path()).map_err(ChangeError::moving(&entry.path()))?
                }
            }
        }
        names.sort();
        let replaced = names.iter().filter(|name| self.folder.join(name).exists());
        let mut steps: Vec<Step> = replaced.cloned().map(Step::Keep).collect();
        if !steps.is_empty() {
            steps.insert(0, Step::Make);
        }
        steps.extend(names.iter().cloned().map(Step::Place));
        steps.push(Step::Remove);
        Ok(steps)
    }

    fn take(&self, step: &Step) -> Result<(), ChangeError> {
        match step {
            Step::Make => make_folder(self.kept),
            Step::Keep(name) => keep(&self.folder.join(name), &self.kept.join(name)),
            Step::Place(name) => {
                if self.kept.exists() {
                    sync(self.kept)?;
                }
                let to = self.folder.join(name);
                fs::rename(self.stage.join(name), &to).map_err(ChangeError::moving(&to))?;
                sync(self.folder)
            }
            Step::Remove => {
                fs::remove_dir(self.stage).map_err(ChangeError::moving(self.stage))?;
                sync(self.folder)
            }
        }
    }
}

/// A folder that only its owner may enter; that it is there already is fine.
fn make_folder(path: &Path) -> Result<(), ChangeError> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
        other => other.map_err(ChangeError::moving(path))?,
    }
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(ChangeError::moving(path))?;
    sync(path.parent().unwrap_or(path))
}

/// A second name for a file, or a copy of it where the file system (FAT) knows no second names. What is kept
/// already is older, and stays.
fn keep(file: &Path, kept: &Path) -> Result<(), ChangeError> {
    match fs::hard_link(file, kept) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(_) => {}
    }
    let copy = || {
        let folder = kept.parent().unwrap_or(kept);
        let content = zeroize::Zeroizing::new(fs::read(file)?);
        // Mode 0600 from the start; it appears under its name when it is whole.
        let mut beside = tempfile::NamedTempFile::new_in(folder)?;
        io::Write::write_all(&mut beside, &content)?;
        beside
            .as_file()
            .set_permissions(fs::metadata(file)?.permissions())?;
        beside.as_file().sync_all()?;
        beside.persist_noclobber(kept)?;
        Ok(())
    };
    copy().map_err(ChangeError::moving(kept))
}

/// `db.old-2026-11-28`, or the first with a number after it that is free.
pub(super) fn free_name(folder: &Path, first: &str) -> PathBuf {
    let numbered = (2u32..).map(|number| folder.join(format!("{first}-{number}")));
    let first = folder.join(first);
    let mut names = std::iter::once(first.clone()).chain(numbered);
    names.find(|path| !path.exists()).unwrap_or(first)
}

/// Gives a file or folder another name; that it was done before is fine.
pub(super) fn rename_new(from: &Path, to: &Path) -> Result<(), ChangeError> {
    match (from.exists(), to.exists()) {
        (false, _) => Ok(()),
        (true, true) => Err(ChangeError::Exists(to.to_owned())),
        (true, false) => {
            fs::rename(from, to).map_err(ChangeError::moving(to))?;
            sync(to.parent().unwrap_or(to))
        }
    }
}

fn sync(folder: &Path) -> Result<(), ChangeError> {
    let folder = match folder {
        empty if empty == Path::new("") => Path::new("."),
        folder => folder,
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(ChangeError::moving(folder))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        files
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                (name, fs::read(entry.path()).unwrap())
            })
            .collect()
    }

    fn expected(rows: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        let owned =
            |(name, content): &(&str, &str)| ((*name).to_owned(), content.as_bytes().to_vec());
        rows.iter().map(owned).collect()
    }

    /// Interrupted after every step, and once more after every step of the second try.
    #[test]
    fn whatever_interrupts_it_the_same_again_ends_it() {
        let count = 6;
        for first in 0..=count {
            for second in 0..=count {
                let scratch = tempfile::tempdir().unwrap();
                let folder = scratch.path();
                let (stage, kept) = (folder.join("next"), folder.join("old"));
                for (name, content) in [("a.key", "old a"), ("b.crt", "old b"), ("c", "c")] {
                    fs::write(folder.join(name), content).unwrap();
                }
                let change = FolderChange {
                    folder,
                    stage: &stage,
                    kept: &kept,
                };
                let new = |stem, end, content: &str| KeyFile::public(stem, end, content.as_bytes());
                change
                    .prepare(vec![new("a", "key", "new a"), new("d", "auth", "new d")])
                    .unwrap();
                for many in [first, second] {
                    if !stage.exists() {
                        continue;
                    }
                    for step in change.steps().unwrap().iter().take(many) {
                        change.take(step).unwrap();
                    }
                    // At no moment is the old one gone from both places.
                    let places = [folder.join("a.key"), kept.join("a.key")];
                    let found = places.map(|place| fs::read(place).unwrap_or_default());
                    assert!(found.contains(&b"old a".to_vec()), "{first} {second}");
                }
                if stage.exists() {
                    change.run().unwrap();
                }
                let now = [
                    ("a.key", "new a"),
                    ("b.crt", "old b"),
                    ("c", "c"),
                    ("d.auth", "new d"),
                ];
                assert_eq!(files(folder), expected(&now), "{first} {second}");
                assert_eq!(files(&kept), expected(&[("a.key", "old a")]));
                assert!(!stage.exists());
            }
        }
    }
}
