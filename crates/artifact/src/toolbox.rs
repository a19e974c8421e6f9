//! The toolbox: a container image that builds releases with no network and nothing else installed,
//! and that is itself the root of a recovery system.
//!
//! It is a userland (Alpine's, usually) with one layer over it: the `sealboot` command, and
//! everything that a release is made of. Modules and firmware are where a machine has them, too:
//! there they are images of their own, mounted at the same places. [`Toolbox`] is that layer as values: composed from trees
//! where a toolbox is made, read from the disk where one is running. The same values give the same
//! trees, so a release that was built inside has the bytes of one that was built outside.
//!
//! Inside, nothing is taken from the disk that whoever runs containers writes to (`etc/hosts`,
//! `etc/resolv.conf`): the userland itself is there once more as a tar.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use contract::root;
use serde::{Deserialize, Serialize};
use source::inventory::Component;
use source::layer::{Layer, LayerKind, TarBytes};
use source::tree::{Error as TreeError, Metadata, Node, Tree};

/// Alpine packages that its userland is made of where no other is named, each with what it is for:
/// what a recovery needs.
pub const PACKAGES: &[(&str, &str)] = &[
    (
        "alpine-baselayout",
        "folders, and accounts without passwords",
    ),
    ("alpine-keys", "whom apk believes"),
    ("busybox", "PID 1, the shell, and the common tools"),
    ("kmod", "modprobe: drivers by hardware alias"),
    ("e2fsprogs", "ext4"),
    ("btrfs-progs", "btrfs"),
    ("dosfstools", "FAT: EFI partitions"),
    ("lsblk", "disks and what is on them"),
    ("blkid", "the same, for scripts"),
    ("wipefs", "to take signatures off disks"),
    ("sfdisk", "partition tables"),
    ("cfdisk", "the same, on a screen"),
    ("dhcpcd", "addresses: DHCP, DHCPv6, SLAAC, and resolv.conf"),
    ("dropbear", "the SSH server"),
    ("openssh-sftp-server", "scp and sftp to it"),
    ("ca-certificates-bundle", "whom TLS trusts"),
    ("nano", "an editor that says how to leave it"),
    ("ncurses-terminfo-base", "what terminals can do"),
];

/// What is in a toolbox; where this file is, one is running.
pub const CONTENTS: &str = "usr/share/sealboot/toolbox.json";

/// What `sealboot build` does in it, as far as no other configuration says otherwise.
pub const DEFAULTS: &str = "usr/share/sealboot/sealboot.toml";

/// The userland, as a tar compressed with gzip: a layer of the image, byte for byte.
pub const BASE: &str = "usr/share/sealboot/base.tar.gz";

/// Where systemd-stub is.
pub const STUB: &str = "usr/lib/systemd/boot/efi/linuxx64.efi.stub";

/// The folder that releases are built in.
pub const WORK: &str = "work";

const PROGRAM: &str = "usr/bin/sealboot";

/// What a toolbox says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// Version of the kernel in it.
    pub kernel: String,
    /// The time of the newest file that went in, in seconds since 1970.
    pub date: u32,
    /// Whether it has firmware.
    pub firmware: bool,
    /// The packages that each part (`kernel`, `firmware`, `stub`) came in.
    pub packages: BTreeMap<String, Vec<Component>>,
}

/// A toolbox, but for modules and firmware, which are trees of their own.
#[derive(Clone, Debug)]
pub struct Toolbox {
    /// What is in it.
    pub contents: Contents,
    /// See [`DEFAULTS`].
    pub defaults: Arc<[u8]>,
    /// See [`BASE`].
    pub base: Arc<[u8]>,
    /// The `sealboot` command.
    pub program: Arc<[u8]>,
    /// systemd-stub.
    pub stub: Arc<[u8]>,
    /// The kernel.
    pub kernel: Arc<[u8]>,
    /// Its configuration.
    pub config: Option<Arc<[u8]>>,
}

/// Why the toolbox that is running is none.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{} of this toolbox cannot be read; the image that it comes from is whole", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// It says something else of itself.
    #[error("{} is not of this version of sealboot", .0.display())]
    Contents(PathBuf, #[source] serde_json::Error),
}

