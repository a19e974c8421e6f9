//! A disk: its partition table, and the bytes that a sound one would have.

use std::io::{self, Seek, SeekFrom, Write};

use contract::esp;
use formats::gpt::{self, Layout, LayoutError, Partition, SectorSize, Table};

use crate::{Error, Part};

/// Bytes of the entries of a table: 128 of 128.
const ENTRIES: u64 = 128 * 128;

/// The table, whichever sector size it was made for, and whatever the first sector holds.
pub(crate) fn table(part: &mut Part<'_>) -> Result<Table, Error> {
    match gpt::read_behind_mbr(part, SectorSize::B512) {
        Err(error @ gpt::Error::Unusable { .. }) => {
            Ok(gpt::read_behind_mbr(part, SectorSize::B4096).map_err(|_| error)?)
        }
        other => Ok(other?),
    }
}

/// The partitions that firmware starts from.
pub(crate) fn boot_partitions(table: &Table) -> Vec<Partition> {
    let is_it = |p: &&Partition| p.type_guid == esp::PARTITION_TYPE;
    table.partitions.iter().filter(is_it).cloned().collect()
}

/// One of the five structures of a table: what it is called, where it is, what it must hold.
pub(crate) struct Structure {
    pub(crate) name: &'static str,
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
}

/// The structures as they are written for this table. A disk may be larger than its table says,
/// when an image was copied to it: the table's own end counts.
pub(crate) fn structures(table: &Table) -> Result<Vec<Structure>, LayoutError> {
    let sector = table.sector_size.bytes();
    let sectors = (table.last_usable_lba)
        .saturating_add(2)
        .saturating_add(ENTRIES.div_ceil(sector));
    let layout = Layout::new(
        table.sector_size,
        sectors.saturating_mul(sector),
        table.disk_guid,
        table.partitions.clone(),
    )?;
    let mut pieces = Pieces::default();
    // Writing into memory cannot fail.
    let _ = layout.write(&mut pieces);
    pieces.written.sort_by_key(|(offset, _)| *offset);
    let names = [
        "protective MBR",
        "primary GPT header",
        "primary GPT entries",
        "backup GPT entries",
        "backup GPT header",
    ];
    let structure = |(name, (offset, bytes))| Structure {
        name,
        offset,
        bytes,
    };
    Ok(names
        .into_iter()
        .zip(pieces.written)
        .map(structure)
        .collect())
}

/// What is written, and where, without what is between.
#[derive(Default)]
struct Pieces {
    position: u64,
    written: Vec<(u64, Vec<u8>)>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.push((self.position, bytes.to_vec()));
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Pieces {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::Start(offset) => self.position = offset,
            _ => return Err(io::ErrorKind::Unsupported.into()),
        }
        Ok(self.position)
    }
}
