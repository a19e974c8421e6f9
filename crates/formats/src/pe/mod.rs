//! PE32+ images: headers, sections, and sections added to a stub.
//!
//! Specification: Microsoft, "PE Format", <https://learn.microsoft.com/windows/win32/debug/pe-format>.
//! Only PE32+ (64-bit) images are read: 64-bit UEFI loads nothing else.
//!
//! Order of things in a file: DOS header, `PE\0\0`, COFF header, optional header with data
//! directories, section table, padding up to `SizeOfHeaders`, section contents at multiples of
//! `FileAlignment`, and last the attribute certificate table (see [`crate::authenticode`]).

mod checksum;
#[cfg(feature = "build")]
mod fields;
pub mod format;
mod layout;
mod reader;
mod writer;

pub use checksum::{Checksum, checksum, set_checksum};
#[cfg(feature = "build")]
pub(crate) use fields::fields;
pub use layout::{Data, Give, Layout};
pub use reader::{Error, Headers, Pe, parse_headers};
pub use writer::{EditError, NewSection, add_sections, lay_out};

#[cfg(test)]
pub(crate) mod tests;
