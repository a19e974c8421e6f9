//! Reads an image that may be hostile: every position, length and count is checked, and
//! memory is bounded by small caches, not by what the image says.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, little_endian::U32};

use super::compress::expand;
use super::format::{
    BasicDirectory, BasicFile, Compressor, DATA_UNCOMPRESSED, Device, DirectoryEntry,
    DirectoryHeader, EXTENDED, ExtendedDirectory, ExtendedFile, Fragment, InodeHeader, InodeType,
    Ipc, MAGIC, MAX_BLOCK_SIZE, MAX_DIRECTORY_RUN, MAX_NAME, METADATA_SIZE, METADATA_UNCOMPRESSED,
    MIN_BLOCK_SIZE, NO_TABLE, NONE, Reference, SUPERBLOCK_SIZE, Superblock, Symlink,
    XATTR_OUT_OF_LINE, XATTR_PREFIXES, XATTR_SIZE_MAX, XattrHeader, XattrId, unpack_device,
};

/// Metadata blocks that are kept uncompressed: half a megabyte.
const METADATA_CACHE: usize = 64;
/// Fragments that are kept uncompressed.
const FRAGMENT_CACHE: usize = 8;
/// Longest path that [`Reader::walk`] follows, in bytes.
const MAX_PATH: usize = 1 << 20;
/// Largest set of extended attributes that is read, in bytes.
const MAX_XATTRS: usize = 16 << 20;
/// Longest symlink target that is read, in bytes: other writers know a longer limit than ours.
const MAX_TARGET: u32 = 65535;

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Reading failed, or the file ends early.
    #[error("reading {what} at byte {offset} of the image failed")]
    Io {
        /// What was to be read.
        what: &'static str,
        /// Where, in bytes.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The superblock says something impossible, or something that is not supported here.
    #[error("the superblock's {field} is {found}; {expected} is needed")]
    Superblock {
        /// Which field.
        field: &'static str,
        /// Its value.
        found: u64,
        /// What it should have been.
        expected: String,
    },
    /// Something else is impossible.
    #[error("{what} at byte {offset} of the image is damaged: {reason}")]
    Damaged {
        /// What.
        what: &'static str,
        /// Where it is, or where its metadata block is, in bytes.
        offset: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The content of something else than a regular file was asked for, or the like.
    #[error("inode {number} is no {expected}")]
    Kind {
        /// The inode's number.
        number: u32,
        /// What it should have been.
        expected: &'static str,
    },
    /// Whoever takes the content failed.
    #[error("writing the content out failed")]
    Output {
        /// What it said.
        source: io::Error,
    },
}

/// One inode.
#[derive(Clone, Debug)]
pub struct Inode {
    /// From 1; equal numbers are hard links of each other.
    pub number: u32,
    /// Permission bits.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: u32,
    /// How many names.
    pub links: u32,
    /// What it is.
    pub node: Node,
    xattr: u32,
    reference: Reference,
}

/// What an inode is.
#[derive(Clone, Debug)]
pub enum Node {
    /// A directory: see [`Reader::entries`].
    Directory(Listing),
    /// A regular file: see [`Reader::copy`].
    File(Blocks),
    /// A symbolic link and its target.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
}

/// Where a file's content is.
#[derive(Clone, Debug)]
pub struct Blocks {
    /// Length of the content, in bytes.
    pub size: u64,
    start: u64,
    fragment: u32,
    offset: u32,
    sizes: Cursor,
}

/// A place in a directory's listing.
#[derive(Clone, Debug)]
pub struct Listing {
    cursor: Cursor,
    /// Bytes that are still to come.
    left: u32,
    /// Entries that are still to come behind the last header.
    run: u32,
    block: u32,
    last: Vec<u8>,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The name: neither empty nor `.` nor `..`, without `/` and NUL.
    pub name: Vec<u8>,
    reference: Reference,
}

/// A place in a table: position of the stored metadata block in the image, offset in its content.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    block: u64,
    offset: usize,
}

struct MetadataBlock {
    position: u64,
    next: u64,
    bytes: Vec<u8>,
}

