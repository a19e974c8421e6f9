//! `sealboot image`, `initrd`, `uki`, `disk`: what one artefact is made of.

use super::*;

#[test]
fn every_row() {
    check("One artefact", ROWS);
}

fn uki(place: &Place) {
    for name in ["vmlinuz", "stub.efi"] {
        place.write(name, crate::place::pe());
    }
    place.write("initrd.img", "an initrd");
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("an image of nothing", nothing, "sealboot image build", USAGE, &["<FROM>..."]),
    ("an image of what is not there", nothing, "sealboot image build absent.tar", MISSING,
        &["FROM, entry 1, cannot be taken in", "absent.tar"]),
    ("an image of what is no tar", nothing, "sealboot image build root sealboot.toml", REFUSED,
        &["FROM, entry 2, cannot be taken in", "sealboot.toml"]),
    ("an image reference without a name", nothing, "sealboot image build oci:", USAGE,
        &["does not name an image", "a folder or file is needed"]),
    ("an image over a folder", nothing, "sealboot image build root -o kernel", FAILED,
        &["kernel cannot be written", "not a file"]),
    ("an image, signed with no keys", nothing, "sealboot image build root --keys absent", KEYS,
        &["absent"]),
    ("a level that there is not", nothing, "sealboot image build root --level 23", USAGE,
        &["--level", "1 to 22 is needed for zstd"]),
    ("a hash tree for nothing", nothing, "sealboot image hash absent", MISSING,
        &["absent cannot get a hash tree", "No such file"]),
    ("a hash tree for an empty file", |p| p.write("empty", ""), "sealboot image hash empty", REFUSED,
        &["empty cannot get a hash tree", "it is empty"]),
    ("a hash tree for a folder", nothing, "sealboot image hash root", REFUSED,
        &["root cannot get a hash tree", "Is a directory"]),
    ("a second hash tree", |p| p.sealboot(&["image", "build", "root", "-q"]).check("image", 0, &[]),
        "sealboot image hash root.squashfs", REFUSED,
        &["root.squashfs cannot get a hash tree", "has one already", "truncate -s"]),
    ("an initrd without a release", nothing, "sealboot initrd build --release absent", MISSING,
        &["absent/release.json cannot be read", "sealboot build"]),
    ("a UKI without a kernel", uki,
        "sealboot uki build --kernel absent --initrd initrd.img --stub stub.efi --command-line quiet", MISSING,
        &["absent cannot be read", "No such file"]),
    ("a UKI of what is no kernel", uki,
        "sealboot uki build --kernel initrd.img --initrd initrd.img --stub stub.efi --command-line quiet", REFUSED,
        &["the UKI cannot be made of the stub stub.efi and the kernel initrd.img",
          "CONFIG_EFI_STUB"]),
    ("a disk that does not say where", nothing, "sealboot disk build sealboot.toml", USAGE,
        &["does not say what goes where", "kernel.efi=EFI/BOOT/BOOTX64.EFI"]),
    ("a disk of what is not there", nothing, "sealboot disk build absent=a", MISSING,
        &["absent cannot be read", "No such file"]),
    ("a disk of a folder", nothing, "sealboot disk build root=a", REFUSED,
        &["root cannot be read", "not a file"]),
    ("a disk that is too small", nothing, "sealboot disk build sealboot.toml=a --size 2", REFUSED,
        &["the files do not fit on such a disk", "a disk of 2097152 bytes", "at least"]),
];
