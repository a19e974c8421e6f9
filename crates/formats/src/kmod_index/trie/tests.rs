use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn example() -> Vec<u8> {
    let mut trie = Trie::new();
    for (key, value, priority) in [
        ("one", "1", 3),
        ("once", "2", 2),
        ("on", "3", 1),
        ("one", "4", 1),
        ("one", "5", 3),
    ] {
        trie.insert(key, value, priority).unwrap();
    }
    trie.write().unwrap()
}

#[test]
fn nodes_are_split_and_parents_come_first() {
    let expected = [
        &b"\xb0\x07\xf4\x57\x00\x02\x00\x01\x20\0\0\x0c"[..],
        b"oo\xe0\0\0\x12",
        b"n\0ce\xc0\0\0\x2c\0\0\0\0\x40\0\0\x38\0\0\0\x01\0\0\0\x013\0",
        b"e\0\0\0\0\x01\0\0\0\x022\0",
        b"\0\0\0\x03\0\0\0\x014\0\0\0\0\x035\0\0\0\0\x031\0",
    ];
    assert_eq!(example(), expected.concat());
}

#[test]
fn the_dump_is_in_order() {
    assert_eq!(
        dump(&example()).unwrap(),
        "on 1 3\nonce 2 2\none 1 4\none 3 5\none 3 1\n"
    );
    assert_eq!(dump(&Trie::new().write().unwrap()).unwrap(), "");
}

#[test]
fn other_alphabets_are_refused() {
    assert!(Trie::new().insert("caf\u{e9}", "", 0).is_err());
}

#[test]
fn a_deep_trie_needs_no_deep_stack() {
    let mut trie = Trie::new();
    let key = "a".repeat(3000);
    for end in 1..key.len() {
        trie.insert(&key[..end], "v", 0).unwrap();
    }
    assert_eq!(read(&trie.write().unwrap()).unwrap().len(), 2999);
}

proptest! {
    #[test]
    fn what_is_written_is_read(keys in proptest::collection::btree_map("[a-c]{0,6}", "[ -~]{0,4}", 0..40)) {
        let mut trie = Trie::new();
        for (key, value) in &keys {
            trie.insert(key, value, 7).unwrap();
        }
        let read = read(&trie.write().unwrap()).unwrap();
        let read: BTreeMap<_, _> = read.into_iter().map(|(key, values)| (key, values[0].text.clone())).collect();
        prop_assert_eq!(read, keys);
    }

    #[test]
    fn damaged_files_never_panic(at in 0_usize..90, value: u8, length in 0_usize..90) {
        let mut file = example();
        if let Some(byte) = file.get_mut(at) {
            *byte = value;
        }
        let _ = read(&file);
        file.truncate(length);
        let _ = read(&file);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let mut file = vec![0xb0, 7, 0xf4, 0x57, 0, 2, 0, 1];
        file.extend(bytes);
        let _ = read(&file);
    }
}
