//! Contents: data blocks and fragments.

use std::io::{Read, Seek, Write};
use std::sync::Arc;

use zerocopy::little_endian::U32;

use super::{Inode, Node, ReadError, Reader, wrong_kind};
use crate::squashfs::format::{DATA_UNCOMPRESSED, Fragment, NONE};

/// Fragments that are kept uncompressed.
const FRAGMENT_CACHE: usize = 8;

impl<R: Read + Seek> Reader<R> {
    /// Writes a regular file's content out, zeros for holes, and returns its length in bytes.
    pub fn copy(&mut self, inode: &Inode, out: &mut dyn Write) -> Result<u64, ReadError> {
        const WHAT: &str = "a data block";
        let Node::File(file) = &inode.node else {
            return Err(wrong_kind(inode, "regular file"));
        };
        let zeros = vec![0; self.block_size];
        let mut sizes = file.sizes;
        let mut position = file.start;
        let mut left = file.size;
        let mut write = |bytes: &[u8]| {
            let written = out.write_all(bytes);
            written.map_err(|source| ReadError::Output { source })
        };
        while left > 0 {
            let expected = left.min(self.block_size as u64) as usize;
            if expected < self.block_size && file.fragment != NONE {
                let fragment = self.fragment(file.fragment)?;
                let start = file.offset as usize;
                let tail = start
                    .checked_add(expected)
                    .and_then(|end| fragment.get(start..end));
                write(tail.ok_or_else(|| ReadError::Damaged {
                    what: "a file",
                    offset: sizes.block,
                    reason: format!(
                        "its last {expected} bytes are not in fragment {} at offset {start}",
                        file.fragment
                    ),
                })?)?;
                break;
            }
            let size: U32 = self.take("a file's block list", &mut sizes)?;
            if size.get() == 0 {
                write(zeros.get(..expected).unwrap_or_default())?;
            } else {
                let block = self.data_block(WHAT, position, size.get())?;
                if block.len() != expected {
                    return Err(ReadError::Damaged {
                        what: WHAT,
                        offset: position,
                        reason: format!("it holds {} bytes, {expected} are expected", block.len()),
                    });
                }
                write(&block)?;
                position = position.saturating_add(u64::from(size.get() & !DATA_UNCOMPRESSED));
            }
            left -= expected as u64;
        }
        Ok(file.size)
    }

    fn fragment(&mut self, index: u32) -> Result<Arc<Vec<u8>>, ReadError> {
        const WHAT: &str = "the fragment table";
        if let Some((_, bytes)) = self.fragments.iter().find(|(known, _)| *known == index) {
            return Ok(bytes.clone());
        }
        let table = self.superblock.fragment_table.get();
        let count = self.superblock.fragment_count.get();
        if index >= count {
            return Err(ReadError::Damaged {
                what: WHAT,
                offset: table,
                reason: format!("a file is in fragment {index} of {count}"),
            });
        }
        let mut cursor = self.indexed(WHAT, table, index, size_of::<Fragment>())?;
        let fragment: Fragment = self.take(WHAT, &mut cursor)?;
        let bytes = self.data_block("a fragment", fragment.start.get(), fragment.size.get())?;
        let bytes = Arc::new(bytes);
        if self.fragments.len() >= FRAGMENT_CACHE {
            self.fragments.pop_front();
        }
        self.fragments.push_back((index, bytes.clone()));
        Ok(bytes)
    }
}
