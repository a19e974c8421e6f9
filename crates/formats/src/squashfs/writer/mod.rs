//! Writes an image: contents first, then all the tables.

mod content;
mod directory;
mod inode;
mod metadata;
mod pipeline;
mod tree;
mod xattr;

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;

use zerocopy::IntoBytes;

use super::compress::Zstd;
use super::format::{
    Compressor, DEFAULT_ZSTD_LEVEL, MAGIC, MAX_BLOCK_SIZE, METADATA_UNCOMPRESSED, MIN_BLOCK_SIZE,
    NO_TABLE, PADDING, Reference, SUPERBLOCK_SIZE, Superblock, flags,
};

use content::Content;
pub use content::FileData;
use directory::{Entry, Listing};
use inode::Numbers;
use metadata::MetadataWriter;
use tree::TreeInode;
pub use tree::{Attributes, InodeId, Kind, Tree, TreeError};
use xattr::XattrWriter;

/// How to write an image. Equal options and inputs give equal bytes, with any number of threads.
#[derive(Clone, Debug)]
pub struct Options {
    /// Files are cut into blocks of this many bytes: a power of two from 4 KiB to 1 MiB.
    pub block_size: u32,
    /// zstd's level, 1 to 22.
    pub level: i32,
    /// How many threads compress. Each holds a zstd context and a few blocks.
    pub threads: NonZeroUsize,
}

impl Options {
    /// Level that [`default`](Self::default) takes: within 6 % of the smallest size for a seventh
    /// of its time. Measured with the 99 MiB of Debian 13's network drivers (6.12, uncompressed
    /// modules), 128 KiB blocks:
    ///
    /// | level | bytes | CPU seconds |
    /// |---|---|---|
    /// | 3 | 26,394,629 | 0.6 |
    /// | 6 | 24,403,248 | 1.4 |
    /// | 9 | 23,961,925 | 2.0 |
    /// | 12 | 24,118,930 | 6.6 |
    /// | 13 | 23,360,893 | 9.2 |
    /// | 15 | 22,559,999 | 14.3 |
    pub const LEVEL: i32 = 9;
}

