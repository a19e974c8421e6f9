//! The untrusted outside world, turned into checked values.

pub mod debian;
pub mod directory;
pub mod fetch;
pub mod kernel;
pub mod keys;
pub mod layer;
pub mod tree;
