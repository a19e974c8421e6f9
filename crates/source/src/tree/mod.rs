//! The merged view of an ordered list of layers: path → metadata, content.
//!
//! A tree never unpacks anything: file contents stay where they came from (a layer's tar
//! stream, a file on disk, a few bytes in memory) and are streamed through once, in a fixed
//! order, by whoever turns the tree into an image. Ownership, device nodes, setuid bits and
//! extended attributes are plain values here, so they survive without root.
//!
//! Paths are bytes, without a slash at either end; the root is the empty path. Wherever a
//! path is added, symbolic links among its parents are followed inside the tree, as they
//! would be by extraction into a root filesystem, and missing parents are made.
//!
//! [`Tree`] itself is here. In modules of their own: `node` (the values in a tree), `path`
//! (checking and resolving), `listed` and `merge` (layers), `contents`, `host` and `replay` (reading), `place`
//! (cutting and combining), `identity` (telling trees apart) and [`dump`].

mod contents;
pub mod dump;
mod error;
mod host;
mod identity;
mod listed;
mod merge;
mod node;
mod path;
mod place;
mod replay;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

pub use contents::{Elsewhere, Visit};
pub use error::{Error, PathProblem};
pub use host::HostFile;
pub use identity::Identity;
pub use listed::list_ahead;
pub use node::{Content, Kind, Metadata, Node, NodeId, Origin};
pub use path::Quoted;
use replay::ScannedLayer;

/// How much is in a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Paths, the root included.
    pub paths: u64,
    /// Regular files; hard links of each other count once.
    pub files: u64,
    /// Bytes of these files, holes included.
    pub bytes: u64,
}

/// Files with their metadata, by path. See the module.
#[derive(Clone)]
pub struct Tree {
    paths: BTreeMap<Box<[u8]>, Place>,
    nodes: Vec<Slot>,
    layers: Vec<Arc<ScannedLayer>>,
    /// How many layers have been merged: what is not from the present one is from below.
    merged: u32,
}

/// What a path names.
#[derive(Clone, Copy)]
struct Place {
    id: NodeId,
    /// Value of [`Tree::merged`] when this path was last written.
    merged: u32,
}

#[derive(Clone)]
struct Slot {
    node: Node,
    /// How many paths name it. At 0 it is gone.
    links: u32,
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&dump::dump(self))
    }
}

impl Tree {
    /// Only the root: a directory 0755 of root, of the epoch.
    pub fn new() -> Self {
        let mut tree = Self {
            paths: BTreeMap::new(),
            nodes: Vec::new(),
            layers: Vec::new(),
            merged: 0,
        };
        tree.put(b"", Node::directory(Metadata::root(0o755)));
        tree
    }

    /// The node at exactly this path: no symbolic link is followed.
    pub fn get(&self, path: impl AsRef<[u8]>) -> Option<&Node> {
        self.id(path).map(|id| self.node(id))
    }

    /// The node's id at exactly this path: no symbolic link is followed.
    pub fn id(&self, path: impl AsRef<[u8]>) -> Option<NodeId> {
        self.paths.get(path.as_ref()).map(|place| place.id)
    }

