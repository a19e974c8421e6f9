//! A build beside another, and one after another.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::*;
use crate::place::CONFIG;

#[test]
fn what_is_right_builds_and_replaces_the_earlier_release() {
    let place = Place::new();
    place.earlier_release();
    place.write("out/.building-killed/root.squashfs", "half of it");
    let ran = place.sealboot(&["build", "--json"]);
    ran.check("build", 0, &["The plan:"]);
    let release: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let mut names: Vec<_> = release["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["name"].as_str().unwrap().to_owned())
        .collect();
    names.push("notes.txt".to_owned());
    names.sort();
    assert_eq!(place.files("out").into_keys().collect::<Vec<_>>(), names);
    assert!(place.files("out")["kernel.efi"].starts_with(b"MZ"));
}

#[test]
fn two_builds_into_one_folder_do_not_mix() {
    let place = Place::new();
    place.earlier_release();
    // A source that does not end holds the first build where it is.
    let fifo = run(place.command("mkfifo").arg("root.tar"));
    assert_eq!(fifo.code, Some(0), "{}", fifo.stderr);
    place.write(
        "first.toml",
        CONFIG.replacen("directory = 'root'", "tar = 'root.tar'", 1),
    );
    let mut first = place.command(SEALBOOT);
    first
        .args(["build", "--config", "first.toml"])
        .stderr(Stdio::null());
    let mut first = first.spawn().unwrap();
    let corner = |place: &Place| {
        let mut entries = fs::read_dir(place.path("out")).unwrap();
        entries.any(|entry| entry.unwrap().file_name().as_encoded_bytes()[0] == b'.')
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while !corner(&place) {
        assert!(Instant::now() < deadline, "the first build does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    let second = place.sealboot(&["build"]);
    let words = [
        "the output folder out cannot be used",
        "another build is writing to it",
    ];
    second.check("second", FAILED, &words);
    // A killed build leaves its corner, which the next one clears.
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(corner(&place));
    place.sealboot(&["build"]).check("third", 0, &[]);
    assert!(!corner(&place));
}
