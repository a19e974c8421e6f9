//! Files that go into a release.

use super::*;

#[test]
fn every_row() {
    check("Sources", ROWS);
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("no such tar", |p| p.configure("directory = 'root'", "tar = 'absent.tar'"), "sealboot build", MISSING,
        &["root.source", "absent.tar", "No such file"]),
    ("a cut tar", |p| { root_is_a_tar(p); cut(p, "root.tar", 1300); }, "sealboot build", REFUSED,
        &["root.source", "root.tar", "too early", "get the layer again"]),
    ("a tar that is none", |p| { root_is_a_tar(p); p.write("root.tar", "x".repeat(5000)); }, "sealboot build", REFUSED,
        &["root.source", "root.tar", "not a tar stream"]),
    ("a tar that is a folder", |p| p.configure("directory = 'root'", "tar = 'root'"), "sealboot build", REFUSED,
        &["root.source", "layer root", "Is a directory"]),
    ("no such directory", |p| p.configure("directory = 'root'", "directory = 'absent'"), "sealboot build", MISSING,
        &["root.source", "absent", "No such file"]),
    ("a directory that is a file", |p| p.configure("directory = 'root'", "directory = 'sealboot.toml'"), "sealboot build", REFUSED,
        &["root.source", "sealboot.toml is not a directory"]),
    ("no such package file", |p| p.configure("directory = 'root'", "deb = ['absent.deb']"), "sealboot build", MISSING,
        &["root.source", "cannot open absent.deb", "No such file"]),
    ("a package file that is none", |p| { p.write("bad.deb", "!<arch>\ngarbage"); p.configure("directory = 'root'", "deb = ['bad.deb']"); }, "sealboot build", REFUSED,
        &["root.source", "bad.deb is not a Debian package", "cut"]),
    ("no keyring", |p| { p.configure("directory = 'root'", "debian = ['kmod']"); p.configure("version", "debian.keyrings = ['absent.gpg']\nversion"); }, "sealboot build", MISSING,
        &["debian.keyrings", "absent.gpg", "No such file"]),
    ("a keyring that is none", |p| { p.write("bad.gpg", "x"); p.configure("directory = 'root'", "debian = ['kmod']"); p.configure("version", "debian.keyrings = ['bad.gpg']\nversion"); }, "sealboot build", REFUSED,
        &["debian.keyrings", "bad.gpg", "OpenPGP"]),
    ("nothing in the cache", |p| p.configure("directory = 'root'", "debian = ['kmod']"), "sealboot build --offline --cache cache", MISSING,
        &["InRelease", "is not in the cache cache", "--offline"]),
    ("a cut package file", |p| { package(p); let size = fs::metadata(p.path("ours.deb")).unwrap().len(); cut(p, "ours.deb", size - 200); }, "sealboot build", REFUSED,
        &["root.source", "ours.deb"]),
    ("an altered package file", |p| { package(p); let size = fs::metadata(p.path("ours.deb")).unwrap().len(); alter(p, "ours.deb", size - 100); }, "sealboot build", REFUSED,
        &["root.source", "ours.deb"]),
    ("a package file without data", |p| { package(p); cut(p, "ours.deb", 72); }, "sealboot build", REFUSED,
        &["root.source", "ours.deb"]),
    ("an empty package file", |p| { package(p); cut(p, "ours.deb", 0); }, "sealboot build", REFUSED,
        &["root.source", "ours.deb is not a Debian package"]),
    ("a name too long for a squashfs", |p| tar_of(p, &"n".repeat(300), b""), "sealboot build", REFUSED,
        &["root", "300"]),
    ("a name that leads out", |p| tar_of(p, "a/../../b", b""), "sealboot build", REFUSED,
        &["root.source", "root.tar", ".."]),
    ("a source that may not be read", |p| { p.write("root/etc/secret", "x"); p.mode("root/etc/secret", 0o000); for_a_user(p); }, "setpriv --reuid=1000 --regid=1000 --clear-groups ./sealboot build", FAILED,
        &["root/etc/secret", "Permission denied"]),
];

/// Times and threads would change the sizes that the document holds.
const PACK: &str = "env SOURCE_DATE_EPOCH=0 \
    dpkg-deb --root-owner-group --threads-max=1 -Zxz --build ours ours.deb";

/// A package with one file, packed with xz, as root's second source.
fn package(place: &Place) {
    let control =
        "Package: ours\nVersion: 1\nArchitecture: amd64\nMaintainer: us\nDescription: x\n";
    place.write("ours/DEBIAN/control", control);
    place.write("ours/etc/ours", crate::fixture::noise(5000));
    let ran = place.line(PACK);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    place.configure(
        "directory = 'root' }",
        "directory = 'root' }, { deb = ['ours.deb'] }",
    );
}

/// A tar of one file of that name, as root's second source.
fn tar_of(place: &Place, name: &str, content: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    // As it stands: the crate would refuse what it should not write.
    let mut bytes = Vec::new();
    if name.len() > 100 {
        let mut long = tar::Header::new_gnu();
        long.set_entry_type(tar::EntryType::GNULongName);
        long.set_size(name.len() as u64 + 1);
        long.as_mut_bytes()[..13].copy_from_slice(b"././@LongLink");
        long.set_cksum();
        bytes.extend_from_slice(long.as_bytes());
        bytes.extend_from_slice(name.as_bytes());
        bytes.resize((bytes.len() + 1).next_multiple_of(512), 0);
    }
    let length = name.len().min(100);
    header.as_mut_bytes()[..length].copy_from_slice(&name.as_bytes()[..length]);
    header.set_cksum();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
    place.write("root.tar", bytes);
    place.configure(
        "directory = 'root' }",
        "directory = 'root' }, { tar = 'root.tar' }",
    );
}
