//! What is measured, one file a subject.

mod boot;
mod container;
mod disk;
mod growth;
mod hash;
mod initrd;
mod squashfs;
mod uki;
mod whole;

use super::row::Row;
use super::{Bench, Contender};

/// Inputs, contenders, and what is compared of them.
pub struct Case {
    /// Names it for good.
    pub id: &'static str,
    /// Makes inputs and says who runs what.
    pub set_up: fn(&Bench) -> anyhow::Result<Vec<Contender>>,
    /// What is compared.
    pub rows: &'static [Row],
}

/// All of them, in the order of the result.
pub const CASES: &[Case] = &[
    hash::TREE,
    squashfs::MODULES_15,
    squashfs::MODULES_3,
    squashfs::ROOT_15,
    squashfs::ROOT_3,
    container::LEVEL_3,
    container::LEVEL_9,
    container::LEVEL_15,
    whole::BUILD,
    whole::REBUILD_FILE,
    whole::REBUILD_LINE,
    initrd::MAKE,
    boot::BOOT,
    uki::SIGNED,
    disk::SPARSE,
    growth::MEMORY,
    growth::FILES,
];
