//! FAT32: the only filesystem that every firmware reads.
//!
//! Specification: Microsoft, "FAT: General Overview of On-Disk Format" 1.03 (`fatgen103`), and
//! UEFI 2.10, section 13.3.
//!
//! A volume is laid out in this order:
//!
//! 1. reserved sectors: boot sector (0), FSInfo (1), a copy of both (6, 7);
//! 2. two file allocation tables (FAT): 32 bits for each cluster, the next one of its chain;
//! 3. clusters, numbered from 2: first the root directory, then the other directories, then
//!    the files, each in one piece.
//!
//! The writer works in one pass: [`Plan::new`] places everything, given paths and sizes alone;
//! [`Plan::write`] then writes each byte once. Free space is never written, so an image is as
//! sparse as its files. The reader, [`Volume`], trusts nothing that it reads.

mod dump;
#[cfg(feature = "build")]
mod fields;
mod format;
mod geometry;
mod name;
mod plan;
mod reader;
mod time;
mod tree;
mod writer;

#[cfg(test)]
mod tests;

pub use dump::dump;
#[cfg(feature = "build")]
pub use fields::{fields, is_volume};
pub use geometry::Geometry;
pub use plan::{Options, PlacedFile, Plan, PlanError, is_label, size_for};
pub use reader::{Entry, Error, File, Part, Problem, Volume};
pub use time::DosTime;
pub use writer::{Medium, WriteError};

/// The largest file that is written, in bytes: 4 GiB less one cluster of the largest size.
///
/// The format's own limit is 4 GiB - 1, a 32-bit size. But `fsck.vfat` 4.2 and older multiply
/// clusters by their size in 32 bits: they take a file that fills 4 GiB of clusters for empty,
/// and "repair" it by cutting it to nothing.
pub const FILE_LIMIT: u64 = (4 << 30) - (32 << 10);
