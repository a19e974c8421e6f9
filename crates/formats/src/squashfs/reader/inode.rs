//! Inodes.

use std::io::{Read, Seek};

use zerocopy::little_endian::U32;

use super::blocks::{Cursor, cursor_at};
use super::{Blocks, Inode, Listing, Node, ReadError, Reader};
use crate::squashfs::format::{
    BasicDirectory, BasicFile, Device, EXTENDED, ExtendedDirectory, ExtendedFile, InodeHeader,
    InodeType, Ipc, NONE, Reference, Symlink, unpack_device,
};

/// Longest symlink target that is read, in bytes: other writers know a longer limit than ours.
const MAX_TARGET: u32 = 65535;

impl<R: Read + Seek> Reader<R> {
    pub(super) fn inode(&mut self, reference: Reference) -> Result<Inode, ReadError> {
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
}