/// Reads an image from its byte 0 on.
pub struct Reader<R> {
    input: R,
    superblock: Superblock,
    compressor: Compressor,
    block_size: usize,
    ids: Vec<u32>,
    metadata: VecDeque<Arc<MetadataBlock>>,
    fragments: VecDeque<(u32, Arc<Vec<u8>>)>,
}

impl<R: Read + Seek> Reader<R> {
    /// Reads the superblock and the owners' table.
    pub fn open(mut input: R) -> Result<Self, ReadError> {
        let mut bytes = [0; SUPERBLOCK_SIZE];
        input
            .seek(SeekFrom::Start(0))
            .and_then(|_| input.read_exact(&mut bytes))
            .map_err(|source| ReadError::Io {
                what: "the superblock",
                offset: 0,
                source,
            })?;
        let superblock: Superblock = zerocopy::transmute!(bytes);
        let compressor = check_superblock(&superblock)?;
        let mut reader = Self {
            input,
            compressor,
            block_size: superblock.block_size.get() as usize,
            superblock,
            ids: Vec::new(),
            metadata: VecDeque::new(),
            fragments: VecDeque::new(),
        };
        reader.ids = reader.read_ids()?;
        Ok(reader)
    }

    /// The superblock.
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// How blocks are compressed.
    pub fn compressor(&self) -> Compressor {
        self.compressor
    }

    /// zstd's level, when the image says it.
    pub fn zstd_level(&mut self) -> Result<Option<i32>, ReadError> {
        let options = super::format::flags::COMPRESSOR_OPTIONS;
        if self.compressor != Compressor::Zstd || self.superblock.flags.get() & options == 0 {
            return Ok(None);
        }
        let mut cursor = Cursor {
            block: SUPERBLOCK_SIZE as u64,
            offset: 0,
        };
        let level: U32 = self.take("the compressor's options", &mut cursor)?;
        Ok(Some(level.get() as i32))
    }

    /// The root directory.
    pub fn root(&mut self) -> Result<Inode, ReadError> {
        let root = self.inode(Reference::unpack(self.superblock.root_inode.get()))?;
        match root.node {
            Node::Directory(_) => Ok(root),
            _ => Err(ReadError::Kind {
                number: root.number,
                expected: "directory, though it is the root",
            }),
        }
    }

    /// A directory's entries, for [`next_entry`](Self::next_entry).
    pub fn entries(&self, inode: &Inode) -> Result<Listing, ReadError> {
        match &inode.node {
            Node::Directory(listing) => Ok(listing.clone()),
            _ => Err(wrong_kind(inode, "directory")),
        }
    }

    /// The next name; names are checked to be in order.
    pub fn next_entry(&mut self, listing: &mut Listing) -> Result<Option<DirEntry>, ReadError> {
        const WHAT: &str = "a directory";
        let start = listing.cursor.block;
        let damaged = |reason: String| ReadError::Damaged {
            what: WHAT,
            offset: start,
            reason,
        };
        if listing.left == 0 && listing.run == 0 {
            return Ok(None);
        }
        let ended = || damaged("its last entry is cut off".to_owned());
        let spend = |left: &mut u32, bytes: usize| {
            let rest = u32::try_from(bytes)
                .ok()
                .and_then(|bytes| left.checked_sub(bytes));
            *left = rest.ok_or_else(ended)?;
            Ok::<(), ReadError>(())
        };
        if listing.run == 0 {
            spend(&mut listing.left, size_of::<DirectoryHeader>())?;
            let header: DirectoryHeader = self.take(WHAT, &mut listing.cursor)?;
            let count = header.count.get();
            if count >= MAX_DIRECTORY_RUN as u32 {
                return Err(damaged(format!(
                    "a header announces {count} more entries, at most 255 are possible"
                )));
            }
            listing.run = count + 1;
            listing.block = header.block.get();
        }
        spend(&mut listing.left, size_of::<DirectoryEntry>())?;
        let entry: DirectoryEntry = self.take(WHAT, &mut listing.cursor)?;
        let length = usize::from(entry.name_size.get()) + 1;
        if length > MAX_NAME {
            return Err(damaged(format!(
                "a name is {length} bytes long, at most {MAX_NAME} are possible"
            )));
        }
        spend(&mut listing.left, length)?;
        let mut name = vec![0; length];
        self.fill(WHAT, &mut listing.cursor, &mut name)?;
        listing.run -= 1;
        if name == b"." || name == b".." || name.iter().any(|&byte| byte == b'/' || byte == 0) {
            return Err(damaged(format!(
                "it has an entry named {:?}",
                name.escape_ascii().to_string()
            )));
        }
        if name <= listing.last {
            return Err(damaged(format!(
                "{:?} comes after {:?}",
                name.escape_ascii().to_string(),
                listing.last.escape_ascii().to_string()
            )));
        }
        listing.last.clone_from(&name);
        let reference = Reference {
            block: listing.block.into(),
            offset: entry.offset.get(),
        };
        Ok(Some(DirEntry { name, reference }))
    }

