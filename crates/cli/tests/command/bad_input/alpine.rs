//! Alpine package files and what says where from.

use crate::apk::{Spec, key, member, noise};

use super::*;

#[test]
fn every_row() {
    check("Alpine packages", ROWS);
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("no such package file", |p| p.configure("directory = 'root'", "apk = ['absent.apk']"), "sealboot build", MISSING,
        &["root.source", "cannot open absent.apk", "No such file"]),
    ("a package file that is none", |p| { package(p, &ours()); p.write("ours.apk", "garbage"); }, "sealboot build", REFUSED,
        &["root.source", "ours.apk is not an Alpine package", "\"garb\""]),
    ("a Debian package by that name", |p| { package(p, &ours()); p.write("ours.apk", "!<arch>\ndebian-binary"); }, "sealboot build", REFUSED,
        &["ours.apk is not an Alpine package", "\"!<ar\""]),
    ("an empty package file", |p| { package(p, &ours()); cut(p, "ours.apk", 0); }, "sealboot build", REFUSED,
        &["ours.apk is not an Alpine package"]),
    ("a package file that is a folder", |p| { package(p, &ours()); p.remove("ours.apk"); p.write("ours.apk/x", ""); }, "sealboot build", REFUSED,
        &["ours.apk", "Is a directory"]),
    ("a package cut in its signature", |p| { package(p, &ours()); cut(p, "ours.apk", 100); }, "sealboot build", REFUSED,
        &["ours.apk", "its signature cannot be unpacked"]),
    ("a package cut in its control part", |p| { package(p, &ours()); let (control, data) = ours().parts(); cut_from_end(p, data.len() + control.len() / 2); }, "sealboot build", REFUSED,
        &["ours.apk", "its control part cannot be unpacked"]),
    ("a package cut in its data", |p| { package(p, &ours()); cut_from_end(p, 500); }, "sealboot build", REFUSED,
        &["the data of ours.apk", "SHA-256", "get it again"]),
    ("a package with altered data", |p| { package(p, &ours()); let size = fs::metadata(p.path("ours.apk")).unwrap().len(); alter(p, "ours.apk", size - 2000); }, "sealboot build", REFUSED,
        &["the data of ours.apk", "SHA-256"]),
    ("something behind a package", |p| { package(p, &ours()); let mut bytes = fs::read(p.path("ours.apk")).unwrap(); bytes.push(0); p.write("ours.apk", bytes); }, "sealboot build", REFUSED,
        &["the data of ours.apk", "SHA-256"]),
    ("a package with an altered control part", |p| { package(p, &ours()); let (control, data) = ours().parts(); let size = fs::metadata(p.path("ours.apk")).unwrap().len() as usize; alter(p, "ours.apk", (size - data.len() - control.len() + 4) as u64); }, "sealboot build", REFUSED,
        &["ours.apk is refused", "us@example-1.rsa.pub", "altered"]),
    ("a package that nobody signed", |p| package(p, &ours().signed(None)), "sealboot build", REFUSED,
        &["ours.apk is refused", "alpine.keys", "not signed"]),
    ("a package that a stranger signed", |p| package(p, &ours().signed(Some((1, "RSA")))), "sealboot build", REFUSED,
        &["ours.apk is refused", "alpine.keys", "stranger@example-2.rsa.pub", "not among the trusted"]),
    ("a package without a hash of its data", |p| { package(p, &ours()); p.write("ours.apk", without_hash()); }, "sealboot build", REFUSED,
        &["ours.apk has no datahash"]),
    ("two packages with one file", |p| { package(p, &ours()); let other = Spec::new("other", "2").file("etc/ours", b"other"); p.write("other.apk", other.apk()); p.configure("['ours.apk']", "['ours.apk', 'other.apk']"); }, "sealboot build", REFUSED,
        &["\"etc/ours\"", "ours 1.0-r0", "other 2", "leave one of them out"]),
    ("a package's name that leads out", |p| package(p, &Spec::new("ours", "1").file("../etc/x", b"x")), "sealboot build", REFUSED,
        &["root.source", "ours.apk", "\"../etc/x\""]),
    ("no key file", |p| { package(p, &ours()); p.configure("us@example-1.rsa.pub", "absent.rsa.pub"); }, "sealboot build", MISSING,
        &["alpine.keys", "absent.rsa.pub", "No such file"]),
    ("a key that is none", |p| { package(p, &ours()); p.write("us@example-1.rsa.pub", "x"); }, "sealboot build", REFUSED,
        &["alpine.keys", "us@example-1.rsa.pub is not an RSA public key"]),
    ("a private key", |p| { package(p, &ours()); fs::copy(p.path("keys/db.key"), p.path("us@example-1.rsa.pub")).unwrap(); }, "sealboot build", REFUSED,
        &["alpine.keys", "us@example-1.rsa.pub is not an RSA public key"]),
    ("a branch without its v", |p| p.configure("version", "alpine.branch = '3.20'\nversion"), "sealboot build", USAGE,
        &["sealboot.toml, line 1", "alpine.branch", "'v3.20'"]),
    ("an Alpine mirror that is no address", |p| p.configure("version", "alpine.mirror = 'ftp.example'\nversion"), "sealboot build", USAGE,
        &["sealboot.toml, line 1", "alpine.mirror", "http://"]),
    ("a repository that is neither name nor address", |p| p.configure("version", "alpine.repositories = ['main', '../x']\nversion"), "sealboot build", USAGE,
        &["sealboot.toml, line 1", "alpine.repositories"]),
    ("a package that nobody could name so", |p| p.configure("directory = 'root'", "alpine = ['openssh<>9']"), "sealboot build", USAGE,
        &["root.source", "openssh<>9", "operator"]),
    ("dependencies of a package file", |p| p.configure("directory = 'root'", "apk = ['ours.apk'], follow = 'nothing'"), "sealboot build", USAGE,
        &["root.source", "'debian' and 'alpine' only"]),
    ("no index in the cache", |p| p.configure("directory = 'root'", "alpine = ['busybox']"), "sealboot build --offline --cache cache", MISSING,
        &["APKINDEX.tar.gz", "is not in the cache cache", "--offline"]),
];

fn ours() -> Spec {
    Spec::new("ours", "1.0-r0").file("etc/ours", &noise(5000))
}

/// `ours.apk` as root's second source, and the key that is to be trusted.
fn package(place: &Place, spec: &Spec) {
    place.write("ours.apk", spec.apk());
    place.write(key(0).name, &key(0).public);
    place.configure(
        "directory = 'root' }",
        "directory = 'root' }, { apk = ['ours.apk'] }",
    );
    let keys = format!("[alpine]\nkeys = ['{}']\n[kernel]", key(0).name);
    place.configure("[kernel]", &keys);
}

fn cut_from_end(place: &Place, bytes: usize) {
    let size = fs::metadata(place.path("ours.apk")).unwrap().len();
    cut(place, "ours.apk", size - bytes as u64);
}

fn without_hash() -> Vec<u8> {
    let info = b"pkgname = ours\npkgver = 1\n".to_vec();
    let control = member(&[(".PKGINFO".to_owned(), info)], false);
    [member(&[key(0).sign("RSA", &control)], false), control].concat()
}
