//! What two releases differ in, and the report that each has.

use std::fs;

use serde_json::Value;

use crate::chain::json;
use crate::place::Place;

/// Two releases in `old` and `out`.
fn two() -> Place {
    let place = Place::new();
    place.write("root/etc/goes", "old");
    place.write("root/etc/changes", "old");
    place.write("root/etc/mode", "same");
    let build = |out: &str| {
        let ran = place.sealboot(&["build", "--quiet", "--out", out]);
        ran.check(out, 0, &[]);
    };
    build("old");
    place.remove("root/etc/goes");
    place.write("root/etc/changes", "new");
    place.write("root/etc/comes", "new");
    place.mode("root/etc/mode", 0o600);
    place.configure("version = '1'\n", "version = '2'\n");
    build("out");
    place
}

fn change<'a>(difference: &'a Value, what: &str) -> Option<&'a Value> {
    let mut changes = difference["changes"].as_array().unwrap().iter();
    changes.find(|change| change["what"] == what)
}

#[test]
fn a_difference_is_told_file_by_file() {
    let place = two();
    let difference = json(&place, &["diff", "old", "out"], 0);
    assert_eq!(change(&difference, "version").unwrap()["new"], "2");
    for what in ["root.squashfs, root hash", "PCR 11", "PCR 4"] {
        assert!(
            change(&difference, what).is_some(),
            "{what}: {difference:#}"
        );
    }
    for what in [
        "kernel",
        "command line",
        "modules.squashfs, root hash",
        "UKI signed by",
    ] {
        assert!(
            change(&difference, what).is_none(),
            "{what}: {difference:#}"
        );
    }
    let files: Vec<(&str, bool, bool)> = difference["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            let there = |side: &str| file.get(side).is_some();
            (file["path"].as_str().unwrap(), there("old"), there("new"))
        })
        .collect();
    let expected = [
        ("etc/changes", true, true),
        ("etc/comes", false, true),
        ("etc/goes", true, false),
        ("etc/mode", true, true),
    ];
    assert_eq!(files, expected);

    let told = place.sealboot(&["diff", "old"]);
    told.check("for people", 0, &[]);
    for line in [
        "  - 1\n  + 2\n",
        "files of root.squashfs: 4 changed",
        "    etc/changes (other content)",
        "  + etc/comes (3 bytes, 0644 0:0)",
        "  - etc/goes (3 bytes, 0644 0:0)",
        "0644 0:0 -> 4 bytes, 0600 0:0)",
    ] {
        assert!(told.stdout.contains(line), "{line:?}: {}", told.stdout);
    }
    assert!(
        told.stdout.lines().all(|line| line.len() <= 80),
        "{}",
        told.stdout
    );
    let same = place.sealboot(&["diff", "out", "out"]);
    same.check("the same", 0, &[]);
    assert_eq!(same.stdout, "out and out are the same release.\n");
    place.sealboot(&["diff", "nowhere", "out"]).check(
        "nothing there",
        6,
        &["nowhere", "cannot be compared"],
    );
    place.write("old/root.squashfs", "hsqs");
    place
        .sealboot(&["diff", "old", "out"])
        .check("no image", 3, &["cannot be compared"]);
}

/// What stands in it is what else says so.
#[test]
fn the_report_says_what_the_release_is() {
    let place = two();
    let page = fs::read_to_string(place.path("out/report.html")).unwrap();
    let manifest = json(&place, &["inspect", "out/release.json"], 0);
    let uki = json(&place, &["inspect", "out/kernel.efi"], 0);
    let keys = json(&place, &["keys", "show"], 0);
    let measured = json(&place, &["measure"], 0);
    let mut words = vec![
        uki["authenticode_sha256"].clone(),
        uki["command_line"].clone(),
    ];
    for image in manifest["manifest"]["images"].as_array().unwrap() {
        words.extend([image["file"].clone(), image["root_hash"].clone()]);
    }
    for key in keys["keys"].as_array().or(keys.as_array()).unwrap() {
        words.push(key["sha256"].clone());
    }
    let registers = measured["pcrs"].as_array().unwrap().iter();
    let first =
        registers.filter(|register| register["phase"].as_str().unwrap_or_default().is_empty());
    words.extend(first.map(|register| register["sha256"].clone()));
    assert!(words.len() > 10, "{words:?}");
    for word in words {
        let word = word.as_str().unwrap_or_else(|| panic!("no text: {word}"));
        assert!(page.contains(word), "{word}");
    }
}
