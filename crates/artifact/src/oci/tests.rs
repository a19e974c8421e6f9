//! What is written is read back to the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use source::layer::{LayerKind, TarBytes};
use source::oci::Image;
use source::tree::dump::dump_with_contents;
use source::tree::{Kind, Metadata, Node, Tree};

use super::document::Settings;
use super::*;

const EPOCH: u32 = 1_000_000;

/// One of everything that a layer can hold, and what needs a pax record.
fn tree() -> Tree {
    let mut tree = Tree::new();
    tree.add_dir("", 0o750).unwrap();
    tree.add_dir("etc", 0o1777).unwrap();
    tree.add_file("etc/hosts", &b"127.0.0.1 localhost\n"[..], 0o644)
        .unwrap();
    tree.link("etc/hosts", "a-link").unwrap();
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(200));
    let node = Node::file(
        Metadata {
            uid: 3_000_000,
            gid: 70_000,
            mtime: -5,
            xattrs: BTreeMap::from([(b"user.note".to_vec(), b"\0\xff=\n".to_vec())]),
            ..Metadata::root(0o4755)
        },
        vec![7; 100_000],
    );
    tree.insert(&long, node).unwrap();
    tree.add_symlink("short", "etc").unwrap();
    tree.add_symlink("long", "t/".repeat(80)).unwrap();
    for (path, kind) in [
        ("null", Kind::CharDevice { major: 1, minor: 3 }),
        (
            "disk",
            Kind::BlockDevice {
                major: 259,
                minor: 70_000,
            },
        ),
        ("pipe", Kind::Fifo),
    ] {
        let metadata = Metadata::root(0o600);
        tree.insert(path, Node { metadata, kind }).unwrap();
    }
    let young = Metadata {
        mtime: i64::from(EPOCH) + 1,
        ..Metadata::root(0o600)
    };
    tree.insert("young", Node::file(young, &b""[..])).unwrap();
    tree
}

#[test]
fn every_kind_comes_back_from_either_compression() {
    let mut expected = tree();
    expected.clamp_mtimes(i64::from(EPOCH));
    let expected = dump_with_contents(&expected).unwrap();
    for compression in [Compression::Gzip(6), Compression::Zstd(3)] {
        let mut bytes = Vec::new();
        let layer = layer::write(&tree().into(), compression, EPOCH, &mut bytes).unwrap();
        assert_eq!(layer.size, bytes.len() as u64);
        let mut again = Vec::new();
        layer::write(&tree().into(), compression, EPOCH, &mut again).unwrap();
        assert_eq!(bytes, again);
        let mut read = Tree::new();
        read.add_layer(Arc::new(TarBytes {
            name: "written".to_owned(),
            bytes: bytes.into(),
            kind: LayerKind::Oci,
        }))
        .unwrap();
        assert_eq!(dump_with_contents(&read).unwrap(), expected);
    }
}

#[test]
fn a_layout_is_an_image_with_its_settings() {
    let folder = tempfile::tempdir().unwrap();
    let mut layout = Layout::create(folder.path()).unwrap();
    let settings = Settings {
        created: "2026-11-24T03:00:00Z".to_owned(),
        entrypoint: vec!["/usr/bin/sealboot".to_owned()],
        cmd: vec!["build".to_owned()],
        environment: vec!["A=b".to_owned()],
        directory: "/work".to_owned(),
        labels: BTreeMap::from([("org.opencontainers.image.title".to_owned(), "x".to_owned())]),
    };
    let layer = layout
        .add_layer(&tree().into(), Compression::Zstd(3), EPOCH)
        .unwrap();
    let written = layout.add_image("1.4", &settings, &[layer]).unwrap();
    layout.finish().unwrap();

    let reference = format!("oci:{}:1.4", folder.path().display());
    let image = Image::open(&reference.parse().unwrap()).unwrap();
    assert_eq!(image.digest.0, written.digest);
    let program = &image.config.program;
    assert!(program.command().eq(["/usr/bin/sealboot", "build"]));
    assert_eq!(program.env, ["A=b"]);
    assert_eq!(program.working_dir, "/work");
    assert_eq!(program.labels, settings.labels);
    let mut read = Tree::new();
    for layer in image.layers {
        read.add_layer(layer).unwrap();
    }
    assert!(read.get("etc/hosts").is_some());
}

#[test]
fn a_file_that_would_take_others_away_is_refused() {
    let mut tree = Tree::new();
    tree.add_file("etc/.wh.hosts", &b""[..], 0o644).unwrap();
    let error = layer::write(&tree.into(), Compression::Gzip(1), 0, &mut Vec::new()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("etc/.wh.hosts has the name of a whiteout")
    );
}

/// `base` and what it is to become, and that the layer between them makes it so.
fn becomes(base: &Tree, wanted: &Tree) -> Difference {
    let between = difference(base, wanted).unwrap();
    let mut bytes = Vec::new();
    layer::write(&between, Compression::Gzip(1), EPOCH, &mut bytes).unwrap();
    let mut merged = base.clone();
    merged
        .add_layer(Arc::new(TarBytes {
            name: "difference".to_owned(),
            bytes: bytes.into(),
            kind: LayerKind::Oci,
        }))
        .unwrap();
    assert_eq!(
        dump_with_contents(&merged).unwrap(),
        dump_with_contents(wanted).unwrap()
    );
    between
}

#[test]
fn a_difference_makes_one_tree_of_the_other() {
    let mut base = tree();
    base.clamp_mtimes(i64::from(EPOCH));
    let mut wanted = base.clone();
    wanted
        .add_file("etc/hosts", &b"::1 localhost\n"[..], 0o644)
        .unwrap();
    wanted.remove("null");
    wanted.remove("d".repeat(120));
    wanted.add_dir("etc", 0o755).unwrap();
    wanted.add_file("new/file", &b"x"[..], 0o600).unwrap();
    wanted
        .add_file("long", &b"no link any more"[..], 0o600)
        .unwrap();
    wanted.link("short", "another-name").unwrap();
    let between = becomes(&base, &wanted);
    let mut removed = between.removed.clone();
    removed.sort();
    assert_eq!(removed, ["d".repeat(120).into_bytes(), b"null".to_vec()]);
    let paths: Vec<&[u8]> = between.tree.iter().map(|(path, _, _)| path).collect();
    let expected = [
        "",
        // Once the file of etc/hosts, too.
        "a-link",
        "another-name",
        "etc",
        "etc/hosts",
        "long",
        "new",
        "new/file",
        "short",
    ];
    assert_eq!(paths, expected.map(str::as_bytes));
}

#[test]
fn equal_trees_differ_in_nothing() {
    let between = becomes(&tree(), &tree());
    assert_eq!((between.tree.totals().paths, between.removed.len()), (1, 0));
}
