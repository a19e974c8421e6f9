//! What this machine runs, and what vouches for it: `sealboot status`, and the first screen.
//!
//! [`Status`] is a value: [`Status::gather`] reads it from the running system, [`Status::render`]
//! is the screen, and serde's `Serialize` is what programs read. Nothing is believed that init
//! merely wrote down when the kernel can say it: root hashes and signatures come from
//! device-mapper's tables, mounts from `/proc`, Secure Boot from the firmware's variables.

mod disks;
mod execution;
mod gather;
mod layout;
mod network;
mod render;
mod screen;
mod sections;

#[cfg(test)]
mod tests;

pub use disks::{Disk, Held};
pub use gather::Sources;
pub use network::{Network, NetworkInterface};

use contract::failure::Failure;
use contract::recovery::{Console, Networking};
use serde::Serialize;

/// The state of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Which machine it is.
    pub machine: Machine,
    /// Version of the running kernel.
    pub kernel: String,
    /// What it allows root to change of it (kernel_lockdown(7)): `none`, `integrity`,
    /// `confidentiality`; nothing when it does not say.
    pub lockdown: Option<String>,
    /// The release that was started; nothing when sealboot's init did not start this system.
    pub release: Option<String>,
    /// Which system of the release it is, when that has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// What the firmware says.
    pub secure_boot: SecureBoot,
    /// What the kernel lets run.
    pub execution: Execution,
    /// The images of the release, in the order of its manifest.
    pub images: Vec<Image>,
    /// What is mounted at `/`.
    pub root: Option<Root>,
    /// Why the boot before this one failed, if it did.
    pub last_failure: Option<Failure>,
    /// The disks, and what each holds.
    pub disks: Vec<Disk>,
    /// Wired and other interfaces.
    pub network: Network,
    /// Who may log in, when this is sealboot's recovery system.
    pub recovery: Option<Recovery>,
}

/// As the firmware describes it (SMBIOS): empty where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// `QEMU`.
    pub vendor: String,
    /// `Standard PC (Q35 + ICH9, 2009)`.
    pub product: String,
    /// Serial number; the kernel tells it to root only.
    pub serial: String,
}

/// Secure Boot, as the firmware's variables say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum SecureBoot {
    /// The firmware checked what it started.
    On,
    /// It did not.
    Off,
    /// It did not, and anybody may enrol keys.
    SetupMode,
    /// The variables cannot be read.
    Unreadable {
        /// Why.
        reason: String,
    },
}

/// What may be executed, as the kernel's security module IPE says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Execution {
    /// Only what the release's images hold: its policy is enforced.
    Signed,
    /// Anything, as the release says.
    Any,
    /// Anything, although the release asks for less: its policy is not there, or not enforced.
    NotEnforced {
        /// What the kernel says.
        found: String,
    },
    /// What a policy allows that is not the release's.
    Other {
        /// That policy's name.
        policy: String,
    },
    /// The kernel does not say.
    Unreadable {
        /// Why.
        reason: String,
    },
}

/// What the recovery system offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recovery {
    /// Whether whoever is at the machine gets a shell.
    pub console: Console,
    /// Whether it asks for addresses.
    pub network: Networking,
    /// How many keys may log in over SSH.
    pub authorized_keys: usize,
    /// Fingerprint of the SSH server's key, which each start makes anew.
    pub host_key: Option<String>,
}

/// An image of the release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Image {
    /// `root`.
    pub name: String,
    /// The root hash that the release pins, in hex.
    pub root_hash: String,
    /// What the kernel does with it.
    #[serde(flatten)]
    pub state: ImageState,
    /// Where it is mounted: nothing when it is not.
    pub mounted_at: Option<String>,
}

/// What device-mapper says about an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum ImageState {
    /// Mapped with the pinned root hash, whose signature the kernel checked.
    Signed,
    /// Mapped with the pinned root hash, which the initrd vouches for.
    Pinned,
    /// Mapped with another root hash.
    Other {
        /// The one that it is mapped with.
        mapped_root_hash: String,
    },
    /// Not mapped.
    Absent,
    /// Device-mapper does not say.
    Unreadable {
        /// Why.
        reason: String,
    },
}

/// The root file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Root {
    /// `squashfs`, `overlay`.
    pub file_system: String,
    /// What is mounted: a device, for one.
    pub source: String,
    /// Whether it can be written to.
    pub writable: bool,
}
