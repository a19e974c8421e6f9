//! Every way of this processor gives what the standard and `sha2` say.

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::{HASH_SIZE, Hasher, Implementation};

fn available() -> Vec<Implementation> {
    let all = Implementation::ALL.into_iter();
    all.filter(|way| way.is_available()).collect()
}

fn noise<const SIZE: usize>(count: usize) -> Vec<[u8; SIZE]> {
    let mut word = 0x9e37_79b9_u32;
    let mut byte = || {
        word ^= word << 13;
        word ^= word >> 17;
        word ^= word << 5;
        word as u8
    };
    let mut blocks = vec![[0; SIZE]; count];
    blocks.as_flattened_mut().fill_with(&mut byte);
    blocks
}

fn expected(salt: &[u8], block: &[u8]) -> [u8; HASH_SIZE] {
    let hash = Sha256::new().chain_update(salt).chain_update(block);
    hash.finalize().into()
}

/// Hashes `blocks` in every way; what is not hashed is to stay as it is.
fn check<const SIZE: usize>(salt: &[u8], blocks: &[[u8; SIZE]]) {
    let mut right: Vec<_> = blocks.iter().map(|block| expected(salt, block)).collect();
    right.push([0xee; HASH_SIZE]);
    for way in available() {
        let mut hashes = vec![[0xee; HASH_SIZE]; blocks.len() + 1];
        Hasher::with(way, salt).hash(blocks, &mut hashes);
        let (salt, count) = (salt.len(), blocks.len());
        assert!(
            hashes == right,
            "{way:?}: salt of {salt}, {count} blocks of {SIZE} bytes"
        );
    }
}

fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn blocks_of_verity_in_any_number() {
    let blocks = noise::<4096>(40);
    let salt = noise::<256>(1).concat();
    for size in [0, 1, 5, 32, 55, 63, 64, 65, 128, 200, 256] {
        for count in 0..=40 {
            check(&salt[..size], &blocks[..count]);
        }
    }
}

#[test]
fn salts_of_every_length() {
    let blocks = noise::<4096>(3);
    let salt = noise::<300>(1).concat();
    for size in 0..=300 {
        check(&salt[..size], &blocks);
    }
}

/// Where the padding takes a chunk of its own, and where the salt's rest and a short block share
/// their only chunk.
#[test]
fn blocks_of_other_sizes() {
    let salt = noise::<130>(1).concat();
    for salt in (0..=130).map(|size| &salt[..size]) {
        check(salt, &noise::<0>(5));
        check(salt, &noise::<1>(5));
        check(salt, &noise::<55>(5));
        check(salt, &noise::<56>(5));
        check(salt, &noise::<63>(5));
        check(salt, &noise::<64>(5));
        check(salt, &noise::<65>(5));
        check(salt, &noise::<119>(5));
        check(salt, &noise::<120>(5));
        check(salt, &noise::<200>(5));
    }
}

/// The examples for SHA-256 that NIST publishes with FIPS 180-4, and the million times "a".
#[test]
fn vectors_of_the_standard() {
    /// The same message three times.
    fn check<const SIZE: usize>(blocks: &[[u8; SIZE]], right: &str) {
        for way in available() {
            let mut hashes = [[0; HASH_SIZE]; 3];
            Hasher::with(way, &[]).hash(blocks, &mut hashes);
            assert_eq!(hashes.map(|hash| hex(&hash)), [right; 3], "{way:?}");
            // Its first byte as salt.
            if let Some((salt, rest)) = blocks[0].split_first() {
                let mut hash = [[0; HASH_SIZE]];
                if let Ok(rest) = <&[u8; 2]>::try_from(rest) {
                    Hasher::with(way, &[*salt]).hash(&[*rest], &mut hash);
                    assert_eq!(hex(&hash[0]), right, "{way:?}");
                }
            }
        }
    }
    check(
        &[*b""; 3],
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
    check(
        &[*b"abc"; 3],
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    check(
        &[*b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"; 3],
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    );
    check(
        &[*b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn\
          hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"; 3],
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
    );
    let long = vec![b'a'; 3_000_000];
    check(
        long.as_chunks::<1_000_000>().0,
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    );
}

#[test]
fn hashes_without_blocks_and_blocks_without_hashes_are_left() {
    for way in available() {
        let hasher = Hasher::with(way, b"salt");
        let blocks = noise::<64>(20);
        let mut hashes = [[0xee; HASH_SIZE]; 17];
        hasher.hash(&blocks, &mut hashes);
        assert_eq!(hashes[16], expected(b"salt", &blocks[16]), "{way:?}");
        hasher.hash(&blocks[..0], &mut hashes);
        assert_eq!(hashes[0], expected(b"salt", &blocks[0]), "{way:?}");
    }
}

/// What this processor does not have is replaced, and never called.
#[test]
fn every_way_can_be_asked_for() {
    for way in Implementation::ALL {
        let mut hash = [[0; HASH_SIZE]];
        Hasher::with(way, b"salt").hash(&[[7; 4096]], &mut hash);
        assert_eq!(hash[0], expected(b"salt", &[7; 4096]), "{way:?}");
    }
    assert!(Implementation::fastest().is_available());
}

proptest! {
    #[test]
    fn any_blocks_behind_any_salt(
        salt in proptest::collection::vec(any::<u8>(), 0..=256),
        blocks in proptest::collection::vec(any::<[u8; 256]>(), 0..40),
    ) {
        let blocks: Vec<[u8; 4096]> = blocks
            .iter()
            .map(|part| std::array::from_fn(|index| part[index % 256].rotate_left(index as u32 / 256)))
            .collect();
        check(&salt, &blocks);
    }
}
