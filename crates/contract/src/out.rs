//! Names in the folder that a build writes a release to. The rest of a release has the same names
//! there as on the boot partition: see [`crate::esp`].

/// The signed UKI.
pub const UKI: &str = "kernel.efi";

/// The disk image with the whole release on it.
pub const DISK: &str = "disk.img";

/// The bill of materials: SPDX 2.3 JSON.
pub const SBOM: &str = "sbom.spdx.json";
