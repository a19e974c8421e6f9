//! Keys and values → file.

use std::collections::BTreeMap;

use super::{CHILDREN, LARGEST_BYTE, MAGIC, OFFSET, PREFIX, VALUES, VERSION, Value};
use crate::kmod_index::Error;

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
