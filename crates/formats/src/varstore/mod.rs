//! The variable store of EDK2's OVMF: `OVMF_VARS.fd` with keys in it, so that a virtual machine
//! starts with Secure Boot on.
//!
//! Specifications: Platform Initialization 1.8, volume 3, section 3.2.1 (firmware volume header);
//! EDK2's `MdeModulePkg/Include/Guid/VariableFormat.h` (variable store and variables).
//!
//! Order of things: firmware volume header, variable store header, variables, erased bytes up to
//! the store's size; then working and spare areas for fault-tolerant writes, left as they are.

#[cfg(feature = "build")]
mod fields;
pub mod format;
mod reader;
mod writer;

#[cfg(feature = "build")]
pub use fields::fields;
pub use reader::{Error, Store, Variable};
pub use writer::write;

#[cfg(test)]
mod tests;
