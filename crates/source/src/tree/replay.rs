//! Reading a layer's contents after it was merged, and finding out whether it changed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Seek};
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use super::contents::{Entries, Visit};
use super::host::Stamp;
use super::{Error, NodeId};
use crate::fetch;
use crate::layer::archive::{Archive, Entry};
use crate::layer::{EntryError, Layer, read_ahead};

/// Content that several files have is held in memory up to this size, in bytes.
const SPOOL: usize = 16 << 20;

/// A layer with what is remembered from listing it.
pub(super) struct ScannedLayer {
    pub(super) layer: Arc<dyn Layer>,
    /// A short hash of each entry's header: finds out early that a layer was changed.
    pub(super) entries: Vec<u64>,
    /// Of the whole uncompressed stream, once it is known: finds out surely.
    pub(super) sha256: OnceLock<[u8; 32]>,
    /// Of the file that the stream is: finds out that it was written to.
    pub(super) stamp: Option<Stamp>,
}

impl ScannedLayer {
    /// The SHA-256 of the uncompressed stream, which is read for that when it was not yet.
    pub(super) fn sha256(&self) -> Result<[u8; 32], Error> {
        if let Some(known) = self.sha256.get() {
            return Ok(*known);
        }
        let stream = self
            .layer
            .open()
            .map_err(|source| self.cannot_open(source))?;
        let hashed = read_ahead(stream, |mut input| fetch::Digest::of_reader(&mut input));
        let (fetch::Digest(sha256), _) = hashed.map_err(|source| self.cannot_open(source))?;
        Ok(*self.sha256.get_or_init(|| sha256))
    }

    fn cannot_open(&self, source: io::Error) -> Error {
        Error::Open {
            layer: self.layer.name().to_owned(),
            source,
        }
    }

    fn error(&self, error: EntryError) -> Error {
        let layer = self.layer.name().to_owned();
        Error::Layer { layer, error }
    }

    fn changed(&self, what: String) -> Error {
        let layer = self.layer.name().to_owned();
        Error::LayerChanged { layer, what }
    }

    /// Reads the layer again, up to the last wanted entry or, where that tells whether it changed, to
    /// its end.
    pub(super) fn replay<E: From<Error>>(
        &self,
        wanted: &Entries,
        to_the_end: bool,
        visit: &mut Visit<'_, E>,
    ) -> Result<(), E> {
        let cannot = |source| self.cannot_open(source);
        let sha256 = self.sha256.get();
        let sha256 = sha256.filter(|_| to_the_end && !self.layer.is_put_aside());
        match (self.layer.as_file().map_err(cannot)?, sha256) {
            (Some(file), None) => {
                let mut archive = Archive::seekable(file);
                self.read(&mut archive, wanted, false, visit)?;
            }
            (_, None) => {
                let stream = self.layer.open().map_err(cannot)?;
                read_ahead(stream, |stream| {
                    self.read(&mut Archive::new(stream), wanted, false, visit)
                })?;
            }
            (_, Some(expected)) => {
                let stream = self.layer.open().map_err(cannot)?;
                let found = read_ahead(stream, |stream| {
                    let mut archive = Archive::new(Hashing::new(stream));
                    self.read(&mut archive, wanted, true, visit)?;
                    let end = archive.finish().map_err(|error| self.error(error))?;
                    Ok::<_, E>(end.sha256())
                })?;
                if found != *expected {
                    return Err(self.changed("its SHA-256 is another one".to_owned()).into());
                }
                return Ok(());
            }
        }
        let Some(expected) = self.stamp else {
            return Ok(());
        };
        let now = self.layer.as_file().map_err(cannot)?;
        let now = now.and_then(|file| file.metadata().ok());
        match now.is_some_and(|now| Stamp::of(&now) == expected) {
            true => Ok(()),
            false => Err(self.changed("it was written to".to_owned()).into()),
        }
    }

    fn read<R: Read, E: From<Error>>(
        &self,
        archive: &mut Archive<R>,
        wanted: &Entries,
        to_the_end: bool,
        visit: &mut Visit<'_, E>,
    ) -> Result<(), E> {
        let mut wanted = wanted.iter().peekable();
        while to_the_end || wanted.peek().is_some() {
            let next = archive.next_entry().map_err(|error| self.error(error))?;
            let Some(entry) = next else { break };
            if self.entries.get(entry.index) != Some(&fingerprint(&entry)) {
                let what = format!("entry {} is another one", entry.index);
                return Err(self.changed(what).into());
            }
            if let Some((_, nodes)) = wanted.next_if(|(index, _)| **index == entry.index) {
                self.hand_over(archive, nodes, visit)?;
            }
        }
        if wanted.peek().is_some() {
            return Err(self.changed("it ends earlier".to_owned()).into());
        }
        Ok(())
    }

    /// Hands the present entry's content to all nodes that have it: more than one only
    /// after the same tree was grafted twice.
    fn hand_over<R: Read, E: From<Error>>(
        &self,
        archive: &mut Archive<R>,
        nodes: &[(NodeId, u64)],
        visit: &mut Visit<'_, E>,
    ) -> Result<(), E> {
        let mut content = LayerContent {
            layer: self,
            content: archive.content(),
        };
        if let [(id, size)] = nodes {
            return visit(*id, *size, &mut content);
        }
        let mut spool = tempfile::spooled_tempfile(SPOOL);
        io::copy(&mut content, &mut spool).map_err(Error::from_read)?;
        for (id, size) in nodes {
            spool.rewind().map_err(Error::from_read)?;
            visit(*id, *size, &mut spool)?;
        }
        Ok(())
    }
}

/// A content's reader whose errors name the layer.
struct LayerContent<'a, C> {
    layer: &'a ScannedLayer,
    content: C,
}

impl<C: Read> Read for LayerContent<'_, C> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.content
            .read(into)
            .map_err(|error| match error.downcast::<EntryError>() {
                Ok(error) => self.layer.error(error).into_read(),
                Err(error) => error,
            })
    }
}

/// A short hash of an entry's header.
pub(super) fn fingerprint(entry: &Entry) -> u64 {
    let mut hasher = DefaultHasher::new();
    entry.hash(&mut hasher);
    hasher.finish()
}

/// Takes the SHA-256 of what is read through it.
pub(super) struct Hashing<R> {
    input: R,
    hash: Sha256,
}

impl<R: Read> Hashing<R> {
    pub(super) fn new(input: R) -> Self {
        let hash = Sha256::new();
        Self { input, hash }
    }

    pub(super) fn sha256(self) -> [u8; 32] {
        self.hash.finalize().into()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(into)?;
        self.hash.update(into.get(..n).unwrap_or_default());
        Ok(n)
    }
}
