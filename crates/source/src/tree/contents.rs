//! Reading what is in the files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Read};
use std::sync::Arc;

use rayon::prelude::*;

use super::host::HostFile;
use super::replay::ScannedLayer;
use super::{Content, Error, Node, NodeId, Origin, PathProblem, Quoted, Tree};

/// What [`Tree::read_contents`] calls for each file: its id, its size in bytes, its content.
/// The content does not have to be read to its end.
pub type Visit<'a, E> = dyn FnMut(NodeId, u64, &mut dyn Read) -> Result<(), E> + 'a;

/// Contents of layers that are somewhere else, too, where they are faster to read.
pub trait Elsewhere {
    /// Whether the contents of all these entries of the layer with this SHA-256 (of its uncompressed
    /// stream) are there.
    fn has(&self, layer: &[u8; 32], entries: &mut dyn Iterator<Item = usize>) -> bool;

    /// The content of one of them.
    fn open(&mut self, layer: &[u8; 32], entry: usize) -> io::Result<Box<dyn Read + '_>>;
}

impl Tree {
    /// Hands over every regular file's content exactly once (hard links once), in an order
    /// that depends on nothing but the tree: files in memory and of this machine first, by
    /// path, then layer by layer in the order of each layer's stream. A layer is read from its
    /// start once; one that no file comes from is not opened.
    ///
    /// Errors of `visit` come back unchanged. An error while reading is given to `visit` by
    /// the reader, as an [`io::Error`] that holds the [`Error`]; a file that ends early or
    /// goes on after its size is such an error.
    pub fn read_contents<E: From<Error>>(&self, visit: &mut Visit<'_, E>) -> Result<(), E> {
        self.read_wanted(&self.wanted(), true, visit)
    }

    /// The same contents in the same order; layers whose contents are all in `elsewhere` are not
    /// opened.
    pub fn read_contents_with<E: From<Error>>(
        &self,
        elsewhere: &mut dyn Elsewhere,
        visit: &mut Visit<'_, E>,
    ) -> Result<(), E> {
        let wanted = self.wanted();
        self.read_here(&wanted, visit)?;
        for (layer, entries) in wanted.layers(self) {
            let known = layer.sha256.get();
            let known = known.filter(|sha256| elsewhere.has(sha256, &mut entries.keys().copied()));
            let Some(sha256) = known else {
                layer.replay(entries, true, visit)?;
                continue;
            };
            for (entry, nodes) in entries {
                for (id, size) in nodes {
                    let content = elsewhere.open(sha256, *entry);
                    visit(*id, *size, &mut content.map_err(Error::Content)?)?;
                }
            }
        }
        Ok(())
    }

    /// Each path whose content is in a layer whose SHA-256 is known, with that and the number of its
    /// entry.
    pub fn in_layers(&self) -> impl Iterator<Item = ([u8; 32], usize, &[u8])> {
        self.iter().filter_map(|(path, _, node)| {
            let (layer, entry) = self.in_layer(node)?;
            Some((layer, entry, path))
        })
    }

    /// The same for one of the tree's nodes.
    pub fn in_layer(&self, node: &Node) -> Option<([u8; 32], usize)> {
        match node.content()?.origin {
            Origin::Layer { layer, entry } => Some((*self.layers.get(layer)?.sha256.get()?, entry)),
            _ => None,
        }
    }

    /// Whether the node's content is in a layer that is compared with a digest before anything of it
    /// is read: whatever was read of it is what the layer's SHA-256 says.
    pub fn is_compared(&self, node: &Node) -> bool {
        match node.content().map(|content| &content.origin) {
            Some(Origin::Layer { layer, .. }) => {
                let layer = self.layers.get(*layer);
                layer.is_some_and(|layer| layer.layer.digest().is_some())
            }
            _ => false,
        }
    }

