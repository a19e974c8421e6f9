//! Blocks that are compressed already: an earlier image has them.
//!
//! Compressing is most of the work of an image, and a block's stored form depends on its content
//! and the [`Compression`](super::super::Compression) only. Who keeps images can say where in them each
//! block is ([`Written::blocks`](super::Written)), and give blocks back to a later image
//! ([`Options::earlier`](super::Options)).

use std::fmt::Debug;

use lanes::{HASH_SIZE, Pieces};

/// Blocks of earlier images, written with the same compression and block size.
pub trait Earlier: Debug + Send + Sync {
    /// How the block with this [`content_hash`] is stored, and its stored bytes in place of what is
    /// in `packed`, where they are not its content. `None` when it is not known.
    ///
    /// Who implements this has checked these bytes against the hash in [`Form::Packed`].
    fn find(&self, content: &[u8; HASH_SIZE], packed: &mut Vec<u8>) -> Option<Form>;
}

/// How a block is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is: compressing makes it no smaller.
    Raw,
    /// Compressed, with the SHA-256 of that.
    Packed([u8; HASH_SIZE]),
}

/// Where a block is in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBlock {
    /// Its [`content_hash`].
    pub content: [u8; HASH_SIZE],
    /// How it is stored.
    pub form: Form,
    /// Where its stored bytes start in the image, in bytes.
    pub start: u64,
    /// How many there are.
    pub size: u32,
}

/// Tells blocks of files and fragments apart.
pub fn content_hash(block: &[u8]) -> [u8; HASH_SIZE] {
    Pieces::hash(block)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::io::Cursor;
    use std::num::NonZeroUsize;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::squashfs::{Attributes, Compression, Kind, Options, Tree, Writer};

    const BLOCK: usize = 4096;

    /// What an earlier image has, and how much of it was asked for in vain.
    #[derive(Debug, Default)]
    struct Image {
        bytes: Vec<u8>,
        blocks: HashMap<[u8; HASH_SIZE], StoredBlock>,
        unknown: AtomicUsize,
    }

    impl Earlier for Image {
        fn find(&self, content: &[u8; HASH_SIZE], packed: &mut Vec<u8>) -> Option<Form> {
            let Some(block) = self.blocks.get(content) else {
                self.unknown.fetch_add(1, Ordering::Relaxed);
                return None;
            };
            let start = block.start as usize;
            let stored = &self.bytes[start..start + block.size as usize];
            if let Form::Packed(hash) = block.form {
                assert_eq!(hash[..], Sha256::digest(stored)[..]);
                *packed = stored.to_vec();
            }
            Some(block.form)
        }
    }

    fn image(files: &[Vec<u8>], earlier: Option<Arc<Image>>) -> Image {
        let options = Options {
            block_size: BLOCK as u32,
            compression: Compression::Zstd(3),
            threads: NonZeroUsize::new(2).unwrap(),
            earlier: earlier.map(|image| image as Arc<dyn Earlier>),
        };
        let mut out = Cursor::new(Vec::new());
        let mut writer = Writer::new(&mut out, options).unwrap();
        let mut tree = Tree::new(Attributes::default()).unwrap();
        for (number, content) in files.iter().enumerate() {
            let data = writer.add_data(&mut &content[..], content.len() as u64);
            let path = format!("{number:06}").into_bytes();
            tree.insert(&path, Attributes::default(), Kind::File(data.unwrap()))
                .unwrap();
        }
        let written = writer.finish(&tree, 0).unwrap();
        Image {
            bytes: out.into_inner(),
            blocks: (written.blocks.into_iter().map(|b| (b.content, b))).collect(),
            unknown: AtomicUsize::new(0),
        }
    }

    fn kept(files: &[Vec<u8>]) -> Arc<Image> {
        let image = image(files, Some(Arc::default()));
        assert!(!image.blocks.is_empty());
        Arc::new(image)
    }

    /// So many files as different as files are, from 0 to 3 blocks.
    fn files(count: usize) -> Vec<Vec<u8>> {
        let file = |number: usize| {
            let size = number * 7919 % (3 * BLOCK);
            let text = (0..).flat_map(|line: usize| {
                format!(
                    "{number} {} {line}\n",
                    number.wrapping_mul(line + 77) % 1009
                )
                .into_bytes()
            });
            text.take(size).collect()
        };
        (0..count).map(file).collect()
    }

    #[test]
    fn what_did_not_change_is_known() {
        let mut files = files(3000);
        let first = kept(&files);
        let again = image(&files, Some(first.clone()));
        assert_eq!(first.unknown.load(Ordering::Relaxed), 0);
        assert_eq!(again.bytes, first.bytes);

        // One that becomes longer moves those behind it, but not for long.
        files[50].extend(b"more");
        let changed = image(&files, Some(first.clone()));
        let unknown = first.unknown.load(Ordering::Relaxed);
        assert!(
            (1..60).contains(&unknown),
            "{unknown} of {} blocks",
            changed.blocks.len()
        );
        assert!(changed.blocks.len() > 2000);
        assert_eq!(changed.bytes, image(&files, None).bytes);
    }

    #[test]
    fn small_files_stay_where_they_were() {
        let mut files: Vec<Vec<u8>> = (files(20_000).into_iter())
            .map(|content| content.into_iter().take(200).collect())
            .collect();
        let first = kept(&files);
        files[3000].extend([b'!'; 1500]);
        let changed = image(&files, Some(first.clone()));
        let (unknown, all) = (first.unknown.load(Ordering::Relaxed), changed.blocks.len());
        // Without tails that end a fragment it would be most: all are of one size, or nearly.
        assert!(
            (1..100).contains(&unknown) && all > 600,
            "{unknown} of {all}"
        );
    }

    #[test]
    fn blocks_that_do_not_shrink_are_known_as_well() {
        let mut state = 1u64;
        let noise = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        });
        let files = [noise.take(5 * BLOCK).collect()];
        let first = kept(&files);
        assert!(first.blocks.values().any(|block| block.form == Form::Raw));
        assert_eq!(image(&files, Some(first.clone())).bytes, first.bytes);
        assert_eq!(first.unknown.load(Ordering::Relaxed), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_change_gives_the_same_bytes(
            sizes in proptest::collection::vec((0..3 * BLOCK, 0..4u8), 1..60),
            changed in proptest::collection::vec((any::<prop::sample::Index>(), 0..2 * BLOCK), 0..4),
        ) {
            let file = |(size, kind): (usize, u8)| match kind {
                0 => vec![0; size],
                kind => (0..size).map(|at| (at * usize::from(kind) / 3) as u8).collect(),
            };
            let mut files: Vec<Vec<u8>> = sizes.into_iter().map(file).collect();
            let first = Arc::new(image(&files, Some(Arc::default())));
            for (index, size) in changed {
                let place = index.index(files.len());
                files[place] = file((size, 2));
            }
            prop_assert_eq!(image(&files, Some(first)).bytes, image(&files, None).bytes);
        }
    }
}
