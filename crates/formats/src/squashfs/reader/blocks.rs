//! Stored bytes, metadata blocks, and places in them.

use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use zerocopy::little_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{ReadError, Reader};
use crate::squashfs::compress::expand;
use crate::squashfs::format::{DATA_UNCOMPRESSED, METADATA_SIZE, METADATA_UNCOMPRESSED, Reference};

/// Metadata blocks that are kept uncompressed: half a megabyte.
const METADATA_CACHE: usize = 64;

/// A place in a table: position of the stored metadata block in the image, offset in its content.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    pub(super) block: u64,
    pub(super) offset: usize,
}

pub(super) struct MetadataBlock {
    position: u64,
    pub(super) next: u64,
    pub(super) bytes: Vec<u8>,
}

pub(super) fn cursor_at(table: u64, reference: Reference) -> Cursor {
    Cursor {
        // A sum that overflows is behind the image's end, too.
        block: table.saturating_add(reference.block),
        offset: reference.offset.into(),
    }
}

impl<R: Read + Seek> Reader<R> {
    /// Where entry `index` is in a table whose blocks' positions are listed from `table` on.
    pub(super) fn indexed(
        &mut self,
        what: &'static str,
        table: u64,
        index: u32,
        entry_size: usize,
    ) -> Result<Cursor, ReadError> {
        let per_block = METADATA_SIZE / entry_size;
        let index = index as usize;
        let position = table.saturating_add((index / per_block * size_of::<u64>()) as u64);
        let block: U64 = self.struct_at(what, position)?;
        Ok(Cursor {
            block: block.get(),
            offset: index % per_block * entry_size,
        })
    }

    pub(super) fn take<T: FromBytes + IntoBytes + Immutable + KnownLayout>(
        &mut self,
        what: &'static str,
        cursor: &mut Cursor,
    ) -> Result<T, ReadError> {
        let mut value = T::new_zeroed();
        self.fill(what, cursor, value.as_mut_bytes())?;
        Ok(value)
    }

    /// Fills `buffer` from metadata blocks, and moves the cursor behind.
    pub(super) fn fill(
        &mut self,
        what: &'static str,
        cursor: &mut Cursor,
        mut buffer: &mut [u8],
    ) -> Result<(), ReadError> {
        while !buffer.is_empty() {
            let block = self.metadata_block(what, cursor.block)?;
            let rest = block.bytes.get(cursor.offset..).unwrap_or_default();
            if rest.is_empty() {
                if cursor.offset != block.bytes.len() {
                    return Err(ReadError::Damaged {
                        what,
                        offset: cursor.block,
                        reason: format!(
                            "offset {} is behind the {} bytes of its metadata block",
                            cursor.offset,
                            block.bytes.len()
                        ),
                    });
                }
                *cursor = Cursor {
                    block: block.next,
                    offset: 0,
                };
                continue;
            }
            let length = rest.len().min(buffer.len());
            let (now, later) = buffer.split_at_mut(length);
            now.copy_from_slice(rest.get(..length).unwrap_or_default());
            buffer = later;
            cursor.offset += length;
        }
        Ok(())
    }

    pub(super) fn metadata_block(
        &mut self,
        what: &'static str,
        position: u64,
    ) -> Result<Arc<MetadataBlock>, ReadError> {
        if let Some(block) = self
            .metadata
            .iter()
            .find(|block| block.position == position)
        {
            return Ok(block.clone());
        }
        let damaged = |reason: String| ReadError::Damaged {
            what,
            offset: position,
            reason,
        };
        let header: U16 = self.struct_at(what, position)?;
        let length = usize::from(header.get() & !METADATA_UNCOMPRESSED);
        if length == 0 || length > METADATA_SIZE {
            return Err(damaged(format!(
                "its metadata block has {length} bytes, 1 to 8192 are possible"
            )));
        }
        let start = position.saturating_add(2);
        let stored = self.bytes_at(what, start, length)?;
        let bytes = if header.get() & METADATA_UNCOMPRESSED != 0 {
            stored
        } else {
            let expanded = expand(self.compressor, &stored, METADATA_SIZE);
            expanded.map_err(|error| damaged(format!("it cannot be decompressed: {error}")))?
        };
        if bytes.is_empty() {
            return Err(damaged("its metadata block is empty".to_owned()));
        }
        let block = Arc::new(MetadataBlock {
            position,
            next: start.saturating_add(length as u64),
            bytes,
        });
        if self.metadata.len() >= METADATA_CACHE {
            self.metadata.pop_front();
        }
        self.metadata.push_back(block.clone());
        Ok(block)
    }

    /// A data block or fragment; `size` is as stored, with its flag.
    pub(super) fn data_block(
        &mut self,
        what: &'static str,
        position: u64,
        size: u32,
    ) -> Result<Vec<u8>, ReadError> {
        let length = (size & !DATA_UNCOMPRESSED) as usize;
        let damaged = |reason: String| ReadError::Damaged {
            what,
            offset: position,
            reason,
        };
        if length == 0 || length > self.block_size {
            return Err(damaged(format!(
                "it has {length} bytes, 1 to {} are possible",
                self.block_size
            )));
        }
        let stored = self.bytes_at(what, position, length)?;
        if size & DATA_UNCOMPRESSED != 0 {
            return Ok(stored);
        }
        expand(self.compressor, &stored, self.block_size)
            .map_err(|error| damaged(format!("it cannot be decompressed: {error}")))
    }

    pub(super) fn struct_at<T: FromBytes + IntoBytes + Immutable + KnownLayout>(
        &mut self,
        what: &'static str,
        position: u64,
    ) -> Result<T, ReadError> {
        let bytes = self.bytes_at(what, position, size_of::<T>())?;
        let mut value = T::new_zeroed();
        value.as_mut_bytes().copy_from_slice(&bytes);
        Ok(value)
    }

    pub(super) fn bytes_at(
        &mut self,
        what: &'static str,
        position: u64,
        length: usize,
    ) -> Result<Vec<u8>, ReadError> {
        let used = self.superblock.bytes_used.get();
        let end = position.checked_add(length as u64);
        if end.is_none_or(|end| end > used) {
            return Err(ReadError::Damaged {
                what,
                offset: position,
                reason: format!("its {length} bytes end behind the image's {used}"),
            });
        }
        let mut bytes = vec![0; length];
        self.input
            .seek(SeekFrom::Start(position))
            .and_then(|_| self.input.read_exact(&mut bytes))
            .map_err(|source| ReadError::Io {
                what,
                offset: position,
                source,
            })?;
        Ok(bytes)
    }
}
