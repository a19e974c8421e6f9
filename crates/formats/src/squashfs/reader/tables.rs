//! Tables, field by field: where they are, their metadata blocks, their entries.

use std::io::{Read, Seek};

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout};

use super::{ReadError, Reader};
use crate::fields::{Field, List, MOST, Row, rows, show, structure};
use crate::squashfs::format::{
    Fragment, METADATA_SIZE, NO_TABLE, SUPERBLOCK_SIZE, XattrHeader, XattrId, flags,
};

const FRAGMENT: &[Row] = rows!(Fragment {
    start: "start" => show::place,
    size: "size" => stored,
    unused: "unused" => show::reserved,
});

const XATTR_HEADER: &[Row] = rows!(XattrHeader {
    start: "kv start" => show::place,
    count: "count" => show::number,
    unused: "unused" => show::reserved,
});

const XATTR_ID: &[Row] = rows!(XattrId {
    reference: "reference" => show::hex,
    count: "count" => show::number,
    size: "size" => show::number,
});

/// A stored size and whether the block is compressed.
pub(super) fn stored(bytes: &[u8]) -> String {
    let size = show::little(bytes) as u32;
    match size & super::super::format::DATA_UNCOMPRESSED {
        0 => format!("{size}, compressed"),
        flag => format!("{}, as it is", size & !flag),
    }
}

/// A table whose blocks' positions are listed.
struct Indexed {
    name: &'static str,
    specification: &'static str,
    /// Where the list of positions is in the image.
    position: u64,
    /// How many entries there are.
    count: u32,
}

impl<R: Read + Seek> Reader<R> {
    /// All tables of the image, which is at `base` of the file.
    pub(in crate::squashfs) fn table_fields(&mut self, base: u64) -> Vec<Field> {
        let s = self.superblock.clone();
        let mut fields = Vec::new();
        let mut data = SUPERBLOCK_SIZE as u64;
        if s.flags.get() & flags::COMPRESSOR_OPTIONS != 0 {
            let (blocks, end) = self.metadata_fields(base, data, None, true);
            let of = Some("squashfs 4.0, Compression Options");
            let place = (base.saturating_add(data), end.saturating_sub(data));
            fields.push(Field::of(place, "compressor options", of, blocks));
            data = end;
        }
        let [inodes, directories] = [s.inode_table.get(), s.directory_table.get()];
        let place = (base.saturating_add(data), inodes.saturating_sub(data));
        let of = Some("squashfs 4.0, Data and Fragment Blocks");
        fields.push(Field::of(place, "data blocks, fragments", of, Vec::new()));
        let first = self.first_behind(directories);
        let tables = [
            (
                "inode table",
                "squashfs 4.0, Inode Table",
                inodes,
                Some(directories),
            ),
            (
                "directory table",
                "squashfs 4.0, Directory Table",
                directories,
                None,
            ),
        ];
        for (name, of, start, end) in tables {
            // Blocks of the fragment table follow without a sign; nothing behind them counts.
            let most = end.or(first);
            let (blocks, end) = self.metadata_fields(base, start, most, false);
            let place = (base.saturating_add(start), end.saturating_sub(start));
            fields.push(Field::of(place, name, Some(of), blocks));
        }
        let table = |name, specification, position: U64, count| Indexed {
            name,
            specification,
            position: position.get(),
            count,
        };
        let fragments = table(
            "fragment table",
            "squashfs 4.0, Fragment Table",
            s.fragment_table,
            s.fragment_count.get(),
        );
        let export = table(
            "export table",
            "squashfs 4.0, Export Table",
            s.export_table,
            s.inode_count.get(),
        );
        let ids = table(
            "id table",
            "squashfs 4.0, ID Table",
            s.id_table,
            s.id_count.get().into(),
        );
        fields.extend(self.indexed_fields::<Fragment>(base, &fragments, FRAGMENT));
        let reference = &[Row {
            names: &["inode reference"],
            offset: 0,
            size: 8,
            show: show::hex,
        }];
        fields.extend(self.indexed_fields::<U64>(base, &export, reference));
        let id = &[Row {
            names: &["id"],
            offset: 0,
            size: 4,
            show: show::number,
        }];
        fields.extend(self.indexed_fields::<U32>(base, &ids, id));
        fields.extend(self.xattr_fields(base, s.xattr_table.get()));
        fields
    }

    /// Where the blocks of the tables start that follow the directories; `None` when nobody says.
    fn first_behind(&mut self, directories: u64) -> Option<u64> {
        let s = &self.superblock;
        let lists = [s.fragment_table, s.export_table, s.id_table, s.xattr_table].map(U64::get);
        let lists = lists.into_iter().filter(|at| *at != NO_TABLE);
        let mut places: Vec<u64> = lists.clone().collect();
        for list in lists {
            let first = self.struct_at::<U64>("a list of positions", list);
            places.extend(first.map(U64::get));
        }
        places.into_iter().filter(|at| *at > directories).min()
    }

