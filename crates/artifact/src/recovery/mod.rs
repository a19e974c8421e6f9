//! The recovery system's root: packages as they are, Debian's or Alpine's, and what their scripts
//! would have done that matters, as values.
//!
//! [`base`] goes below the packages, [`complete`] over them: `complete` takes away what a
//! recovery does not need, then adds configuration, certificates and the names by which busybox
//! stands in for the tools that no package brought. Same packages, same bytes.

mod certificates;
mod files;
mod programs;
mod surplus;

use contract::recovery::{Console, Networking, PATH, Service, Settings};
use source::tree::{Error, Tree};

/// Debian packages that a recovery is made of where nothing else is named, each with what it is for.
pub const PACKAGES: &[(&str, &str)] = &[
    (
        "busybox",
        "PID 1, the shell, and the common tools in 0.8 MB",
    ),
    ("kmod", "modprobe: drivers by hardware alias"),
    ("e2fsprogs", "ext4"),
    ("btrfs-progs", "btrfs"),
    ("dosfstools", "FAT: EFI partitions"),
    ("util-linux", "lsblk, blkid, wipefs, losetup, dmesg"),
    ("mount", "mount with every option, swapon"),
    ("fdisk", "fdisk, sfdisk, cfdisk: partition tables"),
    (
        "dhcpcd-base",
        "addresses: DHCP, DHCPv6, SLAAC, and resolv.conf",
    ),
    ("dropbear-bin", "the SSH server"),
    ("openssh-sftp-server", "scp and sftp to it"),
    ("ca-certificates", "whom TLS trusts"),
    ("nano", "an editor that says how to leave it"),
    ("ncurses-base", "what terminals can do"),
];

/// What their dependencies would bring for nothing: for maintainer scripts, for logins by
/// password, for programs that are taken away.
pub const WITHOUT: &[&str] = &[
    "adduser",
    "debconf",
    "libpam-modules",
    "libpam-runtime",
    "liblastlog2-2",
    "logsave",
    "openssh-client",
    "openssl",
];

/// What makes a recovery this one.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The `sealboot` command itself.
    pub program: &'a [u8],
    /// Lines of `authorized_keys`, checked with `formats::ssh_public_key`.
    pub authorized_keys: &'a [String],
    /// Whether whoever is at the machine gets a shell.
    pub console: Console,
    /// Whether it asks for addresses.
    pub network: Networking,
}

/// What lies below the packages, so that any of them can bring a file in its place.
pub fn base(tree: &mut Tree, parts: &Parts<'_>) -> Result<(), Error> {
    tree.add_file("usr/bin/sealboot", parts.program, 0o755)?;
    Ok(())
}

/// Turns merged packages into the recovery's root.
pub fn complete(tree: &mut Tree, parts: &Parts<'_>) -> Result<(), Error> {
    surplus::remove(tree);
    certificates::bundle(tree)?;
    files::add(tree, &settings(parts), parts.authorized_keys)?;
    programs::link(tree)
}

/// The first service that these parts ask for and whose program the tree does not have.
pub fn missing_service(tree: &Tree, parts: &Parts<'_>) -> Option<&'static Service> {
    settings(parts)
        .services()
        .find(|service| !has_program(tree, service.program))
}

fn has_program(tree: &Tree, name: &str) -> bool {
    PATH.iter().any(|folder| {
        let real = tree.resolve(format!("{folder}/{name}"));
        real.is_ok_and(|real| tree.get(real).is_some())
    })
}

fn settings(parts: &Parts<'_>) -> Settings {
    Settings {
        console: parts.console,
        network: parts.network,
        authorized_keys: parts.authorized_keys.len(),
    }
}

#[cfg(test)]
mod tests {
    use contract::recovery::{NETWORK, SSH};

    use super::*;
    use crate::toolbox;

    #[test]
    fn what_a_toolbox_builds_with_stays() {
        let parts = Parts {
            program: b"",
            authorized_keys: &[],
            console: Console::Shell,
            network: Networking::None,
        };
        let mut tree = Tree::new();
        for path in [toolbox::STUB, toolbox::BASE, toolbox::DEFAULTS] {
            tree.add_file(path, *b"x", 0o644).unwrap();
        }
        complete(&mut tree, &parts).unwrap();
        for path in [toolbox::STUB, toolbox::BASE, toolbox::DEFAULTS] {
            assert!(tree.get(path).is_some(), "{path}");
        }
    }

    #[test]
    fn a_service_without_its_program_is_named() {
        let keys = ["ssh-ed25519 AAAA".to_owned()];
        let mut parts = Parts {
            program: b"",
            authorized_keys: &keys,
            console: Console::Shell,
            network: Networking::Automatic,
        };
        let mut tree = Tree::new();
        base(&mut tree, &parts).unwrap();
        assert_eq!(missing_service(&tree, &parts), Some(&NETWORK));
        tree.add_file("sbin/dhcpcd", *b"", 0o755).unwrap();
        assert_eq!(missing_service(&tree, &parts), Some(&SSH));
        parts.authorized_keys = &[];
        assert_eq!(missing_service(&tree, &parts), None);
        parts.network = Networking::None;
        tree.remove("sbin/dhcpcd");
        assert_eq!(missing_service(&tree, &parts), None);
    }
}
