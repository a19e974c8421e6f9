//! What `sealboot write` wrote, started from USB.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::boots::SCREEN;
use crate::machine::{path_with, plain};
use crate::release::{self, Release, scratch, sealboot, succeed};

/// A stick of 2 GiB with the release's image on it.
fn stick(release: &Release, folder: &Path) -> PathBuf {
    let stick = folder.join("stick.img");
    File::create(&stick).unwrap().set_len(2 << 30).unwrap();
    let mut write = sealboot();
    write
        .arg("write")
        .arg(release.out.join("disk.img"))
        .arg(&stick);
    succeed(write.args(["--quiet", "--yes-erase", "stick.img"]));
    stick
}

/// The serial line of a machine that starts from the stick, up to the last of the texts.
fn boot_from_usb(release: &Release, stick: &Path, path: &OsStr, expect: &[&str]) -> String {
    let log = stick.with_extension("serial.log");
    let mut run = sealboot();
    run.arg("run")
        .arg(stick)
        .args(["--disk-bus", "usb", "--keys"]);
    run.arg(&release.keys).arg("--serial-log").arg(&log);
    run.args(["--timeout", "240", "--quiet", "--no-kvm"]);
    for text in expect {
        run.args(["--expect", text]);
    }
    succeed(run.env("PATH", path));
    plain(&fs::read(&log).unwrap())
}

#[test]
fn a_stick_larger_than_the_image_boots_from_usb() {
    let release = release::default();
    let stick = stick(release, &scratch("stick"));
    let path = std::env::var_os("PATH").unwrap();
    boot_from_usb(release, &stick, &path, &["boot partition /dev/sd", SCREEN]);
}

/// Firmware and kernel do not look at the time: an empty battery is no reason not to boot, though no
/// certificate was valid then. (OVMF makes 2070 of 1970, and boots with certificates that expired.)
#[test]
fn a_machine_whose_clock_stands_in_2000_boots() {
    let release = release::probe();
    let folder = scratch("clock");
    let stick = stick(release, &folder);
    let path = path_with(&folder, "-rtc base=2000-01-01");
    let serial = boot_from_usb(release, &stick, &path, &["probe end"]);
    assert!(serial.contains("probe year: 2000"), "{serial}");
}
