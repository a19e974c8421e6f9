//! Work that was done before: a store of results, each found by a hash over all that decides it.
//!
//! [`Store`] is here; `entry` is one file of it, `beside` a large one that belongs to it, [`files`] a
//! result that is several named byte strings, [`image`] whole images, `blocks` and `contents` what
//! later ones have of them, [`listed`] what is in a layer.
//!
//! An entry carries a hash of what it holds and is checked as it is read, so a damaged one counts as
//! none. What no hash can tell is whether an entry was made from what its key says: a store that
//! others may write to is not used at all.
//!
//! Several builds may use a store at once. An entry gets its name when it is complete, by rename;
//! one that is taken away while it is read stays readable to its end.

mod beside;
mod blocks;
mod contents;
mod entry;
pub mod files;
pub mod image;
mod layer;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};
use sha2::{Digest, Sha256};
use source::kept::Kept;

pub use layer::listed;

/// Folder of the results inside a cache's folder.
const FOLDER: &str = "made";

/// What a result is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key([u8; 32]);

/// Where results are kept.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    /// Of all entries, in bytes.
    limit: u64,
    /// What every key and every entry's hash is made with.
    maker: [u8; 32],
}

/// Why results are not kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk did not play along.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else could put anything there.
    #[error(
        "{} can be written to by others than who builds, so what is in it is not believed; \
         take it away, or name another folder",
        path.display()
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
}

impl Error {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

impl Store {
    /// Uses the folder `made` in a cache's folder, which is created when it is not there. Entries
    /// take at most `limit` bytes once [`tidy`](Self::tidy) was called.
    ///
    /// `maker` stands for the program: what another version has made is never used.
    pub fn open(cache: &Path, limit: u64, maker: [u8; 32]) -> Result<Self, Error> {
        let folder = cache.join(FOLDER);
        fs::create_dir_all(cache).map_err(Error::io("create", cache))?;
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::io("create", &folder)(error));
            }
            _ => {}
        }
        let found = fs::symlink_metadata(&folder).map_err(Error::io("look at", &folder))?;
        let ours = found.uid() == rustix::process::geteuid().as_raw();
        if !found.is_dir() || !ours || found.mode() & 0o022 != 0 {
            return Err(Error::Foreign { path: folder });
        }
        Ok(Self {
            folder,
            limit,
            maker,
        })
    }

    /// The key of a result: `kind` says what it is, `inputs` are all that decides it.
    pub fn key(&self, kind: &str, inputs: &[&[u8]]) -> Key {
        let mut hash = Sha256::new_with_prefix(self.maker);
        for input in [kind.as_bytes()].iter().chain(inputs) {
            hash.update((input.len() as u64).to_le_bytes());
            hash.update(input);
        }
        Key(hash.finalize().into())
    }

    /// The content of an entry; `None` when there is none, or it is damaged. It counts as used now.
    pub fn get(&self, key: &Key) -> Option<Vec<u8>> {
        let path = self.path(key);
        // Only the order in which entries go depends on it.
        let _ = futimens(File::open(&path).ok()?, &NOW);
        let entry = fs::read(&path).ok();
        let content = entry.and_then(|entry| entry::content(&self.maker, key, entry));
        if content.is_none() {
            self.forget(key);
        }
        content
    }

    /// Takes an entry away, if it is there.
    pub fn forget(&self, key: &Key) {
        // What cannot be taken away is damaged again when it is read the next time.
        for path in [self.path(key), self.beside(key)] {
            let _ = fs::remove_file(path);
        }
    }

    /// Keeps a result, in place of an earlier one. What is larger than the whole store is not kept.
    pub fn put(&self, key: &Key, content: &[u8]) -> Result<(), Error> {
        if content.len() as u64 > self.limit {
            return Ok(());
        }
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let write = || -> io::Result<()> {
            let mut new = tempfile::NamedTempFile::new_in(folder)?;
            new.write_all(&entry::header(&self.maker, key, content))?;
            new.write_all(content)?;
            named(new.persist(&path))
        };
        write().map_err(Error::io("keep a result in", folder))
    }

    /// Takes away what was not used for longest, until the rest fits. What an interrupted build left
    /// goes the same way.
    pub fn tidy(&self) -> Result<(), Error> {
        let mut entries = Vec::new();
        let folders = fs::read_dir(&self.folder).map_err(Error::io("list", &self.folder))?;
        for folder in folders.flatten().map(|entry| entry.path()) {
            if folder.is_dir() {
                let listed = list(&folder).map_err(Error::io("list", &folder))?;
                entries.extend(listed.into_values());
            }
        }
        entries.sort();
        let mut total: u64 = entries.iter().map(|entry| entry.size).sum();
        for entry in entries {
            if total <= self.limit {
                break;
            }
            for path in entry.paths {
                match fs::remove_file(&path) {
                    // Another build tidies, too.
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(Error::io("remove", &path)(error));
                    }
                    _ => {}
                }
            }
            total -= entry.size;
        }
        Ok(())
    }

    fn path(&self, key: &Key) -> PathBuf {
        let name: String = key.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let folder = name.get(..2).unwrap_or_default();
        self.folder.join(folder).join(&name)
    }
}

/// An entry, and the file beside it, as [`Store::tidy`] sees them: in the order in which they go.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Aged {
    /// When it was last used: of an entry, for the file beside it is as old as its first name.
    used: (i64, i64),
    paths: Vec<PathBuf>,
    size: u64,
}

/// What is in one of the store's folders, by name without extension.
fn list(folder: &Path) -> io::Result<BTreeMap<PathBuf, Aged>> {
    let mut listed = BTreeMap::new();
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    // An entry before the file beside it.
    paths.sort();
    for path in paths {
        let Ok(found) = fs::symlink_metadata(&path) else {
            continue;
        };
        if found.is_file() {
            let entry = listed.entry(path.with_extension(""));
            let entry = entry.or_insert_with(|| Aged {
                used: (found.mtime(), found.mtime_nsec()),
                paths: Vec::new(),
                size: 0,
            });
            entry.size += found.len();
            entry.paths.push(path);
        }
    }
    Ok(listed)
}

/// A file got its name, unless another build needed the room already and took it away.
fn named<F>(persisted: Result<F, tempfile::PersistError<F>>) -> io::Result<()> {
    match persisted {
        Err(lost) if lost.error.kind() == io::ErrorKind::NotFound => Ok(()),
        kept => Ok(kept.map(drop)?),
    }
}

impl Kept for Store {
    fn find(&self, kind: &str, inputs: &[&[u8]]) -> Option<Vec<u8>> {
        self.get(&self.key(kind, inputs))
    }

    fn keep(&self, kind: &str, inputs: &[&[u8]], result: &[u8]) {
        // What is not kept is made again the next time.
        let _ = self.put(&self.key(kind, inputs), result);
    }
}

/// The file system's own clock.
const NOW: Timestamps = Timestamps {
    last_access: Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_OMIT as _,
    },
    last_modification: Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW as _,
    },
};
