//! What the builder and the machine must agree on.

pub mod boot;
pub mod cmdline;
pub mod esp;
pub mod manifest;
