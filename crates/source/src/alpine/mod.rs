//! Alpine packages.

mod version;

pub use version::{NotAVersion, Version};