impl Toolbox {
    /// The toolbox whose root is this folder of the disk.
    pub fn read(root: &Path) -> Result<Self, Error> {
        let file = |path: &str| {
            let path = root.join(path);
            fs::read(&path).map_err(|error| Error::Read(path, error))
        };
        let contents: Contents = serde_json::from_slice(&file(CONTENTS)?)
            .map_err(|error| Error::Contents(root.join(CONTENTS), error))?;
        let config = match file(&config_path(&contents.kernel)) {
            Ok(bytes) => Some(bytes.into()),
            Err(Error::Read(_, error)) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            defaults: file(DEFAULTS)?.into(),
            base: file(BASE)?.into(),
            program: file(PROGRAM)?.into(),
            stub: file(STUB)?.into(),
            kernel: file(&kernel_path(&contents.kernel))?.into(),
            config,
            contents,
        })
    }

    /// The userland, to be merged below everything else.
    pub fn base(&self) -> Arc<dyn Layer> {
        Arc::new(TarBytes {
            name: BASE.to_owned(),
            bytes: self.base.clone(),
            kind: LayerKind::Archive,
        })
    }

    /// Puts all files but modules and firmware into a root.
    pub fn add_to(&self, root: &mut Tree) -> Result<(), TreeError> {
        self.kernel_files(root)?;
        let files = [(STUB, &self.stub, 0o644), (PROGRAM, &self.program, 0o755)];
        let texts = [(DEFAULTS, &self.defaults, 0o644), (BASE, &self.base, 0o644)];
        for (path, bytes, mode) in files.into_iter().chain(texts) {
            root.add_file(path, bytes.clone(), mode)?;
        }
        // The newest file in a tree is its date.
        let metadata = Metadata {
            mtime: i64::from(self.contents.date),
            ..Metadata::root(0o644)
        };
        // Values in memory have no way to fail.
        let contents = serde_json::to_vec_pretty(&self.contents).unwrap_or_default();
        root.insert(CONTENTS, Node::file(metadata, contents))?;
        // A container's user is rarely the one whose folder this will be.
        root.add_dir(WORK, 0o1777)?;
        Ok(())
    }

    /// What a kernel is looked for in: it, its configuration, and these modules.
    pub fn kernel_tree(&self, modules: &Tree) -> Result<Tree, TreeError> {
        let mut tree = Tree::new();
        self.kernel_files(&mut tree)?;
        tree.graft(root::modules(&self.contents.kernel), modules)?;
        Ok(tree)
    }

    /// What systemd-stub is looked for in.
    pub fn stub_tree(&self) -> Result<Tree, TreeError> {
        let mut tree = Tree::new();
        tree.add_file(STUB, self.stub.clone(), 0o644)?;
        Ok(tree)
    }

    fn kernel_files(&self, tree: &mut Tree) -> Result<(), TreeError> {
        let version = &self.contents.kernel;
        tree.add_file(kernel_path(version), self.kernel.clone(), 0o644)?;
        if let Some(config) = &self.config {
            tree.add_file(config_path(version), config.clone(), 0o644)?;
        }
        Ok(())
    }
}

fn kernel_path(version: &str) -> String {
    format!("boot/vmlinuz-{version}")
}

fn config_path(version: &str) -> String {
    format!("boot/config-{version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toolbox() -> Toolbox {
        let bytes = |text: &str| Arc::from(text.as_bytes());
        Toolbox {
            contents: Contents {
                kernel: "6.12".to_owned(),
                date: 1_795_219_199,
                firmware: true,
                packages: BTreeMap::from([("stub".to_owned(), Vec::new())]),
            },
            defaults: bytes("name = 'x'\n"),
            base: bytes("base"),
            program: bytes("program"),
            stub: bytes("stub"),
            kernel: bytes("kernel"),
            config: Some(bytes("CONFIG_X=y\n")),
        }
    }

    /// Writes the files of a tree that has nothing but directories and files.
    fn unpack(tree: &Tree, folder: &Path) {
        for (path, _, node) in tree.iter() {
            let place = folder.join(std::str::from_utf8(path).unwrap());
            match node.is_directory() {
                true => fs::create_dir_all(place).unwrap(),
                false => fs::write(place, tree.read(path, 1 << 20).unwrap()).unwrap(),
            }
        }
    }

    #[test]
    fn what_was_unpacked_makes_the_same_trees() {
        let folder = tempfile::tempdir().unwrap();
        let mut root = Tree::new();
        toolbox().add_to(&mut root).unwrap();
        unpack(&root, folder.path());
        let read = Toolbox::read(folder.path()).unwrap();
        let mut again = Tree::new();
        read.add_to(&mut again).unwrap();
        let dump = |tree| source::tree::dump::dump_with_contents(tree).unwrap();
        assert_eq!(dump(&again), dump(&root));
        let mut modules = Tree::new();
        modules.add_file("kernel/a.ko", *b"a", 0o644).unwrap();
        let kernel = read.kernel_tree(&modules).unwrap();
        assert!(kernel.get("lib/modules/6.12/kernel/a.ko").is_some());
        assert!(kernel.get("boot/config-6.12").is_some());
    }

    #[test]
    fn a_toolbox_with_a_part_missing_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut root = Tree::new();
        toolbox().add_to(&mut root).unwrap();
        unpack(&root, folder.path());
        fs::remove_file(folder.path().join("boot/config-6.12")).unwrap();
        assert!(Toolbox::read(folder.path()).unwrap().config.is_none());
        fs::remove_file(folder.path().join(STUB)).unwrap();
        let error = Toolbox::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("linuxx64.efi.stub of this toolbox cannot be read"));
        fs::write(folder.path().join(CONTENTS), "{}").unwrap();
        let error = Toolbox::read(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("toolbox.json is not of this version"),
            "{error}"
        );
    }
}
