//! Extended attributes.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use zerocopy::little_endian::{U16, U32};

use super::blocks::{Cursor, cursor_at};
use super::{Inode, ReadError, Reader};
use crate::squashfs::format::{
    NO_TABLE, NONE, Reference, XATTR_OUT_OF_LINE, XATTR_PREFIXES, XATTR_SIZE_MAX, XattrHeader,
    XattrId,
};

/// Largest set of extended attributes that is read, in bytes.
const MAX_XATTRS: usize = 16 << 20;

impl<R: Read + Seek> Reader<R> {
    /// An inode's extended attributes: full name → value.
    pub fn xattrs(&mut self, inode: &Inode) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, ReadError> {
        const WHAT: &str = "the extended attribute table";
        let mut xattrs = BTreeMap::new();
        if inode.xattr == NONE {
            return Ok(xattrs);
        }
        let table = self.superblock.xattr_table.get();
        let damaged = |reason: String| ReadError::Damaged {
            what: WHAT,
            offset: table,
            reason,
        };
        if table == NO_TABLE {
            return Err(damaged(format!(
                "there is none, but inode {} refers to it",
                inode.number
            )));
        }
        let header: XattrHeader = self.struct_at(WHAT, table)?;
        if inode.xattr >= header.count.get() {
            return Err(damaged(format!(
                "inode {} refers to set {} of {}",
                inode.number, inode.xattr, header.count
            )));
        }
        let index = table.saturating_add(size_of::<XattrHeader>() as u64);
        let mut cursor = self.indexed(WHAT, index, inode.xattr, size_of::<XattrId>())?;
        let set: XattrId = self.take(WHAT, &mut cursor)?;
        let start = header.start.get();
        let mut cursor = cursor_at(start, Reference::unpack(set.reference.get()));
        let mut total = 0;
        for _ in 0..set.count.get() {
            let [kind, length]: [U16; 2] = self.take(WHAT, &mut cursor)?;
            let prefix = XATTR_PREFIXES
                .iter()
                .find(|(id, _)| *id == kind.get() & 0xff);
            let Some((_, prefix)) = prefix else {
                return Err(damaged(format!("a name has the unknown prefix {kind}")));
            };
            let mut rest = vec![0; length.get().into()];
            self.fill(WHAT, &mut cursor, &mut rest)?;
            let value = if kind.get() & XATTR_OUT_OF_LINE != 0 {
                let [_, low, high]: [U32; 3] = self.take(WHAT, &mut cursor)?;
                let packed = u64::from(high.get()) << 32 | u64::from(low.get());
                let mut elsewhere = cursor_at(start, Reference::unpack(packed));
                self.xattr_value(&mut elsewhere, table)?
            } else {
                self.xattr_value(&mut cursor, table)?
            };
            total += rest.len() + value.len();
            if total > MAX_XATTRS {
                return Err(damaged(format!("a set is larger than {MAX_XATTRS} bytes")));
            }
            xattrs.insert([prefix, &rest[..]].concat(), value);
        }
        Ok(xattrs)
    }

    fn xattr_value(&mut self, cursor: &mut Cursor, table: u64) -> Result<Vec<u8>, ReadError> {
        const WHAT: &str = "the extended attribute table";
        let size: U32 = self.take(WHAT, cursor)?;
        if size.get() as usize > XATTR_SIZE_MAX {
            return Err(ReadError::Damaged {
                what: WHAT,
                offset: table,
                reason: format!("a value has {size} bytes, at most {XATTR_SIZE_MAX} are possible"),
            });
        }
        let mut value = vec![0; size.get() as usize];
        self.fill(WHAT, cursor, &mut value)?;
        Ok(value)
    }
}
