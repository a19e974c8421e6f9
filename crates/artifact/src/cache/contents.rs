//! Contents of layers, from images that were kept: a layer that did not change is not decompressed
//! again.
//!
//! Of each image there is a list that says which path has the content of which entry of which
//! layer. An image is checked as a whole before anything of it is believed.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};

use formats::squashfs::{self, Inode, ReadError, Reader};
use source::section::Section;
use source::tree::{Elsewhere, Tree};

use super::blocks::newest;
use super::image::Kept;
use super::{Error, Key, Store};

/// A layer, by the SHA-256 of its uncompressed stream.
type Layer = [u8; 32];

/// The number of an entry in a layer → a path that has its content.
type Paths = BTreeMap<usize, Vec<u8>>;

/// Contents in kept images.
#[derive(Default)]
pub(super) struct Contents {
    images: Vec<Reader<Section>>,
    /// By layer and entry: which image, and where in it.
    places: HashMap<(Layer, usize), (usize, Inode)>,
}

impl Contents {
    /// Those of the tree's layers that one of the newest images has as a whole.
    pub(super) fn load(store: &Store, options: &squashfs::Options, tree: &Tree) -> Self {
        let mut contents = Self::default();
        let mut wanted = by_layer(tree);
        for key in newest(store, options) {
            let list = store.get(&list_of(store, &key)).as_deref().and_then(parse);
            let list = list.unwrap_or_default();
            let has = |(layer, paths): &(&Layer, &Paths)| {
                let there = list.get(*layer);
                there.is_some_and(|there| paths.keys().all(|entry| there.contains_key(entry)))
            };
            let layers: Vec<Layer> = wanted.iter().filter(has).map(|(layer, _)| *layer).collect();
            let Some(image) = (!layers.is_empty())
                .then(|| Kept::find(store, &key))
                .flatten()
            else {
                continue;
            };
            let paths = layers.iter().flat_map(|layer| {
                let entries = list.get(layer).into_iter().flatten();
                entries.map(|(entry, path)| (&path[..], (*layer, *entry)))
            });
            if contents.add(image, &paths.collect()).is_some() {
                layers.iter().for_each(|layer| drop(wanted.remove(layer)));
            }
        }
        contents
    }

    /// Takes these paths' contents from an image; `None`, and nothing is taken, when it does not
    /// hold.
    fn add(&mut self, image: Kept, paths: &HashMap<&[u8], (Layer, usize)>) -> Option<()> {
        image.holds().then_some(())?;
        let mut reader = Reader::open(Section::whole(&image.file)).ok()?;
        let mut places = Vec::new();
        let walked = reader.walk::<ReadError>(|_, path, inode| {
            if let Some(entry) = paths.get(path) {
                places.push((*entry, (self.images.len(), inode.clone())));
            }
            Ok(())
        });
        walked.ok()?;
        self.places.extend(places);
        self.images.push(reader);
        Some(())
    }
}

impl Elsewhere for Contents {
    fn has(&self, layer: &Layer, mut entries: &mut dyn Iterator<Item = usize>) -> bool {
        Iterator::all(&mut entries, |entry| {
            self.places.contains_key(&(*layer, entry))
        })
    }

    fn open(&mut self, layer: &Layer, entry: usize) -> io::Result<Box<dyn Read + '_>> {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let (image, inode) = self.places.get(&(*layer, entry)).ok_or_else(gone)?;
        let reader = self.images.get_mut(*image).ok_or_else(gone)?;
        let content = reader.content(inode).map_err(io::Error::other)?;
        Ok(Box::new(content))
    }
}

/// Keeps the list of what an image has of its tree's layers.
pub(super) fn keep(store: &Store, image: &Key, list: &[u8]) -> Result<(), Error> {
    store.put(&list_of(store, image), list)
}

/// What a tree's image has of its layers.
pub(super) fn list(tree: &Tree) -> Vec<u8> {
    let mut list = Vec::new();
    for (layer, paths) in by_layer(tree) {
        list.extend_from_slice(&layer);
        list.extend_from_slice(&(paths.len() as u64).to_le_bytes());
        for (entry, path) in paths {
            list.extend_from_slice(&(entry as u64).to_le_bytes());
            list.extend_from_slice(&(path.len() as u64).to_le_bytes());
            list.extend_from_slice(&path);
        }
    }
    list
}

fn list_of(store: &Store, image: &Key) -> Key {
    store.key("contents", &[&image.0])
}

fn by_layer(tree: &Tree) -> BTreeMap<Layer, Paths> {
    let mut layers: BTreeMap<Layer, Paths> = BTreeMap::new();
    for (layer, entry, path) in tree.in_layers() {
        let paths = layers.entry(layer).or_default();
        paths.entry(entry).or_insert_with(|| path.to_vec());
    }
    layers
}

