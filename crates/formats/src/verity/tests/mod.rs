//! Trees with known root hashes; every flipped byte is found.

mod survey;
mod writer;

use std::io::Cursor;
use std::num::NonZeroUsize;

use proptest::prelude::*;

use super::*;

const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();
const SALT: &[u8] = &[0x00, 0x11, 0x22, 0x33, 0x44];
const UUID: [u8; 16] = [
    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
];

fn data(blocks: usize) -> Vec<u8> {
    let byte = |index: usize| ((index * 7 + index / BLOCK_SIZE) % 251) as u8;
    (0..blocks * BLOCK_SIZE).map(byte).collect()
}

fn build(blocks: usize, salt: &[u8]) -> (Vec<u8>, Built) {
    let mut file = Cursor::new(data(blocks));
    let built = append(&mut file, (blocks * BLOCK_SIZE) as u64, salt, UUID, TWO).unwrap();
    (file.into_inner(), built)
}

fn check(file: &[u8], built: &Built) -> Result<(), Error> {
    let superblock = Superblock::parse(&file[built.hash_offset as usize..])?;
    verify(
        &mut Cursor::new(file),
        built.hash_offset,
        &superblock,
        &built.root_hash,
        TWO,
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The root hashes and sizes are `veritysetup`'s.
#[test]
fn root_hashes_are_those_of_veritysetup() {
    let cases: &[(usize, &[u8], &str, u64)] = &[
        (
            300,
            SALT,
            "acaeab4a7094dfcfa3485cec668be6009bda32dbb6d889dbe9c1aaa8f4e6beea",
            300 + 1 + 3 + 1,
        ),
        (
            1,
            SALT,
            "e37a7abc8bb16c712b6d5b4730130640725a48d7f8f49f99d9a51bbb004f973a",
            1 + 1,
        ),
        (
            1,
            &[],
            "9141107b6ed1422839ed97f4674de82ae742ec2f8556c3df948da06930f94393",
            1 + 1,
        ),
    ];
    for (blocks, salt, root, file_blocks) in cases {
        let (file, built) = build(*blocks, salt);
        assert_eq!(hex(&built.root_hash), *root, "{blocks} blocks");
        assert_eq!(built.size, file_blocks * 4096, "{blocks} blocks");
        assert_eq!(file.len() as u64, built.size, "{blocks} blocks");
        check(&file, &built).unwrap();
    }
}

#[test]
fn levels_are_counted_from_the_data_up() {
    assert_eq!(hash_levels(1), []);
    assert_eq!(hash_levels(2), [1]);
    assert_eq!(hash_levels(128), [1]);
    assert_eq!(hash_levels(129), [2, 1]);
    assert_eq!(hash_levels(128 * 128 + 1), [129, 2, 1]);
    assert_eq!(hash_levels(u64::MAX).len(), 10);
}

#[test]
fn the_first_bad_block_is_named() {
    // Two levels, and more than one chunk of data.
    let (file, built) = build(1100, SALT);
    let superblock = built.hash_offset as usize;
    let cases = [
        (0, "data block", 0),
        (1099 * 4096 + 4095, "data block", 1099 * 4096),
        (superblock + 4096, "block of hashes", superblock + 4096),
        (
            superblock + 3 * 4096 + 7,
            "block of hashes",
            superblock + 3 * 4096,
        ),
        // Behind the last hash there are zeros, and they count.
        (file.len() - 1, "block of hashes", file.len() - 4096),
    ];
    for (position, kind, block) in cases {
        let mut bad = file.clone();
        bad[position] ^= 1;
        match check(&bad, &built) {
            Err(Error::Hash { what, offset, .. }) => {
                assert_eq!((what, offset), (kind, block as u64));
            }
            other => panic!("byte {position}: {other:?}"),
        }
    }
    assert!(check(&file[..file.len() - 1], &built).is_err());
    let mut other = built;
    other.root_hash[31] ^= 1;
    assert!(
        matches!(check(&file, &other), Err(Error::Hash { offset, .. }) if offset == superblock as u64 + 4096)
    );
}

#[test]
fn every_bad_block_is_named_and_those_below_it_are_left_open() {
    let (mut file, built) = build(1100, SALT);
    let first_leaf = built.hash_offset as usize + 2 * 4096;
    // Two data blocks, and the block with the hashes of data blocks 256 to 383.
    for position in [3 * 4096, 1099 * 4096, 300 * 4096, first_leaf + 2 * 4096] {
        file[position] ^= 1;
    }
    let superblock = Superblock::parse(&file[built.hash_offset as usize..]).unwrap();
    let (mut bad, mut read) = (Vec::new(), 0);
    let mut survey = |file: &[u8]| {
        let visit = &mut |finding: Finding| {
            match finding {
                Finding::Read(bytes) => read += bytes,
                Finding::Damaged { block, offset, .. } => bad.push((block, offset / 4096, 1)),
                Finding::Unreadable { block, offset, .. } => bad.push((block, offset / 4096, 0)),
                Finding::Unchecked {
                    block,
                    offset,
                    count,
                } => bad.push((block, offset / 4096, count)),
            }
            std::ops::ControlFlow::Continue(())
        };
        let mut file = Cursor::new(file);
        super::survey(
            &mut file,
            built.hash_offset,
            &superblock,
            &built.root_hash,
            TWO,
            visit,
        );
        (std::mem::take(&mut bad), std::mem::take(&mut read))
    };
    let (found, read) = survey(&file);
    let expected = [
        (Block::Hashes, 1100 + 2 + 2, 1),
        (Block::Data, 3, 1),
        (Block::Data, 256, 128),
        (Block::Data, 1099, 1),
    ];
    assert_eq!(found, expected);
    assert_eq!(read, built.size - 4096);
    // Without its last block of hashes, the data below that is open, too.
    let (found, _) = survey(&file[..file.len() - 4096]);
    assert_eq!(found[1], (Block::Hashes, 1100 + 2 + 8, 0));
    assert_eq!(*found.last().unwrap(), (Block::Data, 1024, 76));
}

#[test]
fn a_superblock_is_read_as_it_was_written() {
    let superblock = Superblock {
        uuid: UUID,
        data_blocks: 77,
        salt: vec![9; 256],
    };
    let bytes = superblock.to_bytes().unwrap();
    assert_eq!(Superblock::parse(&bytes).unwrap(), superblock);
    let long = Superblock {
        salt: vec![9; 257],
        ..superblock
    };
    assert!(matches!(long.to_bytes(), Err(Error::Salt { found: 257 })));
    assert!(matches!(
        TreeBuilder::new(&long.salt, TWO),
        Err(Error::Salt { found: 257 })
    ));
    assert!(Superblock::parse(&bytes[..511]).is_err());
    // Offset, what it becomes, the field that the error names.
    let cases: &[(usize, u8, &str)] = &[
        (0, b'V', "magic"),
        (8, 2, "version"),
        (12, 0, "hash type"),
        (32 + 3, b'5', "algorithm"),
        (64, 1, "data block size"),
        (68, 1, "hash block size"),
        (72, 0, "number of data blocks"),
        (79, 1, "number of data blocks"),
        (81, 2, "salt size"),
        (82, 1, "padding"),
    ];
    for (offset, value, field) in cases {
        let mut bad = bytes;
        bad[*offset] = *value;
        let error = Superblock::parse(&bad).unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
    }
}

#[test]
fn threads_do_not_show() {
    // More pieces than are in flight on three threads.
    let data = data(2000);
    let trees = [1, 2, 3, 8].map(|threads| {
        let mut file = Cursor::new(data.clone());
        let threads = NonZeroUsize::new(threads).unwrap();
        append(&mut file, data.len() as u64, SALT, UUID, threads).unwrap();
        file.into_inner()
    });
    assert!(trees.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn data_is_whole_blocks() {
    for size in [0, 4095, 4097] {
        let mut file = Cursor::new(vec![0; 8192]);
        let error = append(&mut file, size, SALT, UUID, TWO).unwrap_err();
        assert!(
            matches!(error, Error::DataSize { found } if found == size),
            "{error}"
        );
    }
    let mut builder = TreeBuilder::new(&[], TWO).unwrap();
    assert!(TreeBuilder::new(&[], TWO).unwrap().finish().is_err());
    builder.update(&[0; 4097]);
    assert!(matches!(
        builder.finish(),
        Err(Error::DataSize { found: 4097 })
    ));
}

proptest! {
    #[test]
    fn pieces_of_any_size_give_the_same_tree(
        sizes in proptest::collection::vec(0usize..20_000, 1..20),
        blocks in 1usize..40,
    ) {
        let data = data(blocks);
        let mut builder = TreeBuilder::new(SALT, TWO).unwrap();
        let mut rest = &data[..];
        for size in sizes {
            let (now, later) = rest.split_at(size.min(rest.len()));
            builder.update(now);
            rest = later;
        }
        builder.update(rest);
        let tree = builder.finish().unwrap();
        let (file, built) = build(blocks, SALT);
        prop_assert_eq!(tree.root_hash, built.root_hash);
        prop_assert_eq!(&tree.levels[..], &file[data.len() + BLOCK_SIZE..]);
    }

    #[test]
    fn every_flipped_bit_is_found(position in any::<prop::sample::Index>(), bit in 0u8..8) {
        let (mut file, built) = build(130, SALT);
        let superblock = built.hash_offset as usize;
        let position = position.index(file.len());
        file[position] ^= 1 << bit;
        let result = check(&file, &built);
        // The superblock's UUID and padding are under no hash.
        if !(superblock..superblock + BLOCK_SIZE).contains(&position) {
            prop_assert!(result.is_err());
        }
    }

    #[test]
    fn arbitrary_superblocks_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        blocks in any::<u64>(),
        offset in any::<u64>(),
    ) {
        let _ = Superblock::parse(&bytes);
        let superblock = Superblock { uuid: UUID, data_blocks: blocks, salt: Vec::new() };
        let parsed = Superblock::parse(&superblock.to_bytes().unwrap());
        if let Ok(superblock) = parsed {
            prop_assert!(verify(&mut Cursor::new(&bytes), offset, &superblock, &[0; 32], TWO).is_err());
        }
    }
}
