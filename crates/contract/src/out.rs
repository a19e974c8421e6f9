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

/// How a release that is not signed yet is finished: what its disk image is to be.
pub const UNSIGNED: &str = "unsigned.json";

/// The folder that goes to the machine with the key, beside a release that is not signed yet.
pub const TO_SIGN: &str = "to-sign";

/// What the release is, for people: one HTML file.
pub const REPORT: &str = "report.html";

/// The bill of materials: SPDX 2.3 JSON.
pub const SBOM: &str = "sbom.spdx.json";
