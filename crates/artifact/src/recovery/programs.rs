//! The names by which busybox is called.

use source::tree::{Error, Tree};

const BUSYBOX: &str = "usr/bin/busybox";

/// Applets of Debian's busybox that a person or a script on a recovery would look for. A package
/// that brings the program itself comes first.
const APPLETS: &str = "\
[ [[ arch arping ascii ash awk base64 basename bc blkdiscard blkid blockdev brctl bunzip2 bzcat \
bzip2 cal cat chgrp chmod chown chroot chvt clear cmp cp cpio crc32 cttyhack cut date dc dd \
deallocvt depmod devmem df diff dirname dmesg dnsdomainname dos2unix du echo ed egrep env expand \
expr factor fallocate false fatattr fgrep find findfs fold free fsfreeze fstrim ftpget ftpput \
getopt grep groups gunzip gzip halt head hexdump hostid hostname hwclock i2cdetect i2cdump i2cget \
i2cset i2ctransfer id ifconfig init insmod install ionice ip ipcalc kill killall last less link \
ln loadkmap logger login logname losetup ls lsmod lsscsi lzcat lzma lzop md5sum microcom mkdir \
mkfifo mknod mkpasswd mkswap mktemp modinfo modprobe more mount mt mv nameif nbd-client nc \
netstat nl nologin nproc nsenter nslookup od openvt partprobe paste patch pidof ping ping6 \
pivot_root poweroff printf ps pwd rdate readlink realpath reboot renice reset rev rm rmdir rmmod \
route sed seq setkeycodes setpriv setsid sh sha1sum sha256sum sha3sum sha512sum shred shuf sleep \
sort start-stop-daemon stat strings stty swapoff swapon switch_root sync sysctl tac tail tar \
taskset tc tee telnet test tftp time timeout top touch tr traceroute traceroute6 true truncate ts \
tty tunctl umount uname uncompress unexpand uniq unix2dos unlink unlzma unshare unxz unzip uptime \
usleep uudecode uuencode vconfig vi w watch wc wget which who whoami xargs xxd xz xzcat yes zcat";

/// What belongs to root; the rest goes to `usr/bin`. One place for each, so that a package's
/// program of the same name is seen wherever it is.
const SYSTEM: &[&str] = &["halt", "init", "nologin", "poweroff", "reboot"];

/// Links every applet's name to busybox, where no program has it yet.
pub(super) fn link(tree: &mut Tree) -> Result<(), Error> {
    if tree.get(BUSYBOX).is_none() {
        return Ok(());
    }
    for name in APPLETS.split_ascii_whitespace() {
        let there = |folder: &str| tree.get(format!("usr/{folder}/{name}")).is_some();
        if there("bin") || there("sbin") {
            continue;
        }
        match SYSTEM.contains(&name) {
            true => tree.add_symlink(format!("usr/sbin/{name}"), "../bin/busybox")?,
            false => tree.add_symlink(format!("usr/bin/{name}"), "busybox")?,
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packages_program_comes_before_busybox() {
        let mut tree = Tree::new();
        tree.add_file(BUSYBOX, *b"", 0o755).unwrap();
        tree.add_file("usr/sbin/mkswap", *b"", 0o755).unwrap();
        link(&mut tree).unwrap();
        assert!(tree.get("usr/bin/mkswap").is_none());
        assert_eq!(
            tree.get("usr/bin/sh").unwrap().symlink(),
            Some(&b"busybox"[..])
        );
        let init = tree.get("usr/sbin/init").unwrap();
        assert_eq!(init.symlink(), Some(&b"../bin/busybox"[..]));
    }

    #[test]
    fn without_busybox_nothing_is_linked() {
        let mut tree = Tree::new();
        link(&mut tree).unwrap();
        assert!(tree.get("usr").is_none());
    }
}
