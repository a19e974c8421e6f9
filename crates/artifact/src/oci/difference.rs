//! What one tree has over another, and what it lacks: the content of a layer between them.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read};

use source::tree::{Error, Kind, Metadata, NodeId, Tree};

use super::layer::Hashed;

/// The content of a layer.
#[derive(Clone, Debug)]
pub struct Difference {
    /// What the layer brings, and the directories above it.
    pub tree: Tree,
    /// What it takes away: paths, none below another one.
    pub removed: Vec<Vec<u8>>,
}

/// A lowest layer: it brings everything.
impl From<Tree> for Difference {
    fn from(tree: Tree) -> Self {
        let removed = Vec::new();
        Self { tree, removed }
    }
}

/// What makes `wanted` of `base`. Contents of both are read, for equal files of different layers
/// are equal.
pub fn difference(base: &Tree, wanted: &Tree) -> Result<Difference, Error> {
    let before = Content::of(base)?;
    let after = Content::of(wanted)?;
    let same = |path: &[u8], id: NodeId| {
        let there = base.id(path);
        there.is_some_and(|there| before.facts(base, there) == after.facts(wanted, id))
    };
    let changed: BTreeSet<&[u8]> = wanted
        .iter()
        .filter(|(path, id, _)| !same(path, *id))
        .map(|(path, _, _)| path)
        .collect();
    let mut tree = wanted.clone();
    tree.retain(|path, _| changed.contains(path));

    let mut removed: Vec<Vec<u8>> = Vec::new();
    for (path, _, _) in base.iter() {
        let below = |last: &Vec<u8>| {
            path.strip_prefix(&last[..])
                .is_some_and(|rest| rest.starts_with(b"/"))
        };
        // What takes a directory's place takes away what is in it.
        let replaced = parent(path).is_some_and(|parent| {
            let now = wanted.get(parent);
            now.is_some_and(|node| !node.is_directory())
        });
        if wanted.get(path).is_none() && !replaced && !removed.iter().any(below) {
            removed.push(path.to_vec());
        }
    }
    Ok(Difference { tree, removed })
}

fn parent(path: &[u8]) -> Option<&[u8]> {
    let at = path.iter().rposition(|byte| *byte == b'/')?;
    path.get(..at)
}

/// The SHA-256 of each file of a tree.
struct Content(HashMap<NodeId, [u8; 32]>);

impl Content {
    fn of(tree: &Tree) -> Result<Self, Error> {
        let mut digests = HashMap::new();
        tree.read_contents(&mut |id, _, content: &mut dyn Read| {
            let mut nowhere = io::sink();
            let mut hash = Hashed::new(&mut nowhere);
            io::copy(content, &mut hash).map_err(Error::from_read)?;
            digests.insert(id, hash.finish().0);
            Ok(())
        })?;
        Ok(Self(digests))
    }

    /// Everything that makes a node what it is, with the number of its names: those of one file
    /// stay together.
    fn facts<'a>(&'a self, tree: &'a Tree, id: NodeId) -> Facts<'a> {
        let node = tree.node(id);
        let kind = match &node.kind {
            Kind::File(_) => None,
            kind => Some(kind),
        };
        let links = if node.is_directory() {
            1
        } else {
            tree.links(id)
        };
        (&node.metadata, kind, self.0.get(&id), links)
    }
}

type Facts<'a> = (&'a Metadata, Option<&'a Kind>, Option<&'a [u8; 32]>, u32);
