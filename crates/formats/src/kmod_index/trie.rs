//! The binary index (`*.bin`): a trie from keys to values, as kmod's readers take it.
//!
//! All integers are 32-bit, most significant byte first:
//!
//! 1. magic `b007f457`, version `00020001`, reference to the root node;
//! 2. nodes. A reference is an offset in the low 28 bits and flags above, which say what the
//!    node has: `8` a prefix (a NUL-terminated string: what all keys below share), `2` children
//!    (first and last byte that lead on, then one reference for each byte between them, 0
//!    for none), `4` values (their number, then for each its priority and a NUL-terminated string).
//!
//! kmod's own description is in `tools/depmod.c` (<https://github.com/kmod-project/kmod>). Parents
//! come before their children here, as kmod 34 writes them; kmod 30 wrote children first, and
//! every reader takes both.

use std::collections::{BTreeMap, HashSet};

use super::Error;

/// First word of the file.
pub const MAGIC: u32 = 0xb007_f457;
/// Second word: major version 2, minor version 1.
pub const VERSION: u32 = 0x0002_0001;

const PREFIX: u32 = 0x8000_0000;
const VALUES: u32 = 0x4000_0000;
const CHILDREN: u32 = 0x2000_0000;
const OFFSET: u32 = 0x0fff_ffff;

/// Bytes of keys and values that even the smallest file may unfold to.
const LEAST_ROOM: usize = 16 << 20;

/// Keys are 7-bit.
const LARGEST_BYTE: u8 = 127;

/// A trie in memory.
#[derive(Debug)]
pub struct Trie {
    /// Node 0 is the root.
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    prefix: Vec<u8>,
    values: Vec<Value>,
    children: BTreeMap<u8, usize>,
}

/// What a key leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Lower comes first.
    pub priority: u32,
    /// A module's name, or a line of `modules.dep`.
    pub text: String,
}

impl Default for Trie {
    fn default() -> Self {
        Self::new()
    }
}

impl Trie {
    /// A trie without keys.
    pub fn new() -> Self {
        Self {
            nodes: vec![Node::default()],
        }
    }

    /// Adds a value: before the key's values of the same and of larger priority.
    pub fn insert(&mut self, key: &str, value: &str, priority: u32) -> Result<(), Error> {
        for text in [key, value] {
            if text.bytes().any(|byte| byte > LARGEST_BYTE || byte == 0) {
                return Err(Error::NotAscii {
                    text: text.to_owned(),
                });
            }
        }
        let mut rest = key.as_bytes();
        let mut at = 0;
        loop {
            let new = self.nodes.len();
            let node = &mut self.nodes[at];
            let shared = shared(&node.prefix, rest);
            if shared < node.prefix.len() {
                // The key leaves in the middle of the prefix: what follows moves one node down.
                let tail = node.prefix.split_off(shared);
                let below = Node {
                    prefix: tail[1..].to_vec(),
                    values: std::mem::take(&mut node.values),
                    children: std::mem::take(&mut node.children),
                };
                node.children.insert(tail[0], new);
                self.nodes.push(below);
                rest = &rest[shared..];
            } else {
                rest = &rest[shared..];
            }
            let new = self.nodes.len();
            let node = &mut self.nodes[at];
            let Some((byte, after)) = rest.split_first() else {
                let place = node.values.partition_point(|v| v.priority < priority);
                let text = value.to_owned();
                node.values.insert(place, Value { priority, text });
                return Ok(());
            };
            if let Some(child) = node.children.get(byte) {
                at = *child;
                rest = after;
            } else {
                node.children.insert(*byte, new);
                let text = value.to_owned();
                self.nodes.push(Node {
                    prefix: after.to_vec(),
                    values: vec![Value { priority, text }],
                    children: BTreeMap::new(),
                });
                return Ok(());
            }
        }
    }

    /// The file's bytes.
    pub fn write(&self) -> Result<Vec<u8>, Error> {
        let order = self.parents_first();
        let mut references = vec![0; self.nodes.len()];
        let mut offset = 12_usize;
        for &index in &order {
            let node = &self.nodes[index];
            if offset > OFFSET as usize {
                return Err(Error::TooLarge { size: offset });
            }
            references[index] = offset as u32 | node.flags();
            offset += node.size();
        }
        let mut file = Vec::with_capacity(offset);
        for word in [MAGIC, VERSION, references[0]] {
            file.extend_from_slice(&word.to_be_bytes());
        }
        for &index in &order {
            self.nodes[index].write(&references, &mut file);
        }
        Ok(file)
    }

    /// Indices of the nodes: each before its children, children by byte.
    fn parents_first(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut waiting = vec![0];
        while let Some(index) = waiting.pop() {
            order.push(index);
            waiting.extend(self.nodes[index].children.values().rev());
        }
        order
    }
}

