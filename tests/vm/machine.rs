//! One run of a machine, and what it printed.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::release::{Release, sealboot};

/// What came of a run.
pub struct Seen {
    /// Everything on the serial line, control sequences removed.
    pub serial: String,
    /// Whether all expected texts came, in order.
    pub met: bool,
    /// What `sealboot run` said.
    pub said: String,
}

/// What Linux prints when the emulator, starved by a busy host, loses its timer ticks. It says
/// nothing about the release.
const STARVED: &str = "IO-APIC + timer doesn't work";

/// Options of every run: the release's keys, nothing shown.
pub fn options(release: &Release) -> Vec<OsString> {
    let keys = release.keys.clone().into_os_string();
    let words = ["--timeout", "240", "--quiet", "--no-kvm", "--keys"];
    words
        .map(OsString::from)
        .into_iter()
        .chain([keys])
        .collect()
}

/// A `PATH` on which QEMU gets these arguments, too: for hardware that `sealboot run` has no option
/// for.
pub fn path_with(folder: &Path, arguments: &str) -> OsString {
    let path = std::env::var("PATH").unwrap();
    let qemu = folder.join("qemu-system-x86_64");
    let script = format!("#!/bin/sh\nPATH={path} exec qemu-system-x86_64 \"$@\" {arguments}\n");
    fs::write(&qemu, script).unwrap();
    fs::set_permissions(&qemu, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{path}", folder.display()).into()
}

/// Starts `disk` with the release's keys enrolled and waits for the texts, in order.
pub fn boot(release: &Release, disk: &Path, expect: &[&str]) -> Seen {
    boot_with(release, disk, expect, &[])
}

/// The same with more options of `sealboot run`.
pub fn boot_with(release: &Release, disk: &Path, expect: &[&str], more: &[&str]) -> Seen {
    let path = std::env::var_os("PATH").unwrap();
    boot_on(&path, release, disk, expect, more)
}

/// The same with the QEMU of [`path_with`].
pub fn boot_on(
    path: &OsStr,
    release: &Release,
    disk: &Path,
    expect: &[&str],
    more: &[&str],
) -> Seen {
    let mut seen = boot_once(path, release, disk, expect, more);
    for _ in 0..2 {
        if seen.serial.contains(STARVED) {
            seen = boot_once(path, release, disk, expect, more);
        }
    }
    seen
}

fn boot_once(path: &OsStr, release: &Release, disk: &Path, expect: &[&str], more: &[&str]) -> Seen {
    // Several machines may run from one disk.
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let log = disk.with_extension(format!("{run}.serial.log"));
    let mut command = sealboot();
    command.arg("run").arg(disk).args(options(release));
    command.env("PATH", path);
    command.arg("--serial-log").arg(&log).args(more);
    for text in expect {
        command.args(["--expect", text]);
    }
    let output = command.output().expect("sealboot run starts");
    let serial = fs::read(&log).unwrap_or_else(|e| panic!("no serial log: {e}; {}", text(&output)));
    Seen {
        serial: plain(&serial),
        met: output.status.success(),
        said: text(&output),
    }
}

impl Seen {
    /// Fails with everything that was printed.
    #[track_caller]
    pub fn must(&self, good: bool, what: &str) {
        assert!(
            good,
            "{what}\n{}\n--- the serial line:\n{}",
            self.said, self.serial
        );
    }

    /// The lines after `probe <name>: `.
    pub fn probe(&self, name: &str) -> String {
        let prefix = format!("probe {name}: ");
        let lines = self
            .serial
            .lines()
            .filter_map(|line| line.trim_end().strip_prefix(&prefix));
        lines.fold(String::new(), |text, line| text + line + "\n")
    }
}

fn text(output: &Output) -> String {
    let err = String::from_utf8_lossy(&output.stderr);
    format!("{}{err}", String::from_utf8_lossy(&output.stdout))
}

/// Without terminal control sequences (ECMA-48, section 5.4) and carriage returns.
pub fn plain(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            0x1b if rest.next_if_eq(&b'[').is_some() => {
                while rest.next_if(|b| (0x20..=0x3f).contains(b)).is_some() {}
                rest.next();
            }
            0x1b | b'\r' => {}
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
