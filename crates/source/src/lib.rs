//! The untrusted outside world, turned into checked values.

pub mod debian;
mod digits;
pub mod directory;
pub mod fetch;
pub mod kernel;
pub mod keys;
pub mod layer;
pub mod oci;
pub mod resolve;
mod section;
pub mod tree;