    /// The inode that a name stands for.
    pub fn open_entry(&mut self, entry: &DirEntry) -> Result<Inode, ReadError> {
        self.inode(entry.reference)
    }

    /// The inode at a path like `usr/bin/env`, or `None`; the empty path is the root. Symbolic
    /// links are not followed.
    pub fn find(&mut self, path: &[u8]) -> Result<Option<Inode>, ReadError> {
        let mut inode = self.root()?;
        for name in path
            .split(|&byte| byte == b'/')
            .filter(|name| !name.is_empty())
        {
            let Node::Directory(listing) = &inode.node else {
                return Ok(None);
            };
            let mut listing = listing.clone();
            inode = loop {
                match self.next_entry(&mut listing)? {
                    Some(entry) if entry.name == name => break self.open_entry(&entry)?,
                    Some(_) => (),
                    None => return Ok(None),
                }
            };
        }
        Ok(Some(inode))
    }

    /// Calls `each` with every path and its inode: a directory before what is in it, names by
    /// bytes. The root's path is empty.
    pub fn walk<E: From<ReadError>>(
        &mut self,
        mut each: impl FnMut(&mut Self, &[u8], &Inode) -> Result<(), E>,
    ) -> Result<(), E> {
        let root = self.root()?;
        let mut seen = HashSet::from([root.reference.pack()]);
        let mut path = Vec::new();
        each(self, &path, &root)?;
        let mut stack = vec![(self.entries(&root)?, 0)];
        while let Some((listing, length)) = stack.last_mut() {
            path.truncate(*length);
            let Some(entry) = self.next_entry(listing)? else {
                stack.pop();
                continue;
            };
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(&entry.name);
            let inode = self.open_entry(&entry)?;
            each(self, &path, &inode)?;
            if let Node::Directory(listing) = &inode.node {
                let reason = if !seen.insert(inode.reference.pack()) {
                    "it is in the tree twice"
                } else if path.len() > MAX_PATH {
                    "its path is longer than 1 MiB"
                } else {
                    stack.push((listing.clone(), path.len()));
                    continue;
                };
                let damaged = ReadError::Damaged {
                    what: "a directory",
                    offset: self
                        .superblock
                        .inode_table
                        .get()
                        .saturating_add(inode.reference.block),
                    reason: reason.to_owned(),
                };
                return Err(damaged.into());
            }
        }
        Ok(())
    }

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
            let [kind, length]: [zerocopy::little_endian::U16; 2] = self.take(WHAT, &mut cursor)?;
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

    fn inode(&mut self, reference: Reference) -> Result<Inode, ReadError> {
        const WHAT: &str = "an inode";
        let table = self.superblock.inode_table.get();
        let mut cursor = cursor_at(table, reference);
        let offset = cursor.block;
        let damaged = |reason: String| ReadError::Damaged {
            what: WHAT,
            offset,
            reason,
        };
        let header: InodeHeader = self.take(WHAT, &mut cursor)?;
        let stored_kind = header.kind.get();
        let extended = stored_kind > EXTENDED;
        let kind = stored_kind - if extended { EXTENDED } else { 0 };
        let kind = InodeType::try_from(kind)
            .map_err(|_| damaged(format!("its type is {stored_kind}, 1 to 14 are possible")))?;
        let (node, links, xattr) = match kind {
            InodeType::Directory => self.directory_inode(&mut cursor, extended)?,
            InodeType::File => self.file_inode(&mut cursor, extended)?,
            _ => {
                let (node, links) = self.other_inode(kind, &mut cursor, offset)?;
                let xattr = match extended {
                    true => self.take::<U32>(WHAT, &mut cursor)?.get(),
                    false => NONE,
                };
                (node, links, xattr)
            }
        };
        let owner = |index: u16| {
            let id = self.ids.get(usize::from(index)).copied();
            id.ok_or_else(|| damaged(format!("its owner is number {index} of {}", self.ids.len())))
        };
        Ok(Inode {
            number: header.number.get(),
            mode: header.mode.get() & 0o7777,
            uid: owner(header.uid.get())?,
            gid: owner(header.gid.get())?,
            mtime: header.mtime.get(),
            links,
            node,
            xattr,
            reference,
        })
    }

