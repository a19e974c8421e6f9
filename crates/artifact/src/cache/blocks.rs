//! Blocks of the images that were kept last: what a changed tree still has is not compressed again.
//!
//! Of each image there is a list of its blocks, and of all images with the same parameters a list of
//! the newest. A block's stored bytes are checked against the hash in its list.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use formats::squashfs::{self, Earlier, Form, StoredBlock};
use sha2::{Digest, Sha256};

use super::image::Kept;
use super::{Error, Key, Store};

/// So many images are looked into: those of a release and of a few before it.
const NEWEST: usize = 16;

/// Of a block in its list: both hashes, start and size.
const RECORD: usize = 32 + 32 + 8 + 4;

/// In place of a hash that there is not.
const NONE: [u8; 32] = [0; 32];

/// Blocks in kept images.
#[derive(Debug, Default)]
pub(super) struct Known {
    images: Vec<Arc<File>>,
    /// By the hash of their contents: which image, and where in it.
    blocks: HashMap<[u8; 32], (usize, StoredBlock)>,
}

impl Known {
    /// Those that such an image may have.
    pub(super) fn load(store: &Store, options: &squashfs::Options) -> Self {
        let mut known = Self::default();
        for key in newest(store, options) {
            let list = store.get(&list_of(store, &key)).as_deref().and_then(parse);
            let Some((list, image)) = list.zip(Kept::find(store, &key)) else {
                continue;
            };
            let index = known.images.len();
            known.images.push(image.file);
            for block in list {
                known.blocks.entry(block.content).or_insert((index, block));
            }
        }
        known
    }
}

impl Earlier for Known {
    fn find(&self, content: &[u8; 32], packed: &mut Vec<u8>) -> Option<Form> {
        let (image, block) = self.blocks.get(content)?;
        if let Form::Packed(expected) = block.form {
            let file = self.images.get(*image)?;
            packed.resize(usize::try_from(block.size).ok()?, 0);
            file.read_exact_at(packed, block.start).ok()?;
            let found: [u8; 32] = Sha256::digest(&*packed).into();
            (found == expected).then_some(())?;
        }
        Some(block.form)
    }
}

/// Keeps the list of an image's blocks, and the image among the newest.
pub(super) fn keep(
    store: &Store,
    image: &Key,
    options: &squashfs::Options,
    blocks: &[StoredBlock],
) -> Result<(), Error> {
    let list: Vec<u8> = blocks.iter().flat_map(record).collect();
    store.put(&list_of(store, image), &list)?;
    let mut keys = newest(store, options);
    keys.retain(|key| key != image);
    keys.insert(0, *image);
    let keys: Vec<u8> = keys.iter().take(NEWEST).flat_map(|key| key.0).collect();
    store.put(&newest_of(store, options), &keys)
}

fn list_of(store: &Store, image: &Key) -> Key {
    store.key("blocks", &[&image.0])
}

fn newest_of(store: &Store, options: &squashfs::Options) -> Key {
    let level = options.compression.level().unwrap_or_default();
    let parameters = [
        &options.block_size.to_le_bytes()[..],
        options.compression.name().as_bytes(),
        &level.to_le_bytes(),
    ];
    store.key("newest images", &parameters)
}

/// The newest images, the newest first.
pub(super) fn newest(store: &Store, options: &squashfs::Options) -> Vec<Key> {
    let keys = store.get(&newest_of(store, options)).unwrap_or_default();
    keys.as_chunks().0.iter().map(|key| Key(*key)).collect()
}

fn record(block: &StoredBlock) -> Vec<u8> {
    let packed = match block.form {
        Form::Raw => NONE,
        Form::Packed(hash) => hash,
    };
    let (start, size) = (block.start.to_le_bytes(), block.size.to_le_bytes());
    [&block.content[..], &packed, &start, &size].concat()
}

fn parse(list: &[u8]) -> Option<Vec<StoredBlock>> {
    let (records, rest) = list.as_chunks::<RECORD>();
    let blocks = records.iter().map(|record| {
        let (content, record) = record.split_first_chunk()?;
        let (packed, record) = record.split_first_chunk()?;
        let (start, record) = record.split_first_chunk()?;
        let (size, _) = record.split_first_chunk()?;
        Some(StoredBlock {
            content: *content,
            form: match *packed {
                NONE => Form::Raw,
                hash => Form::Packed(hash),
            },
            start: u64::from_le_bytes(*start),
            size: u32::from_le_bytes(*size),
        })
    });
    rest.is_empty().then(|| blocks.collect())?
}