    /// A node by its id.
    ///
    /// # Panics
    ///
    /// When the id is another tree's.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0].node
    }

    /// The same, to be changed in place. What it is (its kind) is best left alone where it is a
    /// directory with something in it. An id of another tree is none here.
    pub fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id.0).map(|slot| &mut slot.node)
    }

    /// A node, to be changed in place. What it is (its kind) is best left alone where it is a
    /// directory with something in it.
    pub fn get_mut(&mut self, path: impl AsRef<[u8]>) -> Option<&mut Node> {
        self.node_mut(self.id(path)?)
    }

    /// How many paths name this node: more than 1 for hard links.
    pub fn links(&self, id: NodeId) -> u32 {
        self.nodes.get(id.0).map_or(0, |slot| slot.links)
    }

    /// Every path with its node, in byte order of the paths: the root first, a directory
    /// before what is in it.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], NodeId, &Node)> {
        let all = self.paths.iter();
        all.map(|(path, place)| (&**path, place.id, self.node(place.id)))
    }

    /// What is directly in the directory at exactly this path: names, in byte order.
    pub fn children(&self, path: impl AsRef<[u8]>) -> impl Iterator<Item = (&[u8], NodeId, &Node)> {
        let prefix = path::below(path.as_ref());
        let mut next = Bound::Excluded(prefix.clone().into_boxed_slice());
        std::iter::from_fn(move || {
            loop {
                let range = (next.clone(), Bound::Unbounded);
                let (found, place) = self.paths.range::<Box<[u8]>, _>(range).next()?;
                let name = found.strip_prefix(prefix.as_slice())?;
                let Some(slash) = name.iter().position(|byte| *byte == b'/') else {
                    next = Bound::Excluded(found.clone());
                    return Some((name, place.id, self.node(place.id)));
                };
                // Everything below that child is passed over: '0' follows '/'.
                let mut after = found[..prefix.len() + slash].to_vec();
                after.push(b'/' + 1);
                next = Bound::Included(after.into_boxed_slice());
            }
        })
    }

    /// Counts the tree.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals {
            paths: self.paths.len() as u64,
            ..Totals::default()
        };
        for slot in self.nodes.iter().filter(|slot| slot.links > 0) {
            if let Some(content) = slot.node.content() {
                totals.files += 1;
                totals.bytes = totals.bytes.saturating_add(content.size);
            }
        }
        totals
    }

    /// Puts a node at a path. What was there before goes: a directory with all that is in it,
    /// unless the new node is a directory too, which then only brings new metadata.
    pub fn insert(&mut self, path: impl AsRef<[u8]>, node: Node) -> Result<NodeId, Error> {
        let real = self.make_parents(path.as_ref())?;
        if real.is_empty() && !node.is_directory() {
            let problem = PathProblem::Root;
            return Err(Error::path(path.as_ref(), problem));
        }
        Ok(self.put(&real, node))
    }

    /// Makes `path` another name (a hard link) of what is at `existing`. Parents of both are
    /// resolved; a symbolic link at `existing` is itself linked, not its target.
    pub fn link(
        &mut self,
        existing: impl AsRef<[u8]>,
        path: impl AsRef<[u8]>,
    ) -> Result<NodeId, Error> {
        let from = self.resolve_parents(existing.as_ref())?;
        let Some(id) = self.id(&from) else {
            return Err(Error::path(existing.as_ref(), PathProblem::Missing));
        };
        if self.node(id).is_directory() {
            let problem = PathProblem::LinkToDirectory;
            return Err(Error::path(existing.as_ref(), problem));
        }
        let to = self.make_parents(path.as_ref())?;
        if to.is_empty() {
            return Err(Error::path(path.as_ref(), PathProblem::Root));
        }
        if self.id(&to) == Some(id) {
            if let Some(place) = self.paths.get_mut(&*to) {
                place.merged = self.merged;
            }
        } else {
            // Making room may take `existing` away when it lies below the new path.
            self.nodes[id.0].links += 1;
            self.take(&to);
            self.name(&to, id);
            self.nodes[id.0].links -= 1;
        }
        Ok(id)
    }

    /// Takes away what is at exactly this path, with all that is below it. False when there
    /// was nothing. The root stays; only what is in it goes.
    pub fn remove(&mut self, path: impl AsRef<[u8]>) -> bool {
        self.take(path.as_ref())
    }

    /// Adds a regular file of root, of the epoch.
    pub fn add_file(
        &mut self,
        path: impl AsRef<[u8]>,
        bytes: impl Into<Arc<[u8]>>,
        mode: u16,
    ) -> Result<NodeId, Error> {
        self.insert(path, Node::file(Metadata::root(mode), bytes))
    }

    /// Adds a directory of root, of the epoch; one that is there gets this metadata.
    pub fn add_dir(&mut self, path: impl AsRef<[u8]>, mode: u16) -> Result<NodeId, Error> {
        self.insert(path, Node::directory(Metadata::root(mode)))
    }

    /// Adds a symbolic link of root, of the epoch.
    pub fn add_symlink(
        &mut self,
        path: impl AsRef<[u8]>,
        target: impl AsRef<[u8]>,
    ) -> Result<NodeId, Error> {
        let target = target.as_ref().to_vec();
        path::check_target(&target).map_err(|problem| Error::path(path.as_ref(), problem))?;
        let metadata = Metadata::root(0o777);
        let kind = Kind::Symlink(target);
        self.insert(path, Node { metadata, kind })
    }

    /// Makes no file younger than `epoch` (seconds since 1970).
    pub fn clamp_mtimes(&mut self, epoch: i64) {
        for slot in &mut self.nodes {
            slot.node.metadata.mtime = slot.node.metadata.mtime.min(epoch);
        }
    }

    /// Puts a node at a real path whose parent is there.
    fn put(&mut self, real: &[u8], node: Node) -> NodeId {
        if let Some(place) = self.paths.get_mut(real) {
            let slot = &mut self.nodes[place.id.0];
            if slot.node.is_directory() && node.is_directory() {
                slot.node = node;
                place.merged = self.merged;
                return place.id;
            }
            self.take(real);
        }
        let id = NodeId(self.nodes.len());
        self.nodes.push(Slot { node, links: 0 });
        self.name(real, id);
        id
    }

    /// Gives a free real path to a node.
    fn name(&mut self, real: &[u8], id: NodeId) {
        self.nodes[id.0].links += 1;
        let merged = self.merged;
        self.paths.insert(real.into(), Place { id, merged });
    }

    /// Takes away a path and all below it.
    fn take(&mut self, real: &[u8]) -> bool {
        let there = self.paths.contains_key(real);
        let below = self.below(real);
        for path in below {
            self.unname(&path);
        }
        if !real.is_empty() {
            self.unname(real);
        }
        there
    }

    /// Takes away one path, whatever is below it.
    fn unname(&mut self, real: &[u8]) {
        if let Some(place) = self.paths.remove(real) {
            let slot = &mut self.nodes[place.id.0];
            slot.links -= 1;
            if slot.links == 0 {
                // Free what it held.
                slot.node = Node::directory(Metadata::root(0));
            }
        }
    }

    /// All paths below a path, in byte order.
    fn below(&self, real: &[u8]) -> Vec<Box<[u8]>> {
        let prefix = path::below(real);
        let from = (
            Bound::Excluded(prefix.clone().into_boxed_slice()),
            Bound::Unbounded,
        );
        let range = self.paths.range::<Box<[u8]>, _>(from);
        let inside = range.take_while(|(path, _)| path.starts_with(&prefix));
        inside.map(|(path, _)| path.clone()).collect()
    }
}
