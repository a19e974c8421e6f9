//! A directory of this machine as a tree.
//!
//! Nothing is followed and nothing is opened but directories: symbolic links stay links,
//! named pipes, sockets and devices stay what they are, and files are read when the tree's
//! contents are. A file whose size is another one by then is an error that names it.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, Metadata as OnDisk};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::tree::{Content, HostFile, Kind, Metadata, Node, Origin, Tree};

/// What is taken from the disk, and what is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whose the files are.
    pub owner: Owner,
    /// What to do where another file system is mounted.
    pub mounts: Mounts,
}

/// Whose the files in the tree are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// All are root's, as is usual for a directory that an ordinary user has filled.
    Root,
    /// Owner and group are those on disk.
    AsOnDisk,
}

/// What to do where another file system is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mounts {
    /// Stop with [`Error::OtherFileSystem`].
    Refuse,
    /// Take what is mounted as a part of the directory.
    Cross,
}

/// Why a directory cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system does not let it be read.
    #[error("{action} {} failed", path.display())]
    Read {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("{} is not a directory", .0.display())]
    NotDirectory(PathBuf),
    /// Another file system is mounted inside.
    #[error(
        "another file system is mounted at {}; unmount it, \
         or allow it outright when its files are meant to be taken too",
        .0.display()
    )]
    OtherFileSystem(PathBuf),
    /// A name or link that a tree does not take.
    #[error(transparent)]
    Tree(#[from] crate::tree::Error),
}

/// Reads what is in a directory; `root` itself may be a symbolic link to one. The tree's
/// root has the directory's metadata. Extended attributes are `security.capability` and
/// `user.*`; the others (labels, ACLs, overlay marks) mean something on this machine only.
pub fn read(root: impl AsRef<Path>, options: Options) -> Result<Tree, Error> {
    let root = root.as_ref();
    let failed = |action| move |source| read_error(action, root, source);
    let metadata = fs::metadata(root).map_err(failed("looking at"))?;
    if !metadata.is_dir() {
        return Err(Error::NotDirectory(root.to_owned()));
    }
    let mut tree = Tree::new();
    // With a dot behind it, a link's target is meant and not the link.
    tree.insert("", node(&root.join("."), &metadata, options)?)?;
    let mut links: HashMap<(u64, u64), Vec<u8>> = HashMap::new();
    // Level by level, the directories of one on all processors.
    let mut level = vec![(root.to_owned(), Vec::new())];
    while !level.is_empty() {
        let listed: Vec<Result<Vec<Found>, Error>> = level
            .par_iter()
            .map(|(directory, inside)| list(directory, inside, metadata.dev(), options))
            .collect();
        level.clear();
        for found in listed {
            for found in found? {
                let first = found.inode.and_then(|inode| links.get(&inode));
                if let Some(first) = first {
                    tree.link(first, &found.place)?;
                    continue;
                }
                if let Some(inode) = found.inode {
                    links.insert(inode, found.place.clone());
                }
                let is_directory = found.node.is_directory();
                tree.insert(&found.place, found.node)?;
                if is_directory {
                    level.push((found.path, found.place));
                }
            }
        }
    }
    Ok(tree)
}

/// What is in a directory.
struct Found {
    path: PathBuf,
    /// Where it is in the tree.
    place: Vec<u8>,
    node: Node,
    /// Device and inode, when it has several names.
    inode: Option<(u64, u64)>,
}

/// Everything in a directory, in byte order of the names.
fn list(
    directory: &Path,
    inside: &[u8],
    device: u64,
    options: Options,
) -> Result<Vec<Found>, Error> {
    let names = names(directory)?.into_iter();
    let found = names.map(|name| {
        let path = directory.join(&name);
        let found = fs::symlink_metadata(&path);
        let found = found.map_err(|source| read_error("looking at", &path, source))?;
        if found.is_dir() && found.dev() != device && options.mounts == Mounts::Refuse {
            return Err(Error::OtherFileSystem(path));
        }
        let mut place = inside.to_vec();
        if !place.is_empty() {
            place.push(b'/');
        }
        place.extend_from_slice(name.as_bytes());
        let several = !found.is_dir() && found.nlink() > 1;
        Ok(Found {
            node: node(&path, &found, options)?,
            inode: several.then(|| (found.dev(), found.ino())),
            path,
            place,
        })
    });
    found.collect()
}

fn read_error(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    let path = path.to_owned();
    Error::Read {
        action,
        path,
        source,
    }
}

/// The names in a directory, in byte order.
fn names(directory: &Path) -> Result<Vec<std::ffi::OsString>, Error> {
    let failed = |source| read_error("listing", directory, source);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name());
    }
    names.sort();
    Ok(names)
}

fn node(path: &Path, found: &OnDisk, options: Options) -> Result<Node, Error> {
    let kind = found.file_type();
    let device = || {
        let number = found.rdev();
        (rustix::fs::major(number), rustix::fs::minor(number))
    };
    let kind = if kind.is_dir() {
        Kind::Directory
    } else if kind.is_symlink() {
        let target = fs::read_link(path);
        let target = target.map_err(|source| read_error("reading the link", path, source))?;
        Kind::Symlink(target.as_os_str().as_bytes().to_vec())
    } else if kind.is_char_device() {
        let (major, minor) = device();
        Kind::CharDevice { major, minor }
    } else if kind.is_block_device() {
        let (major, minor) = device();
        Kind::BlockDevice { major, minor }
    } else if kind.is_fifo() {
        Kind::Fifo
    } else if kind.is_socket() {
        Kind::Socket
    } else {
        let size = found.len();
        let origin = Origin::File(HostFile::new(path));
        Kind::File(Content { size, origin })
    };
    let (uid, gid) = match options.owner {
        Owner::Root => (0, 0),
        Owner::AsOnDisk => (found.uid(), found.gid()),
    };
    let xattrs = xattrs(path);
    let xattrs = xattrs.map_err(|error| {
        let source = std::io::Error::from(error);
        read_error("reading the extended attributes of", path, source)
    })?;
    let metadata = Metadata {
        mode: (found.mode() & 0o7777) as u16,
        uid,
        gid,
        mtime: found.mtime(),
        xattrs,
    };
    Ok(Node { metadata, kind })
}

