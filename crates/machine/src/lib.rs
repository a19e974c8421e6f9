//! What the command does on the machine itself.

pub mod disk;
pub mod recovery;
pub mod slot;
pub mod status;
pub mod write;
