//! A disk image, written to a disk or a file so that what is there afterwards is known.
//!
//! In order: `image` (what is to be written), `target` (where to, and what speaks against it),
//! `plan` (every byte of the target that will be written, and what it will be), `hold` (nobody else
//! touches it from here on), `execute` (writes it and reads it back).
//!
//! What a finished write promises: every byte of the target from the first to the image's last is
//! the image's, read back from the medium; except that the backup of the partition table lies at
//! the target's own end, where UEFI 2.10, section 5.3.2, wants it, and both copies say so. The
//! last MiB of the target holds nothing else, so no older table or RAID superblock is found there.
//!
//! What an unfinished one promises: the first MiB is zeroed first and written last, so until the
//! end the disk has no partition table, and nothing boots from it.

mod error;
mod execute;
mod hold;
mod image;
mod plan;
mod target;

#[cfg(test)]
mod tests;

pub use error::{Error, State};
pub use execute::{Done, Stage, Watch, execute};
pub use hold::Held;
pub use image::Image;
pub use plan::Plan;
pub use target::{Allowed, Claim, Refusal, Target};

/// This many bytes at the start of the target are zeroed first and written last, and as many at
/// its end are cleared of what was there: a mebibyte holds every table that sealboot writes, md's
/// superblocks 0.90 and 1.0, and ZFS's last labels.
pub const EDGE: u64 = 1 << 20;
