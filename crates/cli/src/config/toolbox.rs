//! `[toolbox]`: the container image that holds sealboot and everything that a release is made of.

use serde::{Deserialize, Serialize};

use super::Source;

/// Alpine packages that its userland is made of by default: what a recovery needs, too.
const PACKAGES: &[&str] = &[
    "alpine-baselayout",
    "alpine-keys",
    "busybox",
    "kmod",
    "e2fsprogs",
    "btrfs-progs",
    "dosfstools",
    "lsblk",
    "blkid",
    "wipefs",
    "sfdisk",
    "cfdisk",
    "dhcpcd",
    "dropbear",
    "openssh-sftp-server",
    "ca-certificates-bundle",
    "nano",
    "ncurses-terminfo-base",
];

/// `[toolbox]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Toolbox {
    /// The userland that the toolbox is put over, lowest layer first.
    pub base: Vec<Source>,
}

impl Default for Toolbox {
    fn default() -> Self {
        Self {
            base: vec![Source::alpine(PACKAGES)],
        }
    }
}
