//! Streams that are decompressed once: put aside while they are listed, and read from there.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::{Layer, LayerKind};
use crate::fetch::Digest;
use crate::section::Section;

/// So many streams at most: each is an open file until the end, and a process may have about a
/// thousand of them.
const STREAMS: u64 = 256;

/// Room for streams, in files without a name.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    /// What is left of the room, in bytes.
    left: AtomicU64,
    /// How many more streams there may be.
    streams: AtomicU64,
}

impl Spool {
    /// Room for so many bytes, best no more than the page cache holds without writing them to the
    /// disk at once: then to read them again costs nothing.
    pub fn new(folder: &Path, room: u64) -> Arc<Self> {
        Arc::new(Self {
            folder: folder.to_owned(),
            left: AtomicU64::new(room),
            streams: AtomicU64::new(STREAMS),
        })
    }

    /// The same layer, put aside when it is listed. One that finds no room is as it was. What keeps
    /// listings goes over it.
    pub fn layer(self: &Arc<Self>, layer: Arc<dyn Layer>) -> Arc<dyn Layer> {
        Arc::new(Spooled {
            layer,
            spool: Arc::clone(self),
            file: OnceLock::new(),
        })
    }

    /// A file for one more stream; `None` where nothing can be put aside, which is no error.
    fn file(&self) -> Option<File> {
        take(&self.streams, 1).then_some(())?;
        let file = tempfile::tempfile_in(&self.folder);
        file.inspect_err(|_| give_back(&self.streams, 1)).ok()
    }
}

fn take(from: &AtomicU64, number: u64) -> bool {
    let take = |left: u64| left.checked_sub(number);
    let order = Ordering::Relaxed;
    from.fetch_update(order, order, take).is_ok()
}

fn give_back(to: &AtomicU64, number: u64) {
    to.fetch_add(number, Ordering::Relaxed);
}

/// A layer, and its whole stream once it was listed.
struct Spooled {
    layer: Arc<dyn Layer>,
    spool: Arc<Spool>,
    file: OnceLock<Arc<File>>,
}

impl Layer for Spooled {
    fn name(&self) -> &str {
        self.layer.name()
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        match self.file.get() {
            Some(file) => Ok(Box::new(Section::whole(file))),
            None => self.layer.open(),
        }
    }

    fn as_file(&self) -> io::Result<Option<Section>> {
        match self.file.get() {
            Some(file) => Ok(Some(Section::whole(file))),
            None => self.layer.as_file(),
        }
    }

    fn open_to_list(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        let input = self.layer.open_to_list()?;
        Ok(match self.spool.file() {
            None => input,
            file => Box::new(Aside {
                input,
                layer: self,
                file,
                size: 0,
            }),
        })
    }

    fn is_put_aside(&self) -> bool {
        self.file.get().is_some() || self.layer.is_put_aside()
    }

    fn kind(&self) -> LayerKind {
        self.layer.kind()
    }

    fn diff_id(&self) -> Option<Digest> {
        self.layer.diff_id()
    }

    fn digest(&self) -> Option<Digest> {
        self.layer.digest()
    }
}

/// A stream that is put aside while it is read: as a whole, or not at all.
struct Aside<'a> {
    input: Box<dyn Read + Send + 'a>,
    layer: &'a Spooled,
    /// None when there is no room, or no more to come.
    file: Option<File>,
    size: u64,
}

impl Aside<'_> {
    fn write(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        let length = bytes.len() as u64;
        if take(&self.layer.spool.left, length) {
            self.size += length;
            if file.write_all(bytes).is_ok() {
                return;
            }
        }
        self.drop_file();
    }

    fn drop_file(&mut self) {
        if self.file.take().is_some() {
            give_back(&self.layer.spool.left, self.size);
            give_back(&self.layer.spool.streams, 1);
        }
    }
}

impl Read for Aside<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            if let Some(file) = self.file.take() {
                // Another reading may have been first.
                let _ = self.layer.file.set(Arc::new(file));
            }
            return Ok(0);
        }
        self.write(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        self.drop_file();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Counts how often it is opened, and fails where it is told to.
    struct Counted {
        bytes: Vec<u8>,
        fails: bool,
        opened: AtomicUsize,
    }

    impl Layer for Counted {
        fn name(&self) -> &str {
            "counted"
        }

        fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
            self.opened.fetch_add(1, Ordering::Relaxed);
            Ok(match self.fails {
                true => Box::new(self.bytes.chain(Failing)),
                false => Box::new(&self.bytes[..]),
            })
        }
    }

    struct Failing;

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("it fails"))
        }
    }

    fn counted(length: usize, fails: bool) -> Arc<Counted> {
        Arc::new(Counted {
            bytes: (0..length).map(|n| (n / 3) as u8).collect(),
            fails,
            opened: AtomicUsize::new(0),
        })
    }

    /// Lists a layer, and reads it twice: how often it was opened for that.
    fn opened(spool: &Arc<Spool>, layer: &Arc<Counted>) -> usize {
        let spooled = spool.layer(layer.clone());
        let read = |input: io::Result<Box<dyn Read + Send + '_>>| {
            let mut bytes = Vec::new();
            input.unwrap().read_to_end(&mut bytes).map(|_| bytes)
        };
        let listed = read(spooled.open_to_list());
        assert_eq!(listed.is_err(), layer.fails);
        for _ in 0..2 {
            let again = read(spooled.open());
            assert_eq!(again.is_err(), layer.fails);
            assert!(layer.fails || again.unwrap() == layer.bytes);
        }
        let times = layer.opened.load(Ordering::Relaxed);
        assert_eq!(spooled.is_put_aside(), times == 1);
        times
    }

    #[test]
    fn a_stream_is_put_aside_where_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path(), 1000);
        assert_eq!(opened(&spool, &counted(1001, false)), 3);
        // What found none has given back what it took.
        assert_eq!(opened(&spool, &counted(600, false)), 1);
        assert_eq!(opened(&spool, &counted(600, false)), 3);
        assert_eq!(opened(&spool, &counted(400, false)), 1);
        assert_eq!(opened(&spool, &counted(1, false)), 3);
        let nowhere = Spool::new(&folder.path().join("none"), 1000);
        assert_eq!(opened(&nowhere, &counted(1, false)), 3);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn no_more_files_are_open_than_a_process_can_have() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path(), 1000);
        let layers: Vec<_> = (0..STREAMS + 2)
            .map(|_| spool.layer(counted(1, false)))
            .collect();
        for layer in &layers {
            io::copy(&mut layer.open_to_list().unwrap(), &mut io::sink()).unwrap();
        }
        let aside = layers.iter().filter(|layer| layer.is_put_aside());
        assert_eq!(aside.count() as u64, STREAMS);
    }

    #[test]
    fn a_stream_that_fails_or_is_left_is_not_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path(), 1000);
        assert_eq!(opened(&spool, &counted(1000, true)), 3);
        let layer = counted(1000, false);
        let spooled = spool.layer(layer.clone());
        let mut some = [0; 10];
        spooled
            .open_to_list()
            .unwrap()
            .read_exact(&mut some)
            .unwrap();
        assert!(!spooled.is_put_aside());
        assert_eq!(opened(&spool, &counted(1000, false)), 1);
    }
}
