//! Contents: data blocks and fragments.

use std::io::{self, Read, Seek, Write};
use std::ops::Range;
use std::sync::Arc;

use zerocopy::little_endian::U32;

use super::{Blocks, Inode, Node, ReadError, Reader, wrong_kind};
use crate::squashfs::format::{DATA_UNCOMPRESSED, Fragment, NONE};

/// Fragments that are kept uncompressed.
const FRAGMENT_CACHE: usize = 8;

/// A regular file's content, zeros for holes. An error of the reader's is inside of what
/// [`Read`] gives.
pub struct Content<'r, R> {
    reader: &'r mut Reader<R>,
    file: Blocks,
    /// Where the next block is in the image.
    position: u64,
    /// What is still to be read, in bytes.
    left: u64,
    /// What was read, and which part of it is still to be given out.
    piece: (Arc<Vec<u8>>, Range<usize>),
}

impl<R: Read + Seek> Content<'_, R> {
    /// The next bytes, up to a block; none at the end.
    fn next(&mut self) -> Result<&[u8], ReadError> {
        self.piece = self.read_piece()?;
        let (bytes, range) = &mut self.piece;
        let range = std::mem::take(range);
        Ok(bytes.get(range).unwrap_or_default())
    }

    fn read_piece(&mut self) -> Result<(Arc<Vec<u8>>, Range<usize>), ReadError> {
        const WHAT: &str = "a data block";
        let block_size = self.reader.block_size;
        let expected = self.left.min(block_size as u64) as usize;
        self.left -= expected as u64;
        if expected == 0 {
            return Ok(Default::default());
        }
        if expected < block_size && self.file.fragment != NONE {
            let fragment = self.reader.fragment(self.file.fragment)?;
            let start = self.file.offset as usize;
            let end = start.checked_add(expected);
            let end = end.filter(|end| *end <= fragment.len());
            let range = start..end.ok_or_else(|| ReadError::Damaged {
                what: "a file",
                offset: self.file.sizes.block,
                reason: format!(
                    "its last {expected} bytes are not in fragment {} at offset {start}",
                    self.file.fragment
                ),
            })?;
            return Ok((fragment, range));
        }
        let size: U32 = self
            .reader
            .take("a file's block list", &mut self.file.sizes)?;
        let block = match size.get() {
            0 => vec![0; expected],
            size => self.reader.data_block(WHAT, self.position, size)?,
        };
        if block.len() != expected {
            return Err(ReadError::Damaged {
                what: WHAT,
                offset: self.position,
                reason: format!("it holds {} bytes, {expected} are expected", block.len()),
            });
        }
        let stored = u64::from(size.get() & !DATA_UNCOMPRESSED);
        self.position = self.position.saturating_add(stored);
        Ok((Arc::new(block), 0..expected))
    }
}

impl<R: Read + Seek> Read for Content<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.piece.1.is_empty() {
            self.piece = self.read_piece().map_err(io::Error::other)?;
        }
        let (bytes, range) = &mut self.piece;
        let mut rest = bytes.get(range.clone()).unwrap_or_default();
        let read = rest.read(into)?;
        range.start += read;
        Ok(read)
    }
}

impl<R: Read + Seek> Reader<R> {
    /// A regular file's content, to be read.
    pub fn content(&mut self, inode: &Inode) -> Result<Content<'_, R>, ReadError> {
        let Node::File(file) = &inode.node else {
            return Err(wrong_kind(inode, "regular file"));
        };
        Ok(Content {
            reader: self,
            position: file.start,
            left: file.size,
            file: file.clone(),
            piece: Default::default(),
        })
    }

    /// Writes a regular file's content out, and returns its length in bytes.
    pub fn copy(&mut self, inode: &Inode, out: &mut dyn Write) -> Result<u64, ReadError> {
        let mut content = self.content(inode)?;
        let size = content.left;
        loop {
            match content.next()? {
                [] => return Ok(size),
                bytes => out
                    .write_all(bytes)
                    .map_err(|source| ReadError::Output { source })?,
            }
        }
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
