//! Inodes, field by field, in the order of the directories.

use std::io::{Read, Seek};

use super::blocks::{Cursor, cursor_at};
use super::tables::stored;
use super::{Inode, Node, ReadError, Reader};
use crate::fields::{Field, MOST, Row, rows, show, structure};
use crate::squashfs::format::{
    BasicDirectory, BasicFile, Device, EXTENDED, ExtendedDirectory, ExtendedFile, InodeHeader,
    InodeType, Ipc, NONE, Symlink, unpack_device,
};

/// Most block sizes of a file that are shown.
const SIZES: u64 = 8;

const HEADER: &[Row] = rows!(InodeHeader {
    kind: "type" => |b| show::named(b, &[
        (1, "Basic Directory"),
        (2, "Basic File"),
        (3, "Basic Symlink"),
        (4, "Basic Block Device"),
        (5, "Basic Char Device"),
        (6, "Basic Fifo"),
        (7, "Basic Socket"),
        (8, "Extended Directory"),
        (9, "Extended File"),
        (10, "Extended Symlink"),
        (11, "Extended Block Device"),
        (12, "Extended Char Device"),
        (13, "Extended Fifo"),
        (14, "Extended Socket"),
    ]),
    mode: "permissions" => |b| format!("{:#o}", show::little(b)),
    uid: "uid index" => show::number,
    gid: "gid index" => show::number,
    mtime: "mtime" => show::unix_time,
    number: "inode number" => show::number,
});

const BASIC_DIRECTORY: &[Row] = rows!(BasicDirectory {
    block: "block index" => show::place,
    links: "link count" => show::number,
    size: "file size" => show::number,
    offset: "block offset" => show::place,
    parent: "parent inode" => show::number,
});

const EXTENDED_DIRECTORY: &[Row] = rows!(ExtendedDirectory {
    links: "link count" => show::number,
    size: "file size" => show::number,
    block: "block index" => show::place,
    parent: "parent inode" => show::number,
    index_count: "index count" => show::number,
    offset: "block offset" => show::place,
    xattr: "xattr index" => index,
});

const BASIC_FILE: &[Row] = rows!(BasicFile {
    start: "blocks start" => show::place,
    fragment: "frag index" => index,
    offset: "block offset" => show::place,
    size: "file size" => show::number,
});

const EXTENDED_FILE: &[Row] = rows!(ExtendedFile {
    start: "blocks start" => show::place,
    size: "file size" => show::number,
    sparse: "sparse" => show::number,
    links: "link count" => show::number,
    fragment: "frag index" => index,
    offset: "block offset" => show::place,
    xattr: "xattr index" => index,
});

const SYMLINK: &[Row] = rows!(Symlink {
    links: "link count" => show::number,
    target_size: "target size" => show::number,
});

const DEVICE: &[Row] = rows!(Device {
    links: "link count" => show::number,
    device: "device number" => |b| {
        let (major, minor) = unpack_device(show::little(b) as u32);
        format!("{} {major}:{minor}", show::hex(b))
    },
});

const IPC: &[Row] = rows!(Ipc {
    links: "link count" => show::number,
});

const XATTR: &[Row] = &[Row {
    names: &["xattr index"],
    offset: 0,
    size: 4,
    show: index,
}];

/// An index, or that there is none.
fn index(bytes: &[u8]) -> String {
    match show::little(bytes) == u64::from(NONE) {
        true => "none".to_owned(),
        false => show::number(bytes),
    }
}

/// Of longer paths the end is shown, so many bytes of it.
const PATH: usize = 1000;

