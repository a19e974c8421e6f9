//! newc archives against GNU cpio: it lists and unpacks ours, we read its own.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use formats::cpio::{Entry, Kind, Reader, Writer, dump};

fn cpio() -> Command {
    let mut command = Command::new("cpio");
    command.env("TZ", "UTC");
    command
}

fn archive(entries: &[(&str, u16, Kind<'_>)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (path, mode, kind) in entries {
        let entry = Entry::root(path.as_bytes(), *mode, 1_700_000_000, kind.clone());
        writer.add(&entry).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn cpio_lists_every_kind_of_entry() {
    let archive = archive(&[
        ("dev", 0o755, Kind::Directory),
        (
            "dev/console",
            0o600,
            Kind::CharDevice { major: 5, minor: 1 },
        ),
        ("dev/sda", 0o660, Kind::BlockDevice { major: 8, minor: 0 }),
        ("init", 0o4755, Kind::File(b"12345")),
        ("lib", 0o777, Kind::Symlink(b"usr/lib")),
        ("pipe", 0o644, Kind::Fifo),
        ("socket", 0o644, Kind::Socket),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("archive");
    fs::write(&file, archive).unwrap();
    let mut list = cpio();
    list.args(["-tv", "--numeric-uid-gid"])
        .stdin(fs::File::open(&file).unwrap());
    let listed = String::from_utf8(tests::stdout("cpio", &mut list)).unwrap();
    let expected = "\
drwxr-xr-x   2 0        0               0 Nov 14  2023 dev
crw-------   1 0        0          5,   1 Nov 14  2023 dev/console
brw-rw----   1 0        0          8,   0 Nov 14  2023 dev/sda
-rwsr-xr-x   1 0        0               5 Nov 14  2023 init
lrwxrwxrwx   1 0        0               7 Nov 14  2023 lib -> usr/lib
prw-r--r--   1 0        0               0 Nov 14  2023 pipe
srw-r--r--   1 0        0               0 Nov 14  2023 socket
";
    assert_eq!(listed, expected);
}

#[test]
fn cpio_unpacks_what_was_packed() {
    let large: Vec<u8> = (0..100_001_u32).map(|n| n as u8).collect();
    let archive = archive(&[
        ("a", 0o755, Kind::Directory),
        ("a/empty", 0o644, Kind::File(b"")),
        ("a/large", 0o640, Kind::File(&large)),
        ("a/link", 0o777, Kind::Symlink(b"large")),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("archive");
    fs::write(&file, archive).unwrap();
    let mut unpack = cpio();
    unpack
        .args(["-idm", "--quiet", "--no-preserve-owner"])
        .current_dir(folder.path())
        .stdin(fs::File::open(&file).unwrap());
    tests::stdout("cpio", &mut unpack);
    assert_eq!(fs::read(folder.path().join("a/link")).unwrap(), large);
    assert_eq!(fs::read(folder.path().join("a/empty")).unwrap(), b"");
    let mode = fs::metadata(folder.path().join("a/large"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o640);
}

#[test]
fn archives_of_cpio_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("d")).unwrap();
    fs::write(path("d/f"), "content").unwrap();
    symlink("f", path("d/l")).unwrap();
    fs::write(path("names"), "d\nd/f\nd/l\n").unwrap();
    let mut pack = cpio();
    pack.args(["-o", "-H", "newc", "--quiet"])
        .current_dir(folder.path())
        .stdin(Stdio::from(fs::File::open(path("names")).unwrap()));
    let archive = tests::stdout("cpio", &mut pack);
    let entries: Result<Vec<_>, _> = Reader::new(&archive).collect();
    let kinds: Vec<_> = entries
        .unwrap()
        .into_iter()
        .map(|e| (e.path, e.kind))
        .collect();
    let expected: [(&[u8], _); 3] = [
        (b"d", Kind::Directory),
        (b"d/f", Kind::File(b"content")),
        (b"d/l", Kind::Symlink(b"f")),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(dump(&archive).unwrap().lines().count(), 3);
}
