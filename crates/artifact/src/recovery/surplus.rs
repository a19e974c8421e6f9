//! What packages bring and a recovery does not need.

use source::tree::Tree;

/// Folders and files that go. Licences (`usr/share/doc/*/copyright`) stay: they say so.
const TABLE: &[&str] = &[
    // Manuals, translations, and what other programs would read that are not here.
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/share/bug",
    "usr/share/bash-completion",
    "usr/share/zsh",
    "usr/share/menu",
    "usr/share/gcc",
    "usr/share/initramfs-tools",
    "usr/lib/systemd/system",
    "usr/lib/tmpfiles.d",
    "usr/lib/udev",
    "etc/cron.d",
    "etc/init.d",
    "etc/pam.d",
    // Character sets but UTF-8 and ASCII, which the C library has built in.
    "usr/lib/x86_64-linux-gnu/gconv",
    // Vector mathematics that a compiler calls; no program here does.
    "usr/lib/x86_64-linux-gnu/libmvec.so.1",
    // Programs that want what is left out: other users, passwords, lastlog, scripts in Perl.
    "usr/bin/su",
    "usr/bin/chfn",
    "usr/bin/chsh",
    "usr/bin/newgrp",
    "usr/bin/lslogins",
    "usr/sbin/runuser",
    "usr/sbin/sulogin",
    "usr/sbin/agetty",
    "usr/sbin/getty",
    "usr/sbin/e2scrub",
    "usr/sbin/e2scrub_all",
    "usr/sbin/update-ca-certificates",
    "usr/lib/dhcpcd/dhcpcd-hooks/01-test",
    "usr/lib/dhcpcd/dhcpcd-hooks/30-hostname",
    "usr/lib/dhcpcd/dhcpcd-hooks/50-timesyncd.conf",
];

/// Takes it away.
pub(super) fn remove(tree: &mut Tree) {
    for path in TABLE {
        tree.remove(path);
    }
    tree.retain(|path, node| {
        node.is_directory() || !path.starts_with(b"usr/share/doc/") || path.ends_with(b"/copyright")
    });
}
