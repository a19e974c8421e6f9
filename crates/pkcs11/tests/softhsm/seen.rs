//! What strace sees: the PIN leaves the process in no call, and there is no core dump of it.

use crate::place::{DIGEST, Place, run};
use crate::token::{PIN, asker};
use crate::trace::{strace, traced};

#[test]
fn the_pin_stays_in_the_process() {
    let place = Place::new();
    let mut command = place.command("strace");
    strace(&mut command, "read,openat,prlimit64,setrlimit,prctl")
        .arg(asker())
        .arg("--many")
        .arg(place.softhsm.uri("object=db"));
    let ran = run(&mut command, &DIGEST);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let trace = std::fs::read_to_string(place.path("trace")).unwrap();
    let pin = traced(PIN.as_bytes());
    let with_pin = trace.lines().filter(|line| line.contains(&pin));
    let with_pin: Vec<&str> = with_pin.collect();
    // It is read, once, from its file.
    assert_eq!(with_pin.len(), 1, "{with_pin:?}");
    assert!(with_pin[0].contains("read("), "{with_pin:?}");
    let line = |words: &[&str]| {
        let mut lines = trace.lines();
        lines.position(|line| words.iter().all(|word| line.contains(word)))
    };
    let read = line(&["read(", &pin]).unwrap();
    for words in [
        ["RLIMIT_CORE", "rlim_cur=0"],
        ["PR_SET_DUMPABLE", "SUID_DUMP_DISABLE"],
    ] {
        let off = line(&words).unwrap_or_else(|| panic!("no {words:?}"));
        assert!(off < read, "{words:?} comes after the PIN");
    }
}
