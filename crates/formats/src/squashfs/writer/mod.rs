//! Writes an image: contents first, then all the tables.
//!
//! `content` and `pipeline` compress and store what files hold; `tree` is what
//! [`Writer::finish`] takes, `tables` turns it into the tables, with `inode`, `directory` and
//! `xattr` for the entries of each and `metadata` for the blocks that they are stored in.

mod content;
mod data;
mod directory;
mod earlier;
mod error;
mod fragment;
mod inode;
mod metadata;
mod pipeline;
mod tables;
mod tree;
mod xattr;

use std::io::{Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;

use zerocopy::IntoBytes;

use super::Compression;
use super::compress::Packer;
use super::format::{
    MAGIC, MAX_BLOCK_SIZE, METADATA_UNCOMPRESSED, MIN_BLOCK_SIZE, NO_TABLE, PADDING,
    SUPERBLOCK_SIZE, Superblock, flags,
};

use content::Content;
pub use data::FileData;
pub use earlier::{Earlier, Form, StoredBlock, content_hash};
pub use error::Error;
use metadata::MetadataWriter;
pub use tree::{Attributes, InodeId, Kind, Tree, TreeError};

/// How to write an image. Equal options and inputs give equal bytes, with any number of threads.
#[derive(Clone, Debug)]
pub struct Options {
    /// Files are cut into blocks of this many bytes: a power of two from 4 KiB to 1 MiB.
    pub block_size: u32,
    /// How they are compressed.
    pub compression: Compression,
    /// How many threads compress. Each holds a compressor and a few blocks.
    pub threads: NonZeroUsize,
    /// Who knows blocks that were compressed before; [`Written::blocks`] then says where this image
    /// has its own.
    pub earlier: Option<Arc<dyn Earlier>>,
}

impl Default for Options {
    /// 128 KiB blocks, zstd at [`ZSTD_LEVEL`](Compression::ZSTD_LEVEL), a thread for each processor.
    fn default() -> Self {
        Self {
            block_size: 128 << 10,
            compression: Compression::Zstd(Compression::ZSTD_LEVEL),
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            earlier: None,
        }
    }
}

/// A finished image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What the filesystem itself takes, in bytes.
    pub bytes_used: u64,
    /// With padding: a multiple of 4096 bytes.
    pub size: u64,
    /// Its blocks of files and fragments, if [`Options::earlier`] asked for them.
    pub blocks: Vec<StoredBlock>,
}

/// Writes an image into `out`, from its byte 0 on.
pub struct Writer<W> {
    content: Content<W>,
    options: Options,
}

impl<W: Read + Write + Seek> Writer<W> {
    /// Starts an image. `out` is also read: where a file starts like an earlier one but ends
    /// otherwise, the blocks that they share are copied as they are stored.
    pub fn new(out: W, options: Options) -> Result<Self, Error> {
        let block_size = options.block_size;
        let option = |field, found, expected: &str| {
            Err(Error::Option {
                field,
                found,
                expected: expected.to_owned(),
            })
        };
        if !block_size.is_power_of_two() || !(MIN_BLOCK_SIZE..=MAX_BLOCK_SIZE).contains(&block_size)
        {
            return option(
                "block size",
                block_size.into(),
                "a power of two from 4096 to 1048576",
            );
        }
        let compression = options.compression;
        if let Err(expected) = Compression::new(compression.name(), compression.level()) {
            let found = compression.level().unwrap_or_default().into();
            return option("compression level", found, &expected);
        }
        let start = SUPERBLOCK_SIZE as u64 + options_block(compression).len() as u64;
        let content = Content::new(out, start, &options)?;
        Ok(Self { content, options })
    }

    /// Says which sizes (in bytes) the contents to come have, each as often as it comes. A content
    /// whose size no other has is equal to none: it is stored without being hashed.
    pub fn expect(&mut self, sizes: impl IntoIterator<Item = u64>) {
        self.content.expect(sizes);
    }

    /// Streams one file's content into the image: exactly `size` bytes.
    ///
    /// Contents are stored in the order of calls. Full blocks and tails that were there before
    /// are stored once: they are the same when their lengths and SHA-256 hashes are.
    pub fn add_data(&mut self, content: &mut dyn Read, size: u64) -> Result<FileData, Error> {
        match size {
            0 => self.content.add(content, 0).map(|_| FileData::EMPTY),
            _ => self.content.add(content, size),
        }
    }