    fn wanted(&self) -> Wanted<'_> {
        let mut wanted = Wanted::default();
        for (_, id, node) in self.iter() {
            if let Some(content) = node.content() {
                wanted.add(id, content);
            }
        }
        wanted
    }

    /// Hashes the contents that are in files of this machine, on all processors; those that were
    /// hashed before only when they changed, or when it is done `anew`. Whichever thread is first,
    /// of several errors it is that of the first path.
    pub(super) fn hash_files(&self, anew: bool) -> Result<HashMap<NodeId, [u8; 32]>, Error> {
        let mut files: Vec<(NodeId, &HostFile, u64)> = Vec::new();
        let mut seen = BTreeSet::new();
        for (_, id, node) in self.iter() {
            if let Some(content) = node.content()
                && let Origin::File(file) = &content.origin
                && seen.insert(id)
            {
                files.push((id, file, content.size));
            }
        }
        let buffer = || vec![0; 1 << 17];
        let hashes = files
            .par_iter()
            .map_init(buffer, |buffer, (id, file, size)| {
                Ok((*id, file.hash(*size, anew, buffer)?))
            });
        hashes.collect::<Vec<_>>().into_iter().collect()
    }

    /// Takes the contents of all files into memory. Layers are not needed from then on, and files
    /// are read in the order of their paths, as those of a directory are.
    pub fn load(&mut self) -> Result<(), Error> {
        let mut contents: Vec<(NodeId, Arc<[u8]>)> = Vec::new();
        self.read_contents(&mut |id, _, reader: &mut dyn Read| {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map_err(Error::from_read)?;
            contents.push((id, bytes.into()));
            Ok::<_, Error>(())
        })?;
        for (id, bytes) in contents {
            if let Some(node) = self.node_mut(id) {
                *node = Node::file(node.metadata.clone(), bytes);
            }
        }
        Ok(())
    }

    /// The content of the file at exactly this path, which may have at most `limit` bytes.
    /// When it is in a layer, that layer is read up to it: for several files use
    /// [`Tree::read_many`].
    pub fn read(&self, path: impl AsRef<[u8]>, limit: u64) -> Result<Vec<u8>, Error> {
        let path = path.as_ref();
        let mut all = self.read_many([path], limit)?;
        let missing = || Error::path(path, PathProblem::Missing);
        all.pop().ok_or_else(missing)
    }

    /// The contents of the files at exactly these paths, in the order asked for. Each layer is
    /// read at most once. `limit` is for each file, in bytes.
    pub fn read_many<P: AsRef<[u8]>>(
        &self,
        paths: impl IntoIterator<Item = P>,
        limit: u64,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let mut wanted = Wanted::default();
        let mut ids = Vec::new();
        for path in paths {
            let path = path.as_ref();
            let problem = |problem| Error::path(path, problem);
            let id = self.id(path).ok_or_else(|| problem(PathProblem::Missing))?;
            let content = self.node(id).content();
            let content = content.ok_or_else(|| problem(PathProblem::NotFile))?;
            if content.size > limit {
                let size = content.size;
                let path = Quoted::new(path);
                return Err(Error::TooLarge { path, size, limit });
            }
            wanted.add(id, content);
            ids.push(id);
        }
        let mut found = BTreeMap::new();
        self.read_wanted(&wanted, false, &mut |id, _, reader: &mut dyn Read| {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map_err(Error::from_read)?;
            found.insert(id, bytes);
            Ok::<_, Error>(())
        })?;
        let read = ids.iter().map(|id| found.get(id).cloned());
        Ok(read.map(Option::unwrap_or_default).collect())
    }

    fn read_wanted<E: From<Error>>(
        &self,
        wanted: &Wanted<'_>,
        to_the_end: bool,
        visit: &mut Visit<'_, E>,
    ) -> Result<(), E> {
        self.read_here(wanted, visit)?;
        for (layer, entries) in wanted.layers(self) {
            layer.replay(entries, to_the_end, visit)?;
        }
        Ok(())
    }

    fn read_here<E: From<Error>>(
        &self,
        wanted: &Wanted<'_>,
        visit: &mut Visit<'_, E>,
    ) -> Result<(), E> {
        for (id, content) in &wanted.here {
            match &content.origin {
                Origin::Bytes(bytes) => visit(*id, content.size, &mut &bytes[..])?,
                Origin::File(file) => visit(*id, content.size, &mut file.open(content.size)?)?,
                Origin::Layer { .. } => {}
            }
        }
        Ok(())
    }
}

impl Error {
    /// Gets the tree's own error out of what a content's reader gave.
    pub fn from_read(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(source) => Self::Content(source),
        }
    }

    /// As an error of a content's reader.
    pub(super) fn into_read(self) -> io::Error {
        io::Error::other(self)
    }
}

/// The hash of a file of this machine.
/// Which contents are asked for.
#[derive(Default)]
struct Wanted<'a> {
    /// In memory and on this machine, in the order asked for.
    here: Vec<(NodeId, &'a Content)>,
    /// For each layer: the number of an entry → the nodes with its content, and their size.
    layers: BTreeMap<usize, Entries>,
    seen: BTreeSet<NodeId>,
}

/// The number of an entry → the nodes that have its content.
pub(super) type Entries = BTreeMap<usize, Vec<(NodeId, u64)>>;

impl<'a> Wanted<'a> {
    fn layers<'b>(
        &'b self,
        tree: &'b Tree,
    ) -> impl Iterator<Item = (&'b ScannedLayer, &'b Entries)> {
        let layers = self.layers.iter();
        layers.filter_map(|(layer, entries)| Some((&**tree.layers.get(*layer)?, entries)))
    }

    fn add(&mut self, id: NodeId, content: &'a Content) {
        if !self.seen.insert(id) {
            return;
        }
        match content.origin {
            Origin::Layer { layer, entry } => {
                let entries = self.layers.entry(layer).or_default();
                entries.entry(entry).or_default().push((id, content.size));
            }
            Origin::Bytes(_) | Origin::File(_) => self.here.push((id, content)),
        }
    }
}
