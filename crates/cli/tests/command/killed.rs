//! A build that is killed at any moment: every file in `out` is one of the last release or of the new
//! one, as a whole, and the next build does not know that anything was.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::place::{Place, SEALBOOT, run};

/// So many builds are killed, each a little later than the one before.
const KILLED: u32 = 60;

/// At least so many of them are still running when it is their turn.
const LEAST: usize = 10;

/// What is in the root in every other build, with blocks and fragments of its own.
fn fill(place: &Place, which: u32) {
    let lines = (0..200_000_u32).map(|n| format!("{}\n", n.wrapping_mul(which * 2 + 7919)));
    place.write("root/usr/data", lines.collect::<String>());
    for small in 0..50 {
        place.write(&format!("root/etc/{small}"), format!("{small} {which}"));
    }
}

/// A build; the dates of the files that [`fill`] writes do not count.
fn build(place: &Place, more: &[&str]) -> Command {
    let mut build = place.command(SEALBOOT);
    build.env("SOURCE_DATE_EPOCH", "1700000000");
    build.arg("build").args(more);
    build
}

#[test]
fn a_killed_build_leaves_whole_files_only() {
    let place = Place::new();
    let mut releases = Vec::new();
    let mut longest = Duration::ZERO;
    for which in [1, 0] {
        fill(&place, which);
        let start = Instant::now();
        let ran = run(&mut build(&place, &["--no-cache"]));
        longest = longest.max(start.elapsed());
        ran.check("build", 0, &[]);
        releases.push(place.files("out"));
    }
    let [first, second] = &releases[..] else {
        panic!("two releases");
    };
    assert!(first["root.squashfs"] != second["root.squashfs"]);
    let mut killed = 0;
    for number in 0..KILLED {
        fill(&place, (number + 1) % 2);
        // The earlier release's images are kept; the other's are not, so that they are made anew.
        if number % 3 == 0 && place.path("cache/made").exists() {
            place.remove("cache/made");
        }
        let mut build = build(&place, &["--cache", "cache"]);
        build.stdout(Stdio::null()).stderr(Stdio::null());
        let mut running = build.spawn().unwrap();
        let (start, moment) = (Instant::now(), longest * number / KILLED);
        while start.elapsed() < moment && running.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        // Other tests may have held the first builds up.
        if running.try_wait().unwrap().is_some() {
            longest = longest.min(start.elapsed());
        }
        running.kill().unwrap();
        killed += usize::from(running.wait().unwrap().signal() == Some(9));
        check(&place.files("out"), &releases, number);
    }
    assert!(killed >= LEAST, "only {killed} were killed");
    // Twice: the second time from what is kept.
    for (which, expected) in [(1, first), (0, second), (1, first), (1, first)] {
        fill(&place, which);
        let ran = run(&mut build(&place, &["--cache", "cache"]));
        ran.check("the build after that", 0, &[]);
        assert!(place.files("out") == *expected);
    }
}

/// Nothing but files of one of these releases, and the corner of a build that is no more.
fn check(found: &BTreeMap<String, Vec<u8>>, releases: &[BTreeMap<String, Vec<u8>>], number: u32) {
    for (name, bytes) in found {
        let whole = releases
            .iter()
            .any(|release| release.get(name) == Some(bytes));
        let corner = name.starts_with(".building-");
        assert!(whole || corner, "{name} after build {number}");
    }
    for name in releases[0].keys() {
        assert!(found.contains_key(name), "no {name} after build {number}");
    }
}
