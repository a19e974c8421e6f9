//! Whatever is wrong: the exit code says of what kind, the message says what was being done, to
//! what, what was found and what to do, and the output folder is as it was.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, symlink};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::place::{CONFIG, Place, SEALBOOT, VERSION, run};

/// What is spoilt, how, which words start the command, its exit code, and words of its message.
type Row = (
    &'static str,
    fn(&Place),
    &'static str,
    i32,
    &'static [&'static str],
);

const USAGE: i32 = 2;
const REFUSED: i32 = 3;
const KEYS: i32 = 5;
const MISSING: i32 = 6;
const FAILED: i32 = 1;

fn nothing(_: &Place) {}

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

/// A second set of keys in `other`.
fn other_keys(place: &Place) {
    let ran = place.sealboot(&["keys", "create", "--no-passphrase", "--keys", "other"]);
    ran.check("other keys", 0, &[]);
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // The command line and the configuration.
    ("unknown option", nothing, "build --ofline", USAGE, &["--ofline", "--offline"]),
    ("no such configuration", nothing, "build --config absent.toml", USAGE,
        &["configuration absent.toml cannot be read", "No such file"]),
    ("a configuration that is a folder", |p| { p.remove("sealboot.toml"); p.write("sealboot.toml/x", ""); }, "build", USAGE,
        &["configuration sealboot.toml cannot be read", "Is a directory"]),
    ("a configuration that leads nowhere", |p| { p.remove("sealboot.toml"); symlink("absent", p.path("sealboot.toml")).unwrap(); }, "build", USAGE,
        &["configuration sealboot.toml cannot be read", "No such file"]),
    ("a configuration that is no text", |p| p.write("sealboot.toml", [0xff, 0xfe]), "build", USAGE,
        &["configuration sealboot.toml cannot be read", "UTF-8"]),
    ("unknown key", |p| p.configure("[initrd]", "[initrd]\nlevl = 1"), "build", USAGE,
        &["sealboot.toml, line 9", "unknown field `levl`", "did you mean 'level'?"]),
    ("wrong value", |p| p.configure("[image]\nlevel = 1", "[image]\nlevel = 99"), "build", USAGE,
        &["sealboot.toml, line 14", "image.level", "1 to 22", "found: level = 99"]),
    ("wrong type", |p| p.configure("level = 1", "level = 'high'"), "build", USAGE,
        &["sealboot.toml, line 9", "invalid type", "a whole number"]),
    ("a mirror that is no address", |p| p.configure("version", "debian.mirror = 'ftp.example'\nversion"), "build", USAGE,
        &["sealboot.toml, line 1", "debian.mirror", "http://"]),
    ("a disk larger than any", |p| p.configure("[image]", "[disk]\nfree = 18014398509481984\n[image]"), "build", USAGE,
        &["sealboot.toml, line 14", "disk.free", "MiB"]),
    ("a command line of two lines", |p| p.configure("[uki]", "[uki]\ncommand_line = \"\"\"a\nb\"\"\""), "build", USAGE,
        &["uki.command_line", "one line"]),
    ("owner is no GUID", nothing, "keys create --keys new --no-passphrase --owner me", USAGE,
        &["--owner \"me\" is not a GUID", "8-4-4-4-12"]),
    ("a name of nothing", |p| { p.write("n", ""); }, "keys create --keys new --no-passphrase --name=", USAGE,
        &["common name", "1 to 60 characters"]),

    ("a private key where SSH's public keys go", |p| p.configure("version", "recovery.authorized_keys = ['-----BEGIN OPENSSH PRIVATE KEY-----']\nversion"), "build", USAGE,
        &["sealboot.toml, line 1", "recovery.authorized_keys", "PRIVATE key", "make a new key"]),
    ("a public key that was cut", |p| p.configure("version", "recovery.authorized_keys = ['ssh-ed25519 AAAAC3NzaC1lZDI1']\nversion"), "build", USAGE,
        &["sealboot.toml, line 1", "recovery.authorized_keys", "not whole", "was the line cut?"]),

    // Keys.
    ("no keys", |p| p.remove("keys"), "build", KEYS,
        &["there is no keys/db.key", "sealboot keys create"]),
    ("keys elsewhere", nothing, "build --keys elsewhere", KEYS,
        &["there is no elsewhere/db.key"]),
    ("no keys to show", nothing, "keys show --keys elsewhere", KEYS,
        &["elsewhere/PK.cer cannot be read", "sealboot keys create", "No such file"]),
    ("keys there already", nothing, "keys create --no-passphrase", KEYS,
        &["exists already", "never overwritten", "another folder"]),
    ("a folder for keys in no folder", nothing, "keys create --no-passphrase --keys no/such/keys", MISSING,
        &["no/such", "make that folder first"]),
    ("key of another certificate", |p| { other_keys(p); fs::copy(p.path("other/db.key"), p.path("keys/db.key")).unwrap(); }, "build", KEYS,
        &["keys/db.key", "keys/db.crt", "do not belong together"]),
    ("a key that is none", |p| p.write("keys/db.key", "secret"), "build", KEYS,
        &["keys/db.key is not a private key", "PKCS#8", "openssl pkey"]),
    ("a certificate that is none", |p| p.write("keys/db.crt", "certificate"), "build", KEYS,
        &["the certificate keys/db.crt cannot be read"]),
    ("half the keys", |p| p.remove("keys/KEK.auth"), "build", KEYS,
        &["keys/KEK.auth cannot be read", "your copy of the keys", "No such file"]),
    ("no passphrase file", nothing, "build --passphrase-file absent", KEYS,
        &["passphrase file absent cannot be read", "No such file"]),
    ("empty passphrase file", |p| p.write("empty", "\nx\n"), "keys create --keys new --passphrase-file empty", KEYS,
        &["first line of the passphrase file empty is empty"]),
    ("nobody to ask for a passphrase", nothing, "keys create --keys new", KEYS,
        &["passphrase is needed", "no terminal", "--passphrase-file", "--no-passphrase"]),

    // Sources.
    ("no such tar", |p| p.configure("directory = 'root'", "tar = 'absent.tar'"), "build", MISSING,
        &["root.source", "absent.tar", "No such file"]),
    ("a cut tar", |p| { root_is_a_tar(p); cut(p, "root.tar", 1300); }, "build", REFUSED,
        &["root.source", "root.tar", "too early", "get the layer again"]),
    ("a tar that is none", |p| { root_is_a_tar(p); p.write("root.tar", "x".repeat(5000)); }, "build", REFUSED,
        &["root.source", "root.tar", "not a tar stream"]),
    ("a tar that is a folder", |p| p.configure("directory = 'root'", "tar = 'root'"), "build", REFUSED,
        &["root.source", "layer root", "Is a directory"]),
    ("no such directory", |p| p.configure("directory = 'root'", "directory = 'absent'"), "build", MISSING,
        &["root.source", "absent", "No such file"]),
    ("a directory that is a file", |p| p.configure("directory = 'root'", "directory = 'sealboot.toml'"), "build", REFUSED,
        &["root.source", "sealboot.toml is not a directory"]),
    ("no such package file", |p| p.configure("directory = 'root'", "deb = ['absent.deb']"), "build", MISSING,
        &["root.source", "cannot open absent.deb", "No such file"]),
    ("a package file that is none", |p| { p.write("bad.deb", "!<arch>\ngarbage"); p.configure("directory = 'root'", "deb = ['bad.deb']"); }, "build", REFUSED,
        &["root.source", "bad.deb is not a Debian package", "cut"]),
    ("no keyring", |p| { p.configure("directory = 'root'", "debian = ['kmod']"); p.configure("version", "debian.keyrings = ['absent.gpg']\nversion"); }, "build", MISSING,
        &["debian.keyrings", "absent.gpg", "No such file"]),
    ("a keyring that is none", |p| { p.write("bad.gpg", "x"); p.configure("directory = 'root'", "debian = ['kmod']"); p.configure("version", "debian.keyrings = ['bad.gpg']\nversion"); }, "build", REFUSED,
        &["debian.keyrings", "bad.gpg", "OpenPGP"]),
    ("nothing in the cache", |p| p.configure("directory = 'root'", "debian = ['kmod']"), "build --offline --cache cache", MISSING,
        &["InRelease", "is not in the cache cache", "--offline"]),

    // The kernel.
    ("no kernel", |p| p.remove("kernel/boot"), "build", MISSING,
        &["kernel.source", "no kernel in the tree", "boot/vmlinuz-<version>"]),
    ("another kernel", |p| p.configure("[kernel]", "[kernel]\nversion = '7.0'"), "build", MISSING,
        &["kernel.source", "no kernel 7.0", "found only boot/vmlinuz-6.12.1-test"]),
    ("two kernels", |p| p.add_kernel("6.13"), "build", USAGE,
        &["kernel.source", "several kernels", "6.12.1-test, 6.13", "kernel.version"]),
    ("a kernel without EFI stub", |p| p.write(&format!("kernel/boot/vmlinuz-{VERSION}"), "\x7fELF"), "build", REFUSED,
        &["boot/vmlinuz-6.12.1-test cannot be used", "CONFIG_EFI_STUB=y"]),
    ("a kernel too large", |p| cut(p, &format!("kernel/boot/vmlinuz-{VERSION}"), 600 << 20), "build", REFUSED,
        &["boot/vmlinuz-6.12.1-test", "is 629145600 bytes", "at most 536870912"]),
    ("a kernel without modules", |p| p.remove(&format!("kernel/usr/lib/modules/{VERSION}/kernel")), "build", MISSING,
        &["there are no modules in usr/lib/modules/6.12.1-test"]),
    ("a module that is none", |p| p.write(&format!("kernel/usr/lib/modules/{VERSION}/kernel/two.ko"), "x"), "build", REFUSED,
        &["two.ko cannot be used"]),
    ("a kernel that cannot map images", |p| p.write(&format!("kernel/usr/lib/modules/{VERSION}/modules.builtin"), "kernel/loop.ko\n"), "build", MISSING,
        &["kernel 6.12.1-test", "dm_verity", "squashfs", "modules.builtin"]),
    ("a module that the kernel has not", |p| p.configure("[initrd]", "[initrd]\nmodules = ['one', 'tow']"), "build", MISSING,
        &["initrd.modules", "\"tow\"", "6.12.1-test"]),

    // Root, firmware, UKI.
    ("root without init", |p| { p.remove("root/sbin/init"); p.write("root/etc/x", ""); }, "build", MISSING,
        &["root.init", "/sbin/init", "there is nothing"]),
    ("an init that leads nowhere", |p| { p.remove("root/sbin/init"); symlink("/lib/absent", p.path("root/sbin/init")).unwrap(); }, "build", MISSING,
        &["root.init", "/sbin/init"]),
    ("an init that cannot run", |p| p.mode("root/sbin/init", 0o644), "build", REFUSED,
        &["root.init", "/sbin/init", "mode 644", "chmod"]),
    ("no firmware", |p| p.configure("[firmware]\nsource = []", "[firmware]\nsource = [{directory = 'stub'}]"), "build", MISSING,
        &["firmware.source", "usr/lib/firmware", "source = []"]),
    ("no stub", |p| p.remove("stub/linuxx64.efi.stub"), "build", MISSING,
        &["uki.stub", "uki.stub_path", "linuxx64.efi.stub", "there is nothing at this path"]),
    ("a stub that is none", |p| p.write("stub/linuxx64.efi.stub", "MZ"), "build", REFUSED,
        &["UKI", "the stub linuxx64.efi.stub", "stub cannot be used"]),
    ("a stub too large", |p| cut(p, "stub/linuxx64.efi.stub", 17 << 20), "build", REFUSED,
        &["uki.stub", "linuxx64.efi.stub", "is 17825792 bytes"]),
    ("no os-release", |p| p.configure("[uki]", "[uki]\nos_release = 'absent'"), "build", MISSING,
        &["uki.os_release", "absent cannot be read", "No such file"]),
    ("no microcode", |p| p.configure("[uki]", "[uki]\nmicrocode = 'absent'"), "build", MISSING,
        &["uki.microcode", "absent cannot be read", "No such file"]),

    // The output folder.
    ("out is a file", nothing, "build --out sealboot.toml", FAILED,
        &["the output folder sealboot.toml cannot be used", "--out", "not a folder"]),
    ("a folder in a result's place", |p| p.write("results/disk.img/x", ""), "build --out results", FAILED,
        &["results/disk.img", "folder", "move it away"]),

    // The virtual machine.
    ("no disk to run", nothing, "run", MISSING,
        &["there is no disk image out/disk.img", "sealboot build"]),
    ("run without keys", |p| { p.write("disk", ""); p.remove("keys"); }, "run disk", KEYS,
        &["keys/PK.auth cannot be read", "sealboot keys create"]),
    ("run with keys that are none", |p| { p.write("disk", ""); p.write("keys/PK.auth", "x"); }, "run disk", KEYS,
        &["keys/PK.auth"]),
    ("a log in no folder", |p| p.write("disk", ""), "run disk --serial-log no/such/log", FAILED,
        &["the serial log no/such/log", "No such file"]),
];

