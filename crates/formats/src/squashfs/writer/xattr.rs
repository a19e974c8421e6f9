//! Extended attributes: sets of names and values, each stored once.

use std::collections::{BTreeMap, HashMap};
use std::io;

use zerocopy::IntoBytes;

use super::metadata::MetadataWriter;
use crate::squashfs::compress::Packer;
use crate::squashfs::format::{NONE, XATTR_PREFIXES, XattrHeader, XattrId};

/// The number of a name's prefix and the rest of it; `None` when squashfs cannot store it.
pub(super) fn split_name(name: &[u8]) -> Option<(u16, &[u8])> {
    XATTR_PREFIXES
        .iter()
        .find_map(|&(kind, prefix)| Some((kind, name.strip_prefix(prefix)?)))
        .filter(|(_, rest)| !rest.is_empty())
}

pub(super) struct XattrWriter {
    known: HashMap<Vec<u8>, u32>,
    ids: Vec<XattrId>,
    pairs: MetadataWriter,
}

impl XattrWriter {
    pub(super) fn new() -> Self {
        Self {
            known: HashMap::new(),
            ids: Vec::new(),
            pairs: MetadataWriter::new(),
        }
    }

    /// The index for an inode. Names and values were checked as they entered the tree.
    pub(super) fn add(
        &mut self,
        packer: &mut Packer,
        xattrs: &BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> io::Result<u32> {
        let mut set = Vec::new();
        let mut count = 0u32;
        for (name, value) in xattrs {
            let Some((kind, rest)) = split_name(name) else {
                continue;
            };
            set.extend_from_slice(&kind.to_le_bytes());
            set.extend_from_slice(&(rest.len() as u16).to_le_bytes());
            set.extend_from_slice(rest);
            set.extend_from_slice(&(value.len() as u32).to_le_bytes());
            set.extend_from_slice(value);
            count += 1;
        }
        if count == 0 {
            return Ok(NONE);
        }
        if let Some(&index) = self.known.get(&set) {
            return Ok(index);
        }
        // There are no more sets than inodes, which were counted in 32 bits.
        let index = self.ids.len() as u32;
        self.ids.push(XattrId {
            reference: self.pairs.position().pack().into(),
            count: count.into(),
            size: (set.len() as u32).into(),
        });
        self.pairs.write(packer, &set)?;
        self.known.insert(set, index);
        Ok(index)
    }

    /// The whole table as it is stored from `start` on, and where its header is; nothing when
    /// no inode has attributes.
    pub(super) fn finish(
        self,
        packer: &mut Packer,
        start: u64,
    ) -> io::Result<Option<(Vec<u8>, u64)>> {
        if self.ids.is_empty() {
            return Ok(None);
        }
        let (mut table, _) = self.pairs.finish(packer)?;
        let mut ids = MetadataWriter::new();
        ids.write(packer, self.ids.as_bytes())?;
        let (stored, starts) = ids.finish(packer)?;
        let ids_start = start + table.len() as u64;
        table.extend_from_slice(&stored);
        let header_start = start + table.len() as u64;
        let header = XattrHeader {
            start: start.into(),
            count: (self.ids.len() as u32).into(),
            unused: 0.into(),
        };
        table.extend_from_slice(header.as_bytes());
        for block in starts {
            table.extend_from_slice(&(ids_start + block).to_le_bytes());
        }
        Ok(Some((table, header_start)))
    }
}
