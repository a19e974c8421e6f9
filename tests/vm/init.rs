//! What init does beside finding and checking: it refuses a firmware that checks nothing, and tells
//! why the boot before failed.

use std::fs;
use std::process::Command;

use crate::machine::{Seen, boot_with};
use crate::refusals::HANDED_OVER;
use crate::release::{self, scratch, succeed};

#[test]
fn a_release_that_requires_secure_boot_does_not_start_without_it() {
    let release = release::strict();
    let disk = scratch("no-secure-boot").join("disk.img");
    copy(&release.out.join("disk.img"), &disk);
    let reason = ["this release starts only while it is on"];
    let seen = boot_with(release, &disk, &reason, &["--no-secure-boot"]);
    seen.must(seen.met, "the reason was not on the screen");
    seen.must(!seen.serial.contains(HANDED_OVER), "it handed over");
}

/// One machine, four starts: its variables are kept from one to the next.
#[test]
fn a_refusal_and_a_panic_are_told_by_the_next_start() {
    let release = release::strict();
    let folder = scratch("last-failure");
    let (good, bad) = (folder.join("good.img"), folder.join("bad.img"));
    copy(&release.out.join("disk.img"), &good);
    copy(&good, &bad);
    let image = format!("{}@@1M", bad.display());
    succeed(Command::new("mdel").args(["-i", &image, "::sealboot/root.squashfs"]));
    let variables = folder.join("variables.fd");
    let start = |disk, expect: &str| {
        let options = ["--variables", variables.to_str().unwrap()];
        boot_with(release, disk, &[expect], &options)
    };

    // A restart ends the machine, after the reason was kept.
    let seen = start(&bad, "never");
    seen.must(
        seen.serial.contains("root.squashfs is missing"),
        "it was not refused",
    );
    let seen = start(&good, "probe end");
    told(&seen, "the image root.squashfs is missing");

    // The reason is gone now, so this root stops the kernel.
    let seen = start(&good, "never");
    seen.must(seen.serial.contains("probe crash"), "a reason was left");
    seen.must(!seen.serial.contains("before this start"), "it was told");
    let seen = start(&good, "probe end");
    told(&seen, "the kernel stopped: Kernel panic - not syncing");
    seen.must(
        seen.probe("last").contains("sysrq_handle_crash"),
        "the kernel's log was not left",
    );
}

#[track_caller]
fn told(seen: &Seen, reason: &str) {
    seen.must(seen.met, "the root did not end its report");
    let line = format!("before this start: {reason}");
    seen.must(seen.serial.contains(&line), "the screen does not say why");
    seen.must(
        seen.probe("last").contains(reason),
        "it was not left for the root",
    );
    let left = seen.probe("left");
    seen.must(
        left.contains("SecureBoot-") && !left.contains("SealbootLastFailure"),
        "the variable was not removed",
    );
    seen.must(
        !left.contains("dmsg") && !left.contains("dmesg-"),
        "records stayed",
    );
    seen.must(
        seen.serial.contains("restarts the machine after 60 s")
            && seen.probe("watchdog").trim() == "inactive",
        "the watchdog did not run, or was not stopped",
    );
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    succeed(Command::new("cp").arg("--sparse=always").arg(from).arg(to));
    assert!(fs::metadata(to).unwrap().len() > 0);
}
