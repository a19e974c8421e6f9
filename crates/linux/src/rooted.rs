//! Paths inside a folder that is somebody else's root: symbolic links in it are followed as if
//! the folder were `/`, so none of them leads out of it (openat2(2), `RESOLVE_IN_ROOT`).

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::Error;

/// A directory or file inside a root, held open.
#[derive(Debug)]
pub struct Place {
    descriptor: OwnedFd,
    mode: u32,
}

impl Place {
    /// A path by which other calls reach this very file, whatever is renamed meanwhile.
    /// Needs `/proc`.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.descriptor.as_raw_fd()))
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        FileType::from_raw_mode(self.mode) == FileType::Directory
    }

    /// Whether it is a regular file that somebody may execute.
    pub fn is_program(&self) -> bool {
        FileType::from_raw_mode(self.mode) == FileType::RegularFile && self.mode & 0o111 != 0
    }
}

/// Finds `path` (absolute or not: it starts at `root`) inside `root`; `None` when it is not there.
pub fn find(root: &Path, path: &Path) -> Result<Option<Place>, Error> {
    let trouble = |errno: Errno| {
        Error::new(
            "cannot find",
            format!("{} in {}", path.display(), root.display()),
            errno,
        )
    };
    let folder = rustix::fs::openat(
        CWD,
        root,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(trouble)?;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(&folder, path, flags, Mode::empty(), inside) {
        Ok(descriptor) => {
            let mode = rustix::fs::fstat(&descriptor).map_err(trouble)?.st_mode;
            Ok(Some(Place { descriptor, mode }))
        }
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(errno) => Err(trouble(errno)),
    }
}

/// Makes the directory `path` inside `root`, and those above it, where they are missing.
pub fn make_directory(root: &Path, path: &Path) -> Result<Place, Error> {
    let trouble = |errno: Errno| {
        Error::new(
            "cannot make the directory",
            format!("{} in {}", path.display(), root.display()),
            errno,
        )
    };
    let mut parent = find(root, Path::new("."))?.ok_or_else(|| trouble(Errno::NOENT))?;
    let mut walked = PathBuf::new();
    for name in path.components() {
        let std::path::Component::Normal(name) = name else {
            continue;
        };
        walked.push(name);
        parent = match find(root, &walked)? {
            Some(place) => place,
            None => {
                rustix::fs::mkdirat(&parent.descriptor, name, Mode::from_raw_mode(0o755))
                    .map_err(trouble)?;
                find(root, &walked)?.ok_or_else(|| trouble(Errno::NOENT))?
            }
        };
        if !parent.is_directory() {
            return Err(trouble(Errno::NOTDIR));
        }
    }
    Ok(parent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_stay_inside() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("usr/lib/modules")).unwrap();
        symlink("/usr/lib", root.path().join("lib")).unwrap();
        symlink("../../../../../../etc", root.path().join("out")).unwrap();
        let found = find(root.path(), Path::new("/lib/modules"))
            .unwrap()
            .unwrap();
        assert!(found.is_directory());
        assert_eq!(
            std::fs::canonicalize(found.path()).unwrap(),
            std::fs::canonicalize(root.path().join("usr/lib/modules")).unwrap()
        );
        assert!(
            find(root.path(), Path::new("out/passwd"))
                .unwrap()
                .is_none()
        );
        assert!(
            find(root.path(), Path::new("../../../../etc/passwd"))
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn directories_are_made_below_links() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("usr/lib")).unwrap();
        symlink("usr/lib", root.path().join("lib")).unwrap();
        make_directory(root.path(), Path::new("lib/modules/6.12")).unwrap();
        assert!(root.path().join("usr/lib/modules/6.12").is_dir());
        std::fs::write(root.path().join("file"), "").unwrap();
        assert!(make_directory(root.path(), Path::new("file/below")).is_err());
    }

    #[test]
    fn programs_are_told_from_files() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("plain"), "").unwrap();
        assert!(
            !find(root.path(), Path::new("plain"))
                .unwrap()
                .unwrap()
                .is_program()
        );
        rustix::fs::chmod(root.path().join("plain"), Mode::from_raw_mode(0o755)).unwrap();
        assert!(
            find(root.path(), Path::new("plain"))
                .unwrap()
                .unwrap()
                .is_program()
        );
    }
}
