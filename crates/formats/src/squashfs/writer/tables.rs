//! The tree as tables: inodes, directories, export, owners, extended attributes.

use std::collections::HashMap;

use super::Error;
use super::content::Content;
use super::directory::{self, Entry, Listing};
use super::inode::{self, Numbers};
use super::metadata::MetadataWriter;
use super::tree::{InodeId, Tree, TreeInode};
use super::xattr::XattrWriter;
use crate::squashfs::compress::Packer;
use crate::squashfs::format::Reference;

/// What [`write`] made of a tree; each table still to be finished and placed.
pub(super) struct Tables {
    pub(super) inodes: MetadataWriter,
    pub(super) directories: MetadataWriter,
    pub(super) export: Vec<zerocopy::little_endian::U64>,
    pub(super) ids: Ids,
    pub(super) xattrs: XattrWriter,
    pub(super) root: Reference,
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

/// Writes all of a tree but its content.
pub(super) fn write<W>(
    tree: &Tree,
    content: &Content<W>,
    packer: &mut Packer,
) -> Result<Tables, Error> {
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
            layout.write_inode(child, &mut tables, content, packer)?;
        }
        let entries = directory.children.iter().filter_map(|(name, child)| {
            Some(Entry {
                name,
                kind: tree.inodes.get(child.0)?.kind.basic_type(),
                number: *layout.numbers.get(child.0)?,
                inode: (*layout.places.get(child.0)?)?,
            })
        });
        let listing = directory::write(&mut tables.directories, packer, entries)?;
        layout.listings.insert(id, listing);
    }
    tables.root = layout.write_inode(Tree::ROOT, &mut tables, content, packer)?;
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
        packer: &mut Packer,
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
                .add(packer, &attributes.xattrs)
                .map_err(compress)?,
        };
        let listing = self.listings.remove(&id).unwrap_or_default();
        let bytes = inode::encode(inode, &numbers, &listing, content)?;
        let place = tables.inodes.position();
        tables.inodes.write(packer, &bytes).map_err(compress)?;
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

/// Owners and groups: each number once, in the order in which they were met.
#[derive(Default)]
pub(super) struct Ids {
    known: HashMap<u32, u16>,
    pub(super) list: Vec<u32>,
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
