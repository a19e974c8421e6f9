//! What is in a layer, as bytes that can be kept: reading a hundred megabytes of xz for the names in
//! it is done once.
//!
//! An entry's numbers are little-endian, in the order of [`Entry`]'s fields; what has a length of its
//! own has it in front, in 8 bytes.

use std::collections::BTreeMap;

use super::archive::{Entry, EntryKind};

/// All entries of a layer's stream, and the stream's hash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// In the stream's order.
    pub entries: Vec<Entry>,
    /// SHA-256 of the whole uncompressed stream.
    pub sha256: [u8; 32],
}

impl Listing {
    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.sha256.to_vec();
        for entry in &self.entries {
            out.extend_from_slice(&(entry.index as u64).to_le_bytes());
            out.extend_from_slice(&entry.offset.to_le_bytes());
            put(&mut out, &entry.path);
            let (kind, numbers, target): (u8, [u64; 2], &[u8]) = match &entry.kind {
                EntryKind::Directory => (0, [0, 0], &[]),
                EntryKind::File(size) => (1, [*size, 0], &[]),
                EntryKind::HardLink(target) => (2, [0, 0], target),
                EntryKind::Symlink(target) => (3, [0, 0], target),
                EntryKind::CharDevice(a, b) => (4, [(*a).into(), (*b).into()], &[]),
                EntryKind::BlockDevice(a, b) => (5, [(*a).into(), (*b).into()], &[]),
                EntryKind::Fifo => (6, [0, 0], &[]),
            };
            out.push(kind);
            for number in numbers {
                out.extend_from_slice(&number.to_le_bytes());
            }
            put(&mut out, target);
            out.extend_from_slice(&entry.mode.to_le_bytes());
            out.extend_from_slice(&entry.uid.to_le_bytes());
            out.extend_from_slice(&entry.gid.to_le_bytes());
            out.extend_from_slice(&entry.mtime.to_le_bytes());
            out.extend_from_slice(&(entry.xattrs.len() as u64).to_le_bytes());
            for (name, value) in &entry.xattrs {
                put(&mut out, name);
                put(&mut out, value);
            }
        }
        out
    }

    /// From bytes; `None` when they are nothing of the kind.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut input = Input(bytes);
        let sha256 = input.array()?;
        let mut entries = Vec::new();
        while !input.0.is_empty() {
            entries.push(input.entry()?);
        }
        Some(Self { entries, sha256 })
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// What is left to be read.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes.to_vec())
    }

    fn entry(&mut self) -> Option<Entry> {
        let index = usize::try_from(self.number()?).ok()?;
        let offset = self.number()?;
        let path = self.bytes()?;
        let [kind] = self.array()?;
        let (first, second) = (self.number()?, self.number()?);
        let target = self.bytes()?;
        let device = || Some((u32::try_from(first).ok()?, u32::try_from(second).ok()?));
        let kind = match kind {
            0 => EntryKind::Directory,
            1 => EntryKind::File(first),
            2 => EntryKind::HardLink(target),
            3 => EntryKind::Symlink(target),
            4 => device().map(|(a, b)| EntryKind::CharDevice(a, b))?,
            5 => device().map(|(a, b)| EntryKind::BlockDevice(a, b))?,
            6 => EntryKind::Fifo,
            _ => return None,
        };
        let mode = u16::from_le_bytes(self.array()?);
        let uid = u32::from_le_bytes(self.array()?);
        let gid = u32::from_le_bytes(self.array()?);
        let mtime = i64::from_le_bytes(self.array()?);
        let mut xattrs = BTreeMap::new();
        for _ in 0..self.number()? {
            xattrs.insert(self.bytes()?, self.bytes()?);
        }
        Some(Entry {
            index,
            offset,
            path,
            kind,
            mode,
            uid,
            gid,
            mtime,
            xattrs,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Listing {
        let kinds = [
            EntryKind::Directory,
            EntryKind::File(u64::MAX),
            EntryKind::HardLink(b"a/b".to_vec()),
            EntryKind::Symlink(b"/c".to_vec()),
            EntryKind::CharDevice(1, u32::MAX),
            EntryKind::BlockDevice(8, 0),
            EntryKind::Fifo,
        ];
        let entries = kinds.into_iter().enumerate().map(|(index, kind)| Entry {
            index,
            offset: 512 * index as u64,
            path: vec![b'x'; index],
            kind,
            mode: 0o4755,
            uid: u32::MAX,
            gid: 7,
            mtime: -5,
            xattrs: [(b"user.a".to_vec(), vec![0; index])].into(),
        });
        Listing {
            entries: entries.collect(),
            sha256: [9; 32],
        }
    }

    #[test]
    fn nothing_is_lost() {
        let bytes = sample().to_bytes();
        assert_eq!(Listing::from_bytes(&bytes), Some(sample()));
        let empty = Listing::default();
        assert_eq!(Listing::from_bytes(&empty.to_bytes()), Some(empty));
    }

    #[test]
    fn damage_is_no_listing_and_no_panic() {
        let bytes = sample().to_bytes();
        for end in 0..bytes.len() {
            if let Some(listing) = Listing::from_bytes(&bytes[..end]) {
                assert!(listing.entries.len() < sample().entries.len(), "{end}");
            }
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xff;
            let _ = Listing::from_bytes(&damaged);
        }
    }
}
