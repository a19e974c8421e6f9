//! What the builder and the machine must agree on.

pub mod boot;
pub mod cmdline;
pub mod esp;
pub mod failure;
pub mod lockdown;
pub mod manifest;
pub mod modules;
pub mod out;
pub mod policy;
pub mod recovery;
pub mod root;
pub mod running;
pub mod system;
