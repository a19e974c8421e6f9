//! The directory table: listings, and indexes into the long ones.

use zerocopy::IntoBytes;

use super::Error;
use super::metadata::MetadataWriter;
use crate::squashfs::compress::Packer;
use crate::squashfs::format::{
    DirectoryEntry, DirectoryHeader, DirectoryIndex, InodeType, MAX_DIRECTORY_RUN, METADATA_SIZE,
    Reference,
};

/// One name in a directory.
pub(super) struct Entry<'a> {
    pub(super) name: &'a [u8],
    pub(super) kind: InodeType,
    pub(super) number: u32,
    pub(super) inode: Reference,
}

/// A listing that was written.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) start: Reference,
    /// In bytes.
    pub(super) size: u32,
    /// Encoded [`DirectoryIndex`]es with their names.
    pub(super) index: Vec<u8>,
    pub(super) index_count: u16,
}

/// Entries that share a header: their inodes are in one metadata block and have near numbers.
struct Group {
    block: u64,
    number: u32,
    count: usize,
    bytes: Vec<u8>,
}

impl Group {
    fn takes(&self, entry: &Entry<'_>) -> Option<i16> {
        let distance = i64::from(entry.number) - i64::from(self.number);
        let fits = self.block == entry.inode.block && self.count < MAX_DIRECTORY_RUN;
        i16::try_from(distance).ok().filter(|_| fits)
    }
}

/// Writes the entries of one directory, which are sorted by name.
pub(super) fn write<'a>(
    table: &mut MetadataWriter,
    packer: &mut Packer,
    entries: impl Iterator<Item = Entry<'a>>,
) -> Result<Listing, Error> {
    let start = table.position();
    let mut listing = Listing {
        start,
        ..Listing::default()
    };
    let mut group: Option<Group> = None;
    // Position of the group's header, and of what follows it, in uncompressed bytes from the
    // start of the metadata block that the listing starts in.
    let mut header = usize::from(start.offset);
    let mut cursor = header;
    let mut indexed_block = start.block;
    for entry in entries {
        let same_block = cursor / METADATA_SIZE == header / METADATA_SIZE;
        let near = group.as_ref().and_then(|group| group.takes(&entry));
        let distance = match near.filter(|_| same_block) {
            Some(distance) => distance,
            None => {
                flush(table, packer, group.take())?;
                let position = table.position();
                if position.block != indexed_block {
                    indexed_block = position.block;
                    add_index(&mut listing, cursor, position, entry.name)?;
                }
                header = cursor;
                cursor += size_of::<DirectoryHeader>();
                0
            }
        };
        let group = group.get_or_insert_with(|| Group {
            block: entry.inode.block,
            number: entry.number,
            count: 0,
            bytes: Vec::new(),
        });
        let on_disk = DirectoryEntry {
            offset: entry.inode.offset.into(),
            number: distance.into(),
            kind: (entry.kind as u16).into(),
            // Names are 1 to 256 bytes long.
            name_size: (entry.name.len().saturating_sub(1) as u16).into(),
        };
        group.count += 1;
        group.bytes.extend_from_slice(on_disk.as_bytes());
        group.bytes.extend_from_slice(entry.name);
        cursor += size_of::<DirectoryEntry>() + entry.name.len();
    }
    flush(table, packer, group)?;
    listing.size = listing_size(cursor - usize::from(start.offset))?;
    Ok(listing)
}

fn flush(
    table: &mut MetadataWriter,
    packer: &mut Packer,
    group: Option<Group>,
) -> Result<(), Error> {
    let Some(group) = group else {
        return Ok(());
    };
    let header = DirectoryHeader {
        count: (group.count.saturating_sub(1) as u32).into(),
        block: table_offset(group.block, "bytes of inodes")?.into(),
        number: group.number.into(),
    };
    table
        .write(packer, header.as_bytes())
        .and_then(|()| table.write(packer, &group.bytes))
        .map_err(|source| Error::Compress { source })
}

fn add_index(
    listing: &mut Listing,
    cursor: usize,
    position: Reference,
    name: &[u8],
) -> Result<(), Error> {
    let entry = DirectoryIndex {
        position: listing_size(cursor - usize::from(listing.start.offset))?.into(),
        block: table_offset(position.block, "bytes of directories")?.into(),
        name_size: (name.len().saturating_sub(1) as u32).into(),
    };
    listing.index.extend_from_slice(entry.as_bytes());
    listing.index.extend_from_slice(name);
    listing.index_count = listing.index_count.checked_add(1).ok_or(Error::TooMany {
        what: "index entries of one directory",
        limit: u64::from(u16::MAX),
    })?;
    Ok(())
}

/// Sizes on disk are 3 more than the listing, for "." and "..".
fn listing_size(bytes: usize) -> Result<u32, Error> {
    u32::try_from(bytes)
        .ok()
        .filter(|size| size.checked_add(3).is_some())
        .ok_or(Error::TooMany {
            what: "bytes of names in one directory",
            limit: u64::from(u32::MAX - 3),
        })
}

/// An offset in a table of metadata blocks, where the disk has only 32 bits for it.
pub(super) fn table_offset(offset: u64, what: &'static str) -> Result<u32, Error> {
    u32::try_from(offset).map_err(|_| Error::TooMany {
        what,
        limit: u64::from(u32::MAX),
    })
}

#[cfg(test)]
mod tests {
    use zerocopy::FromBytes;

    use super::*;
    use crate::squashfs::Compression;
    use crate::squashfs::compress::expand;
    use crate::squashfs::format::{Compressor, METADATA_UNCOMPRESSED};

    /// The kernel jumps to the block that an index entry names and expects a header there,
    /// followed by the entry's name; readers in user space ignore the index.
    #[test]
    fn index_entries_lead_to_headers() {
        let names: Vec<String> = (0..5000)
            .map(|n| format!("{n:05}-{}", "x".repeat(n % 50)))
            .collect();
        let packer = &mut Packer::new(Compression::Zstd(3), 4096).unwrap();
        let mut table = MetadataWriter::new();
        table.write(packer, &[7; 8000]).unwrap();
        let entries = names.iter().enumerate().map(|(number, name)| Entry {
            name: name.as_bytes(),
            kind: InodeType::Fifo,
            number: number as u32,
            inode: Reference {
                block: number as u64 / 300,
                offset: 0,
            },
        });
        let listing = write(&mut table, packer, entries).unwrap();
        let (stored, starts) = table.finish(packer).unwrap();
        let mut index = &listing.index[..];
        for &start in &starts[1..] {
            let (entry, rest) = DirectoryIndex::read_from_prefix(index).unwrap();
            let (name, rest) = rest.split_at(entry.name_size.get() as usize + 1);
            index = rest;
            assert_eq!(u64::from(entry.block.get()), start);

            let block = &stored[start as usize..];
            let size = u16::from_le_bytes([block[0], block[1]]);
            let bytes = &block[2..2 + usize::from(size & !METADATA_UNCOMPRESSED)];
            let block = match size & METADATA_UNCOMPRESSED {
                0 => expand(Compressor::Zstd, bytes, METADATA_SIZE).unwrap(),
                _ => bytes.to_vec(),
            };
            let position = usize::from(listing.start.offset) + entry.position.get() as usize;
            let at = &block[position % METADATA_SIZE..];
            let skip = size_of::<DirectoryHeader>() + size_of::<DirectoryEntry>();
            assert_eq!(&at[skip..skip + name.len()], name);
        }
        assert_eq!(
            (index.len(), usize::from(listing.index_count)),
            (0, starts.len() - 1)
        );
    }
}