/// Why a walk ends.
enum Stop {
    Enough,
    Read(ReadError),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl<R: Read + Seek> Reader<R> {
    /// The inodes of the image, which is at `base` of the file, by their paths: at most [`MOST`].
    pub(in crate::squashfs) fn inode_fields(&mut self, base: u64) -> Field {
        let mut fields = Vec::new();
        let table = self.superblock.inode_table.get();
        let total = self.superblock.inode_count.get() as usize;
        let walked = self.walk(|reader, path, inode| {
            if fields.len() >= MOST {
                return Err(Stop::Enough);
            }
            let place = base.saturating_add(table);
            fields.push(reader.one_inode(place, path, inode)?);
            Ok(())
        });
        match walked {
            Ok(()) => {}
            Err(Stop::Enough) => {
                let more = match total.checked_sub(MOST) {
                    Some(more) if more > 0 => format!("and {more} more"),
                    _ => "and more".to_owned(),
                };
                fields.push(Field::new(0, 0, "...", more));
            }
            Err(Stop::Read(error)) => fields.push(Field::ended(0, error.to_string())),
        }
        let of = Some("squashfs 4.0, Inode Table");
        Field::of((0, 0), "inodes by path", of, fields)
            .unpacked()
            .saying("offsets are those in their unpacked metadata block")
    }

    fn one_inode(&mut self, table: u64, path: &[u8], inode: &Inode) -> Result<Field, ReadError> {
        const WHAT: &str = "an inode";
        let start = u64::from(inode.reference.offset);
        let mut cursor = cursor_at(self.superblock.inode_table.get(), inode.reference);
        let mut at = start;
        let mut fields = Vec::new();
        let header = self.rows(WHAT, &mut cursor, &mut at, HEADER, &mut fields)?;
        let kind = show::little(header.get(..2).unwrap_or_default()) as u16;
        let is_extended = kind > EXTENDED;
        let kind = InodeType::try_from(kind - if is_extended { EXTENDED } else { 0 });
        let rows = match (kind, is_extended) {
            (Ok(InodeType::Directory), false) => BASIC_DIRECTORY,
            (Ok(InodeType::Directory), true) => EXTENDED_DIRECTORY,
            (Ok(InodeType::File), false) => BASIC_FILE,
            (Ok(InodeType::File), true) => EXTENDED_FILE,
            (Ok(InodeType::Symlink), _) => SYMLINK,
            (Ok(InodeType::BlockDevice | InodeType::CharDevice), _) => DEVICE,
            _ => IPC,
        };
        self.rows(WHAT, &mut cursor, &mut at, rows, &mut fields)?;
        match &inode.node {
            Node::Directory(_) => {}
            Node::File(file) => {
                let whole = file.size / self.block_size as u64;
                let has_tail = !file.size.is_multiple_of(self.block_size as u64);
                let count = whole + u64::from(has_tail && file.fragment == NONE);
                for _ in 0..count.min(SIZES) {
                    let row = [Row {
                        names: &["block size"],
                        offset: 0,
                        size: 4,
                        show: stored,
                    }];
                    self.rows(WHAT, &mut cursor, &mut at, &row, &mut fields)?;
                }
                if count > SIZES {
                    let more = format!("and {} more", count - SIZES);
                    fields.push(Field::new(at, 0, "...", more));
                }
            }
            Node::Symlink(target) => {
                let size = target.len();
                self.fill(WHAT, &mut cursor, &mut vec![0; size])?;
                let shown = show::quoted(&target.escape_ascii().to_string());
                fields.push(Field::new(at, size as u64, "target path", shown));
                at += size as u64;
                if is_extended {
                    self.rows(WHAT, &mut cursor, &mut at, XATTR, &mut fields)?;
                }
            }
            _ if is_extended => {
                self.rows(WHAT, &mut cursor, &mut at, XATTR, &mut fields)?;
            }
            _ => {}
        }
        let cut = path.len().saturating_sub(PATH);
        let before = if cut > 0 { "..." } else { "/" };
        let tail = path.get(cut..).unwrap_or_default();
        let name = format!("{before}{}", tail.escape_ascii());
        let block = table.saturating_add(inode.reference.block);
        let value = format!("in the metadata block at {block:#x}");
        Ok(Field::of((start, at - start), name, None, fields)
            .saying(value)
            .unpacked())
    }

    /// The next structure of an inode, and its bytes.
    fn rows(
        &mut self,
        what: &'static str,
        cursor: &mut Cursor,
        at: &mut u64,
        rows: &[Row],
        fields: &mut Vec<Field>,
    ) -> Result<Vec<u8>, ReadError> {
        let size = rows.iter().map(|row| row.offset + row.size).max();
        let mut bytes = vec![0; size.unwrap_or(0)];
        self.fill(what, cursor, &mut bytes)?;
        fields.extend(structure(*at, &bytes, rows));
        *at += bytes.len() as u64;
        Ok(bytes)
    }
}