    fn directory_inode(
        &mut self,
        cursor: &mut Cursor,
        extended: bool,
    ) -> Result<(Node, u32, u32), ReadError> {
        const WHAT: &str = "a directory's inode";
        let (block, offset, size, links, xattr) = if extended {
            let inode: ExtendedDirectory = self.take(WHAT, cursor)?;
            let xattr = inode.xattr.get();
            (
                inode.block,
                inode.offset,
                inode.size.get(),
                inode.links,
                xattr,
            )
        } else {
            let inode: BasicDirectory = self.take(WHAT, cursor)?;
            (
                inode.block,
                inode.offset,
                inode.size.get().into(),
                inode.links,
                NONE,
            )
        };
        let reference = Reference {
            block: block.get().into(),
            offset: offset.get(),
        };
        let listing = Listing {
            cursor: cursor_at(self.superblock.directory_table.get(), reference),
            // "." and ".." count for 3, though they are not there.
            left: size.saturating_sub(3),
            run: 0,
            block: 0,
            last: Vec::new(),
        };
        Ok((Node::Directory(listing), links.get(), xattr))
    }

    fn file_inode(
        &mut self,
        cursor: &mut Cursor,
        extended: bool,
    ) -> Result<(Node, u32, u32), ReadError> {
        const WHAT: &str = "a file's inode";
        let (mut file, links, xattr);
        if extended {
            let inode: ExtendedFile = self.take(WHAT, cursor)?;
            (links, xattr) = (inode.links.get(), inode.xattr.get());
            file = Blocks {
                size: inode.size.get(),
                start: inode.start.get(),
                fragment: inode.fragment.get(),
                offset: inode.offset.get(),
                sizes: *cursor,
            };
        } else {
            let inode: BasicFile = self.take(WHAT, cursor)?;
            (links, xattr) = (1, NONE);
            file = Blocks {
                size: inode.size.get().into(),
                start: inode.start.get().into(),
                fragment: inode.fragment.get(),
                offset: inode.offset.get(),
                sizes: *cursor,
            };
        }
        file.sizes = *cursor;
        Ok((Node::File(file), links, xattr))
    }

    fn other_inode(
        &mut self,
        kind: InodeType,
        cursor: &mut Cursor,
        offset: u64,
    ) -> Result<(Node, u32), ReadError> {
        const WHAT: &str = "an inode";
        match kind {
            InodeType::Symlink => {
                let inode: Symlink = self.take(WHAT, cursor)?;
                let size = inode.target_size.get();
                if size > MAX_TARGET {
                    return Err(ReadError::Damaged {
                        what: "a symbolic link",
                        offset,
                        reason: format!(
                            "its target has {size} bytes, at most {MAX_TARGET} are read"
                        ),
                    });
                }
                let mut target = vec![0; size as usize];
                self.fill(WHAT, cursor, &mut target)?;
                Ok((Node::Symlink(target), inode.links.get()))
            }
            InodeType::CharDevice | InodeType::BlockDevice => {
                let inode: Device = self.take(WHAT, cursor)?;
                let (major, minor) = unpack_device(inode.device.get());
                let node = match kind {
                    InodeType::CharDevice => Node::CharDevice { major, minor },
                    _ => Node::BlockDevice { major, minor },
                };
                Ok((node, inode.links.get()))
            }
            _ => {
                let inode: Ipc = self.take(WHAT, cursor)?;
                let node = match kind {
                    InodeType::Socket => Node::Socket,
                    _ => Node::Fifo,
                };
                Ok((node, inode.links.get()))
            }
        }
    }

