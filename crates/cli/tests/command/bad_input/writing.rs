//! `sealboot write`, where no disk is needed; `crate::write` has the rest.

use super::*;

#[test]
fn every_row() {
    check("Writing an image", ROWS);
}

/// A disk image of 34 MiB with both copies of a table, and nothing else.
fn image(place: &Place) {
    let guids = "--disk-guid 11111111-2222-3333-4444-555555555555 \
                 --partition-guid 1:11111111-2222-3333-4444-666666666666";
    let line = format!("truncate -s 34M image && sgdisk --new 1:2048:0 {guids} image");
    let ran = place.line(&line);
    assert_eq!(
        ran.code,
        Some(0),
        "sgdisk is in Debian's gdisk: {}",
        ran.stderr
    );
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("no target", nothing, "sealboot write", USAGE,
        &["required", "write [OPTIONS] [IMAGE] TARGET"]),
    ("no image", nothing, "sealboot write new.img", MISSING,
        &["out/disk.img cannot be opened", "sealboot build", "No such file"]),
    ("an image that is none", nothing, "sealboot write sealboot.toml new.img", REFUSED,
        &["sealboot.toml is no disk image", "GUID partition table"]),
    ("an image that is a folder", nothing, "sealboot write root new.img", REFUSED,
        &["root is no disk image", "not a regular file"]),
    ("an empty image", |p| p.write("image", ""), "sealboot write image new.img", REFUSED,
        &["image is no disk image"]),
    ("a cut image", |p| { image(p); cut(p, "image", 30 << 20); }, "sealboot write image new.img", REFUSED,
        &["image is no disk image", "behind the end of the disk"]),
    ("an image with a damaged table", |p| { image(p); alter(p, "image", 600); }, "sealboot write image new.img", REFUSED,
        &["image is no disk image", "one copy of its table", "CRC-32"]),
    ("an image that may not be read", |p| { image(p); p.mode("image", 0); for_a_user(p); }, "setpriv --reuid=1000 --regid=1000 --clear-groups ./sealboot write image new.img", FAILED,
        &["the image image cannot be opened", "Permission denied"]),
    ("a disk that is not there", image, "sealboot write image /dev/sdzz", MISSING,
        &["there is no /dev/sdzz", "sealboot write --list"]),
    ("no folder for the file", image, "sealboot write image no/such/new.img", MISSING,
        &["there is no no/such/new.img", "make its folder first"]),
    ("a folder as target", image, "sealboot write image root", REFUSED,
        &["root is not written to", "it is a folder"]),
    ("a device that is no disk", image, "sealboot write image /dev/full", REFUSED,
        &["/dev/full is not written to", "a character device"]),
    ("a pipe", |p| { image(p); assert_eq!(p.line("mkfifo pipe").code, Some(0)); }, "sealboot write image pipe", REFUSED,
        &["pipe is not written to", "it is a pipe"]),
    ("the image itself", image, "sealboot write image image --yes-erase image", REFUSED,
        &["image is not written to", "the image itself"]),
    ("the image by another name", |p| { image(p); symlink("image", p.path("link")).unwrap(); }, "sealboot write image link --yes-erase link", REFUSED,
        &["link is not written to", "the image itself"]),
    ("a file that is there", |p| { image(p); p.write("old.img", "old"); }, "sealboot write image old.img", USAGE,
        &["old.img would be overwritten", "no terminal", "--yes-erase old.img"]),
    ("the name of another file", |p| { image(p); p.write("old.img", "old"); }, "sealboot write image old.img --yes-erase new.img", USAGE,
        &["--yes-erase says \"new.img\"", "nothing was written"]),
    ("no room for the file", image, "trap '' XFSZ; ulimit -f 100; sealboot write image new.img", FAILED,
        &["new.img cannot be written", "nothing was changed", "File too large"]),
    ("a full file system", |p| { image(p); fs::create_dir(p.path("full")).unwrap(); }, "unshare --mount sh -c 'mount -t tmpfs -o size=100k tmpfs full; sealboot write image full/new.img'", FAILED,
        &["full/new.img cannot be written at byte", "nothing was changed", "No space left"]),
    ("a folder that may not be written", |p| { image(p); fs::create_dir(p.path("closed")).unwrap(); p.mode("closed", 0o555); for_a_user(p); }, "setpriv --reuid=1000 --regid=1000 --clear-groups ./sealboot write image closed/new.img", FAILED,
        &["closed/new.img cannot be opened for writing", "ermission denied"]),
    ("a file that may not be written", |p| { image(p); p.write("old.img", "old"); p.mode("old.img", 0o444); for_a_user(p); }, "setpriv --reuid=1000 --regid=1000 --clear-groups ./sealboot write image old.img --yes-erase old.img", FAILED,
        &["old.img cannot be opened for writing", "Permission denied"]),
];