fn shared(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

impl Node {
    fn flags(&self) -> u32 {
        let flag = |present: bool, flag: u32| if present { flag } else { 0 };
        flag(!self.prefix.is_empty(), PREFIX)
            | flag(!self.children.is_empty(), CHILDREN)
            | flag(!self.values.is_empty(), VALUES)
    }

    /// First and last byte that lead to a child.
    fn span(&self) -> Option<(u8, u8)> {
        let first = self.children.first_key_value()?.0;
        let last = self.children.last_key_value()?.0;
        Some((*first, *last))
    }

    fn size(&self) -> usize {
        let prefix = match self.prefix.len() {
            0 => 0,
            length => length + 1,
        };
        let children = self
            .span()
            .map_or(0, |(first, last)| 2 + 4 * (usize::from(last - first) + 1));
        let values: usize = self
            .values
            .iter()
            .map(|value| 4 + value.text.len() + 1)
            .sum();
        prefix + children + values + if self.values.is_empty() { 0 } else { 4 }
    }

    fn write(&self, references: &[u32], file: &mut Vec<u8>) {
        if !self.prefix.is_empty() {
            file.extend_from_slice(&self.prefix);
            file.push(0);
        }
        if let Some((first, last)) = self.span() {
            file.extend_from_slice(&[first, last]);
            for byte in first..=last {
                let reference = self
                    .children
                    .get(&byte)
                    .map_or(0, |child| references[*child]);
                file.extend_from_slice(&reference.to_be_bytes());
            }
        }
        if !self.values.is_empty() {
            file.extend_from_slice(&(self.values.len() as u32).to_be_bytes());
            for value in &self.values {
                file.extend_from_slice(&value.priority.to_be_bytes());
                file.extend_from_slice(value.text.as_bytes());
                file.push(0);
            }
        }
    }
}

/// Every key of an index file with its values, keys in byte order.
pub fn read(file: &[u8]) -> Result<Vec<(String, Vec<Value>)>, Error> {
    for (offset, expected) in [(0, MAGIC), (4, VERSION)] {
        let found = Cursor { file, offset }.word()?;
        if found != expected {
            return Err(Error::Header {
                offset,
                found,
                expected,
            });
        }
    }
    let root = Cursor { file, offset: 8 }.word()?;
    let mut entries = Vec::new();
    let mut seen = HashSet::new();
    // A key shares its prefixes with others, so keys may take more room than the file; a crafted
    // file of overlapping nodes would take far more.
    let mut room = file.len().saturating_mul(64).max(LEAST_ROOM);
    let mut waiting = vec![(root, Vec::new())];
    while let Some((reference, mut key)) = waiting.pop() {
        let offset = (reference & OFFSET) as usize;
        let mut node = Cursor { file, offset };
        let damaged = |what| Err(Error::Damaged { what, offset });
        if !seen.insert(offset) {
            return damaged("a node with two parents");
        }
        if reference & PREFIX != 0 {
            key.extend_from_slice(node.string()?);
        }
        room = match room.checked_sub(key.len() + 1) {
            Some(room) => room,
            None => return damaged("overlapping nodes"),
        };
        if reference & CHILDREN != 0 {
            let (first, last) = (node.byte()?, node.byte()?);
            if first > last || last > LARGEST_BYTE {
                return damaged("an impossible range of children");
            }
            let mut children = Vec::new();
            for byte in first..=last {
                let child = node.word()?;
                if child != 0 {
                    let mut key = key.clone();
                    key.push(byte);
                    children.push((child, key));
                }
            }
            waiting.extend(children.into_iter().rev());
        }
        if reference & VALUES != 0 {
            let count = node.word()?;
            let mut values = Vec::new();
            for _ in 0..count {
                let priority = node.word()?;
                let text = ascii(node.string()?, offset)?;
                room = match room.checked_sub(text.len() + 1) {
                    Some(room) => room,
                    None => return damaged("overlapping nodes"),
                };
                values.push(Value { priority, text });
            }
            entries.push((ascii(&key, offset)?, values));
        }
    }
    Ok(entries)
}

/// The index as text: a line for each value: key, priority, value.
pub fn dump(file: &[u8]) -> Result<String, Error> {
    use std::fmt::Write;
    let mut text = String::new();
    for (key, values) in read(file)? {
        for value in values {
            // Writing into a String has no way to fail.
            let _ = writeln!(text, "{key} {} {}", value.priority, value.text);
        }
    }
    Ok(text)
}

fn ascii(bytes: &[u8], offset: usize) -> Result<String, Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Ok(text.to_owned()),
        _ => Err(Error::Damaged {
            what: "a string that is not ASCII",
            offset,
        }),
    }
}

struct Cursor<'a> {
    file: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.file.get(self.offset..).unwrap_or_default()
    }

    fn cut(&self) -> Error {
        Error::Damaged {
            what: "the file's end inside a node",
            offset: self.offset,
        }
    }

    fn byte(&mut self) -> Result<u8, Error> {
        let byte = *self.rest().first().ok_or_else(|| self.cut())?;
        self.offset += 1;
        Ok(byte)
    }

    fn word(&mut self) -> Result<u32, Error> {
        let word = *self.rest().first_chunk::<4>().ok_or_else(|| self.cut())?;
        self.offset += 4;
        Ok(u32::from_be_bytes(word))
    }

    fn string(&mut self) -> Result<&'a [u8], Error> {
        let rest = self.rest();
        let end = rest.iter().position(|byte| *byte == 0);
        let string = end
            .and_then(|end| rest.get(..end))
            .ok_or_else(|| self.cut())?;
        self.offset += string.len() + 1;
        Ok(string)
    }
}

#[cfg(test)]
mod tests {
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
}
