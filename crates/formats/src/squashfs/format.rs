//! Constants and on-disk structures of squashfs 4.0, all little-endian.
//!
//! Specification: the kernel's `Documentation/filesystems/squashfs.rst` and
//! <https://dr-emann.github.io/squashfs/squashfs.html>; the section names below are the latter's.

use zerocopy::little_endian::{I16, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `hsqs`: the first four bytes of an image.
pub const MAGIC: u32 = 0x7371_7368;
/// Size of [`Superblock`], in bytes.
pub const SUPERBLOCK_SIZE: usize = 96;
/// Metadata is cut into blocks of this many bytes before compression.
pub const METADATA_SIZE: usize = 8192;
/// In a metadata block's 16-bit length: the block is not compressed.
pub const METADATA_UNCOMPRESSED: u16 = 1 << 15;
/// In a data block's 32-bit length: the block is not compressed.
pub const DATA_UNCOMPRESSED: u32 = 1 << 24;
/// Smallest block size, in bytes.
pub const MIN_BLOCK_SIZE: u32 = 4096;
/// Largest block size, in bytes.
pub const MAX_BLOCK_SIZE: u32 = 1 << 20;
/// Longest file name, in bytes.
pub const MAX_NAME: usize = 256;
/// Longest symlink target, in bytes. The format has 32 bits for it, but the kernel refuses
/// an inode whose target does not fit into one page with its final NUL.
pub const MAX_SYMLINK: usize = 4095;
/// Most entries behind one [`DirectoryHeader`].
pub const MAX_DIRECTORY_RUN: usize = 256;
/// A 64-bit table position: the image has no such table.
pub const NO_TABLE: u64 = u64::MAX;
/// A 32-bit index: the inode has no fragment, or no extended attributes.
pub const NONE: u32 = u32::MAX;
/// The image's size is padded to a multiple of this, in bytes, so that it can be a block device.
pub const PADDING: u64 = 4096;
/// zstd's level when there is no options block.
pub const DEFAULT_ZSTD_LEVEL: i32 = 15;
/// gzip's level, likewise.
pub const DEFAULT_GZIP_LEVEL: i32 = 9;
/// The one version of LZ4's format, in its options block.
pub const LZ4_LEGACY: i32 = 1;

/// Superblock flags.
pub mod flags {
    /// Equal files share their data.
    pub const DUPLICATES: u16 = 1 << 6;
    /// There is an export table, for NFS and for `open_by_handle_at`.
    pub const EXPORTABLE: u16 = 1 << 7;
    /// A block with the compressor's options follows the superblock.
    pub const COMPRESSOR_OPTIONS: u16 = 1 << 10;
    /// Tails of files larger than a block are in fragments too.
    pub const ALWAYS_FRAGMENTS: u16 = 1 << 5;
    /// Nothing is compressed: inodes, data, fragments, extended attributes and owners.
    pub const UNCOMPRESSED: u16 = 1 | 1 << 1 | 1 << 3 | 1 << 8 | 1 << 11;
}

/// How blocks are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compressor {
    /// zlib streams (RFC 1950), despite the name.
    Gzip,
    /// `.xz` streams.
    Xz,
    /// LZ4 blocks, without a frame.
    Lz4,
    /// Zstandard frames (RFC 8878).
    Zstd,
}

impl Compressor {
    /// The superblock's number for it.
    pub fn id(self) -> u16 {
        match self {
            Self::Gzip => 1,
            Self::Xz => 4,
            Self::Lz4 => 5,
            Self::Zstd => 6,
        }
    }
}

impl TryFrom<u16> for Compressor {
    type Error = u16;

    fn try_from(id: u16) -> Result<Self, u16> {
        [Self::Gzip, Self::Xz, Self::Lz4, Self::Zstd]
            .into_iter()
            .find(|compressor| compressor.id() == id)
            .ok_or(id)
    }
}

/// Basic inode types. An extended inode's type is 7 more; directories list the basic one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InodeType {
    /// A directory.
    Directory = 1,
    /// A regular file.
    File = 2,
    /// A symbolic link.
    Symlink = 3,
    /// A block device.
    BlockDevice = 4,
    /// A character device.
    CharDevice = 5,
    /// A named pipe.
    Fifo = 6,
    /// A Unix socket.
    Socket = 7,
}

