//! A disk: protective MBR, both copies of the partition table, then each boot partition.

use formats::gpt::{Partition, Side, Table};

use super::{Context, slot};
use crate::disk::{Structure, boot_partitions, structures, table};
use crate::kind::Kind;
use crate::report::{Break, Report};
use crate::{Error, Part};

/// What no signature is about, wherever the release is on a disk.
const UNSIGNED: &str =
    "partition table, the file system's own structures and unused space: no signature covers them";

/// Checks all of it; gives the manifests that the UKIs of the first boot partition with any pin.
pub(super) fn check(context: &mut Context<'_, '_>, part: &mut Part<'_>) -> Vec<Vec<u8>> {
    let name = part.name().to_owned();
    let table = match table(part) {
        Ok(table) => table,
        Err(error) => {
            let found = Break::of(&name, error.to_string());
            context
                .report
                .failed("partition table", "one copy is sound", found);
            return Vec::new();
        }
    };
    compare(context, part, &table);
    context.report.summary.not_covered(UNSIGNED);
    let partitions = boot_partitions(&table);
    for other in (table.partitions.iter()).filter(|found| !partitions.contains(found)) {
        let (number, name) = (other.number, &other.name);
        let size = other.size(table.sector_size);
        let what = format!("partition {number}, {name:?}, {size} bytes: no part of the release");
        context.report.summary.not_covered(what);
    }
    if partitions.is_empty() {
        let found = Break::of(&name, Error::NoBootPartition(name.clone()).to_string());
        context
            .report
            .failed("partitions", "a boot partition is there", found);
    }
    let several = partitions.len() > 1;
    let mut first = Vec::new();
    for partition in partitions {
        let pinned = boot_partition(context, part, &table, &partition, several);
        if first.is_empty() {
            first = pinned;
        }
    }
    first
}

/// Compares the five structures with what is written for such a table.
fn compare(context: &mut Context<'_, '_>, part: &mut Part<'_>, table: &Table) {
    let what = "as written for these partitions";
    let damage = table.other_side.as_ref().err().map(ToString::to_string);
    let other_side = match table.side {
        Side::Primary => "backup",
        Side::Backup => "primary",
    };
    let structures = match structures(table) {
        Ok(structures) => structures,
        Err(error) => {
            // Another tool's table: its own checksums are all that is known.
            let why = format!("it was not written by sealboot: {error}");
            context.report.not_checked("partition table", what, why);
            if let Some(damage) = damage {
                let found = Break::of(part.name(), damage);
                let object = format!("{other_side} GPT");
                context.report.failed(&object, "sound", found);
            }
            return;
        }
    };
    for structure in structures {
        let Structure {
            name,
            offset,
            bytes,
        } = structure;
        let of = part.name().to_owned();
        let found = match part.bytes_at(offset, bytes.len()) {
            Ok(found) => found,
            Err(error) => {
                let found = super::release::absent(&of, &error).at(part, offset);
                context.report.failed(name, what, found);
                continue;
            }
        };
        let pairs = bytes.iter().zip(&found).enumerate();
        match pairs.into_iter().find(|(_, (a, b))| a != b) {
            None => context.report.ok(name, what, ""),
            Some((index, (ours, theirs))) => {
                let why = match &damage {
                    Some(damage) if name.starts_with(other_side) => damage.clone(),
                    _ => format!("the {name} differs"),
                };
                let found = Break::of(&of, why)
                    .at(part, offset.saturating_add(index as u64))
                    .differs(format!("{ours:#04x}"), format!("{theirs:#04x}"));
                context.report.failed(name, what, found);
            }
        }
    }
}

fn boot_partition(
    context: &mut Context<'_, '_>,
    part: &mut Part<'_>,
    table: &Table,
    partition: &Partition,
    several: bool,
) -> Vec<Vec<u8>> {
    let (start, size) = (
        partition.offset(table.sector_size),
        partition.size(table.sector_size),
    );
    let mut inner = Context {
        owner: context.owner,
        report: Report::new(part.name(), Kind::Disk, context.owner),
        meter: &mut *context.meter,
    };
    let pinned = slot::check(&mut inner, part, start, size);
    let within = match several {
        true => format!("partition {}", partition.number),
        false => String::new(),
    };
    let report = inner.report;
    context.report.append(report, &within);
    pinned
}
