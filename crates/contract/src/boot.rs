//! `boot.json`: how init is to start this release. It lies in the initrd only, so the UKI's
//! signature covers it.

use serde::{Deserialize, Serialize};

/// What init does once the images are mapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boot {
    /// Whether the kernel can check root-hash signatures against the firmware's db.
    pub root_hash_signatures: RootHashSignatures,
    /// Whether the root may be written to.
    pub root: Root,
    /// The program that becomes the root's PID 1: an absolute path inside the root.
    pub init: String,
    /// Arguments for it, after its own name.
    pub init_arguments: Vec<String>,
}

/// Known at build time from the kernel's configuration
/// (`CONFIG_DM_VERITY_VERIFY_ROOTHASH_SIG_PLATFORM_KEYRING`): a kernel that has the option must
/// take every signature while Secure Boot is on; one without it relies on the pinned root hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RootHashSignatures {
    /// Hand the signature to the kernel; if it refuses, so does init.
    Checked,
    /// The kernel has no way to check it against db.
    Unsupported,
}

/// How the root filesystem is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Root {
    /// The squashfs as it is.
    ReadOnly,
    /// An overlay whose upper layer is memory: changes are gone after a reboot.
    Overlay,
}
