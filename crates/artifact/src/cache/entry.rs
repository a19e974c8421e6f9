//! One entry: a header, and what it holds.

use lanes::{HASH_SIZE, Pieces};
use sha2::{Digest, Sha256};

use super::Key;

/// What an entry starts with: a name and the format's version.
const MAGIC: &[u8; 16] = b"sealboot made 3\n";

/// The header in front of a content: [`MAGIC`], the key, [`seal`].
pub(super) fn header(maker: &[u8; HASH_SIZE], key: &Key, content: &[u8]) -> Vec<u8> {
    [MAGIC, &key.0[..], &seal(maker, key, content)].concat()
}

/// The content behind a header; `None` when it is not what was kept.
pub(super) fn content(maker: &[u8; HASH_SIZE], key: &Key, mut entry: Vec<u8>) -> Option<Vec<u8>> {
    let (found, rest) = entry.strip_prefix(MAGIC)?.split_first_chunk()?;
    let (expected, content) = rest.split_first_chunk()?;
    let holds = *found == key.0 && seal(maker, key, content) == *expected;
    let start = entry.len() - content.len();
    holds.then(|| entry.split_off(start))
}

/// SHA-256 over maker, key and the content's hash: all of fixed lengths, so nothing can be added
/// to what it was made of.
fn seal(maker: &[u8; HASH_SIZE], key: &Key, content: &[u8]) -> [u8; HASH_SIZE] {
    Sha256::new_with_prefix(maker)
        .chain_update(key.0)
        .chain_update(Pieces::hash(content))
        .finalize()
        .into()
}
