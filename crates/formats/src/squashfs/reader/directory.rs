//! Listings of directories.

use std::io::{Read, Seek};

use super::{DirEntry, Inode, Listing, Node, ReadError, Reader, wrong_kind};
use crate::squashfs::format::{
    DirectoryEntry, DirectoryHeader, MAX_DIRECTORY_RUN, MAX_NAME, Reference,
};

impl<R: Read + Seek> Reader<R> {
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
}
