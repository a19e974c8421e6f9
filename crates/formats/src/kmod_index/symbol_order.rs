//! The order of `modules.symbols`: that of depmod's hash table.
//!
//! depmod keeps symbols in 2048 buckets by Paul Hsieh's SuperFastHash
//! (<http://www.azillionmonkeys.com/qed/hash.html>), sorted by name in each, and prints the buckets
//! one after the other.

/// Buckets in depmod's table of symbols.
const BUCKETS: u32 = 2048;

/// The sort key of a symbol: its bucket, then its name.
pub(super) fn place(name: &str) -> (u32, &str) {
    (hash(name.as_bytes()) % BUCKETS, name)
}

fn hash(key: &[u8]) -> u32 {
    let half = |bytes: &[u8], at: usize| {
        let byte = |at: usize| u32::from(bytes.get(at).copied().unwrap_or_default());
        byte(at) | byte(at + 1) << 8
    };
    let mut hash = key.len() as u32;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        hash = hash.wrapping_add(half(word, 0));
        hash = (hash << 16) ^ (half(word, 2) << 11) ^ hash;
        hash = hash.wrapping_add(hash >> 11);
    }
    match rest {
        [_, _, last] => {
            hash = hash.wrapping_add(half(rest, 0));
            hash ^= hash << 16;
            hash ^= u32::from(*last) << 18;
            hash = hash.wrapping_add(hash >> 11);
        }
        [_, _] => {
            hash = hash.wrapping_add(half(rest, 0));
            hash ^= hash << 11;
            hash = hash.wrapping_add(hash >> 17);
        }
        [last] => {
            hash = hash.wrapping_add(u32::from(*last));
            hash ^= hash << 10;
            hash = hash.wrapping_add(hash >> 1);
        }
        _ => {}
    }
    hash ^= hash << 3;
    hash = hash.wrapping_add(hash >> 5);
    hash ^= hash << 4;
    hash = hash.wrapping_add(hash >> 17);
    hash ^= hash << 25;
    hash.wrapping_add(hash >> 6)
}
