//! Work that was done before: found again, it gives the same bytes; damaged, it is done again.

use std::fs;
use std::path::PathBuf;

use crate::place::{Place, Ran};

/// A build with this cache folder.
fn build(place: &Place, more: &[&str]) -> Ran {
    let ran = place.sealboot(&[&["build", "--cache", "cache"], more].concat());
    ran.check("build", 0, &["Release 1 is in"]);
    ran
}

/// How many images were copied.
fn copied(ran: &Ran) -> usize {
    ran.stderr.matches("as before").count()
}

/// What is kept: entry → bytes.
fn kept(place: &Place) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in fs::read_dir(place.path("cache/made")).unwrap() {
        let entries = fs::read_dir(folder.unwrap().path()).unwrap();
        found.extend(entries.map(|entry| entry.unwrap().path()));
    }
    found.sort();
    found
}

#[test]
fn a_second_build_copies_and_the_bytes_are_the_same() {
    let place = Place::new();
    let none = build(&place, &["--no-cache"]);
    assert_eq!(copied(&none), 0);
    assert!(!place.path("cache/made").exists());
    let expected = place.files("out");
    assert_eq!(copied(&build(&place, &[])), 0);
    assert!(place.files("out") == expected);
    assert_eq!(copied(&build(&place, &[])), 2);
    assert!(place.files("out") == expected);
}

#[test]
fn another_command_line_needs_no_image() {
    let place = Place::new();
    build(&place, &[]);
    let before = place.files("out");
    place.configure("[uki]", "[uki]\ncommand_line = 'quiet'");
    assert_eq!(copied(&build(&place, &[])), 2);
    let after = place.files("out");
    for image in ["root.squashfs", "modules.squashfs", "root.roothash.p7s"] {
        assert!(before[image] == after[image], "{image}");
    }
    assert!(before["kernel.efi"] != after["kernel.efi"]);
}

#[test]
fn another_root_leaves_the_modules_as_they_are() {
    let place = Place::new();
    // Without a date of its own the release has that of the newest file.
    place.configure("version = '1'\n", "");
    let day = std::time::Duration::from_secs(86400);
    let ran = place.sealboot(&["build", "--cache", "cache"]);
    ran.check("build", 0, &[]);
    let before = place.files("out");
    place.write("root/etc/new", "new");
    let file = fs::File::options()
        .write(true)
        .open(place.path("root/etc/new"))
        .unwrap();
    file.set_modified(file.metadata().unwrap().modified().unwrap() + 3 * day)
        .unwrap();
    let ran = place.sealboot(&["build", "--cache", "cache"]);
    ran.check("build", 0, &[]);
    assert_eq!(copied(&ran), 1);
    let after = place.files("out");
    assert!(before["modules.squashfs"] == after["modules.squashfs"]);
    assert!(before["root.squashfs"] != after["root.squashfs"]);
    assert!(before["release.json"] != after["release.json"]);
}

#[test]
fn a_changed_file_of_a_folder_is_noticed() {
    let place = Place::new();
    place.write("root/etc/word", "one");
    let word = place.path("root/etc/word");
    let time = fs::metadata(&word).unwrap().modified().unwrap();
    build(&place, &[]);
    let before = place.files("out");
    // Same length, same time.
    place.write("root/etc/word", "two");
    let file = fs::File::options().write(true).open(&word).unwrap();
    file.set_modified(time).unwrap();
    assert_eq!(copied(&build(&place, &[])), 1);
    let after = place.files("out");
    assert!(before["root.squashfs"] != after["root.squashfs"]);
    build(&place, &["--no-cache"]);
    assert!(place.files("out") == after);
}

#[test]
fn what_is_damaged_is_made_again() {
    let place = Place::new();
    build(&place, &[]);
    let expected = place.files("out");
    let entries = kept(&place);
    assert!(entries.len() >= 3, "{entries:?}");
    let whole: Vec<Vec<u8>> = entries.iter().map(|path| fs::read(path).unwrap()).collect();
    for at in [0, 50, 100] {
        for (path, bytes) in entries.iter().zip(&whole) {
            let mut damaged = bytes.clone();
            damaged[at.min(bytes.len() - 1)] ^= 4;
            fs::write(path, damaged).unwrap();
        }
        assert_eq!(copied(&build(&place, &[])), 0);
        assert!(place.files("out") == expected, "byte {at}");
        for (path, bytes) in entries.iter().zip(&whole) {
            assert!(fs::read(path).unwrap() == *bytes, "{}", path.display());
        }
    }
    assert_eq!(copied(&build(&place, &[])), 2);
}

#[test]
fn two_builds_at_once_and_a_cache_without_room() {
    let place = Place::new();
    build(&place, &["--no-cache"]);
    let expected = place.files("out");
    std::thread::scope(|scope| {
        for out in ["out1", "out2", "out3"] {
            let place = &place;
            let more = match out {
                "out3" => ["--out", out, "--cache-size", "10K"],
                _ => ["--out", out, "--cache-size", "1G"],
            };
            scope.spawn(move || (0..3).for_each(|_| drop(build(place, &more))));
        }
    });
    for out in ["out1", "out2", "out3"] {
        assert!(place.files(out) == expected, "{out}");
    }
    build(&place, &["--cache-size", "10K"]);
    let size = |path: &PathBuf| fs::metadata(path).unwrap().len();
    assert!(kept(&place).iter().map(size).sum::<u64>() <= 10 << 10);
    build(&place, &["--cache-size", "0"]);
    assert!(kept(&place).is_empty());
    assert!(place.files("out") == expected);
}

#[test]
fn a_folder_that_others_can_write_to_is_not_used() {
    let place = Place::new();
    build(&place, &[]);
    let expected = place.files("out");
    place.mode("cache/made", 0o777);
    let ran = build(&place, &[]);
    assert_eq!(copied(&ran), 0);
    assert!(
        ran.stderr.contains("written to by others"),
        "{}",
        ran.stderr
    );
    assert!(place.files("out") == expected);
}

#[test]
fn sizes_that_are_none() {
    let place = Place::new();
    let wrong = |arguments: &[&str], word: &str| {
        let ran = place.sealboot(&[&["build"], arguments].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(word), "{}", ran.stderr);
    };
    wrong(&["--cache-size", "much"], "such as 4G");
    wrong(&["--cache-size", "1G", "--no-cache"], "cannot be used with");
}
