//! What is done with untrusted bytes, one function for each reader of them: fuzzed with libFuzzer
//! (`fuzz/`), and done again by an ordinary test with every input that is kept there.
//!
//! A function takes any bytes. It reads them, and does with what was read what the program does:
//! shows it, reads what is in it, writes it and reads that again. Errors are fine. A panic is a bug,
//! and so is what takes long or much memory: where a reader streams, a function stops by itself
//! after [`MOST`] bytes.
//!
//! In order: the table of [`TARGETS`], then `boot` (what firmware reads), `disk` (what is on disks),
//! `initrd`, `layer` (tar streams and images), `package` (Debian's and Alpine's), `kernel` (modules)
//! and `document` (JSON and text); `fields` shows what is in the bytes field by field, `repair` makes checksums right, `file` makes bytes a file, `sparse`
//! a few sectors a large disk, `stub` an initrd a program.

mod boot;
mod disk;
mod document;
mod fields;
mod file;
mod initrd;
mod kernel;
mod layer;
mod package;
mod repair;
mod sparse;
mod stub;

use file::with_file;
use repair::{repair_gpt, repair_tar};
use sparse::Sparse;
pub use sparse::scattered;
pub use stub::{stub, uki};

/// What is read of a stream at most, in bytes.
pub const MOST: u64 = 16 << 20;

/// A reader that is fuzzed.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Of the program in `fuzz/fuzz_targets`, and of the folders in `fuzz/corpus` and `fuzz/crashes`.
    pub name: &'static str,
    /// What is read.
    pub what: &'static str,
    /// Reads it.
    pub read: fn(&[u8]),
}

const fn target(name: &'static str, what: &'static str, read: fn(&[u8])) -> Target {
    Target { name, what, read }
}

/// Every reader, by how near it is to who attacks.
pub const TARGETS: &[Target] = &[
    target("pe", "PE images, UKIs, Authenticode", boot::pe),
    target(
        "pkcs7",
        "PKCS#7 signatures, X.509 certificates",
        boot::pkcs7,
    ),
    target(
        "signature_list",
        "EFI signature lists, `.auth`",
        boot::signature_list,
    ),
    target("squashfs", "squashfs images", disk::squashfs),
    target("fat", "FAT32 volumes", disk::fat),
    target("gpt", "GUID partition tables", disk::gpt),
    target("cpio", "cpio archives", initrd::cpio),
    target(
        "initrd",
        "initrds in a UKI: archives in a row, zstd",
        initrd::initrd,
    ),
    target("layer", "tar streams: plain, gzip, xz, zstd", layer::layer),
    target("deb", "ar archives, `.deb` packages", package::deb),
    target("apk", "`.apk` packages, as they come", package::apk),
    target(
        "apk_signed",
        "`.apk` packages with a good signature",
        package::apk_signed,
    ),
    target(
        "apk_index",
        "APKINDEX with a good signature",
        package::apk_index,
    ),
    target(
        "packages",
        "Debian's `Packages`: deb822, relations, versions",
        package::packages,
    ),
    target(
        "in_release",
        "`InRelease`: clear-signed OpenPGP",
        package::in_release,
    ),
    target(
        "oci",
        "OCI layouts, `docker save` archives, their documents",
        layer::oci,
    ),
    target(
        "verity",
        "dm-verity superblocks and hash trees",
        disk::verity,
    ),
    target(
        "inspect",
        "whatever `sealboot inspect` and `verify` are given",
        disk::inspect,
    ),
    target(
        "manifest",
        "release.json, boot.json, recovery settings, failures",
        document::manifest,
    ),
    target("config", "`sealboot.toml`", document::config),
    target("lines", "keys on paper, SBAT levels", document::lines),
    target(
        "modinfo",
        "kernel modules: ELF, modinfo, indexes made of them",
        kernel::modinfo,
    ),
    target("module_index", "`modules.*.bin`", kernel::module_index),
    target(
        "variables",
        "EFI variables, boot entries, variable stores",
        boot::variables,
    ),
    target(
        "inventory",
        "databases of dpkg and apk in a root",
        package::inventory,
    ),
    target(
        "text",
        "references, SSH keys, patterns, command lines",
        document::text,
    ),
];

/// The target of that name.
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// What a program of `fuzz/fuzz_targets` does with an input.
///
/// # Panics
///
/// When there is no such target, and when a reader has a bug.
pub fn run(name: &str, bytes: &[u8]) {
    let target = named(name).unwrap_or_else(|| panic!("{name} is not in the table of targets"));
    (target.read)(bytes);
}
