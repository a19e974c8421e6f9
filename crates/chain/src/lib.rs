//! What a file is ([`inspect`]), and whether the whole chain of trust holds ([`verify`]).
//!
//! Both read artefacts as they lie there, piece by piece: nothing is mapped, mounted or held in
//! memory whole. Nothing of what they read is trusted: wrong bytes are findings, never panics.
//!
//! In order: `kind` (which format it is), `part` (bytes, and where on a disk they are), `files`
//! (a release in a folder or on a boot partition), the artefacts that take more than one reader
//! (`uki`, `initrd`, `image`, `disk`), what a TPM will say of one (`measured`), then [`facts`] and [`fields`]
//! for people who look and [`check`] with its
//! [`report`] for those who need to know.

mod certificate;
pub mod check;
mod difference;
mod disk;
mod error;
pub mod facts;
mod fields;
mod files;
mod image;
mod initrd;
mod kind;
mod measured;
mod part;
pub mod report;
mod text;
mod uki;

pub use certificate::{Certificate, Dbx, Owner};
pub use check::{SbatLevel, verify};
pub use difference::{Change, Difference, FileChange, PackageChange, difference};
pub use error::Error;
pub use facts::inspect;
pub use fields::{Fields, fields};
pub use kind::{Kind, recognise};
pub use measured::{Enrolled, Measured, measure};
pub use part::{Bytes, Part};

use formats::hex;

/// Told how many of how many bytes are done.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);
