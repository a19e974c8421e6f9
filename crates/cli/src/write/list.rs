//! `sealboot write --list`: the disks of this machine, and which of them could be written to.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use machine::disk::{self, Disk};
use machine::write::{Allowed, Refusal};

use crate::exit::{Code, WithCode};
use crate::output;
use crate::progress::size;

/// Most reasons that are shown of one disk: a host of containers has hundreds of mounts.
const REASONS: usize = 5;

/// Prints a disk a paragraph, or JSON.
pub fn print(root: &Path, allowed: Allowed, json: bool) -> anyhow::Result<()> {
    let disks = disk::survey(root)
        .context("the disks of this machine cannot be listed")
        .code(Code::Failed)?;
    if json {
        let rows = disks.iter().map(|disk| {
            let refusals = disk.refusals(allowed);
            let refusals: Vec<String> = refusals.iter().map(Refusal::to_string).collect();
            serde_json::json!({
                "disk": disk,
                "writable": refusals.is_empty(),
                "refusals": refusals,
            })
        });
        return output::print_json(&rows.collect::<Vec<_>>());
    }
    let table: String = disks.iter().map(|disk| paragraph(disk, allowed)).collect();
    match table.as_str() {
        "" => output::print("This machine shows no disk.\n"),
        table => output::print(table),
    }
}

fn paragraph(disk: &Disk, allowed: Allowed) -> String {
    let mut text = format!(
        "{:15} {:>11}  {:8} {}",
        format!("/dev/{}", disk.name),
        size(disk.size),
        disk.bus.as_str(),
        disk.model
    );
    text.truncate(text.trim_end().len());
    text.push('\n');
    let refusals = disk.refusals(allowed);
    if refusals.is_empty() {
        text.push_str("    can be written to\n");
    }
    for refusal in refusals.iter().take(REASONS) {
        let _ = writeln!(text, "    no: {refusal}");
    }
    if refusals.len() > REASONS {
        let _ = writeln!(text, "    and {} reasons more", refusals.len() - REASONS);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::disk::{Bus, Use, What};

    fn disk(name: &str, removable: bool, uses: usize) -> Disk {
        let used = |index| Use {
            device: format!("{name}1"),
            what: What::Mounted(format!("/srv/{index}")),
        };
        Disk {
            name: name.to_owned(),
            size: 30_752_636_928,
            sector_size: 512,
            bus: Bus::Usb,
            removable,
            read_only: false,
            model: "SanDisk Ultra".to_owned(),
            serial: String::new(),
            sequence: None,
            partitions: Vec::new(),
            uses: (0..uses).map(used).collect(),
            system: false,
        }
    }

    #[test]
    fn a_disk_is_a_paragraph() {
        let text = paragraph(&disk("sdb", true, 0), Allowed::default());
        let expected = "\
/dev/sdb          28.64 GiB  USB      SanDisk Ultra
    can be written to
";
        assert_eq!(text, expected);
        let text = paragraph(&disk("sdb", false, 9), Allowed::default());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 7, "{text}");
        assert!(lines[1].contains("--fixed-disk"), "{text}");
        assert_eq!(lines[6], "    and 5 reasons more");
        assert!(lines.iter().all(|line| line.len() <= 80), "{text}");
    }
}
