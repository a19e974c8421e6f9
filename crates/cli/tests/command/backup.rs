//! Private keys on paper and back: the pages, as a scanner reads them; what was typed wrong; what is public.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use crate::place::Place;

const NAMES: [&str; 3] = ["PK", "KEK", "db"];

/// A place with keys that have a passphrase, and their pages in `keys-backup`.
fn written() -> Place {
    let place = Place::empty();
    place.write("secret", "a passphrase\n");
    let create = ["keys", "create", "--passphrase-file", "secret"];
    place.sealboot(&create).check("create", 0, &[]);
    place.sealboot(&["keys", "backup"]).check("backup", 0, &[]);
    place
}

fn page(name: &str) -> String {
    format!("keys-backup/{name}.txt")
}

fn pages() -> [String; 3] {
    NAMES.map(page)
}

fn text(place: &Place, name: &str) -> String {
    fs::read_to_string(place.path(&page(name))).unwrap()
}

/// Lines of the key alone.
fn lines(text: &str) -> Vec<&str> {
    let is_line = |line: &&str| !line.is_empty() && !line.starts_with('#');
    text.lines().filter(is_line).collect()
}

#[test]
fn what_was_written_down_is_proven_and_comes_back() {
    let place = written();
    let mode = |name: &str| fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("keys-backup"), 0o700);
    for name in NAMES {
        assert_eq!(mode(&page(name)), 0o600);
        assert_eq!(mode(&format!("keys-backup/{name}.html")), 0o600);
    }
    let [pk, kek, db] = pages();
    let check = ["keys", "check", "--passphrase-file", "secret", "--backup"];
    let ran = place.sealboot(&[&check[..], &[&db, &pk, &kek]].concat());
    ran.check("check", 0, &[]);
    assert_eq!(ran.stdout.matches("ok  ").count(), 6, "{}", ran.stdout);

    let restore = ["keys", "restore", "--passphrase-file", "secret"];
    let to = |to: &'static str| ["--keys", to];
    let ran = place.sealboot(&[&restore[..], &to("again"), &[&db, &pk, &kek]].concat());
    ran.check("restore", 0, &[]);
    let (before, after) = (place.files("keys"), place.files("again"));
    for (name, content) in &before {
        let is_signed = name.ends_with(".auth");
        assert_eq!(after.get(name) == Some(content), !is_signed, "{name}");
    }
    assert_eq!(mode("again/db.key"), 0o600);
    let check = [
        "keys",
        "check",
        "--keys",
        "again",
        "--passphrase-file",
        "secret",
    ];
    place
        .sealboot(&check)
        .check("check of what came back", 0, &[]);

    // One key alone, for a machine that signs.
    let ran = place.sealboot(&[&restore[..], &to("alone"), &[&db]].concat());
    ran.check("restore of one", 0, &[]);
    let names: Vec<String> = place.files("alone").into_keys().collect();
    assert_eq!(names, ["db.cer", "db.crt", "db.key", "owner.guid"]);
    assert!(ran.stdout.contains("are not on paper"), "{}", ran.stdout);

    // Nothing is overwritten.
    let ran = place.sealboot(&[&restore[..], &to("alone"), &[&db]].concat());
    ran.check("restore over it", 5, &["never overwritten"]);
    let ran = place.sealboot(&["keys", "backup"]);
    ran.check("backup over it", 5, &["keys-backup", "never overwritten"]);
}

/// From the page as it is printed: its pictures are drawn and scanned by programs that know nothing of sealboot.
#[test]
fn the_codes_on_a_page_are_read_by_a_scanner() {
    let place = written();
    let html = fs::read_to_string(place.path("keys-backup/db.html")).unwrap();
    assert!(!html.contains("http://www.example") && !html.contains("<script"));
    let mut scanned = String::new();
    let mut codes = 0;
    for (index, rest) in html.split("<svg").skip(1).enumerate() {
        let end = rest.find("</svg>").unwrap() + "</svg>".len();
        let (svg, png) = (format!("code-{index}.svg"), format!("code-{index}.png"));
        place.write(&svg, format!("<svg{}", &rest[..end]));
        let installs = "cargo xtask tools installs it";
        let mut draw = Command::new("rsvg-convert");
        draw.args(["--width", "800", "--output", &png, &svg]);
        let output = draw.current_dir(place.path("")).output().expect(installs);
        assert!(output.status.success(), "code {index}: {output:?}");
        let mut scan = Command::new("zbarimg");
        scan.args(["--quiet", "--raw", &png]);
        let output = scan.current_dir(place.path("")).output().expect(installs);
        assert!(output.status.success(), "code {index}: {output:?}");
        scanned.push_str(&String::from_utf8(output.stdout).unwrap());
        codes += 1;
    }
    assert!(codes >= 5, "{codes} codes");
    assert_eq!(lines(&scanned), lines(&text(&place, "db")));
    place.write("scanned", &scanned);
    let check = [
        "keys",
        "check",
        "--passphrase-file",
        "secret",
        "--backup",
        "scanned",
    ];
    place.sealboot(&check).check("what was scanned", 0, &[]);
}