#[cfg(test)]
mod tests {
    use std::fs;

    use formats::squashfs::{Compression, content_hash};
    use source::tree::Tree;

    use super::super::image::key;
    use super::super::tests::{image, options};
    use super::*;

    const BLOCK: usize = 4096;

    fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(folder.path(), 1 << 24, [7; 32]).unwrap()
    }

    fn text(seed: usize) -> Vec<u8> {
        let lines = (0..).flat_map(|n: usize| format!("{}\n", n * seed % 9973).into_bytes());
        lines.take(3 * BLOCK).collect()
    }

    fn tree(second: &[u8]) -> Tree {
        let mut tree = Tree::new();
        tree.add_file("a", text(31), 0o644).unwrap();
        tree.add_file("b", second.to_vec(), 0o644).unwrap();
        tree
    }

    /// Builds an image that the store does not have; without a store it is the same.
    fn build(store: &Store, tree: &Tree) {
        let (built, found) = image(Some(store), tree, &options());
        assert!(!found);
        assert!(image(None, tree, &options()).0 == built);
    }

    /// Whether the block is known, and can be read.
    fn knows(store: &Store, block: &[u8]) -> bool {
        let known = Known::load(store, &options().squashfs);
        let mut packed = Vec::new();
        let form = known.find(&content_hash(block), &mut packed);
        if let Some(Form::Packed(_)) = form {
            assert_eq!(zstd::bulk::decompress(&packed, BLOCK).unwrap(), block);
        }
        form.is_some()
    }

    #[test]
    fn a_changed_tree_has_the_blocks_of_the_earlier_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        assert!(!knows(&store, &text(31)[..BLOCK]));
        build(&store, &tree(&text(37)));
        assert!(knows(&store, &text(31)[BLOCK..2 * BLOCK]));
        assert!(!knows(&store, &text(41)[..BLOCK]));
        // Of both images, whichever was built last.
        build(&store, &tree(&text(41)));
        for seed in [31, 37, 41] {
            assert!(knows(&store, &text(seed)[..BLOCK]), "{seed}");
        }
        let other = squashfs::Options {
            compression: Compression::Zstd(2),
            ..options().squashfs
        };
        assert!(Known::load(&store, &other).blocks.is_empty());
    }

    #[test]
    fn damaged_blocks_are_not_known() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let first = tree(&text(37));
        build(&store, &first);
        let identity = first.identity().unwrap().sha256;
        let key = key(&store, &identity, &options());
        let path = store.beside(&key);
        let mut bytes = fs::read(&path).unwrap();
        // Every block, and neither header nor tables.
        let blocks = Known::load(&store, &options().squashfs).blocks;
        for (_, block) in blocks.values() {
            bytes[block.start as usize + 9] ^= 1;
        }
        fs::write(&path, &bytes).unwrap();
        assert!(!knows(&store, &text(31)[..BLOCK]));
        build(&store, &tree(&text(41)));
        // An image that is shorter than its list says.
        fs::write(&path, &bytes[..9]).unwrap();
        build(&store, &tree(&text(43)));
    }

    #[test]
    fn only_the_newest_images_are_looked_into() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for seed in 0..=NEWEST {
            build(&store, &tree(&text(100 + seed)));
        }
        assert_eq!(newest(&store, &options().squashfs).len(), NEWEST);
        assert!(!knows(&store, &text(100)[..BLOCK]));
        assert!(knows(&store, &text(101)[..BLOCK]));
    }

    #[test]
    fn lists_are_read_as_they_are_written() {
        let block = |form, start| StoredBlock {
            content: [1; 32],
            form,
            start,
            size: 77,
        };
        let blocks = [block(Form::Raw, 96), block(Form::Packed([2; 32]), 1 << 40)];
        let list: Vec<u8> = blocks.iter().flat_map(record).collect();
        assert_eq!(list.len(), 2 * RECORD);
        assert_eq!(parse(&list).unwrap(), blocks);
        assert_eq!(parse(&list[1..]), None);
    }
}
