//! Merging a layer's entries (OCI image-spec, layer.md).

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use super::listed::{Listed, MEMORY_ENTRY, length, list, needed};
use super::path::{check_target, names, parent, push};
use super::replay::{ScannedLayer, fingerprint};
use super::{Content, Error, Kind, Metadata, Node, Origin, PathProblem, Quoted, Tree};
use crate::fetch::in_parallel;
use crate::layer::archive::{Entry, EntryKind};
use crate::layer::{EntryError, EntryProblem, Layer, LayerKind};

/// What is in front of the name that a whiteout takes away.
const WHITEOUT: &[u8] = b".wh.";
/// What is in front of names that say something about their directory.
const WHITEOUT_META: &[u8] = b".wh..wh.";
/// Takes away all that layers below put into its directory.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// How much memory one layer's names and attributes may need, roughly, in bytes. A million
/// ordinary entries need a fifth of it.
pub(super) const MEMORY_MAX: u64 = 1 << 30;

impl Tree {
    /// Merges a layer over what is there, reading its stream once. What the two kinds of
    /// layers do differently is said at [`LayerKind`].
    ///
    /// Entries come in the stream's order and the last one of a path wins; whiteouts (OCI
    /// only) take away what is from earlier layers, wherever in the stream they stand. Paths
    /// lead where extraction into a root filesystem would put them: symbolic links among the
    /// parents are followed inside the tree, leading slashes mean nothing, missing parents are
    /// made. A hard link names what is at its target's path at that moment.
    ///
    /// After an error the tree holds a part of the layer and is good for nothing.
    pub fn add_layer(&mut self, layer: Arc<dyn Layer>) -> Result<(), Error> {
        self.add_layers(&[layer])
    }

    /// The same for several, the lowest first. Their streams are read at the same time.
    pub fn add_layers(&mut self, layers: &[Arc<dyn Layer>]) -> Result<(), Error> {
        self.add_layers_within(layers, MEMORY_MAX)
    }

    pub(super) fn add_layers_within(
        &mut self,
        layers: &[Arc<dyn Layer>],
        memory: u64,
    ) -> Result<(), Error> {
        let listed = in_parallel(layers, |layer, stop| list(&**layer, memory, stop))?;
        for (layer, listed) in layers.iter().zip(listed) {
            self.merge_layer(layer, listed, memory)?;
        }
        Ok(())
    }

    fn merge_layer(
        &mut self,
        layer: &Arc<dyn Layer>,
        listed: Listed,
        memory: u64,
    ) -> Result<(), Error> {
        let mut merge = Merge {
            layer: self.layers.len(),
            kind: layer.kind(),
            hidden: HashSet::new(),
            memory,
            left: memory,
        };
        self.merged += 1;
        let mut entries = Vec::with_capacity(listed.entries.len());
        for entry in listed.entries {
            entries.push(fingerprint(&entry));
            let (index, offset, path) = (entry.index, entry.offset, entry.path.clone());
            merge.entry(self, entry).map_err(|problem| Error::Layer {
                layer: layer.name().to_owned(),
                error: EntryError {
                    index,
                    offset,
                    path: Quoted::new(&path),
                    problem,
                },
            })?;
        }
        self.layers.push(Arc::new(ScannedLayer {
            layer: Arc::clone(layer),
            entries,
            sha256: listed.sha256.map(OnceLock::from).unwrap_or_default(),
            stamp: listed.stamp,
        }));
        Ok(())
    }

    /// Takes away what earlier layers put at a path and below it.
    fn hide(&mut self, real: &[u8], itself: bool) {
        let mut paths = self.below(real);
        if itself {
            paths.insert(0, real.into());
        }
        let mut needed: HashSet<Vec<u8>> = HashSet::new();
        // From the last to the first: what is in a directory comes before it.
        for path in paths.into_iter().rev() {
            let Some(place) = self.paths.get_mut(&path) else {
                continue;
            };
            if place.merged == self.merged {
                needed.insert(parent(&path).to_vec());
            } else if needed.contains(&*path) {
                // Something of this layer is in it: it is as if only that had made it.
                place.merged = self.merged;
                if let Some(slot) = self.nodes.get_mut(place.id.0) {
                    slot.node = Node::directory(Metadata::root(0o755));
                }
                needed.insert(parent(&path).to_vec());
            } else {
                self.unname(&path);
            }
        }
    }
}

/// One layer while it is merged.
struct Merge {
    /// Its index in the tree.
    layer: usize,
    kind: LayerKind,
    /// Directories below which nothing is from earlier layers any more.
    hidden: HashSet<Vec<u8>>,
    /// How much memory its names and attributes may need, and what is left of it, in bytes.
    memory: u64,
    left: u64,
}

impl Merge {
    fn entry(&mut self, tree: &mut Tree, entry: Entry) -> Result<(), EntryProblem> {
        let nodes_before = tree.nodes.len();
        let (needed, length) = (needed(&entry), length(&entry));
        self.merge(tree, entry)?;
        // Directories that were made on the way are counted as if they were as long.
        let made = (tree.nodes.len() - nodes_before) as u64;
        let needed = needed + made.saturating_sub(1) * (MEMORY_ENTRY + length);
        let left = self.left.checked_sub(needed);
        self.left = left.ok_or(EntryProblem::Memory(self.memory))?;
        Ok(())
    }

