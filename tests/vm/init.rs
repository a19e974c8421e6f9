//! What init does beside finding and checking: it refuses a firmware that checks nothing, and tells
//! why the boot before failed.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::machine::{Seen, boot_on, boot_with, path_with};
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

/// The host of a virtual machine can add to the command line, whoever signed it: systemd-stub
/// takes words from SMBIOS.
#[test]
fn a_command_line_that_was_added_to_is_refused() {
    let release = release::strict();
    let folder = scratch("command-line");
    let extra = "-smbios type=11,value=io.systemd.stub.kernel-cmdline-extra=lockdown=none";
    let path = path_with(&folder, extra);
    let disk = folder.join("disk.img");
    copy(&release.out.join("disk.img"), &disk);
    let reason = [
        "the kernel's command line is not the one that was signed",
        "sealboot.patience=20 lockdown=none",
    ];
    let seen = boot_on(&path, release, &disk, &reason, &[]);
    seen.must(seen.met, "the reason was not on the screen");
    seen.must(!seen.serial.contains(HANDED_OVER), "it handed over");
}

/// The disk stops to answer while init reads the images: nothing on the machine ends that.
#[test]
fn the_watchdog_restarts_a_machine_that_is_stuck() {
    let release = release::strict();
    let folder = scratch("stuck");
    let (disk, monitor) = (folder.join("disk.img"), folder.join("monitor"));
    copy(&release.out.join("disk.img"), &disk);
    let listens = format!("-qmp unix:{},server=on,wait=off", monitor.display());
    let path = path_with(&folder, &listens);
    let watched = std::thread::spawn(move || {
        let found = "sealboot: boot partition";
        stops_answering(&monitor, &folder, found)
    });
    // QEMU ends when the machine is restarted.
    let seen = boot_on(&path, release, &disk, &["never"], &[]);
    let event = watched.join().unwrap();
    seen.must(
        event["data"]["action"] == "reset",
        &format!("the watchdog did not reset the machine: {event}"),
    );
    let started = "restarts the machine after 60 s";
    seen.must(seen.serial.contains(started), "no watchdog");
    seen.must(!seen.serial.contains(HANDED_OVER), "it handed over");
}

/// Once the serial line says `words`, lets the disk answer one byte a second; what the monitor says
/// of the watchdog then, or nothing when the machine ends without it.
fn stops_answering(monitor: &Path, folder: &Path, words: &str) -> Value {
    let said = |words: &str| {
        let mut files = fs::read_dir(folder).unwrap().flatten();
        let log = files.find(|file| file.path().extension().is_some_and(|kind| kind == "log"));
        let text = log.map(|log| fs::read(log.path()).unwrap_or_default());
        text.is_some_and(|text| String::from_utf8_lossy(&text).contains(words))
    };
    while !said(words) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut to = UnixStream::connect(monitor).unwrap();
    let throttle = json!({
        "id": "/machine/peripheral/disk0/virtio-backend", "bps": 1, "bps_rd": 0, "bps_wr": 0, "iops": 0, "iops_rd": 0, "iops_wr": 0,
    });
    for (command, arguments) in [
        ("qmp_capabilities", json!({})),
        ("block_set_io_throttle", throttle),
    ] {
        writeln!(
            to,
            "{}",
            json!({ "execute": command, "arguments": arguments })
        )
        .unwrap();
    }
    let lines = BufReader::new(to).lines().map_while(Result::ok);
    let mut messages = lines.map(|line| serde_json::from_str::<Value>(&line).unwrap());
    let event = messages.find(|message| {
        assert!(message.get("error").is_none(), "{message}");
        message["event"] == "WATCHDOG"
    });
    event.unwrap_or_default()
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
    // (Its own last line may be lost in the stop; the kernel's is not.)
    let seen = start(&good, "never");
    let stopped = seen.serial.contains("sysrq: Trigger a crash");
    seen.must(stopped, "a reason was left");
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

fn copy(from: &Path, to: &Path) {
    succeed(Command::new("cp").arg("--sparse=always").arg(from).arg(to));
    assert!(fs::metadata(to).unwrap().len() > 0);
}