/// What is added to a basic inode type for its extended form.
pub const EXTENDED: u16 = 7;

impl TryFrom<u16> for InodeType {
    type Error = u16;

    fn try_from(id: u16) -> Result<Self, u16> {
        Ok(match id {
            1 => Self::Directory,
            2 => Self::File,
            3 => Self::Symlink,
            4 => Self::BlockDevice,
            5 => Self::CharDevice,
            6 => Self::Fifo,
            7 => Self::Socket,
            other => return Err(other),
        })
    }
}

/// Prefixes of extended attributes' names, with the number that replaces them on disk.
pub const XATTR_PREFIXES: &[(u16, &[u8])] = &[(0, b"user."), (1, b"trusted."), (2, b"security.")];
/// In an extended attribute's type: the value is elsewhere, a reference stands for it.
pub const XATTR_OUT_OF_LINE: u16 = 1 << 8;
/// Longest extended attribute name and largest value that Linux has (`linux/limits.h`), in bytes.
pub const XATTR_NAME_MAX: usize = 255;
/// See [`XATTR_NAME_MAX`].
pub const XATTR_SIZE_MAX: usize = 65536;

/// "The Superblock".
#[derive(Clone, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Superblock {
    /// [`MAGIC`].
    pub magic: U32,
    /// Number of inodes.
    pub inode_count: U32,
    /// When the image was made, seconds since 1970.
    pub mkfs_time: U32,
    /// Data block size, in bytes: a power of two.
    pub block_size: U32,
    /// Number of fragment blocks.
    pub fragment_count: U32,
    /// See [`Compressor`].
    pub compressor: U16,
    /// log2 of `block_size`.
    pub block_log: U16,
    /// See [`flags`].
    pub flags: U16,
    /// Number of different owners and groups.
    pub id_count: U16,
    /// 4.
    pub version_major: U16,
    /// 0.
    pub version_minor: U16,
    /// [Reference](Reference) to the root directory's inode.
    pub root_inode: U64,
    /// Size of the image without padding, in bytes.
    pub bytes_used: U64,
    /// Where the id table's index starts.
    pub id_table: U64,
    /// Where the extended attribute table's header starts, or [`NO_TABLE`].
    pub xattr_table: U64,
    /// Where the inode table starts.
    pub inode_table: U64,
    /// Where the directory table starts.
    pub directory_table: U64,
    /// Where the fragment table's index starts.
    pub fragment_table: U64,
    /// Where the export table's index starts, or [`NO_TABLE`].
    pub export_table: U64,
}

/// A place in a table of metadata blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reference {
    /// Offset of the compressed block from the start of its table, in bytes.
    pub block: u64,
    /// Offset in the block's uncompressed bytes: less than [`METADATA_SIZE`].
    pub offset: u16,
}

impl Reference {
    /// The 64-bit form that is on disk.
    pub fn pack(self) -> u64 {
        self.block << 16 | u64::from(self.offset)
    }

    /// From the 64-bit form.
    pub fn unpack(packed: u64) -> Self {
        Self {
            block: packed >> 16,
            offset: (packed & 0xffff) as u16,
        }
    }
}

macro_rules! on_disk {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
        #[repr(C)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    )*};
}

