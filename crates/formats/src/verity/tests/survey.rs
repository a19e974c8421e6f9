//! A survey on any number of threads finds what one block after the other shows.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::ControlFlow;

use super::*;

/// What is wrong, from which block on, with how many blocks.
type Told = (&'static str, Block, u64, u64);

/// A file with blocks that cannot be read.
struct Worn<'a> {
    file: Cursor<&'a [u8]>,
    worn: &'a [u64],
}

impl Read for Worn<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let block = self.file.position() / BLOCK_SIZE as u64;
        if self.worn.contains(&block) {
            return Err(io::Error::other("worn out"));
        }
        let most = buffer.len().min(BLOCK_SIZE);
        self.file.read(&mut buffer[..most])
    }
}

impl Seek for Worn<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// What a survey tells, and how many bytes it says it read, until so many findings.
fn told(file: &[u8], worn: &[u64], built: &Built, threads: usize, most: usize) -> (Vec<Told>, u64) {
    let superblock = Superblock {
        uuid: UUID,
        data_blocks: built.data_size / BLOCK_SIZE as u64,
        salt: SALT.to_vec(),
    };
    let (mut told, mut read) = (Vec::new(), 0);
    let mut visit = |finding: Finding| {
        told.push(match finding {
            Finding::Read(bytes) => {
                read += bytes;
                return ControlFlow::Continue(());
            }
            Finding::Damaged { block, offset, .. } => ("damaged", block, offset / 4096, 1),
            Finding::Unreadable { block, offset, .. } => ("unreadable", block, offset / 4096, 1),
            Finding::Unchecked {
                block,
                offset,
                count,
            } => ("unchecked", block, offset / 4096, count),
        });
        match told.len() >= most {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let mut file = Worn {
        file: Cursor::new(file),
        worn,
    };
    let (threads, root) = (NonZeroUsize::new(threads).unwrap(), &built.root_hash);
    let offset = built.hash_offset;
    super::super::survey(&mut file, offset, &superblock, root, threads, &mut visit);
    (told, read)
}

/// The same, as plainly as it can be said.
fn plainly(file: &[u8], worn: &[u64], built: &Built) -> Vec<Told> {
    let block_at = |index: u64| {
        let bytes = file.chunks_exact(BLOCK_SIZE).nth(index as usize);
        bytes.filter(|_| !worn.contains(&index))
    };
    let data_blocks = built.data_size / BLOCK_SIZE as u64;
    let mut levels = vec![(Block::Data, 0, data_blocks)];
    let mut start = data_blocks + 1;
    for blocks in hash_levels(data_blocks).into_iter().rev() {
        levels.insert(levels.len() - 1, (Block::Hashes, start, blocks));
        start += blocks;
    }
    let mut told = Vec::new();
    let mut above = vec![Some(built.root_hash.to_vec())];
    for (kind, start, blocks) in levels {
        let mut next = Vec::new();
        for index in 0..blocks {
            let parent = above[index as usize / 128].as_deref();
            let right = parent.map(|hashes| &hashes[index as usize % 128 * 32..][..32]);
            let block = block_at(start + index);
            let good = match (block, right) {
                (None, _) => {
                    told.push(("unreadable", kind, start + index, 1));
                    None
                }
                (_, None) => {
                    if index % 128 == 0 {
                        let count = (blocks - index).min(128);
                        told.push(("unchecked", kind, start + index, count));
                    }
                    None
                }
                (Some(block), Some(right)) if block_hash(SALT, block) == *right => {
                    Some(block.to_vec())
                }
                _ => {
                    told.push(("damaged", kind, start + index, 1));
                    None
                }
            };
            next.push(good);
        }
        above = next;
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn findings_are_the_same_in_the_same_order(
        blocks in 1usize..2500,
        flips in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        in_tree in proptest::collection::vec(any::<prop::sample::Index>(), 0..3),
        worn in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
        cut in 0u64..20,
        threads in 1usize..5,
        most in 1usize..30,
    ) {
        let (mut file, built) = build(blocks, SALT);
        for flip in flips {
            let position = flip.index(file.len());
            file[position] ^= 1;
        }
        for flip in in_tree {
            let tree = built.hash_offset as usize;
            let position = flip.index(file.len() - tree);
            file[tree + position] ^= 1;
        }
        // Files are cut off now and then.
        file.truncate(file.len() - (cut.saturating_sub(15) as usize * BLOCK_SIZE).min(file.len()));
        let worn: Vec<u64> = worn.iter().map(|worn| worn.index(blocks + 20) as u64).collect();
        let mut expected = plainly(&file, &worn, &built);
        let (found, read) = told(&file, &worn, &built, threads, usize::MAX);
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(read, built.size - BLOCK_SIZE as u64);
        expected.truncate(most);
        prop_assert_eq!(told(&file, &worn, &built, threads, most).0, expected);
    }
}