    /// Writes the tables and the superblock, and pads the image to 4096 bytes.
    ///
    /// `mkfs_time` is in seconds since 1970. The [`FileData`] in `tree` are this writer's own.
    pub fn finish(mut self, tree: &Tree, mkfs_time: u32) -> Result<Written, Error> {
        self.content.finish()?;
        let compress = |source| Error::Compress { source };
        let Options {
            block_size,
            compression,
            ..
        } = self.options;
        let packer = &mut Packer::new(compression, block_size).map_err(compress)?;
        let tables = tables::write(tree, &self.content, packer)?;

        let mut out = Vec::new();
        let base = self.content.end;
        let here = |out: &Vec<u8>| base + out.len() as u64;
        let inode_table = here(&out);
        out.extend_from_slice(&tables.inodes.finish(packer).map_err(compress)?.0);
        let directory_table = here(&out);
        out.extend_from_slice(&tables.directories.finish(packer).map_err(compress)?.0);

        let indexed = |out: &mut Vec<u8>, packer: &mut Packer, bytes: &[u8]| {
            let mut table = MetadataWriter::new();
            table.write(packer, bytes)?;
            let start = here(out);
            let (stored, blocks) = table.finish(packer)?;
            out.extend_from_slice(&stored);
            let index = here(out);
            for block in blocks {
                out.extend_from_slice(&(start + block).to_le_bytes());
            }
            Ok(index)
        };
        let fragments = self.content.fragments.as_bytes();
        let fragment_table = indexed(&mut out, packer, fragments).map_err(compress)?;
        let export_table = indexed(&mut out, packer, tables.export.as_bytes()).map_err(compress)?;
        let ids: Vec<u8> = tables
            .ids
            .list
            .iter()
            .flat_map(|id| id.to_le_bytes())
            .collect();
        let id_table = indexed(&mut out, packer, &ids).map_err(compress)?;
        let start = here(&out);
        let xattrs = tables.xattrs.finish(packer, start).map_err(compress)?;
        let xattr_table = xattrs.map_or(NO_TABLE, |(table, header)| {
            out.extend_from_slice(&table);
            header
        });

        let bytes_used = here(&out);
        let size = bytes_used.next_multiple_of(PADDING);
        out.resize(out.len() + (size - bytes_used) as usize, 0);
        let options = options_block(compression);
        let superblock = Superblock {
            magic: MAGIC.into(),
            inode_count: (tree.inodes.len() as u32).into(),
            mkfs_time: mkfs_time.into(),
            block_size: block_size.into(),
            fragment_count: (self.content.fragments.len() as u32).into(),
            compressor: compression.compressor().id().into(),
            block_log: (block_size.ilog2() as u16).into(),
            flags: (flags::DUPLICATES
                | flags::EXPORTABLE
                | flags::ALWAYS_FRAGMENTS
                | compression.flags())
            .into(),
            id_count: (tables.ids.list.len() as u16).into(),
            version_major: 4.into(),
            version_minor: 0.into(),
            root_inode: tables.root.pack().into(),
            bytes_used: bytes_used.into(),
            id_table: id_table.into(),
            xattr_table: xattr_table.into(),
            inode_table: inode_table.into(),
            directory_table: directory_table.into(),
            fragment_table: fragment_table.into(),
            export_table: export_table.into(),
        };
        self.write_at(base, &out)?;
        self.write_at(0, &[superblock.as_bytes(), &options].concat())?;
        let flushed = self.content.out.flush();
        flushed.map_err(|source| Error::Io {
            action: "flushing",
            offset: size,
            source,
        })?;
        Ok(Written {
            bytes_used,
            size,
            blocks: self.content.stored,
        })
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let out = &mut self.content.out;
        let written = out
            .seek(SeekFrom::Start(offset))
            .and_then(|_| out.write_all(bytes));
        written.map_err(|source| Error::Io {
            action: "writing a table",
            offset,
            source,
        })
    }
}

/// The metadata block behind the superblock, which is never compressed; nothing when there are no
/// options to tell.
fn options_block(compression: Compression) -> Vec<u8> {
    let options = compression.options();
    if options.is_empty() {
        return options;
    }
    let header = options.len() as u16 | METADATA_UNCOMPRESSED;
    [&header.to_le_bytes()[..], &options].concat()
}
