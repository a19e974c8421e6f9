//! Artefacts, placed on a medium.

pub mod disk;
