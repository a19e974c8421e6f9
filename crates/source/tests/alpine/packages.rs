//! Package files that are what they should be, and others.

use std::path::Path;

use source::alpine::{Apk, Keyring};
use source::layer::LayerKind;
use source::tree::Tree;

use crate::fixture::{Spec, key, member, noise};

fn keyring() -> Keyring {
    let mut keyring = Keyring::default();
    keyring.add(key(0).name, &key(0).public).unwrap();
    keyring
}

fn spec() -> Spec {
    Spec::new("ours", "1.0-r0")
        .file("etc/", b"")
        .file("etc/ours", &noise(20_000))
        .file("bin/tool -> /bin/busybox", b"")
        .script("post-install")
        .script("trigger")
        .info("triggers", "/usr/share/fonts/*")
}

fn open(bytes: &[u8]) -> Result<Apk, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ours.apk");
    std::fs::write(&path, bytes).unwrap();
    Apk::open(&path, &keyring()).map_err(chain)
}

/// An error with its causes.
fn chain(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[test]
fn a_package_is_what_it_says() {
    for algorithm in ["RSA", "RSA256"] {
        let apk = open(&spec().signed(Some((0, algorithm))).apk()).unwrap();
        assert_eq!(apk.package().to_string(), "ours 1.0-r0");
        assert_eq!(apk.signer(), "us@example-1.rsa.pub");
        assert_eq!(apk.scripts(), ["post-install", "trigger"]);
        assert_eq!(apk.triggers(), ["/usr/share/fonts/*"]);
        let mut tree = Tree::new();
        assert_eq!(source::layer::Layer::kind(&apk), LayerKind::Archive);
        tree.add_layer(std::sync::Arc::new(apk)).unwrap();
        assert_eq!(tree.read("etc/ours", 1 << 20).unwrap(), noise(20_000));
        assert!(tree.get(".PKGINFO").is_none());
        assert!(tree.get("bin/tool").unwrap().symlink().is_some());
    }
}

/// What is done to a package's three parts, and words of the error.
type Row = (&'static str, fn() -> Vec<u8>, &'static [&'static str]);

fn parts(change: impl FnOnce(&mut [Vec<u8>; 3])) -> Vec<u8> {
    let (control, data) = spec().parts();
    let mut parts = [spec().signature(&control), control, data];
    change(&mut parts);
    parts.concat()
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("nothing", Vec::new, &["is not an Alpine package", "starts with \"\""]),
    ("a Debian package", || b"!<arch>\ndebian-binary".to_vec(), &["starts with \"!<ar\""]),
    ("a package of apk 3", || b"ADBd....".to_vec(), &["starts with \"ADBd\"", "apk 3"]),
    ("gzip that holds no tar", || member(&[], true), &["not signed"]),
    ("cut in the signature", || parts(|p| { p[0].truncate(100); p[1].clear(); p[2].clear(); }), &["its signature cannot be unpacked"]),
    ("only the signature", || parts(|p| { p[1].clear(); p[2].clear(); }), &["its control part cannot be unpacked"]),
    ("cut in the control part", || parts(|p| { p[1].truncate(100); p[2].clear(); }), &["its control part cannot be unpacked"]),
    ("without data", || parts(|p| p[2].clear()), &["the data of ours.apk", "SHA-256", "cut, or altered"]),
    ("cut in the data", || parts(|p| p[2].truncate(9000)), &["the data of ours.apk", "SHA-256", "get it again"]),
    ("one byte less", || parts(|p| { p[2].pop(); }), &["the data of ours.apk", "SHA-256"]),
    ("one byte more", || parts(|p| p[2].push(0)), &["the data of ours.apk", "SHA-256"]),
    ("more data behind", || parts(|p| { let more = member(&[("etc/evil".to_owned(), Vec::new())], true); p[2].extend(more); }), &["SHA-256"]),
    ("altered data", || parts(|p| p[2][9000] ^= 1), &["the data of ours.apk", "SHA-256"]),
    ("other data", || { let (_, data) = Spec::new("other", "1").file("x", b"y").parts(); parts(|p| p[2] = data) }, &["SHA-256"]),
    ("an altered control part", || parts(|p| p[1][4] ^= 1), &["refused", "us@example-1.rsa.pub", "altered"]),
    ("an altered signature", || parts(|p| { let (name, mut bytes) = key(0).sign("RSA", &p[1]); bytes[7] ^= 1; p[0] = member(&[(name, bytes)], false); }), &["refused", "altered"]),
    ("a signature of something else", || parts(|p| p[0] = member(&[key(0).sign("RSA", b"other")], false)), &["refused", "altered"]),
    ("not signed", || spec().signed(None).apk(), &["refused", "alpine.keys", "not signed"]),
    ("signed by a stranger", || spec().signed(Some((1, "RSA"))).apk(), &["refused", "stranger@example-2.rsa.pub", "not among the trusted", "us@example-1.rsa.pub"]),
    ("a stranger with our name", || parts(|p| { let (_, bytes) = key(1).sign("RSA", &p[1]); let name = format!(".SIGN.RSA.{}", key(0).name); p[0] = member(&[(name, bytes)], false); }), &["refused", "altered"]),
    ("another algorithm's name", || parts(|p| { let (_, bytes) = key(0).sign("RSA", &p[1]); let name = format!(".SIGN.RSA256.{}", key(0).name); p[0] = member(&[(name, bytes)], false); }), &["refused", "altered"]),
    ("an algorithm that is not known", || parts(|p| { let (_, bytes) = key(0).sign("RSA", &p[1]); let name = format!(".SIGN.DSA.{}", key(0).name); p[0] = member(&[(name, bytes)], false); }), &["the algorithm DSA is not known"]),
    ("something beside the signature", || parts(|p| p[0] = member(&[key(0).sign("RSA", &p[1]), ("x".to_owned(), Vec::new())], false)), &["its signature holds \"x\""]),
    ("no datahash", || signed(b"pkgname = ours\npkgver = 1\n"), &["ours.apk has no datahash"]),
    ("no .PKGINFO", || { let control = member(&[(".INFO".to_owned(), Vec::new())], false); [member(&[key(0).sign("RSA", &control)], false), control].concat() }, &["ours.apk has no .PKGINFO"]),
    ("two names", || signed(b"pkgname = ours\npkgname = theirs\npkgver = 1\n"), &[".PKGINFO of ours.apk", "line 2", "twice"]),
    ("a name with a slash", || signed(&hashed("pkgname = ../ours\npkgver = 1\n")), &["the name \"../ours\""]),
    ("no version", || signed(&hashed("pkgname = ours\n")), &["the version \"\""]),
    ("a line that is none", || signed(b"pkgname\n"), &["line 1", "pkgname"]),
    ("a relation that is none", || signed(&hashed("pkgname = a\npkgver = 1\ndepend = a<>1\n")), &["a 1 has depends", "a<>1", "operator"]),
];

fn signed(info: &[u8]) -> Vec<u8> {
    let control = member(&[(".PKGINFO".to_owned(), info.to_vec())], false);
    [member(&[key(0).sign("RSA", &control)], false), control].concat()
}

fn hashed(info: &str) -> Vec<u8> {
    format!("{info}datahash = {}\n", "0".repeat(64)).into_bytes()
}

#[test]
fn what_is_wrong_is_named() {
    let mut wrong = Vec::new();
    for (case, make, words) in ROWS {
        let error = open(&make()).err().unwrap_or_default();
        if !words.iter().all(|word| error.contains(word)) {
            wrong.push(format!("{case}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_altered_byte_is_seen_and_none_makes_it_panic() {
    let good = parts(|_| ());
    for at in (0..good.len()).step_by(37) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        // A gzip header has fields that nobody signs: those of the signature's member.
        if at > 10 {
            assert!(open(&bytes).is_err(), "byte {at}");
        }
        assert!(open(&bytes[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn keys_are_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.rsa.pub");
    let open = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        Keyring::from_files(&[&path]).map_err(|error| error.to_string())
    };
    assert_eq!(
        open(&key(0).public).unwrap().names().collect::<Vec<_>>(),
        ["a.rsa.pub"]
    );
    let cut = &key(0).public[..200];
    for wrong in [
        &b""[..],
        b"x",
        cut,
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    ] {
        let error = open(wrong).unwrap_err();
        assert!(
            error.contains("a.rsa.pub is not an RSA public key"),
            "{error}"
        );
    }
    let missing = Keyring::from_files(&[Path::new("/absent.rsa.pub")]).unwrap_err();
    assert!(missing.to_string().contains("/absent.rsa.pub"));
    let twice = [key(0), key(0)].map(|key| key.public.clone());
    let mut keyring = Keyring::default();
    keyring.add("a", &twice[0]).unwrap();
    assert!(keyring.add("a", &twice[1]).is_err());
    assert_eq!(Keyring::alpine().unwrap().names().count(), 3);
}
