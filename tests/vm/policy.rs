//! `policy.execute = "signed"`: what the kernel refuses root, and what it does not.
//!
//! The release's root is an overlay, so one boot shows a file of the image seen through an overlay
//! (it runs), a file in the overlay's memory, and a file in a tmpfs (they do not).

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::boots::SCREEN;
use crate::machine::{boot, boot_with};
use crate::release::{self, AS_READ, Release, scratch};

/// An attempt of `policy/root/etc/probe`; what it says; and what the kernel's report of it holds:
/// nothing where there is no report.
type Row = (&'static str, &'static str, &'static [&'static str]);

/// The same things with files of the image: that they work shows what the others are refused for.
const ALLOWED: &[Row] = &[
    ("image", "ran", &[]),
    ("image-loader", "ran", &[]),
    ("image-preload", "ran", &[]),
    ("image-map", "allowed", &[]),
    ("image-module", "1", &[]),
    (
        "image-firmware",
        "loaded regulatory.db is malformed or signature is missing",
        &[],
    ),
];

const REFUSED: &[Row] = &[
    (
        "memory",
        "Permission denied",
        &["EXECUTE", "BPRM_CHECK", "\"/tmp/memory/attempt\""],
    ),
    (
        "upper",
        "Permission denied",
        &["EXECUTE", "BPRM_CHECK", "\"/var/tmp/attempt\""],
    ),
    (
        "script",
        "Permission denied",
        &["EXECUTE", "BPRM_CHECK", "\"/tmp/memory/script\""],
    ),
    (
        "loader",
        "failed to map segment",
        &["EXECUTE", "MMAP", "\"/tmp/memory/busybox\""],
    ),
    (
        "preload",
        "cannot be preloaded",
        &["EXECUTE", "MMAP", "\"/tmp/memory/preload.so\""],
    ),
    (
        "map",
        "refused: Permission denied",
        &["EXECUTE", "MMAP", "\"/tmp/memory/attempt\""],
    ),
    (
        "protect",
        "refused: Permission denied",
        &["EXECUTE", "MPROTECT", "\"/tmp/memory/attempt\""],
    ),
    (
        "anonymous",
        "refused: Permission denied",
        &["EXECUTE", "MMAP", "path=?"],
    ),
    (
        "jit",
        "refused: Permission denied",
        &["EXECUTE", "MPROTECT", "path=?"],
    ),
    (
        "nowhere",
        "refused: Permission denied",
        &["EXECUTE", "BPRM_CHECK"],
    ),
    ("own-code", "refused: Input/output error", &[]),
    (
        "firmware",
        "regulatory.db failed with error -13",
        &["FIRMWARE", "KERNEL_READ", "\"/tmp/memory/regulatory.db\""],
    ),
    (
        "module-file",
        "Permission denied",
        &["KMODULE", "KERNEL_READ", "\"/tmp/memory/minix.ko.xz\""],
    ),
    (
        "module-unsigned",
        "Permission denied",
        &["KMODULE", "KERNEL_READ", "\"/tmp/memory/unsigned.ko\""],
    ),
    (
        "module-memory",
        "refused: Permission denied",
        &["KMODULE", "KERNEL_LOAD"],
    ),
    (
        "kexec",
        "refused: Permission denied",
        &["KEXEC_IMAGE", "KERNEL_READ"],
    ),
    // The initramfs lies below the root, and root can get there.
    (
        "initramfs",
        "refused: Permission denied",
        &["EXECUTE", "BPRM_CHECK", "dev=\"rootfs\""],
    ),
    // A validly formed dm-verity image that is not the release's.
    (
        "verity",
        "Permission denied",
        &["EXECUTE", "BPRM_CHECK", "\"/tmp/memory/unsigned/attempt\""],
    ),
    ("enforce", "Operation not permitted", &[]),
    // The same by a program that the kernel starts, with all of root's rights, after a crash.
    ("helper", "status 1", &[]),
];

/// What SECURITY.md says is not stopped. One that is refused some day makes it wrong.
const NOT_STOPPED: &[Row] = &[("interpreter", "ran", &[]), ("ignored", "ran", &[])];

