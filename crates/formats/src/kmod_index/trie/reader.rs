//! File → keys and values, or text.

use std::collections::HashSet;

use super::{CHILDREN, LARGEST_BYTE, MAGIC, OFFSET, PREFIX, VALUES, VERSION, Value};
use crate::kmod_index::Error;

/// Bytes of keys and values that even the smallest file may unfold to.
const LEAST_ROOM: usize = 16 << 20;

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
