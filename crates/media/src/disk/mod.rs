//! A bootable disk image: GPT with one FAT32 EFI partition that holds a whole release.
//!
//! 1. [`DiskOptions`] say what goes where;
//! 2. [`DiskPlan::new`] checks them and places every byte; a plan can be printed;
//! 3. [`DiskPlan::write`] writes it, sparse, in one pass.
//!
//! The first and the last MiB belong to the partition table (UEFI 2.10, section 5); the
//! partition is between them.

mod dump;
mod guid;
mod place;
mod plan;
mod writer;

#[cfg(test)]
mod tests;

pub use guid::{guid_from, serial_from};
pub use plan::{DiskOptions, DiskPlan, FileOnSlot, PlanError, Source};
pub use writer::WriteError;
