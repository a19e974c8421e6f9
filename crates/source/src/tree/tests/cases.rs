//! Layers of each kind and what they make together, in the words of [`super::tar`].
//!
//! `tests/differential` gives those of OCI images to umoci, too.

use crate::layer::LayerKind::{self, Archive, Oci};

/// What it shows, the kind of the layers, the layers, the tree without the root's line.
pub(super) type Case = (
    &'static str,
    LayerKind,
    &'static [&'static str],
    &'static str,
);

pub(super) const CASES: &[Case] = &[
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
    (
        "ids beyond seven octal digits, in the header and in a record",
        Oci,
        &["f a x uid=2097152 gid=4294967294\nf b x x:uid=3000000 x:gid=3000001"],
        "
        f 0644 2097152:4294967294 5 /a size=1
        f 0644 3000000:3000001 5 /b size=1",
    ),
    (
        "fractions of a second are cut off",
        Oci,
        &["f a x x:mtime=1.999999999\nd d x:mtime=1700000000.5"],
        "
        f 0644 1:2 1 /a size=1
        d 0755 1:2 1700000000 /d",
    ),
    (
        "attributes and capabilities",
        Oci,
        &["f a x x:SCHILY.xattr.user.one=1 x:SCHILY.xattr.user.two=2\nd d x:SCHILY.xattr.user.d=d"],
        "
        f 0644 1:2 5 /a size=1 user.one=\"1\" user.two=\"2\"
        d 0755 1:2 5 /d user.d=\"d\"",
    ),
    (
        "attributes go with the file that is replaced",
        Oci,
        &[
            "f a x x:SCHILY.xattr.user.one=1\nd d x:SCHILY.xattr.user.one=1",
            "f a y\nd d",
        ],
        "
        f 0644 1:2 5 /a size=1
        d 0755 1:2 5 /d",
    ),
    (
        "a device, a pipe and a link take each other's place",
        Oci,
        &["c a 1:3\np b\nl c x", "p a\nl b a\nc c 1:5"],
        "
        p 0644 1:2 5 /a
        l 0777 1:2 5 /b -> a
        c 0644 1:2 5 /c 1:5",
    ),
    (
        "a layer of nothing between others",
        Oci,
        &["f a x", "", "f b x"],
        "
        f 0644 1:2 5 /a size=1
        f 0644 1:2 5 /b size=1",
    ),
    (
        "a setuid program gets another owner",
        Oci,
        &["f a x mode=4755", "f a x mode=6711 uid=7 gid=8"],
        "
        f 6711 7:8 5 /a size=1",
    ),
    (
        "whiteout of a link leaves what it leads to",
        Oci,
        &["d d\nf d/f x\nl l d", "f .wh.l "],
        "
        d 0755 1:2 5 /d
        f 0644 1:2 5 /d/f size=1",
    ),
];
