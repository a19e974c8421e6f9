//! The end of the log of a kernel that stopped, as pstore kept it (kernel:
//! `Documentation/admin-guide/pstore-blk.rst`, `fs/pstore/platform.c`; pstore(5) of systemd).
//!
//! A record is a file `dmesg-<backend>-<number>`. Its first line is `Panic#2 Part1`: the second
//! dump since that kernel started, and of that its last piece. A fault that the kernel survived
//! (`Oops#1 Part1`) is kept, too; with `oops=panic` on the command line a panic follows it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use contract::failure::Failure;
use linux::mount::Flags;

use crate::machine::{Machine, printable};

const FOLDER: &str = "/sys/fs/pstore";

/// What the line begins with that says why, the best first (`kernel/panic.c`, `arch/x86/mm/fault.c`,
/// `arch/x86/kernel/dumpstack.c`).
const WORDS: [&str; 3] = ["Kernel panic", "BUG: ", "Oops: "];

/// One piece of a log.
struct Record {
    file: PathBuf,
    written: Option<SystemTime>,
    /// What happened, and which dump since that kernel started: `Panic#2`.
    dump: String,
    /// 1 is the last piece.
    part: u32,
    text: String,
}

/// The newest log, as a failure; nothing when there is none.
pub(crate) fn newest(machine: &Machine) -> Option<Failure> {
    let folder = machine.path(FOLDER);
    if !folder.is_dir() {
        return None;
    }
    let flags = Flags::NOSUID | Flags::NODEV | Flags::NOEXEC;
    let mounted = machine.system.mount("pstore", &folder, "pstore", flags, "");
    if let Err(error) = mounted {
        let source = &error.source;
        machine.say(&format!(
            "a kernel's last words cannot be read: {error}: {source}"
        ));
        return None;
    }
    let records = records(machine);
    // A panic may follow a fault in the same second; `P` comes after `O`.
    let last = records
        .iter()
        .max_by_key(|record| (record.written, &record.dump))?;
    let parts = records.iter().filter(|record| record.dump == last.dump);
    let parts: BTreeMap<u32, &str> = parts.map(|r| (r.part, r.text.as_str())).collect();
    let log: String = parts.into_values().rev().collect();
    let log: String = log
        .chars()
        .map(|c| if c == '\n' { c } else { printable(c) })
        .collect();
    let words = WORDS
        .iter()
        .find_map(|words| log.get(log.find(words)?..)?.lines().next());
    let words = words.unwrap_or("its log does not say why");
    let what = match last.dump.starts_with("Panic") {
        true => "the kernel stopped",
        false => "the kernel met a fault",
    };
    Some(Failure {
        step: "running".to_owned(),
        problem: format!("{what}: {words}"),
        next: "read the end of its log; if it comes again, start another release".to_owned(),
        kernel_log: Some(log),
        ..Failure::default()
    })
}

/// Removes the records: the firmware's memory for variables is small, and a full one can keep a
/// machine from starting.
pub(crate) fn remove(machine: &Machine) {
    for record in records(machine) {
        let _ = fs::remove_file(record.file);
    }
}

/// Every piece of every log.
fn records(machine: &Machine) -> Vec<Record> {
    let entries = fs::read_dir(machine.path(FOLDER)).into_iter().flatten();
    let records = entries.flatten().filter_map(|entry| {
        let file = entry.path();
        let bytes = fs::read(&file).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let (head, text) = text.split_once('\n')?;
        let (dump, part) = head.split_once(" Part")?;
        let known = dump.starts_with("Panic#") || dump.starts_with("Oops#");
        known.then_some(Record {
            written: entry.metadata().ok()?.modified().ok(),
            dump: dump.to_owned(),
            part: part.trim().parse().ok()?,
            text: text.to_owned(),
            file,
        })
    });
    records.collect()
}
