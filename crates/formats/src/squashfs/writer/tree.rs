//! The inodes and names that an image is to hold.

use std::collections::BTreeMap;

use super::data::FileData;
use super::xattr::split_name;
use crate::squashfs::format::{
    InodeType, MAX_MAJOR, MAX_MINOR, MAX_NAME, MAX_SYMLINK, XATTR_NAME_MAX, XATTR_SIZE_MAX,
};

/// What every kind of inode carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits, setuid, setgid and sticky: at most `0o7777`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time, seconds since 1970.
    pub mtime: u32,
    /// Extended attributes: full name (`user.`, `trusted.` or `security.` first) → value.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What an inode is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File(FileData),
    /// A symbolic link and its target.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
}

impl Kind {
    pub(super) fn basic_type(&self) -> InodeType {
        match self {
            Self::Directory => InodeType::Directory,
            Self::File(_) => InodeType::File,
            Self::Symlink(_) => InodeType::Symlink,
            Self::CharDevice { .. } => InodeType::CharDevice,
            Self::BlockDevice { .. } => InodeType::BlockDevice,
            Self::Fifo => InodeType::Fifo,
            Self::Socket => InodeType::Socket,
        }
    }
}

/// An inode of one [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeId(pub(super) usize);

/// Why something cannot be in an image.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be put into the image: {reason}")]
pub struct TreeError {
    /// The path, with bytes that are not printable ASCII escaped.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

#[derive(Debug)]
pub(super) struct TreeInode {
    pub(super) attributes: Attributes,
    pub(super) kind: Kind,
    pub(super) links: u32,
    /// Sorted by bytes, as the kernel searches them.
    pub(super) children: BTreeMap<Vec<u8>, InodeId>,
}

/// Inodes and names: starts with the root directory, grows by [`insert`](Self::insert) and
/// [`link`](Self::link).
#[derive(Debug)]
pub struct Tree {
    pub(super) inodes: Vec<TreeInode>,
}

impl Tree {
    /// The root directory's inode.
    pub const ROOT: InodeId = InodeId(0);

    /// A tree with nothing but a root directory.
    pub fn new(root: Attributes) -> Result<Self, TreeError> {
        check_attributes(b"/", &root)?;
        let root = TreeInode {
            attributes: root,
            kind: Kind::Directory,
            links: 2,
            children: BTreeMap::new(),
        };
        Ok(Self { inodes: vec![root] })
    }

    /// Adds an inode under a path like `usr/bin/env`, whose directory is there already.
    pub fn insert(
        &mut self,
        path: &[u8],
        attributes: Attributes,
        kind: Kind,
    ) -> Result<InodeId, TreeError> {
        check_attributes(path, &attributes)?;
        check_kind(path, &kind)?;
        let (directory, name) = self.place(path)?;
        let id = InodeId(self.inodes.len());
        // Inode numbers are 32 bits from 1, and one more stands for the root's parent.
        if self.inodes.len() >= (u32::MAX - 2) as usize {
            return Err(error(path, "there are too many inodes".to_owned()));
        }
        let is_directory = kind == Kind::Directory;
        self.inodes.push(TreeInode {
            attributes,
            kind,
            links: if is_directory { 2 } else { 1 },
            children: BTreeMap::new(),
        });
        if let Some(parent) = self.inodes.get_mut(directory.0) {
            parent.children.insert(name.to_vec(), id);
            parent.links = parent.links.saturating_add(u32::from(is_directory));
        }
        Ok(id)
    }

    /// Gives a regular file its content: for trees that are checked before contents are read.
    /// False, and nothing changes, when the inode is something else.
    pub fn set_content(&mut self, file: InodeId, content: FileData) -> bool {
        match self.inodes.get_mut(file.0).map(|inode| &mut inode.kind) {
            Some(Kind::File(data)) => {
                *data = content;
                true
            }
            _ => false,
        }
    }

    /// Gives an inode that is no directory one more name: a hard link.
    pub fn link(&mut self, path: &[u8], target: InodeId) -> Result<(), TreeError> {
        let (directory, name) = self.place(path)?;
        match self.inodes.get_mut(target.0) {
            Some(inode) if inode.kind == Kind::Directory => {
                return Err(error(path, "a directory has one name only".to_owned()));
            }
            Some(inode) => inode.links = inode.links.saturating_add(1),
            None => return Err(error(path, "its inode is of another tree".to_owned())),
        }
        if let Some(parent) = self.inodes.get_mut(directory.0) {
            parent.children.insert(name.to_vec(), target);
        }
        Ok(())
    }

