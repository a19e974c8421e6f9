//! An image, field by field: superblock, tables, inodes in the order of the directories.

use std::io;

use super::format::{SUPERBLOCK_SIZE, Superblock, flags};
use super::reader::Reader;
use crate::fields::{Field, Row, Source, rows, show, structure};

const SUPERBLOCK: &[Row] = rows!(Superblock {
    magic: "magic" => |b| format!("{} {}", show::hex(b), show::text(b)),
    inode_count: "inode count" => show::number,
    mkfs_time: "mod time" => show::unix_time,
    block_size: "block size" => show::number,
    fragment_count: "frag count" => show::number,
    compressor: "compressor" => |b| show::named(b, &[
        (1, "GZIP"),
        (2, "LZMA"),
        (3, "LZO"),
        (4, "XZ"),
        (5, "LZ4"),
        (6, "ZSTD"),
    ]),
    block_log: "block log" => show::number,
    flags: "flags" => |b| show::flags(b, &[
        (0x0001, "uncompressed inodes"),
        (0x0002, "uncompressed data"),
        (0x0008, "uncompressed fragments"),
        (0x0010, "no fragments"),
        (flags::ALWAYS_FRAGMENTS as u64, "always fragments"),
        (flags::DUPLICATES as u64, "deduplicated"),
        (flags::EXPORTABLE as u64, "exportable"),
        (0x0100, "uncompressed xattrs"),
        (0x0200, "no xattrs"),
        (flags::COMPRESSOR_OPTIONS as u64, "compressor options"),
        (0x0800, "uncompressed ids"),
    ]),
    id_count: "id count" => show::number,
    version_major: "version major" => show::number,
    version_minor: "version minor" => show::number,
    root_inode: "root inode" => show::hex,
    bytes_used: "bytes used" => show::number,
    id_table: "id table" => show::place,
    xattr_table: "xattr table" => table,
    inode_table: "inode table" => show::place,
    directory_table: "dir table" => show::place,
    fragment_table: "frag table" => table,
    export_table: "export table" => table,
});

/// A position, or that there is no such table.
fn table(bytes: &[u8]) -> String {
    match show::little(bytes) {
        u64::MAX => "none".to_owned(),
        _ => show::place(bytes),
    }
}

/// A squashfs image.
///
/// # Errors
///
/// When it cannot be read.
pub fn fields(image: &mut Source<'_>) -> io::Result<Vec<Field>> {
    let bytes = image.at(0, SUPERBLOCK_SIZE)?;
    let base = image.place(0);
    let of = Some("squashfs 4.0, The Superblock");
    let inside = structure(base, &bytes, SUPERBLOCK);
    let place = (base, bytes.len() as u64);
    let mut fields = vec![Field::of(place, "superblock", of, inside)];
    match Reader::open(&mut *image) {
        Ok(mut reader) => {
            fields.extend(reader.table_fields(base));
            fields.push(reader.inode_fields(base));
        }
        Err(error) => {
            let end = base.saturating_add(bytes.len() as u64);
            fields.push(Field::ended(end, error.to_string()));
        }
    }
    Ok(fields)
}
