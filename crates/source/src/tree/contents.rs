//! Reading what is in the files.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use super::{Content, Error, Node, NodeId, Origin, PathProblem, Quoted, Tree};

/// `O_NOFOLLOW | O_NONBLOCK`: neither follow a link nor wait for a pipe that took the file's
/// place.
fn open_flags() -> i32 {
    (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32
}

/// What [`Tree::read_contents`] calls for each file: its id, its size in bytes, its content.
/// The content does not have to be read to its end.
pub type Visit<'a, E> = dyn FnMut(NodeId, u64, &mut dyn Read) -> Result<(), E> + 'a;

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
        let mut wanted = Wanted::default();
        for (_, id, node) in self.iter() {
            if let Some(content) = node.content() {
                wanted.add(id, content);
            }
        }
        self.read_wanted(&wanted, true, visit)
    }

    /// The same for the contents that are in files of this machine.
    pub(super) fn read_files(&self, visit: &mut Visit<'_, Error>) -> Result<(), Error> {
        let mut wanted = Wanted::default();
        for (_, id, node) in self.iter() {
            let content = node.content();
            if let Some(content) = content.filter(|one| matches!(one.origin, Origin::File(_))) {
                wanted.add(id, content);
            }
        }
        self.read_wanted(&wanted, true, visit)
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
        for (id, content) in &wanted.here {
            match &content.origin {
                Origin::Bytes(bytes) => visit(*id, content.size, &mut &bytes[..])?,
                Origin::File(path) => {
                    let mut file = HostFile::open(path, content.size)?;
                    visit(*id, content.size, &mut file)?;
                }
                Origin::Layer { .. } => {}
            }
        }
        for (layer, entries) in &wanted.layers {
            if let Some(layer) = self.layers.get(*layer) {
                layer.replay(entries, to_the_end, visit)?;
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

/// Which contents are asked for.
#[derive(Default)]
struct Wanted<'a> {
    /// In memory and on this machine, in the order asked for.
    here: Vec<(NodeId, &'a Content)>,
    /// For each layer: the number of an entry → the nodes with its content, and their size.
    layers: BTreeMap<usize, Entries>,
    seen: std::collections::BTreeSet<NodeId>,
}

/// The number of an entry → the nodes that have its content.
pub(super) type Entries = BTreeMap<usize, Vec<(NodeId, u64)>>;

impl<'a> Wanted<'a> {
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

/// A file of this machine that must have the size that was seen before.
struct HostFile<'a> {
    path: &'a Path,
    file: std::fs::File,
    size: u64,
    read: u64,
}

impl<'a> HostFile<'a> {
    fn open(path: &'a Path, size: u64) -> Result<Self, Error> {
        let failed = |source| Error::File {
            path: path.to_owned(),
            source,
        };
        let mut options = std::fs::OpenOptions::new();
        let options = options.read(true).custom_flags(open_flags());
        let file = options.open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let changed = |found: String| Error::FileChanged {
            path: path.to_owned(),
            expected: size,
            found,
        };
        if !metadata.is_file() {
            return Err(changed("not a regular file".to_owned()));
        }
        if metadata.len() != size {
            return Err(changed(format!("{} bytes", metadata.len())));
        }
        let read = 0;
        Ok(Self {
            path,
            file,
            size,
            read,
        })
    }

    fn changed(&self, found: String) -> io::Error {
        let path = self.path.to_owned();
        let expected = self.size;
        let changed = Error::FileChanged {
            path,
            expected,
            found,
        };
        changed.into_read()
    }
}

impl Read for HostFile<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let failed = |source| {
            let path = self.path.to_owned();
            Error::File { path, source }.into_read()
        };
        let left = self.size - self.read;
        if left == 0 {
            // One byte more than promised would make another file of it.
            return match self.file.read(&mut [0]).map_err(failed)? {
                0 => Ok(0),
                _ => Err(self.changed("longer".to_owned())),
            };
        }
        let most = usize::try_from(left).map_or(into.len(), |left| left.min(into.len()));
        match self.file.read(&mut into[..most]).map_err(failed)? {
            0 => Err(self.changed(format!("{} bytes", self.read))),
            n => {
                self.read += n as u64;
                Ok(n)
            }
        }
    }
}
