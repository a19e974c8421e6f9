//! A set of keys, written to a folder: all of it or nothing.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{KeyFile, KeySet};

/// Why keys were not written. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is something that would be lost.
    #[error(
        "{0} exists already, and keys are never overwritten; name another folder, or move this one away"
    )]
    Exists(PathBuf),
    /// A file or folder could not be written.
    #[error(
        "the keys cannot be written to {path}; name a folder where you may, with room for 64 KiB"
    )]
    Write {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl KeySet {
    /// Whether [`Self::write`] would find something in `folder` that it does not overwrite.
    pub fn check_folder(folder: &Path) -> Result<(), WriteError> {
        match fs::read_dir(folder) {
            Ok(mut entries) => match entries.next() {
                None => Ok(()),
                Some(entry) => {
                    let entry = entry.map_err(wrong(folder))?;
                    Err(WriteError::Exists(entry.path()))
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                Err(WriteError::Exists(folder.to_owned()))
            }
            Err(error) => Err(wrong(folder)(error)),
        }
    }

    /// Writes all files to `folder`, which must not exist or be empty. The folder gets mode 0700,
    /// private keys 0600, other files 0644, whatever the umask is.
    pub fn write(&self, folder: &Path) -> Result<(), WriteError> {
        // 1. Nothing may be there.
        Self::check_folder(folder)?;

        // 2. A folder beside it, on the same filesystem; it is removed when anything fails.
        let parent = match folder.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let beside = tempfile::Builder::new()
            .prefix(".keys-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)
            // Its own message names the temporary folder, which nobody asked for.
            .map_err(|error| wrong(parent)(error.kind().into()))?;
        fs::set_permissions(beside.path(), Permissions::from_mode(0o700))
            .map_err(wrong(beside.path()))?;
        for file in &self.files {
            write_file(beside.path(), file).map_err(wrong(&folder.join(&file.name)))?;
        }
        sync(beside.path()).map_err(wrong(folder))?;

        // 3. Its name becomes the final one in one step.
        rename(beside.path(), folder)?;
        // The folder is no longer under its old name: nothing is left to remove.
        let _ = beside.keep();
        sync(parent).map_err(wrong(parent))
    }
}

fn wrong(path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    let path = path.to_owned();
    move |source| WriteError::Write { path, source }
}

pub(super) fn write_file(folder: &Path, file: &KeyFile) -> io::Result<()> {
    let mode = if file.private { 0o600 } else { 0o644 };
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(folder.join(&file.name))?;
    out.set_permissions(Permissions::from_mode(mode))?;
    out.write_all(&file.content)?;
    out.sync_all()
}

fn rename(from: &Path, to: &Path) -> Result<(), WriteError> {
    // An empty folder that was there is replaced; the kernel refuses if it is not empty any more.
    let renamed = match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::EXIST | rustix::io::Errno::INVAL) => fs::rename(from, to),
        other => other.map_err(io::Error::from),
    };
    renamed.map_err(|source| match source.kind() {
        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory => {
            WriteError::Exists(to.to_owned())
        }
        _ => WriteError::Write {
            path: to.to_owned(),
            source,
        },
    })
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
