//! `sealboot run`.

use super::*;

#[test]
fn every_row() {
    check("Virtual machine", ROWS);
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("no disk to run", nothing, "sealboot run", MISSING,
        &["there is no disk image out/disk.img", "sealboot build"]),
    ("run without keys", |p| { p.write("disk", vec![0; 1 << 20]); p.remove("keys"); }, "sealboot run disk", KEYS,
        &["keys/PK.auth cannot be read", "sealboot keys create"]),
    ("run with keys that are none", |p| { p.write("disk", vec![0; 1 << 20]); p.write("keys/PK.auth", "x"); }, "sealboot run disk", KEYS,
        &["keys/PK.auth"]),
    ("a log in no folder", |p| p.write("disk", vec![0; 1 << 20]), "sealboot run disk --serial-log no/such/log", FAILED,
        &["the serial log no/such/log", "No such file"]),
    ("a second disk that is not there", |p| p.write("disk", vec![0; 1 << 20]), "sealboot run disk --second-disk absent", MISSING,
        &["absent"]),
    ("a bit that the disk has not", |p| p.write("disk", vec![0; 1 << 20]), "sealboot run disk --tamper 1048576", USAGE,
        &["1048576"]),
    ("a bit that is none", |p| p.write("disk", vec![0; 1 << 20]), "sealboot run disk --tamper 5:8", USAGE,
        &["5:8"]),
    ("a bus that is none", nothing, "sealboot run --disk-bus floppy", USAGE,
        &["floppy", "virtio", "usb"]),
    ("a disk that cannot be written nor read", |p| { p.write("disk", vec![0; 1 << 20]); p.mode("disk", 0o000); for_a_user(p); }, "setpriv --reuid=1000 --regid=1000 --clear-groups ./sealboot run disk", FAILED,
        &["the disk image disk cannot be read", "Permission denied"]),
    ("no QEMU", |p| { p.write("disk", vec![0; 1 << 20]); symlink(SEALBOOT, p.path("sealboot")).unwrap(); }, "PATH=/nowhere ./sealboot run disk", MISSING,
        &["qemu-system-x86_64", "apt-get install qemu-system-x86"]),
    ("no place for the machine's variables", |p| p.write("disk", vec![0; 1 << 20]), "TMPDIR=/no/such sealboot run disk", FAILED,
        &["temporary folder", "No such file"]),
    ("variables that are none", |p| { p.write("disk", vec![0; 1 << 20]); p.write("variables", "x"); }, "sealboot run disk --variables variables", REFUSED,
        &["variables"]),
    ("a disk of no size", |p| p.write("disk", ""), "sealboot run disk", USAGE,
        &["disk has no bytes", "truncate"]),
    ("a kernel log where the command line is signed", |p| p.write("disk", vec![0; 1 << 20]), "sealboot run disk --kernel-log", USAGE,
        &["--kernel-log", "signed", "--no-secure-boot"]),
    ("disks that cannot be taken away", |p| p.write("disk", vec![0; 1 << 20]), "sealboot run disk --disk-bus nvme --unplug-for 5", USAGE,
        &["--unplug-for", "usb or scsi"]),
    ("a port to a machine without a card", |p| p.write("disk", vec![0; 1 << 20]), "sealboot run disk --network none --forward 2222:22", USAGE,
        &["--forward", "--network is none"]),
    ("a port that is none", |p| p.write("disk", vec![0; 1 << 20]), "sealboot run disk --forward 22", USAGE,
        &["--forward", "2222:22"]),
    ("a text on a line that is not there", |p| p.write("disk", vec![0; 1 << 20]), "sealboot run disk --no-serial --expect x", USAGE,
        &["--no-serial", "--expect"]),
    ("a kernel's start on a line that is not there", |p| p.write("disk", vec![0; 1 << 20]), "sealboot run disk --no-serial --disk-bus mmc", USAGE,
        &["serial line"]),
    ("a picture of no kind", |p| p.write("disk", vec![0; 1 << 20]), "sealboot run disk --screenshot screen.jpeg", USAGE,
        &["screen.jpeg", ".png"]),
    ("no TPM", |p| { p.write("disk", vec![0; 1 << 20]); symlink(SEALBOOT, p.path("sealboot")).unwrap(); }, "PATH=/nowhere ./sealboot run disk --tpm", MISSING,
        &["swtpm", "apt-get install swtpm"]),
    ("too little memory", nothing, "sealboot run --memory 10", USAGE,
        &["--memory", "256"]),
];

/// Its message ends with what the firmware printed, so it is not in the document.
#[test]
fn a_disk_that_is_none_is_not_what_was_expected() {
    let place = Place::new();
    place.write("disk", vec![0; 1 << 20]);
    let words = [
        "run",
        "disk",
        "--quiet",
        "--no-kvm",
        "--expect",
        "sealboot",
        "--timeout",
        "10",
    ];
    let ran = place.sealboot(&words);
    ran.check("no disk", UNEXPECTED, &["printed"]);
}

/// After all the faults above: the machine starts, and prints.
#[test]
fn a_mended_machine_starts() {
    let place = Place::new();
    let line = "sealboot build -q && sealboot run --quiet --no-kvm --timeout 120 --expect BdsDxe";
    place.line(line).check("mended", 0, &["seen: BdsDxe"]);
}
