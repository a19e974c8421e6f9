//! Words of the newc header.

/// First six bytes of an entry: without checksum.
pub(super) const MAGIC: &[u8] = b"070701";
/// The same with a checksum of the content, which the kernel takes, too.
pub(super) const MAGIC_CHECKSUM: &[u8] = b"070702";
/// Length of the header: the magic, then 13 numbers of 8 hex digits.
pub(super) const HEADER: usize = 110;
/// Name of the entry that ends the archive.
pub(super) const TRAILER: &[u8] = b"TRAILER!!!";
/// Names and contents are padded to this many bytes.
pub(super) const ALIGNMENT: usize = 4;

/// File types in `mode & 0o170000` (`inode(7)`).
pub(super) const TYPE: u32 = 0o170_000;
pub(super) const FIFO: u32 = 0o010_000;
pub(super) const CHAR_DEVICE: u32 = 0o020_000;
pub(super) const DIRECTORY: u32 = 0o040_000;
pub(super) const BLOCK_DEVICE: u32 = 0o060_000;
pub(super) const FILE: u32 = 0o100_000;
pub(super) const SYMLINK: u32 = 0o120_000;
pub(super) const SOCKET: u32 = 0o140_000;

/// Zeros up to the next multiple of [`ALIGNMENT`].
pub(super) fn padding(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT) - length
}
