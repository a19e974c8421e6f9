//! Every kind of machine on which the built-in release must reach its first screen: one row a
//! machine, with Secure Boot on.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::boots::SCREEN;
use crate::machine::{boot_with, options};
use crate::release::{self, scratch, sealboot};
use crate::screen::Screen;

const SECURE_BOOT: &str = "sealboot: Secure Boot is on";

/// Boots the release on a machine with these options: init must find the boot partition there.
#[track_caller]
fn boots(machine: &[&str], partition: &str) -> String {
    let release = release::default();
    let found = format!("sealboot: boot partition {partition}");
    let expect = [SECURE_BOOT, &found, SCREEN];
    let seen = boot_with(release, &release.out.join("disk.img"), &expect, machine);
    seen.must(seen.met, "the first screen did not come");
    seen.serial
}

#[test]
fn nvme_with_little_memory_and_no_screen() {
    let machine = ["--disk-bus", "nvme", "--memory", "512", "--no-screen"];
    boots(&machine, "/dev/nvme0n1p1");
}

#[test]
fn sata_with_two_identical_disks() {
    let disk = release::default().out.join("disk.img");
    let twin = disk.to_str().unwrap();
    // Which of the two is found first is the kernel's choice.
    boots(&["--disk-bus", "sata", "--second-disk", twin], "/dev/sd");
}

#[test]
fn a_usb_disk_that_appears_late() {
    let serial = boots(&["--disk-bus", "usb", "--unplug-for", "20"], "/dev/sda1");
    assert!(serial.contains("waiting for partition"), "{serial}");
}

#[test]
fn usb_attached_scsi() {
    boots(&["--disk-bus", "uas"], "/dev/sda1");
}

#[test]
fn virtio_scsi() {
    boots(&["--disk-bus", "scsi"], "/dev/sda1");
}

#[test]
fn an_sd_card() {
    boots(&["--disk-bus", "mmc"], "/dev/mmcblk0p1");
}

#[test]
fn a_screen_alone() {
    let release = release::probe();
    let folder = scratch("screen");
    let picture = folder.join("screen.ppm");
    let mut command = sealboot();
    command.arg("run").arg(release.out.join("disk.img"));
    command.args(options(release)).arg("--no-serial");
    command.arg("--screenshot").arg(&picture);
    // The probe powers off a machine without a serial line: QEMU keeps what is on its screen.
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut screen = Screen::read(&picture);
    let manifest = fs::read(release.out.join("release.json")).unwrap();
    let manifest = contract::manifest::Manifest::from_json(&manifest).unwrap();
    let version = format!("Release       {}", manifest.version);
    let machine = "Machine       QEMU Standard PC (Q35 + ICH9, 2009)";
    for text in [machine, &version, "Secure Boot   on", SCREEN] {
        let place = picture.display();
        assert!(screen.shows(text), "{text:?} is not on {place}");
    }
    assert!(!screen.shows("Secure Boot   no"));
}

#[test]
fn what_is_asked_for_is_there() {
    let release = release::default();
    let machine = ["--no-secure-boot", "--kernel-log", "--tpm"];
    let expect = [
        "Command line: ",
        "loglevel=8",
        "ACPI: TPM2",
        "Secure Boot is OFF",
    ];
    let seen = boot_with(release, &release.out.join("disk.img"), &expect, &machine);
    seen.must(seen.met, "the machine is another one");
}

#[test]
fn the_machine_ends_with_the_command_that_started_it() {
    let release = release::default();
    let mut command = sealboot();
    command.arg("run").arg(release.out.join("disk.img"));
    command.args(options(release)).arg("--tpm");
    let mut run = command.stdin(Stdio::null()).spawn().unwrap();
    let started = wait_for(|| {
        let children = children(run.id());
        (children.len() == 2).then_some(children)
    });
    // SIGKILL: it has no chance to clean up.
    run.kill().unwrap();
    run.wait().unwrap();
    let started = started.expect("QEMU and swtpm did not start");
    let gone = wait_for(|| started.iter().all(|pid| !lives(pid)).then_some(()));
    for pid in &started {
        let _ = Command::new("kill").args(["-9", pid]).status();
    }
    assert!(gone.is_some(), "a machine goes on without its command");
}

/// What `look` finds within a minute.
fn wait_for<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    let end = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        if let Some(found) = look() {
            return Some(found);
        }
        thread::sleep(Duration::from_millis(100));
    }
    None
}

/// State and parent of a process (proc_pid_stat(5)).
fn stat(pid: &str) -> Option<(String, u32)> {
    let text = fs::read_to_string(Path::new("/proc").join(pid).join("stat")).ok()?;
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

fn lives(pid: &str) -> bool {
    stat(pid).is_some_and(|(state, _)| state != "Z" && state != "X")
}

fn children(parent: u32) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let of_parent = |pid: &String| stat(pid).is_some_and(|(_, found)| found == parent);
    names.filter(of_parent).collect()
}
