//! [`Volume`] → text, for `inspect` and for golden tests.

use std::fmt::Write;
use std::io::{Read, Seek};

use super::reader::{Error, Volume};

/// The volume's shape, then each file and directory with its size in bytes, first cluster,
/// time of writing, path, and alias if it has one.
///
/// # Errors
///
/// Those of [`Volume::walk`].
pub fn dump<R: Read + Seek>(volume: &mut Volume<R>) -> Result<String, Error> {
    let label = volume.label()?.unwrap_or_default();
    let serial = volume.serial();
    let g = *volume.geometry();
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = writeln!(
        text,
        "FAT32 {label:?} {:04X}-{:04X}: {} bytes, {} clusters of {} bytes from byte {}",
        serial >> 16,
        serial & 0xffff,
        g.size(),
        g.clusters,
        g.cluster_size,
        g.cluster_offset(2),
    );
    let _ = writeln!(
        text,
        "{} reserved sectors of {} bytes, {} FATs of {} sectors",
        g.reserved_sectors, g.sector_size, g.fats, g.fat_sectors
    );
    for (path, entry) in volume.walk()? {
        let size = match entry.is_directory {
            true => "dir".to_owned(),
            false => entry.size.to_string(),
        };
        let alias = match entry.name == entry.short_name {
            true => String::new(),
            false => format!(" ({})", entry.short_name),
        };
        let _ = writeln!(
            text,
            "{size:>10} {:>9} {} {path:?}{alias}",
            entry.cluster, entry.written
        );
    }
    Ok(text)
}