    fn read_ids(&mut self) -> Result<Vec<u32>, ReadError> {
        const WHAT: &str = "the id table";
        let table = self.superblock.id_table.get();
        (0..u32::from(self.superblock.id_count.get()))
            .map(|index| {
                let mut cursor = self.indexed(WHAT, table, index, size_of::<U32>())?;
                Ok(self.take::<U32>(WHAT, &mut cursor)?.get())
            })
            .collect()
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

    /// Where entry `index` is in a table whose blocks' positions are listed from `table` on.
    fn indexed(
        &mut self,
        what: &'static str,
        table: u64,
        index: u32,
        entry_size: usize,
    ) -> Result<Cursor, ReadError> {
        let per_block = METADATA_SIZE / entry_size;
        let index = index as usize;
        let position = table.saturating_add((index / per_block * size_of::<u64>()) as u64);
        let block: zerocopy::little_endian::U64 = self.struct_at(what, position)?;
        Ok(Cursor {
            block: block.get(),
            offset: index % per_block * entry_size,
        })
    }

    fn take<T: FromBytes + IntoBytes + Immutable + KnownLayout>(
        &mut self,
        what: &'static str,
        cursor: &mut Cursor,
    ) -> Result<T, ReadError> {
        let mut value = T::new_zeroed();
        self.fill(what, cursor, value.as_mut_bytes())?;
        Ok(value)
    }

    /// Fills `buffer` from metadata blocks, and moves the cursor behind.
    fn fill(
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

    fn metadata_block(
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
        let header: zerocopy::little_endian::U16 = self.struct_at(what, position)?;
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
    fn data_block(
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

    fn struct_at<T: FromBytes + IntoBytes + Immutable + KnownLayout>(
        &mut self,
        what: &'static str,
        position: u64,
    ) -> Result<T, ReadError> {
        let bytes = self.bytes_at(what, position, size_of::<T>())?;
        let mut value = T::new_zeroed();
        value.as_mut_bytes().copy_from_slice(&bytes);
        Ok(value)
    }

    fn bytes_at(
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

fn check_superblock(superblock: &Superblock) -> Result<Compressor, ReadError> {
    let block_size = superblock.block_size.get();
    let log = u64::from(superblock.block_log.get());
    let is_size =
        block_size.is_power_of_two() && (MIN_BLOCK_SIZE..=MAX_BLOCK_SIZE).contains(&block_size);
    let right_log = is_size && u64::from(block_size.ilog2()) == log;
    let magic = superblock.magic.get();
    let (major, minor) = (
        superblock.version_major.get(),
        superblock.version_minor.get(),
    );
    let checks: [(&'static str, u64, bool, &str); 5] = [
        ("magic", magic.into(), magic == MAGIC, "0x73717368 (hsqs)"),
        ("major version", major.into(), major == 4, "4"),
        ("minor version", minor.into(), minor == 0, "0"),
        (
            "block size",
            block_size.into(),
            is_size,
            "a power of two from 4096 to 1048576",
        ),
        (
            "block size's logarithm",
            log,
            right_log,
            "that of the block size",
        ),
    ];
    let error = |field, found, expected: &str| ReadError::Superblock {
        field,
        found,
        expected: expected.to_owned(),
    };
    if let Some((field, found, _, expected)) = checks.into_iter().find(|check| !check.2) {
        return Err(error(field, found, expected));
    }
    Compressor::try_from(superblock.compressor.get())
        .map_err(|id| error("compressor", id.into(), "1 (gzip), 4 (xz) or 6 (zstd)"))
}

fn cursor_at(table: u64, reference: Reference) -> Cursor {
    Cursor {
        // A sum that overflows is behind the image's end, too.
        block: table.saturating_add(reference.block),
        offset: reference.offset.into(),
    }
}

fn wrong_kind(inode: &Inode, expected: &'static str) -> ReadError {
    ReadError::Kind {
        number: inode.number,
        expected,
    }
}

#[cfg(test)]
impl<R: Read + Seek> Reader<R> {
    pub(super) fn metadata_for_tests(&mut self, position: u64) -> Vec<u8> {
        self.metadata_block("a table", position)
            .unwrap()
            .bytes
            .clone()
    }
}