    /// The directory that `path` is to be in, and its name there.
    fn place<'p>(&self, path: &'p [u8]) -> Result<(InodeId, &'p [u8]), TreeError> {
        let mut names: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
        let name = names.pop().unwrap_or_default();
        check_name(path, name)?;
        let mut directory = Self::ROOT;
        for parent in names {
            let child = self
                .inodes
                .get(directory.0)
                .and_then(|inode| inode.children.get(parent));
            directory = *child.ok_or_else(|| {
                let parent = parent.escape_ascii();
                error(path, format!("there is no directory \"{parent}\" above it"))
            })?;
        }
        match self.inodes.get(directory.0) {
            Some(inode) if inode.kind != Kind::Directory => {
                Err(error(path, "what is above it is no directory".to_owned()))
            }
            Some(inode) if inode.children.contains_key(name) => {
                Err(error(path, "it is there already".to_owned()))
            }
            _ => Ok((directory, name)),
        }
    }

    /// Directories, each before the one that it is in, with that one; the root comes last, its
    /// own parent.
    pub(super) fn directories(&self) -> Vec<(InodeId, InodeId)> {
        let mut order = Vec::new();
        let mut stack = vec![(Self::ROOT, Self::ROOT)];
        while let Some((id, parent)) = stack.pop() {
            order.push((id, parent));
            let children = self.inodes.get(id.0).map(|inode| &inode.children);
            for &child in children.into_iter().flatten().map(|(_, child)| child) {
                let kind = self.inodes.get(child.0).map(|inode| &inode.kind);
                if kind == Some(&Kind::Directory) {
                    stack.push((child, id));
                }
            }
        }
        order.reverse();
        order
    }
}

fn error(path: &[u8], reason: String) -> TreeError {
    TreeError {
        path: path.escape_ascii().to_string(),
        reason,
    }
}

fn check_name(path: &[u8], name: &[u8]) -> Result<(), TreeError> {
    if name.is_empty() || name == b"." || name == b".." || name.contains(&0) {
        let reason = "a name is not empty, not \".\" or \"..\", and has no NUL";
        return Err(error(path, reason.to_owned()));
    }
    if name.len() > MAX_NAME {
        let reason = format!(
            "its name is {} bytes long, at most {MAX_NAME} are possible",
            name.len()
        );
        return Err(error(path, reason));
    }
    Ok(())
}

fn check_attributes(path: &[u8], attributes: &Attributes) -> Result<(), TreeError> {
    if attributes.mode > 0o7777 {
        let reason = format!(
            "its mode is {:#o}, at most 0o7777 is possible",
            attributes.mode
        );
        return Err(error(path, reason));
    }
    for (name, value) in &attributes.xattrs {
        let shown = name.escape_ascii();
        if split_name(name).is_none() {
            let reason = format!(
                "squashfs has no extended attribute \"{shown}\", only user.*, trusted.* and security.*"
            );
            return Err(error(path, reason));
        }
        if name.len() > XATTR_NAME_MAX || name.contains(&0) || value.len() > XATTR_SIZE_MAX {
            let reason = format!(
                "its extended attribute \"{shown}\" has a name of {} and a value of {} bytes, \
                 at most {XATTR_NAME_MAX} without NUL and {XATTR_SIZE_MAX} are possible",
                name.len(),
                value.len()
            );
            return Err(error(path, reason));
        }
    }
    Ok(())
}

fn check_kind(path: &[u8], kind: &Kind) -> Result<(), TreeError> {
    let reason = match *kind {
        Kind::Symlink(ref target)
            if target.is_empty() || target.len() > MAX_SYMLINK || target.contains(&0) =>
        {
            format!(
                "its target is {} bytes long, 1 to {MAX_SYMLINK} without NUL are possible",
                target.len()
            )
        }
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor }
            if major > MAX_MAJOR || minor > MAX_MINOR =>
        {
            format!(
                "its device number is {major}:{minor}, at most {MAX_MAJOR}:{MAX_MINOR} is possible"
            )
        }
        _ => return Ok(()),
    };
    Err(error(path, reason))
}
