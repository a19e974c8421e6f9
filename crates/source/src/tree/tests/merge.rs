//! Layers of each kind and what they make together.

use std::sync::Arc;

use super::tar::{append, header, layer, long, pax, stream};
use crate::layer::LayerKind::{self, Archive, Oci};
use crate::layer::TarBytes;
use crate::tree::Tree;
use crate::tree::dump::dump;

/// What it shows, the kind of the layers, the layers, the tree without the root's line.
type Case = (
    &'static str,
    LayerKind,
    &'static [&'static str],
    &'static str,
);

const CASES: &[Case] = &[
    ("nothing", Oci, &[""], ""),
    (
        "every type",
        Oci,
        &["
        d d mode=1777
        f d/f abc mode=4755 uid=7 gid=8 mtime=1700000000
        l d/l f
        h d/h d/f
        c d/c 1:3
        b d/b 8:1
        p d/p"],
        "
        d 1777 1:2 5 /d
        b 0644 1:2 5 /d/b 8:1
        c 0644 1:2 5 /d/c 1:3
        f 4755 7:8 1700000000 /d/f size=3
        h /d/h = /d/f
        l 0777 1:2 5 /d/l -> f
        p 0644 1:2 5 /d/p",
    ),
    (
        "dot-slash, slashes, a final slash",
        Oci,
        &["d ./\nd ./a/\nf .//a///b x\nf /c xy"],
        "
        d 0755 1:2 5 /a
        f 0644 1:2 5 /a/b size=1
        f 0644 1:2 5 /c size=2",
    ),
    (
        "missing parents are root's, of the epoch",
        Oci,
        &["f a/b/c x"],
        "
        d 0755 0:0 0 /a
        d 0755 0:0 0 /a/b
        f 0644 1:2 5 /a/b/c size=1",
    ),
    (
        "a directory after its children keeps them",
        Oci,
        &["f a/b x\nd a mode=700"],
        "
        d 0700 1:2 5 /a
        f 0644 1:2 5 /a/b size=1",
    ),
    (
        "a later layer's file replaces",
        Oci,
        &["f a x", "f a xy mode=600"],
        "
        f 0600 1:2 5 /a size=2",
    ),
    (
        "within a layer the last wins",
        Oci,
        &["f a x\nf a xy\nf a xyz"],
        "
        f 0644 1:2 5 /a size=3",
    ),
    (
        "a directory over a directory brings metadata only",
        Oci,
        &["d a mode=700 uid=9\nf a/b x", "d a mode=711"],
        "
        d 0711 1:2 5 /a
        f 0644 1:2 5 /a/b size=1",
    ),
    (
        "a file over a directory takes all of it away",
        Oci,
        &["d a\nf a/b/c x\nf a-b x", "f a x"],
        "
        f 0644 1:2 5 /a size=1
        f 0644 1:2 5 /a-b size=1",
    ),
    (
        "a directory over a file",
        Oci,
        &["f a x", "d a\nf a/b x"],
        "
        d 0755 1:2 5 /a
        f 0644 1:2 5 /a/b size=1",
    ),
    (
        "a symlink over a directory, and a directory over it",
        Oci,
        &["d a\nf a/b x\nd t", "l a t", "f a/c x", "d a\nf a/d x"],
        "
        d 0755 1:2 5 /a
        f 0644 1:2 5 /a/d size=1
        d 0755 1:2 5 /t
        f 0644 1:2 5 /t/c size=1",
    ),
    (
        "whiteout of a file",
        Oci,
        &["f a/x x\nf a/y y", "f a/.wh.x "],
        "
        d 0755 0:0 0 /a
        f 0644 1:2 5 /a/y size=1",
    ),
    (
        "whiteout of a directory",
        Oci,
        &["f a/x/y x\nf a/xy y", "f a/.wh.x "],
        "
        d 0755 0:0 0 /a
        f 0644 1:2 5 /a/xy size=1",
    ),
    (
        "whiteout of nothing, in nothing, in a file",
        Oci,
        &["f a x", "f .wh.b \nf c/.wh.d \nf a/.wh.x "],
        "
        f 0644 1:2 5 /a size=1",
    ),
    (
        "whiteout and the same name, in this order",
        Oci,
        &["d a\nf a/old x", "f .wh.a \nd a\nf a/new xy"],
        "
        d 0755 1:2 5 /a
        f 0644 1:2 5 /a/new size=2",
    ),
    (
        "whiteout and the same name, the other way round",
        Oci,
        &["d a\nf a/old x", "d a\nf a/new xy\nf .wh.a "],
        "
        d 0755 1:2 5 /a
        f 0644 1:2 5 /a/new size=2",
    ),
    (
        "a whiteout does not touch its own layer",
        Oci,
        &["f a x\nf .wh.a "],
        "
        f 0644 1:2 5 /a size=1",
    ),
    (
        "a whiteout's directory that only its own layer needs",
        Oci,
        &[
            "d a mode=700\nd a/b mode=700\nf a/b/old x",
            "f a/b/new x\nf .wh.a ",
        ],
        "
        d 0755 0:0 0 /a
        d 0755 0:0 0 /a/b
        f 0644 1:2 5 /a/b/new size=1",
    ),
    (
        "opaque before",
        Oci,
        &[
            "d a mode=700\nf a/x x\nd a/b\nf a/b/c x",
            "f a/.wh..wh..opq \nf a/y y",
        ],
        "
        d 0700 1:2 5 /a
        f 0644 1:2 5 /a/y size=1",
    ),
    (
        "opaque after",
        Oci,
        &[
            "d a mode=700\nf a/x x\nd a/b\nf a/b/c x",
            "f a/y y\nf a/.wh..wh..opq ",
        ],
        "
        d 0700 1:2 5 /a
        f 0644 1:2 5 /a/y size=1",
    ),
    (
        "opaque at the root",
        Oci,
        &["f a x\nd b\nf b/c x", "f .wh..wh..opq \nf d x"],
        "
        f 0644 1:2 5 /d size=1",
    ),
    (
        "opaque leaves a file that was there replaced",
        Oci,
        &["f a/x x", "f a/x xyz\nf a/.wh..wh..opq "],
        "
        d 0755 0:0 0 /a
        f 0644 1:2 5 /a/x size=3",
    ),
    (
        "opaque twice, and inside",
        Oci,
        &[
            "f a/b/x x",
            "f a/.wh..wh..opq \nf a/b/y y\nf a/b/.wh..wh..opq \nf a/.wh..wh..opq ",
        ],
        "
        d 0755 0:0 0 /a
        d 0755 0:0 0 /a/b
        f 0644 1:2 5 /a/b/y size=1",
    ),
    (
        "what AUFS left is passed over",
        Oci,
        &["f .wh..wh.plnk/1.2 x\nd .wh..wh.orph\nf .wh..wh.aufs "],
        "",
    ),
    (
        "whiteout names mean nothing in an archive",
        Archive,
        &["f a/.wh.b x\nf .wh..wh..opq x"],
        "
        f 0644 1:2 5 /.wh..wh..opq size=1
        d 0755 0:0 0 /a
        f 0644 1:2 5 /a/.wh.b size=1",
    ),
    (
        "whiteout below a symlinked directory",
        Oci,
        &[
            "l lib usr/lib\nf usr/lib/a x\nf usr/lib/b x",
            "f lib/.wh.a ",
        ],
        "
        l 0777 1:2 5 /lib -> usr/lib
        d 0755 0:0 0 /usr
        d 0755 0:0 0 /usr/lib
        f 0644 1:2 5 /usr/lib/b size=1",
    ),
    (
        "opaque below a symlinked directory",
        Oci,
        &[
            "l lib usr/lib\nf usr/lib/a x",
            "f lib/.wh..wh..opq \nf lib/b x",
        ],
        "
        l 0777 1:2 5 /lib -> usr/lib
        d 0755 0:0 0 /usr
        d 0755 0:0 0 /usr/lib
        f 0644 1:2 5 /usr/lib/b size=1",
    ),
    (
        "hard link into a lower layer",
        Oci,
        &["f a abc mode=4755", "h b a"],
        "
        f 4755 1:2 5 /a size=3
        h /b = /a",
    ),
    (
        "hard link, then its target goes",
        Oci,
        &["f a abc", "h b a", "f .wh.a "],
        "
        f 0644 1:2 5 /b size=3",
    ),
    (
        "a hard link's metadata is its target's",
        Oci,
        &["f a abc\nh b a mode=600 uid=9"],
        "
        f 0644 1:2 5 /a size=3
        h /b = /a",
    ),
    (
        "replacing one name leaves the others",
        Oci,
        &["f a abc\nh b a", "f a x"],
        "
        f 0644 1:2 5 /a size=1
        f 0644 1:2 5 /b size=3",
    ),
    (
        "hard link through symlinked parents",
        Oci,
        &["l lib usr/lib\nf lib/a x\nh lib/b lib/a\nh /c /lib/b"],
        "
        f 0644 1:2 5 /c size=1
        l 0777 1:2 5 /lib -> usr/lib
        d 0755 0:0 0 /usr
        d 0755 0:0 0 /usr/lib
        h /usr/lib/a = /c
        h /usr/lib/b = /c",
    ),
    (
        "hard link to a symlink is one",
        Oci,
        &["l a nowhere\nh b a"],
        "
        l 0777 1:2 5 /a -> nowhere
        h /b = /a",
    ),
    (
        "hard link to itself",
        Oci,
        &["f a x\nh a ./a"],
        "
        f 0644 1:2 5 /a size=1",
    ),
    (
        "hard link over the directory of its target",
        Oci,
        &["f a/b x\nh a a/b"],
        "
        f 0644 1:2 5 /a size=1",
    ),
    (
        "Debian's merged /usr",
        Archive,
        &[
            "l ./lib usr/lib\nl ./lib64 usr/lib64\nd ./usr\nd ./usr/lib",
            "d ./\nd ./lib\nd ./lib/x mode=700\nf ./lib/x/y x\nf ./lib64/ld xy",
        ],
        "
        l 0777 1:2 5 /lib -> usr/lib
        l 0777 1:2 5 /lib64 -> usr/lib64
        d 0755 1:2 5 /usr
        d 0755 1:2 5 /usr/lib
        d 0700 1:2 5 /usr/lib/x
        f 0644 1:2 5 /usr/lib/x/y size=1
        d 0755 0:0 0 /usr/lib64
        f 0644 1:2 5 /usr/lib64/ld size=2",
    ),
    (
        "in an archive a directory replaces a dangling symlink",
        Archive,
        &["l a b", "d a\nf a/c x"],
        "
        d 0755 1:2 5 /a
        f 0644 1:2 5 /a/c size=1",
    ),
    (
        "in an archive a symlink replaces an empty directory",
        Archive,
        &["d a", "l a b"],
        "
        l 0777 1:2 5 /a -> b",
    ),
    (
        "parents behind a dangling symlink are made",
        Oci,
        &["l a b/../c\nf a/d x"],
        "
        l 0777 1:2 5 /a -> b/../c
        d 0755 0:0 0 /b
        d 0755 0:0 0 /c
        f 0644 1:2 5 /c/d size=1",
    ),
    (
        "symlinks that lead out end at the root",
        Oci,
        &["l a ../../../etc\nl b /../tmp\nd d\nl d/e ../../x\nf a/f x\nf b/f x\nf d/e/f x"],
        "
        l 0777 1:2 5 /a -> ../../../etc
        l 0777 1:2 5 /b -> /../tmp
        d 0755 1:2 5 /d
        l 0777 1:2 5 /d/e -> ../../x
        d 0755 0:0 0 /etc
        f 0644 1:2 5 /etc/f size=1
        d 0755 0:0 0 /tmp
        f 0644 1:2 5 /tmp/f size=1
        d 0755 0:0 0 /x
        f 0644 1:2 5 /x/f size=1",
    ),
    (
        "an absolute symlink starts at the tree's root",
        Oci,
        &["d d/e\nl d/e/a /t/./u/\nf d/e/a/f x\nh d/g d/e/a/f"],
        "
        d 0755 0:0 0 /d
        d 0755 1:2 5 /d/e
        l 0777 1:2 5 /d/e/a -> /t/./u/
        f 0644 1:2 5 /d/g size=1
        d 0755 0:0 0 /t
        d 0755 0:0 0 /t/u
        h /t/u/f = /d/g",
    ),
    (
        "pax: times to the past, sizes of ids, attributes",
        Oci,
        &[
            "
        f a abc x:mtime=12.999 x:uid=4000000000 x:gid=3000000
        f b abc x:mtime=-0.5
        f c abc uid=4000000000 gid=3000000 mtime=-3 x:SCHILY.xattr.user.b=2 x:SCHILY.xattr.user.a=",
        ],
        "
        f 0644 4000000000:3000000 12 /a size=3
        f 0644 1:2 -1 /b size=3
        f 0644 4000000000:3000000 -3 /c size=3 user.a=\"\" user.b=\"2\"",
    ),
    (
        "pax: path and link path",
        Oci,
        &["f a abc x:path=d/e\nl b c x:linkpath=f\nf c x x:path="],
        "
        l 0777 1:2 5 /b -> f
        f 0644 1:2 5 /c size=1
        d 0755 0:0 0 /d
        f 0644 1:2 5 /d/e size=3",
    ),
    (
        "pax: the last record of a key wins",
        Oci,
        &["f a abc x:path=b x:path=c"],
        "
        f 0644 1:2 5 /c size=3",
    ),
    (
        "an old tar's directory has only a slash",
        Archive,
        &["f a/ \nf a/b x"],
        "
        d 0644 1:2 5 /a
        f 0644 1:2 5 /a/b size=1",
    ),
    (
        "the root's metadata",
        Oci,
        &["d ./ mode=700 uid=3"],
        "root
        d 0700 3:2 5 /",
    ),
];

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
