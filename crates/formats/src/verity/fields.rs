//! Superblock and levels of a hash tree, field by field.

use std::io;

use super::format::{
    BLOCK_SIZE, MAGIC, OnDisk, SUPERBLOCK_SIZE, Superblock, block_hash, hash_levels,
};
use crate::fields::{Field, Row, Source, rows, show, structure};

const ROWS: &[Row] = rows!(OnDisk {
    magic: "signature" => show::text,
    version: "version" => show::number,
    hash_type: "hash_type" => |b| show::named(b, &[(0, "Chrome OS"), (1, "normal")]),
    uuid: "uuid" => uuid,
    algorithm: "algorithm" => show::text,
    data_block_size: "data_block_size" => show::number,
    hash_block_size: "hash_block_size" => show::number,
    data_blocks: "data_blocks" => show::number,
    salt_size: "salt_size" => show::number,
    padding: "_pad1" => show::reserved,
    salt: "salt" => salt,
    reserved: "_pad2" => show::reserved,
});

/// A UUID's bytes stand in the order of its digits.
fn uuid(bytes: &[u8]) -> String {
    let digits = show::bytes(bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    let parts = parts.map(|part| digits.get(part).unwrap_or_default());
    parts.join("-")
}

/// Without the zeros that fill it up.
fn salt(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|byte| *byte != 0);
    let used = end.and_then(|end| bytes.get(..=end)).unwrap_or_default();
    show::bytes(used)
}

/// Whether a superblock starts with these bytes, sound or not.
pub fn is_superblock(start: &[u8]) -> bool {
    start.starts_with(&MAGIC)
}

/// A superblock and the tree behind it.
///
/// # Errors
///
/// When they cannot be read.
pub fn fields(source: &mut Source<'_>) -> io::Result<Vec<Field>> {
    let bytes = source.at(0, SUPERBLOCK_SIZE)?;
    let place = source.place(0);
    let of = Some("cryptsetup, DMVerity, on-disk format");
    let inside = structure(place, &bytes, ROWS);
    let size = bytes.len() as u64;
    let mut fields = vec![Field::of((place, size), "dm-verity superblock", of, inside)];
    let superblock = match Superblock::parse(&bytes) {
        Ok(superblock) => superblock,
        Err(error) => {
            let end = place.saturating_add(size);
            fields.push(Field::ended(end, error.to_string()));
            return Ok(fields);
        }
    };
    let levels = hash_levels(superblock.data_blocks);
    let block = BLOCK_SIZE as u64;
    let (mut at, mut inside) = (block, Vec::new());
    for (level, blocks) in (0..levels.len()).zip(levels).rev() {
        let size = blocks.saturating_mul(block);
        let words = match level {
            0 => "the hashes of the data's blocks".to_owned(),
            _ => format!("the hashes of level {}'s blocks", level - 1),
        };
        let name = format!("level {level}");
        let value = format!("{blocks} blocks: {words}");
        inside.push(Field::new(source.place(at), size, name, value));
        at = at.saturating_add(size);
    }
    if at > source.size() {
        let end = source.place(source.size());
        inside.push(Field::ended(end, "the file ends before the tree does"));
    }
    let top = source.at(block, BLOCK_SIZE)?;
    if top.len() == BLOCK_SIZE && superblock.data_blocks > 1 {
        let hash = block_hash(&superblock.salt, &top);
        let value = format!("{}, computed", show::bytes(&hash));
        inside.push(Field::new(source.place(block), block, "root hash", value));
    }
    let place = (source.place(block), at - block);
    fields.push(Field::of(place, "hash tree", of, inside));
    Ok(fields)
}