/// Linux's `XATTR_LIST_MAX` and `XATTR_SIZE_MAX`, in bytes.
const XATTR_MAX: usize = 65536;

fn xattrs(path: &Path) -> rustix::io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let length = match rustix::fs::llistxattr_query(path) {
        Ok(length) => length,
        Err(rustix::io::Errno::NOTSUP) => 0,
        Err(error) => return Err(error),
    };
    if length == 0 {
        return Ok(found);
    }
    let mut buffer = vec![0; XATTR_MAX];
    let length = rustix::fs::llistxattr(path, &mut buffer[..])?;
    let list = buffer.get(..length).unwrap_or_default().to_vec();
    for name in list.split(|byte| *byte == 0) {
        if name == b"security.capability" || name.starts_with(b"user.") {
            let length = rustix::fs::lgetxattr(path, name, &mut buffer[..])?;
            let value = buffer.get(..length).unwrap_or_default();
            found.insert(name.to_vec(), value.to_vec());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::dump::dump_with_contents;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    const OURS: Options = Options {
        owner: Owner::Root,
        mounts: Mounts::Refuse,
    };

    fn set_times(path: &Path) {
        use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
        let time = Timespec {
            tv_sec: 7,
            tv_nsec: 999_999_999,
        };
        let times = Timestamps {
            last_access: time,
            last_modification: time,
        };
        utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn everything_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("d")).unwrap();
        fs::write(at("d/f"), "abc").unwrap();
        fs::hard_link(at("d/f"), at("d/a")).unwrap();
        fs::hard_link(at("d/f"), at("z")).unwrap();
        symlink("/nowhere", at("d/l")).unwrap();
        symlink("d", at("ld")).unwrap();
        let fifo = rustix::fs::FileType::Fifo;
        let mode = rustix::fs::Mode::empty();
        rustix::fs::mknodat(rustix::fs::CWD, at("d/p"), fifo, mode, 0).unwrap();
        let _socket = UnixListener::bind(at("d/s")).unwrap();
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::lsetxattr(at("d/f"), "user.note", b"x\0\n", flags)
            .expect("the folder for temporary files has to take user.* attributes");
        for (name, mode) in [
            ("d/f", 0o4711),
            ("d/p", 0o640),
            ("d/s", 0o600),
            ("d", 0o1770),
        ] {
            set_mode(&at(name), mode);
        }
        set_mode(folder.path(), 0o750);
        for name in ["d/f", "d/l", "d/p", "d/s", "ld", "d", "."] {
            set_times(&at(name));
        }
        let expected = "\
d 0750 0:0 7 /
d 1770 0:0 7 /d
f 4711 0:0 7 /d/a size=3 sha256=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad user.note=\"x\\x00\\n\"
h /d/f = /d/a
l 0777 0:0 7 /d/l -> /nowhere
p 0640 0:0 7 /d/p
s 0600 0:0 7 /d/s
l 0777 0:0 7 /ld -> d
h /z = /d/a
";
        let tree = read(folder.path(), OURS).unwrap();
        assert_eq!(dump_with_contents(&tree).unwrap(), expected);
        // Through a link, the same.
        let other = tempfile::tempdir().unwrap();
        symlink(folder.path(), other.path().join("link")).unwrap();
        let tree = read(other.path().join("link"), OURS).unwrap();
        assert_eq!(dump_with_contents(&tree).unwrap(), expected);
    }

    #[test]
    fn owners_and_devices_are_those_on_disk() {
        let options = Options {
            owner: Owner::AsOnDisk,
            ..OURS
        };
        let found = fs::symlink_metadata("/dev/null").unwrap();
        let null = node(Path::new("/dev/null"), &found, options).unwrap();
        assert_eq!(null.kind, Kind::CharDevice { major: 1, minor: 3 });
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("f"), "").unwrap();
        let found = fs::metadata(folder.path().join("f")).unwrap();
        let tree = read(folder.path(), options).unwrap();
        let metadata = &tree.get("f").unwrap().metadata;
        assert_eq!((metadata.uid, metadata.gid), (found.uid(), found.gid()));
    }

    #[test]
    fn errors_name_the_path() {
        let error = read("/nowhere/at/all", OURS).unwrap_err().to_string();
        assert_eq!(error, "looking at /nowhere/at/all failed");
        let error = read("/dev/null", OURS).unwrap_err().to_string();
        assert_eq!(error, "/dev/null is not a directory");
        // Every Linux has /proc mounted in /, and / itself is not part of it.
        let error = read("/", OURS).unwrap_err();
        assert!(matches!(error, Error::OtherFileSystem(_)), "{error}");
    }

    #[test]
    fn a_file_that_grows_later_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "abc").unwrap();
        let tree = read(folder.path(), OURS).unwrap();
        fs::write(&path, "abcdef").unwrap();
        let error = tree.read("log", 100).unwrap_err().to_string();
        let expected = "log changed while it was used: it was 3 bytes long, now it is 6 bytes";
        assert!(error.contains(expected), "{error}");
    }
}
