//! `[[root.add]]`: the owner's own files, over all layers of the root.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, bail};
use source::directory;
use source::tree::{Content, HostFile, Kind, Metadata, Node, Origin, Tree};

use super::accounts::Accounts;
use super::supply::AS_ROOT;
use crate::exit::WithCode;
use config::Add;

/// Adds every entry, in order.
pub fn apply(tree: &mut Tree, entries: &[Add]) -> anyhow::Result<()> {
    for (index, entry) in entries.iter().enumerate() {
        add(tree, entry)
            .with_context(|| format!("root.add, entry {}, {}", index + 1, entry.path))
            .input_code()?;
    }
    Ok(())
}

fn add(tree: &mut Tree, entry: &Add) -> anyhow::Result<()> {
    let owner = match &entry.owner {
        Some(owner) => Accounts::read(tree)
            .find(owner)
            .map_err(anyhow::Error::msg)?,
        None => Default::default(),
    };
    let owned = |metadata: Metadata| Metadata {
        uid: owner.user,
        gid: owner.group,
        ..metadata
    };
    let with_mode = |usual: u16| owned(Metadata::root(entry.mode().unwrap_or(usual)));
    let node = match (&entry.source, &entry.content, &entry.link) {
        (Some(source), _, _) => {
            let metadata = fs::metadata(source);
            let metadata = metadata.with_context(|| format!("cannot read {}", source.display()))?;
            if metadata.is_dir() {
                return add_directory(tree, entry, source, &owned);
            }
            file(entry, source, &metadata, &owned)?
        }
        (_, Some(content), _) => Node::file(with_mode(0o644), content.as_bytes()),
        (_, _, Some(target)) => {
            let link = tree.add_symlink(&entry.path, target)?;
            if let Some(node) = tree.node_mut(link) {
                node.metadata = owned(node.metadata.clone());
            }
            return Ok(());
        }
        (None, None, None) => Node::directory(with_mode(0o755)),
    };
    tree.insert(&entry.path, node)?;
    Ok(())
}

fn file(
    entry: &Add,
    source: &Path,
    found: &fs::Metadata,
    owned: &dyn Fn(Metadata) -> Metadata,
) -> anyhow::Result<Node> {
    if !found.is_file() {
        bail!("{} is neither a file nor a directory", source.display());
    }
    let own = (found.permissions().mode() & 0o7777) as u16;
    let metadata = Metadata {
        mtime: found.mtime(),
        ..Metadata::root(entry.mode().unwrap_or(own))
    };
    let content = Content {
        size: found.len(),
        origin: Origin::File(HostFile::new(source)),
    };
    Ok(Node {
        metadata: owned(metadata),
        kind: Kind::File(content),
    })
}

/// A whole directory; what is in it has the owner, too, and keeps its modes.
fn add_directory(
    tree: &mut Tree,
    entry: &Add,
    source: &Path,
    owned: &dyn Fn(Metadata) -> Metadata,
) -> anyhow::Result<()> {
    let mut added = directory::read(source, AS_ROOT)?;
    let paths: Vec<Vec<u8>> = added.iter().map(|(path, _, _)| path.to_vec()).collect();
    for path in paths {
        if let Some(node) = added.get_mut(&path) {
            node.metadata = owned(node.metadata.clone());
        }
    }
    if let (Some(mode), Some(top)) = (entry.mode(), added.get_mut("")) {
        top.metadata.mode = mode;
    }
    tree.graft(&entry.path, &added)?;
    Ok(())
}
