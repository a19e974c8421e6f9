//! The untrusted outside world, turned into checked values.

pub mod alpine;
mod date;
pub mod debian;
mod digits;
pub mod directory;
pub mod fetch;
pub mod inventory;
pub mod kept;
pub mod kernel;
pub mod keys;
pub mod layer;
pub mod oci;
pub mod package;
mod program;
pub mod resolve;
pub mod section;
pub mod tree;
