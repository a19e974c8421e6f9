//! Unified kernel images: which sections a UKI has and what they hold.
//!
//! Specification: UAPI Group, UKI,
//! <https://uapi-group.org/specifications/specs/unified_kernel_image/>; SBAT:
//! <https://github.com/rhboot/shim/blob/main/SBAT.md>.

mod dump;
#[cfg(feature = "build")]
mod fields;
mod format;
mod reader;
pub mod sbat;

pub use dump::dump;
#[cfg(feature = "build")]
pub use fields::fields;
pub use format::{Profile, SECTIONS, SectionKind};
pub use reader::{Section, Uki};

#[cfg(test)]
mod tests;
