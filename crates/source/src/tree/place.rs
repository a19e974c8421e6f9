//! Cutting trees and putting them together.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::path::{parent, push};
use super::{Error, Kind, Node, NodeId, Origin, PathProblem, Tree};

impl Tree {
    /// The directory at exactly this path as a tree of its own. Layers are shared, contents
    /// are not copied. `None` when there is no directory. Hard links to the outside are
    /// separate files here.
    pub fn subtree(&self, path: impl AsRef<[u8]>) -> Option<Self> {
        let path = path.as_ref();
        let root = self.get(path).filter(|node| node.is_directory())?;
        let mut tree = Self::new();
        tree.layers = self.layers.clone();
        tree.put(b"", root.clone());
        let prefix = super::path::below(path).len();
        let mut copied = BTreeMap::new();
        for full in self.below(path) {
            let Some(id) = self.id(&full) else { continue };
            let real = &full[prefix..];
            match copied.get(&id) {
                Some(copy) => tree.name(real, *copy),
                None => {
                    let copy = tree.put(real, self.node(id).clone());
                    copied.insert(id, copy);
                }
            }
        }
        Some(tree)
    }

    /// Puts another tree's content at a path, over what is there: the other tree's root brings
    /// its metadata, directories merge, everything else is replaced. Symbolic links of this
    /// tree are followed for `path`, the last one too, and not below it.
    pub fn graft(&mut self, path: impl AsRef<[u8]>, other: &Self) -> Result<(), Error> {
        let path = path.as_ref();
        let mut base = self.make_parents(path)?;
        if self.get(&base).is_some_and(|node| node.symlink().is_some()) {
            base = self.resolve(&base)?;
        }
        let there = self.get(&base);
        if there.is_some_and(|node| !node.is_directory()) {
            let problem = PathProblem::NotDirectory(super::Quoted::new(&base));
            return Err(Error::path(path, problem));
        }
        let layers: Vec<usize> = other.layers.iter().map(|l| self.adopt(l)).collect();
        let mut copied: BTreeMap<NodeId, NodeId> = BTreeMap::new();
        for (below, id, node) in other.iter() {
            let mut real = base.clone();
            if !below.is_empty() {
                push(&mut real, below);
            }
            if let Some(copy) = copied.get(&id) {
                self.take(&real);
                self.name(&real, *copy);
                continue;
            }
            let copy = self.put(&real, with_layers(node, &layers));
            copied.insert(id, copy);
        }
        Ok(())
    }

    /// Lays another tree over this one, as a tarball of it would be: what is in it replaces what
    /// is here, directories merge and keep the metadata that they have here, and symbolic links
    /// of this tree that lead to directories are followed (`lib -> usr/lib`). The other tree's
    /// root itself brings nothing.
    pub fn overlay(&mut self, other: &Self) -> Result<(), Error> {
        let layers: Vec<usize> = other.layers.iter().map(|l| self.adopt(l)).collect();
        let mut copied: BTreeMap<NodeId, Vec<u8>> = BTreeMap::new();
        for (path, id, node) in other.iter().filter(|(path, _, _)| !path.is_empty()) {
            let there = self.resolve(path).ok().and_then(|real| self.get(real));
            if node.is_directory() && there.is_some_and(Node::is_directory) {
                continue;
            }
            match copied.get(&id) {
                Some(first) => self.link(first, path)?,
                None => {
                    copied.insert(id, path.to_vec());
                    self.insert(path, with_layers(node, &layers))?
                }
            };
        }
        Ok(())
    }

    /// Keeps the paths that the predicate says yes to, and the directories above them.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], &Node) -> bool) {
        // From the last path to the first, so that what is in a directory comes before it.
        let mut needed = HashSet::new();
        let mut gone = Vec::new();
        for (path, place) in self.paths.iter().rev() {
            let node = &self.nodes[place.id.0].node;
            if keep(path, node) || needed.contains(&path[..]) {
                needed.insert(parent(path).to_vec());
            } else if !path.is_empty() {
                gone.push(path.clone());
            }
        }
        for path in gone {
            self.unname(&path);
        }
    }

    /// The index of a layer, which is added when the tree does not have it.
    fn adopt(&mut self, layer: &Arc<super::ScannedLayer>) -> usize {
        let known = self.layers.iter().position(|own| Arc::ptr_eq(own, layer));
        known.unwrap_or_else(|| {
            self.layers.push(Arc::clone(layer));
            self.layers.len() - 1
        })
    }
}

fn with_layers(node: &Node, layers: &[usize]) -> Node {
    let mut node = node.clone();
    if let Kind::File(content) = &mut node.kind
        && let Origin::Layer { layer, .. } = &mut content.origin
        && let Some(here) = layers.get(*layer)
    {
        *layer = *here;
    }
    node
}