#[test]
fn what_is_wrong_is_said_and_the_earlier_release_stays() {
    let check = |(name, spoil, words, code, expected): &Row| {
        let place = Place::new();
        place.earlier_release();
        spoil(&place);
        let words: Vec<&str> = words.split(' ').collect();
        place.sealboot(&words).check(name, *code, expected);
        place.check_earlier_release(name);
        assert!(!place.path("new").exists(), "{name}: keys were made");
    };
    // All rows run, so that one run shows all that is wrong.
    let failed = ROWS
        .iter()
        .filter(|row| std::panic::catch_unwind(|| check(row)).is_err());
    let failed: Vec<_> = failed.map(|row| row.0).collect();
    assert!(failed.is_empty(), "{failed:?}");
}

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
fn a_date_that_is_none_is_refused_before_anything_is_read() {
    for date in ["", "yesterday", "-1", "1.5", "99999999999"] {
        let place = Place::new();
        place.earlier_release();
        place.remove("root");
        let ran = run(place
            .command(SEALBOOT)
            .arg("build")
            .env("SOURCE_DATE_EPOCH", date));
        ran.check(
            date,
            USAGE,
            &[
                "SOURCE_DATE_EPOCH",
                &format!("{date:?}"),
                "seconds since 1970",
            ],
        );
        place.check_earlier_release(date);
    }
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

#[test]
fn a_full_disk_leaves_the_earlier_release() {
    // In units of 512 bytes: the root does not fit, the UKI does not, the disk does not.
    for (limit, expected) in [
        (8, "modules.squashfs"),
        (600, "kernel.efi"),
        (20_000, "disk"),
    ] {
        let place = Place::new();
        place.earlier_release();
        let script = format!("trap '' XFSZ; ulimit -f {limit}; exec {SEALBOOT} build");
        let ran = run(place.command("sh").args(["-c", &script]));
        ran.check(expected, FAILED, &[expected, "File too large"]);
        place.check_earlier_release(expected);
    }
}

#[test]
fn a_folder_that_may_not_be_written_is_named() {
    let place = Place::new();
    place.earlier_release();
    place.mode("out", 0o555);
    let mut command = unprivileged(&place);
    let ran = run(command.arg("build"));
    let words = [
        "the output folder out cannot be used",
        "permission denied",
        "--out",
    ];
    ran.check("read-only out", FAILED, &words);
    place.check_earlier_release("read-only out");

    let _ = unprivileged(&place);
    place.write("root/etc/secret", "x");
    place.mode("root/etc/secret", 0o000);
    let ran = run(unprivileged(&place).args(["build", "--out", "mine"]));
    ran.check(
        "unreadable source",
        FAILED,
        &["root/etc/secret", "Permission denied"],
    );
    assert!(place.files("mine").is_empty());
}

/// The command as a user who is not root and owns the place.
fn unprivileged(place: &Place) -> Command {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return place.command(SEALBOOT);
    }
    // The build folder may be closed to others, so the program comes along.
    if !place.path("sealboot").exists() {
        fs::copy(SEALBOOT, place.path("sealboot")).unwrap();
        let chown = run(place
            .command("chown")
            .args(["--recursive", "1000:1000", "."]));
        assert_eq!(chown.code, Some(0), "{}", chown.stderr);
    }
    let mut command = place.command("setpriv");
    command.args([
        "--reuid=1000",
        "--regid=1000",
        "--clear-groups",
        "./sealboot",
    ]);
    command
}

#[test]
fn a_disk_that_is_none_is_not_what_was_expected() {
    let place = Place::new();
    place.write("disk", vec![0; 1 << 20]);
    let words = [
        "run",
        "disk",
        "--quiet",
        "--no-kvm",
        "--expect",
        "sealboot",
        "--timeout",
        "10",
    ];
    let ran = place.sealboot(&words);
    ran.check("no disk", 7, &["printed"]);
}
