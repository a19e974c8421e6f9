//! Boot entries for the systems of a disk, so that the firmware starts the one that was asked for.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, anyhow};
use contract::esp;
use formats::efi_signature_list::Timestamp;
use formats::efivars::{self, BOOT_ORDER, GLOBAL};
use formats::fat::Volume;
use formats::gpt::{self, Partition, SectorSize};
use formats::load_option::{self, LoadOption, Node};
use formats::varstore::{Store, Variable};
use machine::slot;

use crate::exit::{Code, WithCode};

/// The sectors of every disk that the machine has.
const SECTOR: SectorSize = SectorSize::B512;

/// An entry for each system of a disk, that of `system` first.
///
/// # Errors
///
/// When the disk holds no such system.
pub fn of(disk: &Path, system: &str) -> anyhow::Result<Vec<LoadOption>> {
    let found = systems(disk);
    let what = || format!("{} does not hold the system {system:?}", disk.display());
    let (partition, mut names) = found.with_context(what).code(Code::Missing)?;
    let position = names.iter().position(|name| name == system);
    let all = names.join(", ");
    let Some(position) = position else {
        let found = anyhow!("its systems are {all}");
        return Err(found.context(what())).code(Code::Missing);
    };
    names[..=position].rotate_right(1);
    let entry = |name: &String| {
        let partition = Node::Partition {
            number: partition.number,
            first_lba: partition.first_lba,
            sectors: partition.size(SECTOR) / SECTOR.bytes(),
            guid: partition.guid,
        };
        LoadOption::of_file(name, partition, &esp::uki(Some(name)))
    };
    Ok(names.iter().map(entry).collect())
}

/// The boot partition and the names of the systems on it.
fn systems(disk: &Path) -> anyhow::Result<(Partition, Vec<String>)> {
    let mut file = File::open(disk)?;
    let table = gpt::read(&mut file, SECTOR)?;
    let mut partitions = table.partitions.into_iter();
    let partition = partitions
        .find(|partition| partition.type_guid == esp::PARTITION_TYPE)
        .context("it has no boot partition")?;
    let (start, size) = (partition.offset(SECTOR), partition.size(SECTOR));
    let mut volume = Volume::open(file, start, size)?;
    let manifest = slot::manifest(&mut volume).context("it has no release on it")?;
    let system = manifest
        .system
        .context("its release is of one system: --system is for several ([[system]])")?;
    Ok((partition, system.all))
}

/// The variables that put these entries before all others of a store. Entries that it has already
/// keep their numbers.
pub fn variables(store: &Store, entries: &[LoadOption]) -> anyhow::Result<Vec<Variable>> {
    let mut taken: Vec<(u16, &[u8])> = store
        .variables
        .iter()
        .filter(|variable| variable.vendor == GLOBAL)
        .filter_map(|variable| Some((number(&variable.name)?, variable.data.as_slice())))
        .collect();
    let values = entries.iter().map(load_option::write);
    let values = values.collect::<Result<Vec<_>, _>>()?;
    let (mut order, mut variables) = (Vec::new(), Vec::new());
    for value in &values {
        let known = taken.iter().find(|(_, data)| data == value);
        let number = match known {
            Some((number, _)) => *number,
            None => (0..=u16::MAX)
                .find(|free| taken.iter().all(|(number, _)| number != free))
                .context("every number of a boot entry is taken")?,
        };
        taken.push((number, value));
        order.push(number);
        variables.push(variable(&format!("Boot{number:04X}"), value.clone()));
    }
    let before = store.variables.iter();
    let before = before.filter(|variable| {
        (variable.name.as_str(), variable.vendor) == (BOOT_ORDER.name, BOOT_ORDER.vendor)
    });
    let others = before.flat_map(|variable| variable.data.chunks_exact(2));
    let others = others.filter_map(|pair| pair.first_chunk());
    for other in others.map(|pair| u16::from_le_bytes(*pair)) {
        if !order.contains(&other) {
            order.push(other);
        }
    }
    let order = order.into_iter().flat_map(u16::to_le_bytes).collect();
    variables.push(variable(BOOT_ORDER.name, order));
    Ok(variables)
}

/// The number of a boot entry's variable: four hex digits in capitals (UEFI 2.10, section 3.3).
fn number(name: &str) -> Option<u16> {
    let number = u16::from_str_radix(name.strip_prefix("Boot")?, 16).ok()?;
    (name == format!("Boot{number:04X}")).then_some(number)
}

fn variable(name: &str, data: Vec<u8>) -> Variable {
    let efivars::Variable {
        vendor, attributes, ..
    } = BOOT_ORDER;
    Variable {
        name: name.to_owned(),
        vendor,
        attributes,
        time: Timestamp::default(),
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> LoadOption {
        LoadOption {
            attributes: 1,
            description: name.to_owned(),
            paths: Vec::new(),
            data: Vec::new(),
        }
    }

    fn with(entries: &[LoadOption], before: Vec<Variable>) -> Vec<Variable> {
        let store = Store {
            area: 0..0,
            variables: before,
        };
        variables(&store, entries).unwrap()
    }

    fn names(variables: &[Variable]) -> Vec<&str> {
        variables.iter().map(|one| one.name.as_str()).collect()
    }

    #[test]
    fn entries_are_numbered_and_come_first() {
        let first = with(&[entry("a"), entry("b")], Vec::new());
        assert_eq!(names(&first), ["Boot0000", "Boot0001", "BootOrder"]);
        assert_eq!(first[2].data, [0, 0, 1, 0]);

        // What is there keeps its number, what is new gets a free one.
        let own = variable("Boot0002", b"the firmware's own".to_vec());
        let mut before = [&first[..2], &[own]].concat();
        before.push(variable("BootOrder", vec![2, 0, 0, 0, 9, 0]));
        let then = with(&[entry("c"), entry("b")], before);
        assert_eq!(names(&then), ["Boot0003", "Boot0001", "BootOrder"]);
        assert_eq!(then[2].data, [3, 0, 1, 0, 2, 0, 0, 0, 9, 0]);
    }

    #[test]
    fn other_variables_are_no_entries() {
        assert_eq!(number("Boot00AF"), Some(0xaf));
        for name in [
            "Boot00af",
            "BootOrder",
            "BootNext",
            "Boot1",
            "Boot+001",
            "Key0001",
        ] {
            assert_eq!(number(name), None, "{name}");
        }
    }
}