on_disk! {
    /// "Common Inode Header".
    InodeHeader {
        /// See [`InodeType`] and [`EXTENDED`].
        kind: U16,
        /// Permission bits only.
        mode: U16,
        /// Index into the id table.
        uid: U16,
        /// Index into the id table.
        gid: U16,
        /// Seconds since 1970, unsigned.
        mtime: U32,
        /// From 1.
        number: U32,
    }
    /// "Directory inodes", basic.
    BasicDirectory {
        /// Metadata block of the listing, relative to the directory table.
        block: U32,
        /// 2 and one more for each directory in it.
        links: U32,
        /// Listing's bytes and 3 more.
        size: U16,
        /// Offset in the uncompressed metadata block.
        offset: U16,
        /// The inode number of the directory above.
        parent: U32,
    }
    /// "Directory inodes", extended; `index_count` [`DirectoryIndex`]es follow.
    ExtendedDirectory {
        /// See [`BasicDirectory`].
        links: U32,
        /// See [`BasicDirectory`].
        size: U32,
        /// See [`BasicDirectory`].
        block: U32,
        /// See [`BasicDirectory`].
        parent: U32,
        /// How many index entries follow.
        index_count: U16,
        /// See [`BasicDirectory`].
        offset: U16,
        /// Index into the extended attribute table, or [`NONE`].
        xattr: U32,
    }
    /// "Directory Index": the name of `name_size + 1` bytes follows.
    DirectoryIndex {
        /// Offset of a header from the listing's start, in bytes.
        position: U32,
        /// Metadata block of that header, relative to the directory table.
        block: U32,
        /// Length of the first name behind that header, less 1.
        name_size: U32,
    }
    /// "File inodes", basic; the block sizes follow, 4 bytes each.
    BasicFile {
        /// Position of the first block in the image.
        start: U32,
        /// Index into the fragment table, or [`NONE`].
        fragment: U32,
        /// Where the tail starts in the uncompressed fragment.
        offset: U32,
        /// In bytes.
        size: U32,
    }
    /// "File inodes", extended; the block sizes follow, 4 bytes each.
    ExtendedFile {
        /// See [`BasicFile`].
        start: U64,
        /// See [`BasicFile`].
        size: U64,
        /// Bytes in blocks that are not stored because they are zero.
        sparse: U64,
        /// How many names.
        links: U32,
        /// See [`BasicFile`].
        fragment: U32,
        /// See [`BasicFile`].
        offset: U32,
        /// Index into the extended attribute table, or [`NONE`].
        xattr: U32,
    }
    /// "Symbolic links": the target follows; then, if extended, the extended attributes' index.
    Symlink {
        /// How many names.
        links: U32,
        /// Length of the target, in bytes.
        target_size: U32,
    }
    /// "Device special files"; if extended, the extended attributes' index follows.
    Device {
        /// How many names.
        links: U32,
        /// See [`pack_device`].
        device: U32,
    }
    /// "IPC inodes"; if extended, the extended attributes' index follows.
    Ipc {
        /// How many names.
        links: U32,
    }
    /// "Directory Table": a header, followed by `count + 1` entries.
    DirectoryHeader {
        /// Number of entries, less 1.
        count: U32,
        /// Metadata block of all the entries' inodes, relative to the inode table.
        block: U32,
        /// Inode number that the entries' are relative to.
        number: U32,
    }
    /// "Directory Table": an entry; the name of `name_size + 1` bytes follows.
    DirectoryEntry {
        /// Offset of the inode in the uncompressed metadata block.
        offset: U16,
        /// Inode number, less the header's.
        number: I16,
        /// Basic [`InodeType`].
        kind: U16,
        /// Length of the name, less 1.
        name_size: U16,
    }
    /// "Fragment Table".
    Fragment {
        /// Position of the block in the image.
        start: U64,
        /// Stored size, with [`DATA_UNCOMPRESSED`].
        size: U32,
        /// 0.
        unused: U32,
    }
    /// "Xattr Table": the header, followed by the positions of the blocks of [`XattrId`]s.
    XattrHeader {
        /// Where the names and values start: what references to them are relative to.
        start: U64,
        /// Number of [`XattrId`]s.
        count: U32,
        /// 0.
        unused: U32,
    }
    /// "Xattr Table": one set of attributes.
    XattrId {
        /// [`Reference`] to the first name.
        reference: U64,
        /// Number of attributes.
        count: U32,
        /// Size of names and values with their lengths, uncompressed, in bytes.
        size: U32,
    }
}

/// Largest device numbers that fit on disk.
pub const MAX_MAJOR: u32 = 0xfff;
/// See [`MAX_MAJOR`].
pub const MAX_MINOR: u32 = 0xf_ffff;

/// A device number as the kernel's `new_encode_dev` packs it.
pub fn pack_device(major: u32, minor: u32) -> u32 {
    minor & 0xff | (major & MAX_MAJOR) << 8 | (minor & MAX_MINOR & !0xff) << 12
}

/// Major and minor number.
pub fn unpack_device(device: u32) -> (u32, u32) {
    (
        device >> 8 & MAX_MAJOR,
        device & 0xff | device >> 12 & 0xf_ff00,
    )
}
