//! Configuration: a table of files and links.

use contract::recovery::{self, Settings};
use source::tree::{Error, Tree};

/// Path, mode, content.
const FILES: &[(&str, u16, &str)] = &[
    (
        "etc/passwd",
        0o644,
        "root:x:0:0:root:/root:/bin/sh\n\
         dhcpcd:x:100:65534:DHCP client:/var/lib/dhcpcd:/usr/sbin/nologin\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
    // No password is ever right.
    (
        "etc/shadow",
        0o600,
        "root:*:::::::\ndhcpcd:*:::::::\nnobody:*:::::::\n",
    ),
    (
        "etc/group",
        0o644,
        "root:x:0:\ntty:x:5:\ndisk:x:6:\nutmp:x:43:\nnogroup:x:65534:\n",
    ),
    ("etc/shells", 0o644, "/bin/sh\n"),
    ("etc/hostname", 0o644, "recovery\n"),
    (
        "etc/hosts",
        0o644,
        "127.0.0.1 localhost recovery\n::1 localhost recovery\n",
    ),
    (
        "etc/nsswitch.conf",
        0o644,
        "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
    ),
    ("etc/fstab", 0o644, ""),
    ("etc/profile", 0o644, PROFILE),
    ("etc/dhcpcd.conf", 0o644, DHCPCD),
];

const PROFILE: &str = "\
export PATH=/usr/sbin:/usr/bin:/sbin:/bin EDITOR=nano PAGER=less HOME=/root
PS1='\\u@\\h:\\w\\$ '
alias ll='ls -l' lsblk='lsblk --properties-by blkid'
cd
";

const DHCPCD: &str = "\
# An address that stays the same from start to start, although nothing is kept: by the
# interface's hardware address, for DHCP, DHCPv6 and SLAAC.
duid ll
clientid
slaac hwaddr

option domain_name_servers, domain_name, domain_search
option classless_static_routes
option interface_mtu
require dhcp_server_identifier

# Somebody waits: no pause before the first packet, no five seconds of asking whether somebody
# else has the address that the server gave.
nodelay
noarp

# There is no udev here.
nodev
";

/// Link, target.
const LINKS: &[(&str, &str)] = &[
    ("etc/mtab", "../proc/self/mounts"),
    ("etc/resolv.conf", "../run/sealboot/resolv.conf"),
    ("usr/bin/editor", "nano"),
    ("usr/bin/pager", "less"),
];

/// Mount points and what is mounted over: empty directories.
const DIRECTORIES: &[(&str, u16)] = &[
    ("mnt", 0o755),
    ("root", 0o700),
    ("tmp", 0o1777),
    ("var", 0o755),
];

/// Adds them, and what the settings say.
pub(super) fn add(
    tree: &mut Tree,
    settings: &Settings,
    authorized_keys: &[String],
) -> Result<(), Error> {
    for (path, mode) in DIRECTORIES {
        tree.remove(path);
        tree.add_dir(path, *mode)?;
    }
    for (path, mode, content) in FILES {
        tree.add_file(path, content.as_bytes(), *mode)?;
    }
    for (path, target) in LINKS {
        tree.add_symlink(path, target)?;
    }
    tree.add_file(inside(recovery::SETTINGS), settings.to_json(), 0o644)?;
    tree.add_file("etc/inittab", inittab(settings), 0o644)?;
    let folder = inside(recovery::KEYS);
    tree.add_dir(folder, 0o700)?;
    if !authorized_keys.is_empty() {
        let lines = authorized_keys.join("\n") + "\n";
        tree.add_file(
            format!("{folder}/authorized_keys"),
            lines.into_bytes(),
            0o600,
        )?;
    }
    Ok(())
}

/// inittab as busybox's init reads it (`examples/inittab` there): what is not in it never starts. It
/// looks for programs in all of the folders for root's.
fn inittab(settings: &Settings) -> Vec<u8> {
    let mut text = "::sysinit:/usr/bin/sealboot recovery start\n".to_owned();
    for service in settings.services() {
        text += &format!(
            "::respawn:/usr/bin/sealboot recovery service {}\n",
            service.name
        );
    }
    text += "::ctrlaltdel:reboot\n::shutdown:umount -a -r\n";
    text.into_bytes()
}

fn inside(absolute: &str) -> &str {
    absolute.trim_start_matches('/')
}

#[cfg(test)]
mod tests {
    use contract::recovery::{Console, Networking};

    use super::*;

    fn tree(console: Console, keys: &[&str]) -> Tree {
        let mut tree = Tree::new();
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let settings = Settings {
            console,
            network: Networking::Automatic,
            authorized_keys: keys.len(),
        };
        add(&mut tree, &settings, &keys).unwrap();
        tree
    }

    fn text(tree: &Tree, path: &str) -> String {
        String::from_utf8(tree.read(path, 4096).unwrap()).unwrap()
    }

    #[test]
    fn a_service_that_is_not_allowed_is_not_in_inittab() {
        assert!(!text(&tree(Console::Shell, &[]), "etc/inittab").contains("ssh"));
        let with = tree(Console::None, &["ssh-ed25519 AAAA a", "ssh-ed25519 BBBB b"]);
        assert!(text(&with, "etc/inittab").contains("recovery service ssh\n"));
        assert_eq!(
            text(&with, "etc/sealboot/ssh/authorized_keys"),
            "ssh-ed25519 AAAA a\nssh-ed25519 BBBB b\n"
        );
        assert!(text(&with, "etc/sealboot/recovery.json").contains("\"console\": \"none\""));
    }

    #[test]
    fn no_password_is_right_and_every_shell_is_there() {
        let tree = tree(Console::Shell, &[]);
        for line in text(&tree, "etc/shadow").lines() {
            assert_eq!(line.split(':').nth(1), Some("*"), "{line}");
        }
        let users = text(&tree, "etc/passwd");
        assert_eq!(
            users.lines().count(),
            text(&tree, "etc/shadow").lines().count()
        );
    }
}