#[test]
fn every_mistake_is_said_with_what_to_do() {
    let place = written();
    let good = text(&place, "db");
    let (start, rest) = good.split_at(good.find("db 3/").unwrap() + 12);
    let other = if rest.starts_with('A') { 'B' } else { 'A' };
    place.write("typed", format!("{start}{other}{}", &rest[1..]));
    let line = start.lines().count();
    let at = format!("line {line}: it was not copied right");
    let without: Vec<&str> = good
        .lines()
        .filter(|line| !line.starts_with("db 4/"))
        .collect();
    place.write("short", without.join("\n"));
    place.write("empty", "# nothing\n");
    place.write("binary", [0xff, 0xfe, 0x00]);
    place.write("other-secret", "another one\n");
    let create = ["keys", "create", "--no-passphrase", "--keys", "others"];
    place.sealboot(&create).check("others", 0, &[]);
    let cases: [(&str, &str, &[&str]); 6] = [
        ("typed", "secret", &["typed is no backup", &at]),
        ("short", "secret", &["of db, lines 4 of", "are missing"]),
        ("empty", "secret", &["no line of a backup"]),
        ("binary", "secret", &["binary cannot be read as text"]),
        ("nowhere", "secret", &["nowhere cannot be read"]),
        (
            "keys-backup/db.txt",
            "other-secret",
            &["the backup of db does not sign", "passphrase"],
        ),
    ];
    for (file, secret, words) in cases {
        for verb in [&["check", "--backup"][..], &["restore", "--keys", "new"]] {
            let words_of = [&["keys"], verb, &[file, "--passphrase-file", secret]].concat();
            let ran = place.sealboot(&words_of);
            ran.check(file, 5, words);
            assert!(!place.path("new").exists(), "{file}");
        }
    }
    // Of several files all are named: the lines may be missing in any.
    let check = ["keys", "check", "--passphrase-file", "secret", "--backup"];
    let ran = place.sealboot(&[&check[..], &["short", "keys-backup/PK.txt"]].concat());
    let words = [
        "short, keys-backup/PK.txt are no backup",
        "of db, lines 4 of",
    ];
    ran.check("two files", 5, &words);
    // A key of another owner's than the folder's.
    let check = [
        "keys",
        "check",
        "--keys",
        "others",
        "--passphrase-file",
        "secret",
        "--backup",
    ];
    let ran = place.sealboot(&[&check[..], &["keys-backup/db.txt"]].concat());
    ran.check("another owner's", 5, &["the backup does not hold: 1 of 2"]);
    // Pages of two owners are no set.
    let ran = place.sealboot(&["keys", "backup", "--keys", "others", "--out", "theirs"]);
    ran.check(
        "backup without a passphrase",
        0,
        &["whoever sees the page has the key"],
    );
    let html = fs::read_to_string(place.path("theirs/db.html")).unwrap();
    assert!(html.contains("NOT encrypted"));
    let restore = [
        "keys",
        "restore",
        "--keys",
        "new",
        "--passphrase-file",
        "secret",
    ];
    let ran = place.sealboot(&[&restore[..], &["theirs/PK.txt", "keys-backup/db.txt"]].concat());
    ran.check("two owners", 5, &["several owners"]);
    assert!(!place.path("new").exists());
    let ran = place.sealboot(&["keys", "backup", "--keys", "nowhere", "--out", "b"]);
    ran.check("no keys", 5, &["nowhere/PK.crt"]);
    assert!(!place.path("b").exists());
}

#[test]
fn what_is_exported_is_public_and_enough() {
    let place = Place::new();
    place
        .sealboot(&["keys", "export", "public"])
        .check("export", 0, &[]);
    let names: Vec<String> = place.files("public").into_keys().collect();
    assert!(
        names.iter().all(|name| !name.ends_with(".key")),
        "{names:?}"
    );
    assert!(!names.contains(&"PK-empty.auth".to_owned()), "{names:?}");
    assert!(names.contains(&"db.auth".to_owned()), "{names:?}");
    let build = ["build", "--quiet", "--unsigned", "--keys", "public"];
    place.sealboot(&build).check("build --unsigned", 0, &[]);
    let sign = ["sign", "out/to-sign", "--yes", "1"];
    place.sealboot(&sign).check("sign", 0, &[]);
    let attach = ["attach", "out", "--keys", "public"];
    place.sealboot(&attach).check("attach", 0, &[]);
    let verify = ["--json", "verify", "out", "--keys", "public"];
    let ran = place.sealboot(&verify);
    ran.check("verify", 0, &[]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["holds"], true);
    let ran = place.sealboot(&["build", "--keys", "public", "--out", "other"]);
    ran.check("build with them", 5, &["public/db.key"]);
    let ran = place.sealboot(&["keys", "export", "public"]);
    ran.check("export over it", 5, &["never overwritten"]);
    let ran = place.sealboot(&["keys", "export", "new", "--keys", "root"]);
    ran.check("no keys folder", 5, &["PK.cer"]);
    assert!(!place.path("new").exists());
}