impl Default for Options {
    /// 128 KiB blocks, [`LEVEL`](Self::LEVEL), a thread for each processor.
    fn default() -> Self {
        Self {
            block_size: 128 << 10,
            level: Self::LEVEL,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// Sizes of a finished image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// What the filesystem itself takes, in bytes.
    pub bytes_used: u64,
    /// With padding: a multiple of 4096 bytes.
    pub size: u64,
}

/// Why an image could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option's value is impossible.
    #[error("the image's {field} is {found}; {expected} is needed")]
    Option {
        /// Which one.
        field: &'static str,
        /// Its value.
        found: i64,
        /// What it should have been.
        expected: &'static str,
    },
    /// Reading or writing the image failed.
    #[error("{action} at byte {offset} of the image failed")]
    Io {
        /// What was being done.
        action: &'static str,
        /// Where, in bytes from the image's start.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A file's content cannot be read.
    #[error("reading the content failed after {offset} bytes")]
    Read {
        /// How much had been read.
        offset: u64,
        /// What the reader said.
        source: io::Error,
    },
    /// A file's content ended early.
    #[error("the content ended after {found} bytes, {expected} were expected")]
    Short {
        /// The size that was announced, in bytes.
        expected: u64,
        /// How many bytes there were.
        found: u64,
    },
    /// A file's content goes on where it should have ended.
    #[error("the content is longer than the {expected} bytes that were expected")]
    Long {
        /// The size that was announced, in bytes.
        expected: u64,
    },
    /// zstd failed.
    #[error("compressing a block failed")]
    Compress {
        /// What it said.
        source: io::Error,
    },
    /// The format's fields are too small for this tree.
    #[error("there are too many {what}: squashfs has room for {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are possible.
        limit: u64,
    },
    /// Something failed before, so that data is missing.
    #[error("the image is incomplete because of an earlier error; start it again")]
    Broken,
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
        let option = |field, found, expected| {
            Err(Error::Option {
                field,
                found,
                expected,
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
        if !(1..=22).contains(&options.level) {
            return option("zstd level", options.level.into(), "1 to 22");
        }
        let start = SUPERBLOCK_SIZE as u64 + compressor_options(options.level).len() as u64;
        let content = Content::new(out, start, &options)?;
        Ok(Self { content, options })
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
        let zstd = &mut Zstd::new(self.options.level).map_err(compress)?;
        let tables = write_inodes(tree, &self.content, zstd)?;

        let mut out = Vec::new();
        let base = self.content.end;
        let here = |out: &Vec<u8>| base + out.len() as u64;
        let inode_table = here(&out);
        out.extend_from_slice(&tables.inodes.finish(zstd).map_err(compress)?.0);
        let directory_table = here(&out);
        out.extend_from_slice(&tables.directories.finish(zstd).map_err(compress)?.0);

        let indexed = |out: &mut Vec<u8>, zstd: &mut Zstd, bytes: &[u8]| {
            let mut table = MetadataWriter::new();
            table.write(zstd, bytes)?;
            let start = here(out);
            let (stored, blocks) = table.finish(zstd)?;
            out.extend_from_slice(&stored);
            let index = here(out);
            for block in blocks {
                out.extend_from_slice(&(start + block).to_le_bytes());
            }
            Ok(index)
        };
        let fragments = self.content.fragments.as_bytes();
        let fragment_table = indexed(&mut out, zstd, fragments).map_err(compress)?;
        let export_table = indexed(&mut out, zstd, tables.export.as_bytes()).map_err(compress)?;
        let ids: Vec<u8> = tables
            .ids
            .list
            .iter()
            .flat_map(|id| id.to_le_bytes())
            .collect();
        let id_table = indexed(&mut out, zstd, &ids).map_err(compress)?;
        let start = here(&out);
        let xattrs = tables.xattrs.finish(zstd, start).map_err(compress)?;
        let xattr_table = xattrs.map_or(NO_TABLE, |(table, header)| {
            out.extend_from_slice(&table);
            header
        });

        let bytes_used = here(&out);
        let size = bytes_used.next_multiple_of(PADDING);
        out.resize(out.len() + (size - bytes_used) as usize, 0);
        let options = compressor_options(self.options.level);
        let superblock = Superblock {
            magic: MAGIC.into(),
            inode_count: (tree.inodes.len() as u32).into(),
            mkfs_time: mkfs_time.into(),
            block_size: self.options.block_size.into(),
            fragment_count: (self.content.fragments.len() as u32).into(),
            compressor: Compressor::Zstd.id().into(),
            block_log: (self.options.block_size.ilog2() as u16).into(),
            flags: (flags::DUPLICATES
                | flags::EXPORTABLE
                | flags::ALWAYS_FRAGMENTS
                | if options.is_empty() {
                    0
                } else {
                    flags::COMPRESSOR_OPTIONS
                })
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
        Ok(Written { bytes_used, size })
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

/// The metadata block behind the superblock: only for a level that is not the default.
fn compressor_options(level: i32) -> Vec<u8> {
    if level == DEFAULT_ZSTD_LEVEL {
        return Vec::new();
    }
    let header = 4 | METADATA_UNCOMPRESSED;
    [&header.to_le_bytes()[..], &level.to_le_bytes()].concat()
}

/// Owners and groups: each number once, in the order in which they were met.
#[derive(Default)]
struct Ids {
    known: HashMap<u32, u16>,
    list: Vec<u32>,
}

impl Ids {
    fn index(&mut self, id: u32) -> Result<u16, Error> {
        if let Some(&index) = self.known.get(&id) {
            return Ok(index);
        }
        // The superblock counts them in 16 bits, so the last index is 65534.
        let index = u16::try_from(self.list.len())
            .ok()
            .filter(|&index| index < u16::MAX);
        let index = index.ok_or(Error::TooMany {
            what: "different owners and groups",
            limit: u64::from(u16::MAX),
        })?;
        self.list.push(id);
        self.known.insert(id, index);
        Ok(index)
    }
}

struct Tables {
    inodes: MetadataWriter,
    directories: MetadataWriter,
    export: Vec<zerocopy::little_endian::U64>,
    ids: Ids,
    xattrs: XattrWriter,
    root: Reference,
}

/// Everything about the tree, in order: a directory's entries are one behind the other in the
/// inode table and have successive numbers, so that its listing needs few headers.
struct Layout<'a> {
    tree: &'a Tree,
    /// Indexed by [`InodeId`].
    numbers: Vec<u32>,
    parents: Vec<u32>,
    places: Vec<Option<Reference>>,
    listings: HashMap<InodeId, Listing>,
}

fn write_inodes<W>(tree: &Tree, content: &Content<W>, zstd: &mut Zstd) -> Result<Tables, Error> {
    let order = tree.directories();
    let count = tree.inodes.len();
    let mut layout = Layout {
        tree,
        numbers: number_inodes(tree, &order),
        parents: vec![0; count],
        places: vec![None; count],
        listings: HashMap::new(),
    };
    for &(id, parent) in &order {
        // The root's parent has a number that no inode has.
        let number = match id == Tree::ROOT {
            true => count as u32 + 1,
            false => layout.numbers.get(parent.0).copied().unwrap_or_default(),
        };
        if let Some(slot) = layout.parents.get_mut(id.0) {
            *slot = number;
        }
    }
    let mut tables = Tables {
        inodes: MetadataWriter::new(),
        directories: MetadataWriter::new(),
        export: vec![0.into(); count],
        ids: Ids::default(),
        xattrs: XattrWriter::new(),
        root: Reference::default(),
    };
    for &(id, _) in &order {
        let Some(directory) = tree.inodes.get(id.0) else {
            continue;
        };
        for &child in directory.children.values() {
            layout.write_inode(child, &mut tables, content, zstd)?;
        }
        let entries = directory.children.iter().filter_map(|(name, child)| {
            Some(Entry {
                name,
                kind: tree.inodes.get(child.0)?.kind.basic_type(),
                number: *layout.numbers.get(child.0)?,
                inode: (*layout.places.get(child.0)?)?,
            })
        });
        let listing = directory::write(&mut tables.directories, zstd, entries)?;
        layout.listings.insert(id, listing);
    }
    tables.root = layout.write_inode(Tree::ROOT, &mut tables, content, zstd)?;
    Ok(tables)
}

/// Numbers from 1, in the order in which inodes are written; indexed by [`InodeId`].
fn number_inodes(tree: &Tree, order: &[(InodeId, InodeId)]) -> Vec<u32> {
    let mut numbers = vec![0; tree.inodes.len()];
    let mut next = 1;
    let children = order
        .iter()
        .filter_map(|(id, _)| tree.inodes.get(id.0))
        .flat_map(|inode| inode.children.values().copied());
    for id in children.chain([Tree::ROOT]) {
        if let Some(number) = numbers.get_mut(id.0).filter(|number| **number == 0) {
            *number = next;
            next += 1;
        }
    }
    numbers
}

impl Layout<'_> {
    /// Writes an inode unless another name of it came before; where it is.
    fn write_inode<W>(
        &mut self,
        id: InodeId,
        tables: &mut Tables,
        content: &Content<W>,
        zstd: &mut Zstd,
    ) -> Result<Reference, Error> {
        let known = self.places.get(id.0).copied().flatten();
        let inode: Option<&TreeInode> = self.tree.inodes.get(id.0);
        let (None, Some(inode)) = (known, inode) else {
            return Ok(known.unwrap_or_default());
        };
        let compress = |source| Error::Compress { source };
        let attributes = &inode.attributes;
        let numbers = Numbers {
            number: self.numbers.get(id.0).copied().unwrap_or_default(),
            parent: self.parents.get(id.0).copied().unwrap_or_default(),
            uid: tables.ids.index(attributes.uid)?,
            gid: tables.ids.index(attributes.gid)?,
            xattr: tables
                .xattrs
                .add(zstd, &attributes.xattrs)
                .map_err(compress)?,
        };
        let listing = self.listings.remove(&id).unwrap_or_default();
        let bytes = inode::encode(inode, &numbers, &listing, content)?;
        let place = tables.inodes.position();
        tables.inodes.write(zstd, &bytes).map_err(compress)?;
        if let Some(slot) = self.places.get_mut(id.0) {
            *slot = Some(place);
        }
        let index = numbers.number.checked_sub(1).map(|index| index as usize);
        if let Some(slot) = index.and_then(|index| tables.export.get_mut(index)) {
            *slot = place.pack().into();
        }
        Ok(place)
    }
}
