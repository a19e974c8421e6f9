//! One hash of bytes of any length, with all lanes in use.

use sha2::{Digest, Sha256};

use crate::{HASH_SIZE, Hasher};

const PIECE: usize = 4096;

/// What is hashed at a time: as many pieces as the widest way has lanes.
const GROUP: usize = 16;

/// Hashes a stream: SHA-256 over the hashes of its pieces of 4096 bytes, what is left behind these,
/// and its length.
///
/// It is not the SHA-256 of the stream, and tells streams apart as that does, in half of the time.
#[derive(Clone, Debug)]
pub struct Pieces {
    hasher: Hasher,
    outer: Sha256,
    /// Less than a group.
    held: Vec<u8>,
    length: u64,
}

impl Pieces {
    /// Of nothing.
    pub fn new() -> Self {
        Self {
            hasher: Hasher::new(&[]),
            outer: Sha256::new(),
            held: Vec::new(),
            length: 0,
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if !self.held.is_empty() {
            let room = GROUP * PIECE - self.held.len();
            let (fits, rest) = bytes.split_at(room.min(bytes.len()));
            self.held.extend_from_slice(fits);
            bytes = rest;
            if self.held.len() < GROUP * PIECE {
                return;
            }
            let held = std::mem::take(&mut self.held);
            self.pieces(&held);
            self.held = held;
            self.held.clear();
        }
        let groups = bytes.len() - bytes.len() % (GROUP * PIECE);
        let (groups, rest) = bytes.split_at(groups);
        self.pieces(groups);
        self.held.extend_from_slice(rest);
    }

    /// The hash.
    pub fn finish(mut self) -> [u8; HASH_SIZE] {
        let held = std::mem::take(&mut self.held);
        self.end(&held)
    }

    /// The hash of bytes in memory.
    pub fn hash(bytes: &[u8]) -> [u8; HASH_SIZE] {
        let mut pieces = Self::new();
        pieces.length = bytes.len() as u64;
        pieces.end(bytes)
    }

    /// The hash, when these are the last bytes, which the length counts already.
    fn end(mut self, bytes: &[u8]) -> [u8; HASH_SIZE] {
        let rest = self.pieces(bytes);
        self.outer.update(rest);
        self.outer.update(self.length.to_le_bytes());
        self.outer.finalize().into()
    }

    /// Hashes whole pieces; what is left behind them.
    fn pieces<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (pieces, rest) = bytes.as_chunks::<PIECE>();
        let mut hashes = [[0; HASH_SIZE]; GROUP];
        for group in pieces.chunks(GROUP) {
            self.hasher.hash(group, &mut hashes);
            let hashes = hashes.get(..group.len()).unwrap_or_default();
            self.outer.update(hashes.as_flattened());
        }
        rest
    }
}

impl Default for Pieces {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length)
            .map(|at| (at * 7 / 5 + at / 4096) as u8)
            .collect()
    }

    /// As the documentation says it.
    fn expected(bytes: &[u8]) -> [u8; HASH_SIZE] {
        let (pieces, rest) = bytes.as_chunks::<4096>();
        let mut outer = Sha256::new();
        for piece in pieces {
            outer.update(Sha256::digest(piece));
        }
        let length = (bytes.len() as u64).to_le_bytes();
        outer
            .chain_update(rest)
            .chain_update(length)
            .finalize()
            .into()
    }

    #[test]
    fn any_parts_give_the_same_hash() {
        let all = bytes(5 * GROUP * PIECE + 77);
        for length in [0, 1, 4095, 4096, 4097, 65_536, 70_000, all.len()] {
            let bytes = &all[..length];
            assert_eq!(Pieces::hash(bytes), expected(bytes), "{length}");
            for part in [1 << 20, 65_536, 65_535, 4096, 997] {
                let mut pieces = Pieces::new();
                bytes.chunks(part).for_each(|part| pieces.update(part));
                assert_eq!(pieces.finish(), expected(bytes), "{length} by {part}");
            }
        }
    }

    #[test]
    fn every_difference_changes_it() {
        let all = bytes(3 * PIECE + 9);
        let mut hashes = vec![Pieces::hash(&all)];
        for at in [0, 4095, 4096, 3 * PIECE, 3 * PIECE + 8] {
            let mut other = all.clone();
            other[at] ^= 1;
            hashes.push(Pieces::hash(&other));
        }
        hashes.extend(
            (0..all.len())
                .step_by(97)
                .map(|length| Pieces::hash(&all[..length])),
        );
        // A piece's hash in its place.
        hashes.push(Pieces::hash(&Sha256::digest(&all[..PIECE])));
        let count = hashes.len();
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), count);
    }
}
