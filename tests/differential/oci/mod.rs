//! Container images against umoci, skopeo and buildah.

mod merge;
mod pushed;
mod registry;
mod written;

// What `source` tests its own reading with. Not all that it can do is needed here.
#[allow(dead_code)]
#[path = "../../../crates/source/src/tree/tests/cases.rs"]
mod cases;
#[allow(dead_code)]
#[path = "../../../crates/source/tests/oci/fixture.rs"]
mod fixture;
#[allow(dead_code)]
#[path = "../../../crates/source/tests/oci/http.rs"]
mod http;
#[path = "../../../crates/source/tests/oci/real_registry.rs"]
mod real_registry;
#[allow(dead_code)]
#[path = "../../../crates/source/src/tree/tests/tar.rs"]
mod tar;

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use source::directory::{self, Mounts, Options, Owner};
use source::oci::{Image, Reference};
use source::tree::Tree;
use source::tree::dump::dump_with_contents;

/// The tree of an image.
fn tree(reference: &str) -> Tree {
    let reference: Reference = reference.parse().unwrap();
    let image = Image::open(&reference).unwrap_or_else(|error| panic!("{error}"));
    let mut tree = Tree::new();
    for layer in image.layers {
        let merged = tree.add_layer(layer);
        merged.unwrap_or_else(|error| panic!("{reference}: {error}"));
    }
    tree
}

/// What umoci makes of a layout's image: unpacked, and read from the disk.
fn unpacked(layout: &Path, tag: &str) -> Result<String, String> {
    let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let start = i64::try_from(start.as_secs()).unwrap();
    let bundle = tempfile::tempdir().unwrap();
    let image = format!("{}:{tag}", layout.display());
    let into = bundle.path().join("bundle");
    let mut umoci = Command::new("umoci");
    let umoci = umoci.args(["unpack", "--image", &image]).arg(&into);
    let (good, said) = tests::answer("umoci", umoci);
    if !good {
        return Err(said);
    }
    let (owner, mounts) = (Owner::AsOnDisk, Mounts::Refuse);
    let mut tree = directory::read(into.join("rootfs"), Options { owner, mounts }).unwrap();
    // Directories that no layer has are made now, by umoci; here they are of the epoch.
    let paths: Vec<_> = tree.iter().map(|(path, ..)| path.to_vec()).collect();
    for path in paths {
        let node = tree.get_mut(&path).unwrap();
        if node.is_directory() && node.metadata.mtime >= start {
            node.metadata.mtime = 0;
        }
    }
    Ok(dump(&tree))
}

/// As root, or this says nothing about owners.
fn assert_root() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let uid = status
        .lines()
        .find(|line| line.starts_with("Uid:"))
        .unwrap();
    let uid = uid.split_whitespace().nth(2);
    assert_eq!(
        uid,
        Some("0"),
        "umoci unpacks owners and devices as root only"
    );
}

fn dump(tree: &Tree) -> String {
    dump_with_contents(tree).unwrap()
}
