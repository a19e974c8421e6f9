//! Whatever is wrong: the exit code says of what kind; the message says what was being done, to
//! what, what was found and what to do; nothing half-written is left; and the same again without
//! the fault works. `docs/reference/errors.md` is written from these rows: `UPDATE_REFERENCE=1`
//! with these tests writes it anew.

mod alpine;
mod artefacts;
mod concurrent;
mod configuration;
mod document;
mod folders;
mod images;
mod inside;
mod kernel;
mod keys;
mod machine;
mod parts;
mod registries;
mod sources;
mod writing;

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use crate::place::{Place, SEALBOOT, VERSION, run};
pub(crate) use document::{Entry, document};

/// What is wrong, how the place is spoilt, what is typed, its exit code, words of its message.
pub(crate) type Row = (
    &'static str,
    fn(&Place),
    &'static str,
    i32,
    &'static [&'static str],
);

pub(crate) const FAILED: i32 = 1;
pub(crate) const USAGE: i32 = 2;
pub(crate) const REFUSED: i32 = 3;
pub(crate) const NETWORK: i32 = 4;
pub(crate) const KEYS: i32 = 5;
pub(crate) const MISSING: i32 = 6;
pub(crate) const UNEXPECTED: i32 = 7;

fn nothing(_: &Place) {}

/// Runs every row, so that one run shows all that is wrong, and compares the section of the
/// document.
fn check(topic: &str, rows: &[Row]) {
    let mut failed = Vec::new();
    let mut entries = Vec::new();
    for row in rows {
        match std::panic::catch_unwind(|| check_row(row)) {
            Ok(entry) => entries.push(entry),
            Err(_) => failed.push(row.0),
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
    document(topic, &entries);
}

/// Checks rows that wait, all at once, and compares the section of the document.
pub(crate) fn side_by_side<R: Sync>(
    topic: &str,
    rows: &[R],
    name: fn(&R) -> &'static str,
    check: impl Fn(&R) -> Entry + Sync,
) {
    let (mut failed, mut entries) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let check = &check;
        let rows = rows
            .iter()
            .map(|row| (name(row), scope.spawn(move || check(row))));
        for (name, row) in rows.collect::<Vec<_>>() {
            match row.join() {
                Ok(entry) => entries.push(entry),
                Err(_) => failed.push(name),
            }
        }
    });
    assert!(failed.is_empty(), "{failed:?}");
    document(topic, &entries);
}

fn check_row((name, spoil, line, code, words): &Row) -> Entry {
    let place = Place::new();
    place.earlier_release();
    spoil(&place);
    let before = place.snapshot();
    let ran = place.line(line);
    ran.check(name, *code, words);
    place.check_earlier_release(name);
    assert_eq!(place.snapshot(), before, "{name}: something was left");
    place.restore();
    if let Some(again) = again(line) {
        place.line(again).check(&format!("{name}, mended"), 0, &[]);
    }
    Entry {
        name: (*name).to_owned(),
        line: (*line).to_owned(),
        code: *code,
        message: place.told(ran.message()),
    }
}

/// The same once more, as it is typed when nothing is wrong. A machine takes its time to start:
/// `machine` does that once for all.
fn again(line: &str) -> Option<&'static str> {
    let verbs = [
        ("sealboot run", None),
        (
            "sealboot keys create",
            Some("sealboot keys create --no-passphrase --keys fresh"),
        ),
        ("sealboot keys show", Some("sealboot keys show")),
        (
            "sealboot keys rotate",
            Some("sealboot keys rotate db --no-passphrase"),
        ),
        (
            "sealboot keys revoke",
            Some("sealboot build -q && sealboot keys revoke stub/linuxx64.efi.stub"),
        ),
        // What a firmware takes is a machine's matter.
        ("sealboot keys apply", None),
        (
            "sealboot write",
            Some("sealboot build -q && sealboot write fresh.img"),
        ),
        (
            "sealboot inspect",
            Some("sealboot build -q && sealboot inspect"),
        ),
        (
            "sealboot verify",
            Some("sealboot build -q && sealboot verify"),
        ),
        (
            "sealboot oci",
            Some(
                "sealboot build -q && sealboot oci push out oci-archive:release.tar \
                 && sealboot oci pull oci-archive:release.tar fresh",
            ),
        ),
        ("sealboot image", Some("sealboot image build root")),
        (
            "sealboot initrd",
            Some("sealboot build -q && sealboot initrd build"),
        ),
        (
            "sealboot uki",
            Some(
                "sealboot uki build --kernel stub/linuxx64.efi.stub --initrd sealboot.toml \
                 --stub stub/linuxx64.efi.stub --command-line quiet",
            ),
        ),
        ("sealboot disk", Some("sealboot disk build sealboot.toml=a")),
        ("sealboot build", Some("sealboot build")),
    ];
    let found = verbs.iter().find(|(verb, _)| line.contains(verb));
    found.unwrap_or(&("", Some("sealboot build"))).1
}

/// A tar of one file as root's only source.
fn root_is_a_tar(place: &Place) {
    place.configure("directory = 'root'", "tar = 'root.tar'");
    let ran =
        run(place
            .command("tar")
            .args(["--create", "--file=root.tar", "--directory=root", "."]));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

fn cut(place: &Place, name: &str, length: u64) {
    File::options()
        .write(true)
        .open(place.path(name))
        .unwrap()
        .set_len(length)
        .unwrap();
}

/// Flips a bit of the byte at `offset`.
fn alter(place: &Place, name: &str, offset: u64) {
    let mut bytes = fs::read(place.path(name)).unwrap();
    bytes[offset as usize] ^= 1;
    place.write(name, bytes);
}

/// Puts another digit in the place of a character of hex or base64, so that it still is that.
fn alter_text(place: &Place, name: &str, offset: usize) {
    let mut bytes = fs::read(place.path(name)).unwrap();
    bytes[offset] = if bytes[offset] == b'0' { b'1' } else { b'0' };
    place.write(name, bytes);
}

/// A second set of keys in `other`.
fn other_keys(place: &Place) {
    let ran = place.sealboot(&["keys", "create", "--no-passphrase", "--keys", "other"]);
    ran.check("other keys", 0, &[]);
}

/// Everything belongs to a user who is not root, and the program comes along: the build folder
/// may be closed to others. Rows go on with `setpriv`.
pub(crate) fn for_a_user(place: &Place) {
    fs::copy(SEALBOOT, place.path("sealboot")).unwrap();
    let chown = place.line("chown --recursive 1000:1000 .");
    assert_eq!(chown.code, Some(0), "are you root? {}", chown.stderr);
}
