//! Layers of each kind and what they make together.

use std::sync::Arc;

use super::cases::CASES;
use super::tar::{append, header, layer, long, pax, stream};
use crate::layer::LayerKind::Oci;
use crate::layer::TarBytes;
use crate::tree::Tree;
use crate::tree::dump::dump;

#[test]
fn merging() {
    for (name, kind, layers, expected) in CASES {
        let mut tree = Tree::new();
        for (number, lines) in layers.iter().enumerate() {
            let layer = layer(&number.to_string(), *kind, lines);
            tree.add_layer(layer)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let dumped = dump(&tree);
        let (root, rest) = dumped.split_once('\n').unwrap();
        let (dumped, expected) = match expected.strip_prefix("root\n") {
            Some(expected) => (root, expected),
            None => (rest, *expected),
        };
        let expected: Vec<_> = expected.lines().map(str::trim).collect();
        let expected: Vec<_> = expected.into_iter().filter(|l| !l.is_empty()).collect();
        let found: Vec<_> = dumped.lines().collect();
        assert_eq!(found, expected, "{name}");
    }
}

/// A layer from a stream without its end.
fn bytes(mut stream: Vec<u8>) -> Arc<TarBytes> {
    stream.extend_from_slice(&[0; 1024]);
    Arc::new(TarBytes {
        name: "bytes".to_owned(),
        bytes: stream.into(),
        kind: Oci,
    })
}

fn merged(stream: Vec<u8>) -> String {
    let mut tree = Tree::new();
    tree.add_layer(bytes(stream)).unwrap();
    dump(&tree)
}

#[test]
fn long_names_of_both_formats() {
    let name = ["d".repeat(200), "f".repeat(200)].join("/");
    let mut gnu = Vec::new();
    long(&mut gnu, b'L', name.as_bytes());
    append(&mut gnu, header(b'f', b"ddd"), b"");
    long(&mut gnu, b'K', name.as_bytes());
    append(&mut gnu, header(b'l', b"link"), b"");
    let mut extended = Vec::new();
    pax(&mut extended, b'x', &[("path", name.as_bytes())]);
    append(&mut extended, header(b'f', b"ddd"), b"");
    pax(&mut extended, b'x', &[("linkpath", name.as_bytes())]);
    append(&mut extended, header(b'l', b"link"), b"");
    assert!(merged(gnu.clone()).contains(&format!("/{name} size=0")));
    assert!(merged(gnu.clone()).contains(&format!("/link -> {name}")));
    assert_eq!(merged(gnu), merged(extended));
}

#[test]
fn ustar_splits_long_names() {
    let mut ustar = tar::Header::new_ustar();
    let name = format!("{}/{}", "a".repeat(120), "b".repeat(90));
    ustar.set_path(&name).unwrap();
    ustar.set_size(0);
    ustar.set_entry_type(tar::EntryType::Regular);
    let mut stream = Vec::new();
    append(&mut stream, ustar, b"");
    assert!(merged(stream).contains(&format!("/{name} size=0")));
}

#[test]
fn attributes_and_names_may_hold_any_byte() {
    let capability = b"\x01\x00\x00\x02\x0a\x0a\x00\x00\x0a=5 x=\n".as_slice();
    let mut stream = Vec::new();
    let records = [
        ("SCHILY.xattr.security.capability", capability),
        ("path", b"new\nline"),
        ("uid", b"77"),
    ];
    pax(&mut stream, b'x', &records);
    append(&mut stream, header(b'f', b"file"), b"");
    let mut tree = Tree::new();
    tree.add_layer(bytes(stream)).unwrap();
    let node = tree.get("new\nline").unwrap();
    assert_eq!(node.metadata.uid, 77);
    assert_eq!(
        node.metadata.xattrs[b"security.capability".as_slice()],
        capability
    );
    assert!(dump(&tree).contains("/new\\x0aline size=0 security.capability=\"\\x01\\x00"));
}

#[test]
fn global_records_hold_until_they_are_overridden() {
    let mut stream = Vec::new();
    pax(&mut stream, b'g', &[("uid", b"70"), ("comment", b"x")]);
    append(&mut stream, header(b'f', b"a"), b"");
    pax(&mut stream, b'x', &[("uid", b"80")]);
    append(&mut stream, header(b'f', b"b"), b"");
    append(&mut stream, header(b'f', b"c"), b"");
    let dumped = merged(stream);
    for line in ["70:2 5 /a", "80:2 5 /b", "70:2 5 /c"] {
        assert!(dumped.contains(line), "{dumped}");
    }
}

#[test]
fn a_stream_may_end_without_its_end_blocks() {
    let mut bytes = stream("f a abc");
    bytes.truncate(1024);
    let layer = TarBytes {
        name: "cut".to_owned(),
        bytes: bytes.into(),
        kind: Oci,
    };
    let mut tree = Tree::new();
    tree.add_layer(Arc::new(layer)).unwrap();
    assert_eq!(tree.read("a", 3).unwrap(), b"abc");
}
