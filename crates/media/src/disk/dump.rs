//! [`DiskPlan`] → text of at most 80 columns, unless a path is long.

use std::fmt;

use super::plan::DiskPlan;

impl fmt::Display for DiskPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sector = self.layout.sector_size();
        let end = self.disk_size;
        writeln!(f, "disk {}, {}", self.layout.disk_guid(), human(end))?;
        writeln!(f)?;
        writeln!(f, "{:>12}  {:>12}  part", "offset", "size")?;
        let mut row =
            |offset: u64, size: u64, what: &str| writeln!(f, "{offset:>12}  {size:>12}  {what}");
        row(0, self.start, "protective MBR, GPT")?;
        for p in self.layout.partitions() {
            let what = format!(
                "partition {} {:?}, FAT32 {:?}",
                p.number, p.name, self.label
            );
            row(p.offset(sector), p.size(sector), &what)?;
        }
        row(end - self.start, self.start, "backup GPT")?;
        for p in self.layout.partitions() {
            writeln!(f)?;
            writeln!(f, "partition {}: {}", p.number, p.guid)?;
            writeln!(f, "type:        {}", p.type_guid)?;
        }
        let g = self.volume.geometry();
        writeln!(
            f,
            "clusters:    {} of {}, {} free",
            g.clusters,
            human(g.cluster_size.into()),
            human(self.volume.free())
        )?;
        writeln!(f)?;
        writeln!(f, "{:>12}  {:>12}  file", "offset", "size")?;
        for file in self.volume.files() {
            let offset = match file.size {
                0 => "-".to_owned(),
                _ => (self.start + file.offset).to_string(),
            };
            writeln!(f, "{offset:>12}  {:>12}  {}", file.size, file.path)?;
        }
        let count = self.volume.files().len();
        let s = if count == 1 { "" } else { "s" };
        let total = human(self.content_size());
        writeln!(f, "{count} file{s}, {total}")
    }
}

/// A size with one decimal in the largest unit that leaves at least 1: `1.5 GiB`.
fn human(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let exponent = (bytes.ilog2() / 10).min(UNITS.len() as u32);
    let unit = 1u64 << (10 * exponent);
    let (whole, tenth) = (bytes / unit, bytes % unit / (unit / 1024) * 10 / 1024);
    let name = UNITS[exponent as usize - 1];
    match tenth {
        0 => format!("{whole} {name}"),
        _ => format!("{whole}.{tenth} {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn sizes_are_readable() {
        let cases = [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (4096, "4 KiB"),
            (34 << 20, "34 MiB"),
            ((3 << 30) + (1 << 29), "3.5 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(human(bytes), expected);
        }
    }
}