    fn xattr_fields(&mut self, base: u64, position: u64) -> Vec<Field> {
        if position == NO_TABLE {
            return Vec::new();
        }
        const WHAT: &str = "the xattr table";
        let place = base.saturating_add(position);
        let header = match self.struct_at::<XattrHeader>(WHAT, position) {
            Ok(header) => header,
            Err(error) => return vec![Field::ended(place, error.to_string())],
        };
        let inside = structure(place, header.as_bytes(), XATTR_HEADER);
        let size = size_of::<XattrHeader>() as u64;
        let of = Some("squashfs 4.0, Xattr Table");
        let mut fields = vec![Field::of((place, size), "xattr table header", of, inside)];
        let table = Indexed {
            name: "xattr id table",
            specification: "squashfs 4.0, Xattr Table",
            position: position.saturating_add(size),
            count: header.count.get(),
        };
        fields.extend(self.indexed_fields::<XattrId>(base, &table, XATTR_ID));
        fields
    }

    /// The metadata blocks from `start` to `end`; one of them when there is to be `one`. Where they end.
    fn metadata_fields(
        &mut self,
        base: u64,
        start: u64,
        end: Option<u64>,
        one: bool,
    ) -> (Vec<Field>, u64) {
        let (mut fields, mut at) = (Vec::new(), start);
        let end = end.unwrap_or(self.superblock.bytes_used.get());
        while at < end {
            let place = base.saturating_add(at);
            if fields.len() >= MOST {
                let why = format!("only {MOST} blocks are shown");
                fields.push(Field::ended(place, why));
                break;
            }
            match self.metadata_block("a table", at) {
                Ok(block) => {
                    let stored = block.next.saturating_sub(at);
                    let value = format!("{} bytes unpacked", block.bytes.len());
                    fields.push(Field::new(place, stored, "metadata block", value));
                    at = block.next;
                }
                Err(error) => {
                    fields.push(Field::ended(place, error.to_string()));
                    break;
                }
            }
            if one {
                break;
            }
        }
        (fields, at)
    }

    /// The list of positions, and the entries in the blocks that are there.
    fn indexed_fields<T: FromBytes + IntoBytes + Immutable + KnownLayout>(
        &mut self,
        base: u64,
        table: &Indexed,
        rows: &'static [Row],
    ) -> Option<Field> {
        if table.position == NO_TABLE {
            return None;
        }
        let each = size_of::<T>();
        let blocks = (table.count as usize).div_ceil(METADATA_SIZE / each) as u64;
        let place = base.saturating_add(table.position);
        let mut fields = Vec::new();
        let mut list = List::default();
        let mut entries = List::default();
        for index in 0..blocks.min(MOST as u64) {
            let at = table.position.saturating_add(8 * index);
            let Ok(position) = self.struct_at::<U64>(table.name, at) else {
                let why = "the list of positions is cut off";
                fields.push(Field::ended(base.saturating_add(at), why));
                break;
            };
            let place = base.saturating_add(at);
            list.push(place, || {
                Field::new(place, 8, "metadata block", show::place(position.as_bytes()))
            });
        }
        for index in 0..table.count {
            let offset = index as usize % (METADATA_SIZE / each) * each;
            if entries.is_full() {
                entries.skip(offset as u64, u64::from(table.count - index));
                break;
            }
            match self.entry::<T>(table, index, each) {
                Ok(value) => entries.push(offset as u64, || {
                    let (place, size) = (offset as u64, each as u64);
                    let mut fields = structure(place, value.as_bytes(), rows);
                    match &mut fields[..] {
                        [only] => Field {
                            name: format!("{}[{index}]", only.name).into(),
                            ..std::mem::take(only)
                        },
                        _ => Field::of((place, size), format!("[{index}]"), None, fields),
                    }
                    .unpacked()
                }),
                Err(error) => {
                    fields.push(Field::ended(place, error.to_string()));
                    break;
                }
            }
        }
        let mut inside = list.finish();
        inside.extend(entries.finish());
        inside.extend(fields);
        let of = Some(table.specification);
        Some(Field::of((place, 8 * blocks), table.name, of, inside))
    }

    fn entry<T: FromBytes + IntoBytes + Immutable + KnownLayout>(
        &mut self,
        table: &Indexed,
        index: u32,
        each: usize,
    ) -> Result<T, ReadError> {
        let mut cursor = self.indexed(table.name, table.position, index, each)?;
        self.take::<T>(table.name, &mut cursor)
    }
}
