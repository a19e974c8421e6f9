//! Layers merged here and unpacked by umoci: the same tree.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::process::Command;

use source::layer::LayerKind;

use super::cases::CASES;
use super::fixture::{Contents, gzip};
use super::{assert_root, dump, tar, tree, unpacked};

/// Where umoci 0.4.7 does something else than the image-spec (layer.md) says. The tree that
/// belongs to each case is compared where the cases are from.
const UMOCI_DIFFERS: &[(&str, &str)] = &[
    (
        "whiteout and the same name, the other way round",
        "the directory's own time is that of unpacking, not that of its entry",
    ),
    (
        "a whiteout's directory that only its own layer needs",
        "what is hidden lends its mode to what takes its place; a whiteout hides all of it",
    ),
    (
        "what AUFS left is passed over",
        "it becomes files; .wh. names are no files in an image",
    ),
    (
        "hard link to itself",
        "it removes the name before it links to it; here it stays what it was",
    ),
    ("hard link over the directory of its target", "the same"),
    (
        "parents behind a dangling symlink are made",
        "b/../c is taken for c without looking at b",
    ),
    (
        "pax: times to the past, sizes of ids, attributes",
        "an attribute without a value is dropped (so does Go's archive/tar)",
    ),
];

/// An image of these layers, here and by umoci.
fn both(layers: &[Vec<u8>]) -> (String, Result<String, String>) {
    let folder = tempfile::tempdir().unwrap();
    let contents = Contents {
        layers: layers.iter().map(|tar| gzip(tar)).collect(),
        ..Contents::default()
    };
    contents.write(folder.path());
    let mut ours = tree(&format!("oci:{}:1.0", folder.path().display()));
    // Access control lists are on the disk, too, but are not read from there.
    let paths: Vec<_> = ours.iter().map(|(path, ..)| path.to_vec()).collect();
    for path in paths {
        let attributes = &mut ours.get_mut(path).unwrap().metadata.xattrs;
        attributes.retain(|name, _| !name.starts_with(b"system.posix_acl_"));
    }
    (dump(&ours), unpacked(folder.path(), "1.0"))
}

#[test]
fn every_case_is_what_umoci_unpacks() {
    assert_root();
    let known: BTreeMap<_, _> = UMOCI_DIFFERS.iter().copied().collect();
    let (mut compared, mut wrong) = (0, Vec::new());
    for (name, kind, layers, _) in CASES {
        if *kind != LayerKind::Oci {
            continue;
        }
        let layers: Vec<_> = layers.iter().map(|lines| tar::stream(lines)).collect();
        let (ours, theirs) = both(&layers);
        compared += 1;
        let same = theirs.as_ref().is_ok_and(|theirs| *theirs == ours);
        if same == known.contains_key(name) {
            let theirs = theirs.unwrap_or_else(|said| said);
            wrong.push(format!("{name}\n--- tree\n{ours}--- umoci\n{theirs}"));
        }
    }
    assert!(compared >= 30, "{compared} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Files of a kind and size that a few words cannot make.
fn fill(root: &Path) {
    let long = format!("{}/{}", "d".repeat(90), "e".repeat(150));
    fs::create_dir_all(root.join(&long)).unwrap();
    fs::write(root.join(&long).join("n".repeat(200)), "long").unwrap();
    symlink("t".repeat(300), root.join("symlink")).unwrap();
    fs::hard_link(root.join(&long).join("n".repeat(200)), root.join("linked")).unwrap();
    let hole = fs::File::create(root.join("hole")).unwrap();
    for part in 0..40 {
        hole.write_all_at(b"part", part * 300_000).unwrap();
    }
    hole.set_len(20_000_000).unwrap();
    fs::write(root.join("program"), "#!/bin/sh\n").unwrap();
    fs::write(root.join("new\nline and \u{fc}"), "x").unwrap();
    let mut setcap = Command::new("setcap");
    let setcap = setcap.args(["cap_net_raw,cap_sys_admin+ep"]);
    tests::stdout("libcap2-bin", setcap.arg(root.join("program")));
}

#[test]
fn what_gnu_tar_packs_is_what_umoci_unpacks() {
    assert_root();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fill(&root);
    // umoci does not know GNU's own entries for files with holes; `tree.rs` has them.
    let formats: &[&[&str]] = &[
        &["--format=gnu"],
        &["--format=pax", "--xattrs", "--xattrs-include=*"],
        &["--format=pax", "--sparse", "--sparse-version=0.1"],
        &["--format=pax", "--sparse", "--sparse-version=1.0"],
    ];
    for format in formats {
        let archive = folder.path().join("archive.tar");
        let mut tar = Command::new("tar");
        let tar = tar.args(*format).arg("--mtime=@1700000000").arg("-cf");
        tests::stdout("tar", tar.arg(&archive).arg("-C").arg(&root).arg("."));
        let (ours, theirs) = both(&[fs::read(&archive).unwrap()]);
        assert_eq!(
            ours.contains("security.capability"),
            format.contains(&"--xattrs")
        );
        assert!(ours.contains("/hole size=20000000"), "{ours}");
        assert_eq!(Ok(ours), theirs, "{format:?}");
    }
}

/// A distribution's root, and a layer over it that changes what all of them have.
#[track_caller]
fn real(root: Vec<u8>, size: usize) {
    let change = "d etc mtime=7\nf etc/.wh.motd \nf etc/.wh.passwd \nf usr/share/.wh..wh..opq \n\
                  f usr/share/new x\nl opt var";
    let (ours, theirs) = both(&[root, tar::stream(change)]);
    let lines = ours.lines().count();
    assert!(lines > size, "{lines} files are not all of it");
    assert_eq!(Ok(ours), theirs);
}

#[test]
fn alpine_is_what_umoci_unpacks() {
    assert_root();
    let Some(path) = tests::shared_data("alpine-minirootfs-3.20.3-x86_64.tar.gz") else {
        return;
    };
    let mut bytes = Vec::new();
    let packed = fs::File::open(path).unwrap();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed), &mut bytes).unwrap();
    real(bytes, 400);
}

#[test]
fn debian_13_is_what_umoci_unpacks() {
    assert_root();
    real(fs::read(tests::debian_root("trixie")).unwrap(), 2500);
}

#[test]
fn debian_12_is_what_umoci_unpacks() {
    assert_root();
    real(fs::read(tests::debian_root("bookworm")).unwrap(), 2500);
}
