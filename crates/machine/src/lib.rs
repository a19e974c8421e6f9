//! What the command does on the machine itself.

pub mod status;
