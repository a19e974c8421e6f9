//! Trees from tar streams against GNU tar: what it extracts is what the tree says, and what
//! it packs is what the tree reads.

use std::fs;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use source::directory::{self, Mounts, Options, Owner};
use source::layer::{LayerKind, TarFile};
use source::tree::Tree;
use source::tree::dump::dump_with_contents;

/// Runs GNU tar.
fn tar(arguments: &[&str]) {
    tests::stdout("tar", Command::new("tar").args(arguments));
}

/// Only root can give files away: without root, owners are not compared, and it is said.
fn owner() -> Owner {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let uid = status.lines().find(|line| line.starts_with("Uid:"));
    match uid.and_then(|line| line.split_whitespace().nth(2)) {
        Some("0") => Owner::AsOnDisk,
        _ => {
            eprintln!("not run as root: owners are not compared");
            Owner::Root
        }
    }
}

fn on_disk(path: &Path, owner: Owner) -> String {
    let mounts = Mounts::Refuse;
    let tree = directory::read(path, Options { owner, mounts }).unwrap();
    dump_with_contents(&tree).unwrap()
}

fn packed(path: &Path, owner: Owner) -> String {
    let layer = TarFile::new(path, LayerKind::Archive);
    let mut tree = Tree::new();
    tree.add_layer(Arc::new(layer)).unwrap();
    let paths: Vec<_> = tree.iter().map(|(path, ..)| path.to_vec()).collect();
    for path in paths {
        let node = tree.get_mut(&path).unwrap();
        if owner == Owner::Root {
            (node.metadata.uid, node.metadata.gid) = (0, 0);
        }
    }
    dump_with_contents(&tree).unwrap()
}

/// The first line that differs says more than two long texts.
fn assert_same(what: &str, ours: &str, theirs: &str) {
    let mut lines = ours.lines().zip(theirs.lines());
    if let Some((ours, theirs)) = lines.find(|(a, b)| a != b) {
        panic!("{what}:\n  tree: {ours}\n   tar: {theirs}");
    }
    assert_eq!(ours.lines().count(), theirs.lines().count(), "{what}");
}

/// Real files that are too large for this repository.
pub(crate) fn shared_data(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SEALBOOT_TEST_DATA").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let path = folder.unwrap_or_else(beside).join(name);
    if path.exists() {
        return Some(path);
    }
    let message = format!(
        "{} is missing; set SEALBOOT_TEST_DATA to a folder with it",
        path.display()
    );
    assert!(std::env::var_os("CI").is_none(), "{message}");
    eprintln!("NOT TESTED: {message}");
    None
}

#[test]
fn alpine_is_what_tar_extracts() {
    let Some(path) = shared_data("alpine-minirootfs-3.20.3-x86_64.tar.gz") else {
        return;
    };
    let owner = owner();
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().to_str().unwrap();
    let archive = path.to_str().unwrap();
    let as_root = ["-xpf", archive, "-C", into, "--numeric-owner"];
    let as_user = ["-xpf", archive, "-C", into, "--no-same-owner"];
    tar(if owner == Owner::AsOnDisk {
        &as_root
    } else {
        &as_user
    });
    let ours = packed(&path, owner);
    assert!(ours.lines().count() > 500, "this is not Alpine: {ours}");
    assert_same("alpine", &ours, &on_disk(folder.path(), owner));
}

#[test]
fn every_format_that_tar_writes_is_read() {
    let owner = owner();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let long = format!("{}/{}", "d".repeat(90), "e".repeat(60));
    fs::create_dir_all(root.join(&long)).unwrap();
    for (name, bytes) in [("empty", 0), ("one", 1), ("block", 512), ("more", 70_001)] {
        let content: Vec<u8> = (0..bytes).map(|n: u32| (n % 251) as u8).collect();
        fs::write(root.join(&long).join(name), content).unwrap();
    }
    let hole = fs::File::create(root.join("hole")).unwrap();
    for part in 0..40 {
        hole.write_all_at(b"part", part * 300_000).unwrap();
    }
    hole.set_len(20_000_000).unwrap();
    fs::hard_link(root.join("hole"), root.join("another")).unwrap();
    fs::write(root.join("ümlaut and space"), "x").unwrap();
    symlink("t".repeat(99), root.join("symlink")).unwrap();
    symlink("../..", root.join(&long).join("up")).unwrap();
    let flags: &[(&str, &[&str])] = &[
        ("gnu", &["--format=gnu", "--sparse"]),
        ("oldgnu", &["--format=oldgnu", "--sparse"]),
        ("gnu, holes as zeros", &["--format=gnu"]),
        ("ustar", &["--format=ustar"]),
        ("pax", &["--format=pax"]),
        (
            "pax, 0.0",
            &["--format=pax", "--sparse", "--sparse-version=0.0"],
        ),
        (
            "pax, 0.1",
            &["--format=pax", "--sparse", "--sparse-version=0.1"],
        ),
        (
            "pax, 1.0",
            &["--format=pax", "--sparse", "--sparse-version=1.0"],
        ),
    ];
    // Names and link targets beyond what ustar holds.
    let longer = "n".repeat(200);
    for (what, format) in flags {
        let ustar = *what == "ustar";
        if !ustar {
            fs::write(root.join(&longer), "long").unwrap();
            symlink(&longer, root.join("long symlink")).unwrap();
            fs::hard_link(root.join(&longer), root.join("z")).unwrap();
        }
        let archive = folder.path().join("archive.tar");
        let archive_name = archive.to_str().unwrap();
        let mut arguments = format.to_vec();
        arguments.extend(["-cf", archive_name, "-C", root.to_str().unwrap(), "."]);
        tar(&arguments);
        let size = fs::metadata(&archive).unwrap().len();
        let sparse = format.contains(&"--sparse");
        assert_eq!(sparse, size < 1_000_000, "{what}: {size} bytes");
        let theirs = on_disk(&root, owner);
        assert_same(what, &packed(&archive, owner), &theirs);
        if !ustar {
            for name in [longer.as_str(), "long symlink", "z"] {
                fs::remove_file(root.join(name)).unwrap();
            }
        }
    }
}
