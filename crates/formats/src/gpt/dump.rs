//! [`Table`] → text, for `inspect` and for golden tests.

use std::fmt;

use super::{Side, Table};

impl fmt::Display for Table {
    /// Sizes in sectors unless a unit stands beside them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sector = self.sector_size;
        writeln!(
            f,
            "GPT disk {}: {} sectors of {} bytes, usable {} to {}",
            self.disk_guid,
            self.disk_sectors,
            sector.bytes(),
            self.first_usable_lba,
            self.last_usable_lba,
        )?;
        for p in &self.partitions {
            writeln!(f, "partition {} {:?}", p.number, p.name)?;
            writeln!(f, "  type       {}", p.type_guid)?;
            writeln!(f, "  guid       {}", p.guid)?;
            writeln!(
                f,
                "  sectors    {} to {}: {} bytes at byte {}",
                p.first_lba,
                p.last_lba,
                p.size(sector),
                p.offset(sector),
            )?;
            if p.attributes != 0 {
                writeln!(f, "  attributes {:#018x}", p.attributes)?;
            }
        }
        let other = match self.side {
            Side::Primary => Side::Backup,
            Side::Backup => Side::Primary,
        };
        match &self.other_side {
            Ok(()) => writeln!(f, "both copies of the table are sound"),
            Err(damage) => writeln!(f, "the {other} copy needs repair: {damage}"),
        }
    }
}
