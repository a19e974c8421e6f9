//! Taking hold of a target, so that it stays what the plan was about.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use tempfile::NamedTempFile;

use super::error::Error;
use super::plan::Plan;
use super::target::{Refusal, Target};

/// A target that is held: nobody else can mount or claim a disk meanwhile.
pub struct Held<'a> {
    pub(super) plan: &'a Plan,
    pub(super) root: &'a Path,
    pub(super) medium: Medium,
}

/// What is held.
pub(super) enum Medium {
    /// A disk, exclusively.
    Disk(File),
    /// The new file, and where it will be.
    File(NamedTempFile, PathBuf),
}

impl Plan {
    /// Opens the target, so that it stays what it is until it is written.
    ///
    /// # Errors
    ///
    /// [`Error::OpenTarget`], [`Error::Refused`] when somebody else holds the disk, and
    /// [`Error::Changed`] when it is another one than was planned for.
    pub fn hold<'a>(&'a self, root: &'a Path) -> Result<Held<'a>, Error> {
        let path = self.target.path();
        let medium = match &self.target {
            Target::File { .. } => new_file(path)?,
            Target::Disk { disk, .. } => {
                let file = linux::disk::open_exclusive(path).map_err(|error| {
                    let source = error.source;
                    match source.raw_os_error().map(Errno::from_raw_os_error) {
                        Some(Errno::BUSY) => Error::Refused {
                            path: path.to_owned(),
                            reasons: vec![Refusal::Claimed],
                        },
                        errno => Error::OpenTarget {
                            path: path.to_owned(),
                            hint: hint(errno),
                            source,
                        },
                    }
                })?;
                let same = linux::disk::size(&file).ok() == Some(disk.size)
                    && match (disk.sequence, linux::disk::sequence(&file)) {
                        (Some(planned), Ok(Some(found))) => planned == found,
                        (_, answer) => answer.is_ok(),
                    };
                if !same {
                    return Err(Error::Changed {
                        path: path.to_owned(),
                    });
                }
                Medium::Disk(file)
            }
        };
        Ok(Held {
            plan: self,
            root,
            medium,
        })
    }
}

fn hint(errno: Option<Errno>) -> &'static str {
    match errno {
        Some(Errno::ACCESS | Errno::PERM) => "; only root may, on most systems",
        Some(Errno::ROFS) => "; it is read-only: a card or stick may have a switch for that",
        Some(Errno::NXIO | Errno::NODEV | Errno::NOMEDIUM) => "; is it still plugged in?",
        _ => "",
    }
}

/// A file beside the one that it will replace, with that one's permissions.
fn new_file(path: &Path) -> Result<Medium, Error> {
    let trouble = |source: io::Error| Error::OpenTarget {
        path: path.to_owned(),
        hint: match source.kind() {
            io::ErrorKind::PermissionDenied => "; name a file that you may write",
            _ => "",
        },
        source,
    };
    // The file itself, not a link to it, is what is replaced.
    let place = match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        place => place.map_err(trouble)?,
    };
    let folder = match place.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let old = fs::metadata(&place).ok();
    let mut builder = tempfile::Builder::new();
    builder.prefix(".sealboot-write-");
    let permissions = old.as_ref().map(fs::Metadata::permissions);
    builder.permissions(permissions.unwrap_or(fs::Permissions::from_mode(0o666)));
    // A file that may not be written is not replaced either.
    if old.is_some() {
        let writable = fs::OpenOptions::new().write(true).open(&place);
        writable.map_err(trouble)?;
    }
    // The path in its words is of the hidden file, which nobody has named.
    let file = builder.tempfile_in(folder);
    let file = file.map_err(|error| trouble(error.kind().into()))?;
    Ok(Medium::File(file, place))
}
