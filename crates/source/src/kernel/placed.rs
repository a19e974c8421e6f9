//! The tree of the modules image: the modules' folder with its indexes.

use formats::kmod_index::names;

use super::{Error, ModuleSet};
use crate::tree::{Metadata, Node, Tree};

/// How modules lie in the modules image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// As the distribution ships them, compressed one by one. The smaller image, and the quicker
    /// to build; the kernel (`CONFIG_MODULE_DECOMPRESS`) or the root's kmod uncompresses what is
    /// loaded.
    #[default]
    AsShipped,
    /// Uncompressed, so that squashfs compresses them and the kernel reads the file itself
    /// (`finit_module`) whatever its configuration. Takes as much memory as all modules together while it is built: about
    /// 520 MB for Debian's.
    Uncompressed,
}

/// What lies in the folder and is of no use on the machine: links to where the kernel was
/// built, and the image, which is in the UKI.
const LEFT_OUT: [&str; 3] = ["build", "source", "vmlinuz"];

/// What [`ModuleSet::image_tree`] makes of modules as they are shipped, with indexes that were made
/// before: name → bytes.
pub fn image_tree<N: AsRef<str>>(
    tree: &Tree,
    modules: &str,
    indexes: impl IntoIterator<Item = (N, Vec<u8>)>,
) -> Result<Tree, Error> {
    let mut image = folder(tree, modules)?;
    add_indexes(&mut image, indexes)?;
    Ok(image)
}

fn folder(tree: &Tree, modules: &str) -> Result<Tree, Error> {
    let missing = || Error::NoModules {
        path: modules.to_owned(),
    };
    let mut image = tree.subtree(modules).ok_or_else(missing)?;
    for name in LEFT_OUT {
        image.remove(name);
    }
    Ok(image)
}

fn add_indexes<N: AsRef<str>>(
    image: &mut Tree,
    indexes: impl IntoIterator<Item = (N, Vec<u8>)>,
) -> Result<(), Error> {
    let mtime = image.get("").map_or(0, |root| root.metadata.mtime);
    for (name, bytes) in indexes {
        let metadata = Metadata {
            mtime,
            ..Metadata::root(0o644)
        };
        image.insert(name.as_ref(), Node::file(metadata, bytes))?;
    }
    Ok(())
}

impl ModuleSet {
    /// The content of `lib/modules/<version>`: the tree's root is that folder. Index files that
    /// the package brought are replaced. A module's bytes, and so its signature, stay what
    /// they were.
    pub fn image_tree(&self, tree: &Tree, storage: Storage) -> Result<Tree, Error> {
        let mut image = folder(tree, &self.folder)?;
        let indexes = match storage {
            Storage::AsShipped => self.indexes()?,
            Storage::Uncompressed => {
                self.uncompress(tree, &mut image)?;
                self.uncompressed_indexes()?
            }
        };
        let indexes = indexes.into_iter().map(|index| (index.name, index.bytes));
        add_indexes(&mut image, indexes)?;
        Ok(image)
    }

    fn uncompress(&self, tree: &Tree, image: &mut Tree) -> Result<(), Error> {
        let compressed = |path: &str| names::uncompressed(path) != path;
        let files = self.for_each(tree, compressed, |path, _, bytes| Ok((path, bytes)))?;
        for (path, bytes) in files {
            let metadata = image.get(&path).map(|node| node.metadata.clone());
            image.remove(&path);
            let metadata = metadata.unwrap_or_else(|| Metadata::root(0o644));
            image.insert(names::uncompressed(&path), Node::file(metadata, bytes))?;
        }
        Ok(())
    }
}
