//! Encoding of inodes: the basic form where it suffices, else the extended one.

use zerocopy::IntoBytes;

use super::Error;
use super::content::Content;
use super::data::FileData;
use super::directory::{Listing, table_offset};
use super::tree::{Kind, TreeInode};
use crate::squashfs::format::{
    BasicDirectory, BasicFile, Device, EXTENDED, ExtendedDirectory, ExtendedFile, InodeHeader,
    InodeType, Ipc, NONE, Symlink, pack_device,
};

/// What an inode needs beside its place in the tree.
pub(super) struct Numbers {
    pub(super) number: u32,
    pub(super) parent: u32,
    /// Indexes into the id table.
    pub(super) uid: u16,
    pub(super) gid: u16,
    /// Index into the extended attribute table, or [`NONE`].
    pub(super) xattr: u32,
}

/// The inode's bytes. `listing` is the directory's own.
pub(super) fn encode<W>(
    inode: &TreeInode,
    numbers: &Numbers,
    listing: &Listing,
    content: &Content<W>,
) -> Result<Vec<u8>, Error> {
    let (extended, body) = match &inode.kind {
        Kind::Directory => directory(inode, numbers, listing)?,
        Kind::File(data) => file(inode, numbers, data, content),
        Kind::Symlink(target) => {
            let head = Symlink {
                links: inode.links.into(),
                target_size: (target.len() as u32).into(),
            };
            with_xattr([head.as_bytes(), target].concat(), numbers)
        }
        &Kind::CharDevice { major, minor } | &Kind::BlockDevice { major, minor } => {
            let body = Device {
                links: inode.links.into(),
                device: pack_device(major, minor).into(),
            };
            with_xattr(body.as_bytes().to_vec(), numbers)
        }
        Kind::Fifo | Kind::Socket => {
            let body = Ipc {
                links: inode.links.into(),
            };
            with_xattr(body.as_bytes().to_vec(), numbers)
        }
    };
    let kind: InodeType = inode.kind.basic_type();
    let header = InodeHeader {
        kind: (kind as u16 + if extended { EXTENDED } else { 0 }).into(),
        mode: inode.attributes.mode.into(),
        uid: numbers.uid.into(),
        gid: numbers.gid.into(),
        mtime: inode.attributes.mtime.into(),
        number: numbers.number.into(),
    };
    Ok([header.as_bytes(), &body].concat())
}

fn with_xattr(mut body: Vec<u8>, numbers: &Numbers) -> (bool, Vec<u8>) {
    let extended = numbers.xattr != NONE;
    if extended {
        body.extend_from_slice(&numbers.xattr.to_le_bytes());
    }
    (extended, body)
}

fn directory(
    inode: &TreeInode,
    numbers: &Numbers,
    listing: &Listing,
) -> Result<(bool, Vec<u8>), Error> {
    let block = table_offset(listing.start.block, "bytes of directories")?;
    // The listing's size was checked to leave room for this.
    let size = listing.size.saturating_add(3);
    let plain = numbers.xattr == NONE && listing.index_count == 0;
    if let Some(size) = u16::try_from(size).ok().filter(|_| plain) {
        let body = BasicDirectory {
            block: block.into(),
            links: inode.links.into(),
            size: size.into(),
            offset: listing.start.offset.into(),
            parent: numbers.parent.into(),
        };
        return Ok((false, body.as_bytes().to_vec()));
    }
    let body = ExtendedDirectory {
        links: inode.links.into(),
        size: size.into(),
        block: block.into(),
        parent: numbers.parent.into(),
        index_count: listing.index_count.into(),
        offset: listing.start.offset.into(),
        xattr: numbers.xattr.into(),
    };
    Ok((true, [body.as_bytes(), &listing.index].concat()))
}

fn file<W>(
    inode: &TreeInode,
    numbers: &Numbers,
    data: &FileData,
    content: &Content<W>,
) -> (bool, Vec<u8>) {
    let run = data.run.and_then(|run| content.runs.get(run));
    let start = run.and_then(|run| run.start).unwrap_or(0);
    let sizes: &[u32] = run.map_or(&[], |run| &run.sizes);
    let holes = sizes.iter().filter(|&&size| size == 0).count() as u64;
    // The kernel computes allocated blocks from size less sparse: keep something for them.
    let sparse = (holes * content.block_size as u64).min(data.size.saturating_sub(1));
    let (fragment, offset) = data
        .tail
        .map_or((NONE, 0), |tail| (tail.fragment, tail.offset));
    let small = u32::try_from(start).ok().zip(u32::try_from(data.size).ok());
    let plain = numbers.xattr == NONE && inode.links == 1 && sparse == 0;
    let (extended, mut body) = match small.filter(|_| plain) {
        Some((start, size)) => {
            let body = BasicFile {
                start: start.into(),
                fragment: fragment.into(),
                offset: offset.into(),
                size: size.into(),
            };
            (false, body.as_bytes().to_vec())
        }
        None => {
            let body = ExtendedFile {
                start: start.into(),
                size: data.size.into(),
                sparse: sparse.into(),
                links: inode.links.into(),
                fragment: fragment.into(),
                offset: offset.into(),
                xattr: numbers.xattr.into(),
            };
            (true, body.as_bytes().to_vec())
        }
    };
    for size in sizes {
        body.extend_from_slice(&size.to_le_bytes());
    }
    (extended, body)
}
