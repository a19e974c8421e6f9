//! Messages as chunks: the salt, the block, the padding.

use crate::constants::INITIAL;
use crate::implementation::Implementation;
use crate::{Chunk, HASH_SIZE, State, portable};

const CHUNK: usize = size_of::<Chunk>();

/// Hashes blocks behind a salt: each hash is SHA-256 of the salt and one block.
#[derive(Clone, Debug)]
pub struct Hasher {
    implementation: Implementation,
    /// After the salt's whole chunks, which are the same for all blocks.
    midstate: State<1>,
    /// The rest of the salt, which shares a chunk with the block's start.
    rest: Vec<u8>,
    /// In bytes.
    salt_size: usize,
}

impl Hasher {
    /// For a salt of any length, with the fastest way to hash that this processor has.
    pub fn new(salt: &[u8]) -> Self {
        Self::with(Implementation::fastest(), salt)
    }

    /// The same, in a given way; one that the processor does not have is replaced by
    /// [`Portable`](Implementation::Portable).
    pub fn with(implementation: Implementation, salt: &[u8]) -> Self {
        let (whole, rest) = salt.as_chunks();
        let mut midstate = INITIAL.map(|word| [word]);
        portable::compress(&mut midstate, [whole]);
        Self {
            implementation,
            midstate,
            rest: rest.to_vec(),
            salt_size: salt.len(),
        }
    }

    /// Hashes each of `blocks` into its place in `hashes`; what either has more is left alone.
    pub fn hash<const SIZE: usize>(&self, blocks: &[[u8; SIZE]], hashes: &mut [[u8; HASH_SIZE]]) {
        self.implementation.hash(self, blocks, hashes);
    }

    /// What [`hash`](Self::hash) does, `N` lanes at a time.
    pub(crate) fn in_lanes<const N: usize, const SIZE: usize>(
        &self,
        blocks: &[[u8; SIZE]],
        hashes: &mut [[u8; HASH_SIZE]],
        compress: impl Fn(&mut State<N>, [&[Chunk]; N]),
    ) {
        for (blocks, hashes) in blocks.chunks(N).zip(hashes.chunks_mut(N)) {
            let Some(last) = blocks.last() else { return };
            // Lanes without a block hash the last one again, for nobody.
            let lanes = std::array::from_fn(|lane| blocks.get(lane).unwrap_or(last));
            let state = self.group(lanes, &compress);
            for (lane, (hash, _)) in hashes.iter_mut().zip(blocks).enumerate() {
                for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(&state) {
                    *bytes = word.get(lane).copied().unwrap_or_default().to_be_bytes();
                }
            }
        }
    }

    fn group<const N: usize, const SIZE: usize>(
        &self,
        blocks: [&[u8; SIZE]; N],
        compress: impl Fn(&mut State<N>, [&[Chunk]; N]),
    ) -> State<N> {
        let mut state = self.midstate.map(|[word]| [word; N]);
        let mut rest = &self.rest[..];
        let mut blocks = blocks.map(|block| &block[..]);
        if !rest.is_empty() && rest.len() + SIZE >= CHUNK {
            let (salt, missing) = (rest, CHUNK - rest.len());
            let heads = blocks.map(|block| join(salt, block));
            compress(&mut state, heads.each_ref().map(std::slice::from_ref));
            blocks = blocks.map(|block| block.get(missing..).unwrap_or_default());
            rest = &[];
        }
        let cut = blocks.map(|block| block.as_chunks());
        // What is left belongs behind the rest of the salt, if that is still there.
        if rest.is_empty() {
            compress(&mut state, cut.map(|(whole, _)| whole));
            blocks = cut.map(|(_, left)| left);
        }
        let tails = blocks.map(|block| self.padded(rest, block, SIZE));
        let used = (rest.len() + blocks.first().map_or(0, |block| block.len()) + 9).div_ceil(CHUNK);
        let tails = tails.each_ref();
        compress(
            &mut state,
            tails.map(|tail| tail.get(..used).unwrap_or(tail)),
        );
        state
    }

    /// The message's end with its padding (section 5.1.1), in one chunk or two.
    fn padded(&self, salt: &[u8], block: &[u8], size: usize) -> [Chunk; 2] {
        let mut bytes = [0; 2 * CHUNK];
        let parts = salt.iter().chain(block).chain(&[0x80]);
        for (byte, part) in bytes.iter_mut().zip(parts) {
            *byte = *part;
        }
        let [first, second] = zerocopy::transmute_mut!(&mut bytes);
        let end: &mut Chunk = match salt.len() + block.len() + 9 > CHUNK {
            true => second,
            false => first,
        };
        let bits = 8 * (self.salt_size as u64 + size as u64);
        if let Some(length) = end.last_chunk_mut() {
            *length = bits.to_be_bytes();
        }
        [*first, *second]
    }
}

/// A chunk of the salt's rest and the block's start.
fn join(salt: &[u8], block: &[u8]) -> Chunk {
    let mut chunk = [0; CHUNK];
    for (byte, part) in chunk.iter_mut().zip(salt.iter().chain(block)) {
        *byte = *part;
    }
    chunk
}