fn parse(mut list: &[u8]) -> Option<BTreeMap<Layer, Paths>> {
    let mut layers = BTreeMap::new();
    while !list.is_empty() {
        let (layer, rest) = list.split_first_chunk()?;
        list = rest;
        let mut paths = Paths::new();
        for _ in 0..number(&mut list)? {
            let (entry, length) = (number(&mut list)?, number(&mut list)?);
            let (path, rest) = list.split_at_checked(length)?;
            list = rest;
            paths.insert(entry, path.to_vec());
        }
        layers.insert(*layer, paths);
    }
    Some(layers)
}

fn number(list: &mut &[u8]) -> Option<usize> {
    let (number, rest) = list.split_first_chunk()?;
    *list = rest;
    usize::try_from(u64::from_le_bytes(*number)).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use source::layer::{LayerKind, TarBytes};

    use super::super::tests::{image, options};
    use super::*;

    /// A layer that counts how often it is opened.
    struct Counted {
        tar: TarBytes,
        opened: AtomicUsize,
    }

    impl source::layer::Layer for Counted {
        fn name(&self) -> &str {
            self.tar.name()
        }

        fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
            self.opened.fetch_add(1, Ordering::Relaxed);
            self.tar.open()
        }

        fn kind(&self) -> LayerKind {
            self.tar.kind()
        }
    }

    /// Files by path and size; what is in them follows from both.
    fn layer(files: &[(&str, usize)]) -> Arc<Counted> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, size) in files {
            let lines =
                (0..).flat_map(|n| format!("{path} {size} {}\n", n * 77 % 9973).into_bytes());
            let content: Vec<u8> = lines.take(*size).collect();
            let mut header = tar::Header::new_ustar();
            header.set_size(*size as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, &content[..]).unwrap();
        }
        Arc::new(Counted {
            tar: TarBytes {
                name: "layer".to_owned(),
                bytes: tar.into_inner().unwrap().into(),
                kind: LayerKind::Oci,
            },
            opened: AtomicUsize::new(0),
        })
    }

    const BASE: &[(&str, usize)] = &[("a", 20_000), ("dir/b", 100), ("dir/c", 0), ("z", 4096)];

    /// Builds the image of these layers with a store, compares it with one without, and says how
    /// often the first layer was opened for it.
    fn opened(store: &Store, layers: &[&[(&str, usize)]]) -> usize {
        let layers: Vec<_> = layers.iter().map(|files| layer(files)).collect();
        let mut tree = Tree::new();
        for layer in &layers {
            tree.add_layer(layer.clone()).unwrap();
        }
        tree.link("a", "linked").unwrap();
        let before = layers[0].opened.load(Ordering::Relaxed);
        let (built, found) = image(Some(store), &tree, &options());
        assert!(!found);
        let times = layers[0].opened.load(Ordering::Relaxed) - before;
        assert!(image(None, &tree, &options()).0 == built);
        times
    }

    fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(folder.path(), 1 << 24, [7; 32]).unwrap()
    }

    #[test]
    fn a_layer_that_did_not_change_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        assert_eq!(opened(&store, &[BASE, &[("new", 5000)]]), 1);
        assert_eq!(opened(&store, &[BASE, &[("new", 5001)]]), 0);
        assert_eq!(opened(&store, &[BASE, &[("a", 3), ("new", 9000)]]), 0);
        assert_eq!(opened(&store, &[BASE]), 0);
        assert_eq!(opened(&store, &[&[("a", 20_000), ("b", 1)], BASE]), 1);
    }

    #[test]
    fn what_no_image_has_is_read_from_its_layer() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        assert_eq!(opened(&store, &[BASE, &[("z", 1)]]), 1);
        // The lower layer's `z` was covered.
        assert_eq!(opened(&store, &[BASE]), 1);
        assert_eq!(opened(&store, &[BASE, &[("y", 1)]]), 0);
    }

    #[test]
    fn a_damaged_image_is_not_read_from() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        assert_eq!(opened(&store, &[BASE, &[("new", 1)]]), 1);
        // The largest entry.
        let folders = fs::read_dir(folder.path().join("made")).unwrap();
        let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
        let files = files.map(|file| file.unwrap().path());
        let image = files.max_by_key(|file| fs::metadata(file).unwrap().len());
        let image = image.unwrap();
        let mut bytes = fs::read(&image).unwrap();
        bytes[500] ^= 1;
        fs::write(&image, bytes).unwrap();
        assert_eq!(opened(&store, &[BASE, &[("new", 2)]]), 1);
        assert_eq!(opened(&store, &[BASE, &[("new", 3)]]), 0);
    }

    #[test]
    fn lists_are_read_as_they_are_written() {
        let mut tree = Tree::new();
        tree.add_layer(layer(BASE)).unwrap();
        tree.add_file("memory", *b"x", 0o644).unwrap();
        let list = list(&tree);
        let parsed = parse(&list).unwrap();
        assert_eq!(parsed, by_layer(&tree));
        assert_eq!(parsed.values().map(BTreeMap::len).sum::<usize>(), 4);
        for end in 1..list.len() {
            assert_eq!(parse(&list[..end]), None, "{end}");
        }
    }
}
