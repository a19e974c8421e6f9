//! Every input that was kept is read again: those to start fuzzing from, and those that were too much
//! for a reader once.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use readers::{TARGETS, Target};
use source::layer::decompress;

/// An input that takes longer has found something: the longest takes some milliseconds.
const LONGEST: Duration = Duration::from_secs(20);

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// Names of what is in a folder, sorted.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<String> = names.collect();
    assert!(!names.is_empty(), "{} is empty", folder.display());
    names
}

fn known() -> BTreeSet<String> {
    TARGETS
        .iter()
        .map(|target| target.name.to_owned())
        .collect()
}

fn read_all(target: &Target, folder: &Path) {
    for name in names(folder) {
        let path = folder.join(name);
        let bytes = fs::read(&path).unwrap();
        // A panic, and what kills the process, tells by this line which input it was.
        println!("{}", path.display());
        let started = Instant::now();
        (target.read)(&bytes);
        let took = started.elapsed();
        assert!(took < LONGEST, "{}: {took:?}", path.display());
    }
}

#[test]
fn inputs_to_start_from_are_read() {
    let corpus = fuzz().join("corpus");
    assert_eq!(
        names(&corpus),
        known(),
        "a folder for each target, and for nothing else"
    );
    for target in TARGETS {
        read_all(target, &corpus.join(target.name));
    }
}

#[test]
fn what_was_too_much_once_is_none_again() {
    let crashes = fuzz().join("crashes");
    for name in names(&crashes) {
        let target = readers::named(&name).unwrap_or_else(|| panic!("{name} is no target"));
        read_all(target, &crashes.join(name));
    }
}

#[test]
fn every_target_has_a_program() {
    let programs = names(&fuzz().join("fuzz_targets"));
    let expected: BTreeSet<String> = known().iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(programs, expected);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in known() {
        let row = format!("path = \"fuzz_targets/{name}.rs\"");
        assert!(manifest.contains(&row), "fuzz/Cargo.toml has no {row}");
        let program = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(
            program.contains(&format!("\"{name}\"")),
            "{name}.rs reads something else"
        );
    }
}

#[test]
fn a_stream_that_asks_for_too_much_memory_is_refused() {
    let bytes = fs::read(fuzz().join("crashes/layer/xz-asks-for-4-gib")).unwrap();
    let mut stream = decompress(&bytes, &bytes[..]).unwrap();
    // Memory that is asked for and not used would not fail here.
    let error = stream.read(&mut [0]).unwrap_err().to_string();
    assert!(error.contains("memory"), "{error}");
}