    fn merge(&mut self, tree: &mut Tree, entry: Entry) -> Result<(), EntryProblem> {
        let names = names(&entry.path).map_err(EntryProblem::Path)?;
        if self.kind == LayerKind::Oci && self.whiteout(tree, &names)? {
            return Ok(());
        }
        let real = tree.make_parents(&entry.path).map_err(problem)?;
        let there = tree.get(&real);
        if self.kind == LayerKind::Archive {
            let symlink = there.is_some_and(|node| node.symlink().is_some());
            if entry.kind == EntryKind::Directory && symlink && leads_to_directory(tree, &real) {
                return Ok(());
            }
            let directory = there.is_some_and(Node::is_directory);
            if entry.kind != EntryKind::Directory
                && directory
                && !real.is_empty()
                && tree.children(&real).next().is_some()
            {
                return Err(EntryProblem::ReplacesDirectory);
            }
        }
        let index = entry.index;
        let kind = match entry.kind {
            EntryKind::HardLink(target) => return hard_link(tree, &target, &real),
            EntryKind::Directory => Kind::Directory,
            EntryKind::File(size) => {
                let layer = self.layer;
                let origin = Origin::Layer {
                    layer,
                    entry: index,
                };
                Kind::File(Content { size, origin })
            }
            EntryKind::Symlink(target) => {
                check_target(&target).map_err(EntryProblem::Path)?;
                Kind::Symlink(target)
            }
            EntryKind::CharDevice(major, minor) => Kind::CharDevice { major, minor },
            EntryKind::BlockDevice(major, minor) => Kind::BlockDevice { major, minor },
            EntryKind::Fifo => Kind::Fifo,
        };
        if real.is_empty() && kind != Kind::Directory {
            return Err(EntryProblem::Path(PathProblem::Root));
        }
        let metadata = Metadata {
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            mtime: entry.mtime,
            xattrs: entry.xattrs,
        };
        tree.put(&real, Node { metadata, kind });
        Ok(())
    }

    /// Does what a whiteout says; false when the name is not one.
    fn whiteout(&mut self, tree: &mut Tree, names: &[&[u8]]) -> Result<bool, EntryProblem> {
        let Some((last, parents)) = names.split_last() else {
            return Ok(false);
        };
        let meta = |name: &&[u8]| name.starts_with(WHITEOUT_META);
        if parents.iter().any(meta) || meta(last) && *last != OPAQUE {
            // What AUFS kept for itself, in layers of its time.
            return Ok(true);
        }
        if parents.iter().any(|name| name.starts_with(WHITEOUT)) {
            return Err(EntryProblem::Whiteout);
        }
        let directory = parents.join(&b'/');
        if *last == OPAQUE {
            if let Some(real) = there(tree.resolve(&directory))? {
                self.hide(tree, real, false);
            }
            return Ok(true);
        }
        let Some(hidden) = last.strip_prefix(WHITEOUT) else {
            return Ok(false);
        };
        if matches!(hidden, b"" | b"." | b"..") {
            return Err(EntryProblem::Whiteout);
        }
        let mut path = directory;
        push(&mut path, hidden);
        if let Some(real) = there(tree.resolve_parents(&path))? {
            self.hide(tree, real, true);
        }
        Ok(true)
    }

    /// Hides once: a layer that says it a million times must not take a million times as long.
    fn hide(&mut self, tree: &mut Tree, real: Vec<u8>, itself: bool) {
        let mut above = real.as_slice();
        let current = tree.paths.get(above);
        let current = current.is_some_and(|place| place.merged == tree.merged);
        let mut known = self.hidden.contains(above) && (current || !itself);
        while !known && !above.is_empty() {
            above = parent(above);
            known = self.hidden.contains(above);
        }
        if !known {
            tree.hide(&real, itself);
            if tree.get(&real).is_some_and(Node::is_directory) {
                self.hidden.insert(real);
            }
        }
    }
}

fn hard_link(tree: &mut Tree, target: &[u8], real: &[u8]) -> Result<(), EntryProblem> {
    let wrong = |problem| EntryProblem::HardLink {
        target: Quoted::new(target),
        problem,
    };
    let from = tree.resolve_parents(target);
    let from = from.map_err(|error| match error {
        Error::Path { problem, .. } => wrong(problem),
        // Nothing else is reported for a path.
        _ => wrong(PathProblem::Missing),
    })?;
    if real.is_empty() {
        return Err(EntryProblem::Path(PathProblem::Root));
    }
    match tree.get(&from) {
        None => return Err(wrong(PathProblem::Missing)),
        Some(node) if node.is_directory() => return Err(wrong(PathProblem::LinkToDirectory)),
        Some(_) => {}
    }
    tree.link(from, real).map_err(problem)?;
    Ok(())
}

fn leads_to_directory(tree: &Tree, real: &[u8]) -> bool {
    let found = tree.resolve(real).ok();
    let node = found.and_then(|found| tree.get(found));
    node.is_some_and(Node::is_directory)
}

/// Nothing where a whiteout's path leads nowhere: then it has nothing to hide.
fn there(resolved: Result<Vec<u8>, Error>) -> Result<Option<Vec<u8>>, EntryProblem> {
    match resolved {
        Ok(real) => Ok(Some(real)),
        Err(Error::Path {
            problem: PathProblem::Missing | PathProblem::NotDirectory(_),
            ..
        }) => Ok(None),
        Err(error) => Err(problem(error)),
    }
}

fn problem(error: Error) -> EntryProblem {
    match error {
        Error::Path { problem, .. } => EntryProblem::Path(problem),
        // Nothing else is reported for a path.
        other => EntryProblem::Read(other.into_read()),
    }
}
