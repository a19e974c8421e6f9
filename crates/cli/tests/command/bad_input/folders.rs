//! Where results go, and what is missing around the command.

use super::*;

#[test]
fn every_row() {
    check("Folders and surroundings", ROWS);
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("out is a file", nothing, "sealboot build --out sealboot.toml", FAILED,
        &["the output folder sealboot.toml cannot be used", "--out", "not a folder"]),
    ("a folder in a result's place", |p| p.write("results/disk.img/x", ""), "sealboot build --out results", FAILED,
        &["results/disk.img", "folder", "move it away"]),
    ("no room for the images", nothing, "trap '' XFSZ; ulimit -f 8; sealboot build", FAILED,
        &["modules.squashfs", "File too large"]),
    ("no room for the UKI", nothing, "trap '' XFSZ; ulimit -f 600; sealboot build", FAILED,
        &["kernel.efi", "File too large"]),
    ("no room for the disk", nothing, "trap '' XFSZ; ulimit -f 20000; sealboot build", FAILED,
        &["disk", "File too large"]),
    ("a full disk", |p| fs::create_dir(p.path("full")).unwrap(), "unshare --mount sh -c 'mount -t tmpfs -o size=100k tmpfs full; sealboot build --out full'", FAILED,
        &["full", "No space left"]),
    ("a read-only disk", |p| fs::create_dir(p.path("ro")).unwrap(), "unshare --mount sh -c 'mount -t tmpfs -o ro tmpfs ro; sealboot build --out ro'", FAILED,
        &["the output folder ro cannot be used", "read-only filesystem"]),
    ("a folder that may not be written", |p| { p.mode("out", 0o555); for_a_user(p); }, "setpriv --reuid=1000 --regid=1000 --clear-groups ./sealboot build", FAILED,
        &["the output folder out cannot be used", "permission denied", "--out"]),
    ("out in no folder", nothing, "sealboot build --out /proc/no/out", FAILED,
        &["the output folder /proc/no/out cannot be used"]),
    ("keys into a folder that may not be written", |p| { fs::create_dir(p.path("closed")).unwrap(); p.mode("closed", 0o555); for_a_user(p); }, "setpriv --reuid=1000 --regid=1000 --clear-groups ./sealboot keys create --no-passphrase --keys closed/new", FAILED,
        &["the keys cannot be written to closed", "ermission denied"]),
    ("keys on a full disk", |p| fs::create_dir(p.path("full")).unwrap(), "unshare --mount sh -c 'mount -t tmpfs -o size=8k tmpfs full; sealboot keys create --no-passphrase --keys full/new; code=$?; ls -A full; exit $code'", FAILED,
        &["full/new", "No space left"]),
];
