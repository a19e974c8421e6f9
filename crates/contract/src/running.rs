//! What init leaves behind for the running system.

use crate::manifest::ImageName;

/// Folder of all of it: in memory, made by init.
pub const FOLDER: &str = "/run/sealboot";

/// The manifest that the UKI pinned: this is the release that runs.
pub const MANIFEST: &str = "/run/sealboot/release.json";

/// How it was started.
pub const BOOT: &str = "/run/sealboot/boot.json";

/// Why the boot before this one failed ([`crate::failure::Failure`]); absent when it did not.
pub const LAST_FAILURE: &str = "/run/sealboot/last-failure.json";

/// What init said on the screen.
pub const LOG: &str = "/run/sealboot/boot.log";

/// Where the boot partition is mounted, read-only: the images are files on it.
pub const PARTITION: &str = "/run/sealboot/boot";

/// Device-mapper name of an image; its node is `/dev/mapper/<name>`.
pub fn device(image: ImageName) -> String {
    format!("sealboot-{image}")
}
