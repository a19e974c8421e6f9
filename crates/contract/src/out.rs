//! Names in the folder that a build writes a release to. The rest of a release has the same names
//! there as on the boot partition: see [`crate::esp`].

use crate::esp::UKI_END;

/// The signed UKI.
pub const UKI: &str = "kernel.efi";

/// The signed UKI of a system, or of the release when it has one only.
pub fn uki(system: Option<&str>) -> String {
    match system {
        None => UKI.to_owned(),
        Some(name) => format!("{name}{UKI_END}"),
    }
}

/// The disk image with the whole release on it.
pub const DISK: &str = "disk.img";

/// The bill of materials: SPDX 2.3 JSON.
pub const SBOM: &str = "sbom.spdx.json";