#[test]
fn what_is_not_in_an_image_of_the_release_is_refused_by_the_kernel() {
    let release = release();
    let seen = boot(release, &release.out.join("disk.img"), &["probe end"]);
    seen.must(seen.met, "the probe did not end");
    let restricted = "sealboot: execution is restricted to the images of this release";
    seen.must(seen.serial.contains(restricted), "init does not say it");
    let status: serde_json::Value =
        serde_json::from_str(&seen.probe("status")).expect("status is JSON");
    seen.must(
        status["execution"]["state"] == "signed",
        "status does not say it",
    );
    for name in ["kernel", "after"] {
        let enforced = seen.probe(name).contains("/ipe/enforce:1\n");
        seen.must(enforced, &format!("not enforced: {name}"));
    }
    let active = seen
        .probe("kernel")
        .contains("policies/sealboot/active:1\n");
    seen.must(active, "the policy is not active");

    for (name, says, report) in ALLOWED.iter().chain(REFUSED).chain(NOT_STOPPED) {
        let lines = seen.probe(name);
        let (reported, said): (Vec<&str>, Vec<&str>) =
            lines.lines().partition(|line| line.contains("type=1420 "));
        let good = said.iter().any(|line| line.contains(says));
        seen.must(good, &format!("{name}: not {says:?} but {said:?}"));
        let fits = |line: &&&str| {
            line.contains("enforcing=1") && report.iter().all(|part| line.contains(part))
        };
        match report {
            [] => seen.must(reported.is_empty(), &format!("{name}: {reported:?}")),
            _ => seen.must(
                reported.iter().find(fits).is_some(),
                &format!("{name}: no report with {report:?}: {reported:?}"),
            ),
        }
        // In `cargo test -- --nocapture` the kernel's own words can be read.
        reported.iter().for_each(|line| println!("{name}: {line}"));
        let refused = REFUSED.iter().any(|(refused, ..)| refused == name);
        let ran = said.iter().any(|line| matches!(*line, "ran" | "allowed"));
        seen.must(
            !(refused && ran),
            &format!("{name} was not refused: {said:?}"),
        );
    }
}

/// The policy is signed, and the certificate to check it with is the firmware's. While Secure Boot
/// is off it may be missing: a machine must start before its owner's keys are enrolled.
#[test]
fn a_machine_without_the_owners_keys_starts_and_says_that_nothing_is_restricted() {
    let release = release::default();
    let disk = release.out.join("disk.img");
    let warning = "WARNING: execution is NOT RESTRICTED";
    let seen = boot_with(release, &disk, &[warning, SCREEN], &["--setup-mode"]);
    seen.must(seen.met, "no warning, or no first screen");
    let row = "Execution     NOT RESTRICTED, although this release asks for it";
    seen.must(
        seen.serial.contains(row),
        "the first screen does not say it",
    );

    let restricted = "sealboot: execution is restricted";
    let seen = boot_with(release, &disk, &[restricted, SCREEN], &["--no-secure-boot"]);
    seen.must(seen.met, "the keys are enrolled, and nothing is restricted");
}

/// The recovery root, which tries in place of its services, as an overlay.
fn release() -> &'static Release {
    static RELEASE: OnceLock<Release> = OnceLock::new();
    RELEASE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vm/policy");
        let programs = programs(&folder);
        release::build(
            "policy",
            &format!(
                "[root]\nmode = 'overlay'\n\
                 source = [{{ recovery = true }}, {{ debian = ['dmsetup'] }}, \
                 {{ directory = '{}' }}, {{ directory = '{}' }}]\n\
                 [policy]\nexecute = 'signed'\n\
                 [firmware]\nsource = []\n{AS_READ}",
                folder.join("root").display(),
                programs.display()
            ),
        )
    })
}

/// The files that are made for the root: two programs, and an image that nobody signed.
fn programs(sources: &Path) -> std::path::PathBuf {
    let folder = scratch("policy-root");
    let [bin, lib, share] = ["usr/bin", "usr/lib", "usr/share"].map(|name| folder.join(name));
    for folder in [&bin, &lib, &share] {
        fs::create_dir_all(folder).unwrap();
    }
    let compile = |kind: &[&str], source: &str, to: &Path| {
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-Wall", "-Werror"]).args(kind);
        compiler.arg("-o").arg(to).arg(sources.join(source));
        tests::stdout("gcc", &mut compiler);
    };
    compile(&["-static"], "attempt.c", &bin.join("attempt"));
    compile(&["-shared", "-fPIC"], "preload.c", &lib.join("preload.so"));

    let image = share.join("unsigned.squashfs");
    let mut make = Command::new("mksquashfs");
    make.arg(bin.join("attempt")).arg(&image);
    tests::stdout(
        "squashfs-tools",
        make.args(["-noappend", "-quiet", "-no-progress"]),
    );
    let blocks = fs::metadata(&image).unwrap().len().div_ceil(4096);
    let offset = blocks * 4096;
    let file = fs::OpenOptions::new().write(true).open(&image).unwrap();
    file.set_len(offset).unwrap();
    let mut format = Command::new("veritysetup");
    format.arg("format").args([&image, &image]);
    format.arg(format!("--hash-offset={offset}"));
    let said = tests::stdout("cryptsetup-bin", &mut format);
    let said = String::from_utf8(said).unwrap();
    let value = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim_start_matches(':').trim()
    };
    let (hash, salt) = (value("Root hash"), value("Salt"));
    let table = format!(
        "0 {} verity 1 DEVICE DEVICE 4096 4096 {blocks} {} sha256 {hash} {salt}\n",
        offset / 512,
        blocks + 1
    );
    fs::write(share.join("unsigned.table"), table).unwrap();
    folder
}
