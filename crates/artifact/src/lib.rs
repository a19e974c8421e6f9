//! Trees, kernels and keys, turned into signed artefacts.

pub mod cache;
pub mod image;
pub mod initrd;
pub mod oci;
pub mod recovery;
pub mod report;
pub mod sbom;
pub mod signing;
pub mod toolbox;
pub mod uki;
