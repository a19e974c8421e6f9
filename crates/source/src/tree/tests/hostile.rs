//! Layers made to do harm: an error that names layer, entry and byte, or a harmless result.

use std::io::{self, Read};
use std::sync::Arc;

use super::tar::{append, header, layer, long, pax, stream};
use crate::layer::LayerKind::{Archive, Oci};
use crate::layer::{Layer, TarBytes};
use crate::tree::Tree;
use crate::tree::dump::dump;

fn error_of(bytes: Vec<u8>) -> String {
    let mut tree = Tree::new();
    let bytes = bytes.into();
    let layer = TarBytes {
        name: "evil".to_owned(),
        bytes,
        kind: Oci,
    };
    tree.add_layer(Arc::new(layer)).unwrap_err().to_string()
}

#[test]
fn headers_for_all_entries_do_not_add_up() {
    let value = vec![b'v'; 30_000];
    let mut bytes = Vec::new();
    for name in ["a", "b", "c"] {
        let key = format!("SCHILY.xattr.user.{name}");
        // The second of the same name takes the place of the first.
        pax(&mut bytes, b'g', &[(&key, &value)]);
        pax(&mut bytes, b'g', &[(&key, &value)]);
    }
    let error = error_of(bytes);
    let expected = "all following entries get have 90018 bytes; at most 65536 are read";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn lines_that_are_refused() {
    let long = "n".repeat(256);
    let too_long = format!("f a x x:path={long}");
    let deep = format!("f a x x:path={}", "d/".repeat(2050));
    let target = format!("l a b x:linkpath={}", "t".repeat(4096));
    let xattr = format!("f a x x:SCHILY.xattr.user.{}=v", "k".repeat(256));
    let cases: &[(&str, &str)] = &[
        (
            "f ok x\nf ../etc/passwd x",
            "entry 1 at byte 1024, \"../etc/passwd\": a path with \"..\" is not taken",
        ),
        ("f a/../../b x", "a path with \"..\" is not taken"),
        ("d ..", "entry 0 at byte 0, \"..\": a path with"),
        (
            "h a ../../etc/shadow",
            "\"a\": it is a hard link to \"../../etc/shadow\", which cannot be: a path with \"..\" is not taken",
        ),
        (
            "h a b",
            "it is a hard link to \"b\", which cannot be: there is nothing at this path",
        ),
        (
            "f d/f x\nh a d",
            "which cannot be: a directory cannot have hard links",
        ),
        (
            "h a ",
            "it is a hard link to \"\", which cannot be: a directory cannot have hard links",
        ),
        ("f ./ x", ""),
        ("l ./ x", "the root can only be a directory"),
        ("h / a", "the root can only be a directory"),
        (
            &too_long,
            "a name of 256 bytes is too long; at most 255 are possible",
        ),
        (
            &deep,
            "a path of 4100 bytes is too long; at most 4095 are possible",
        ),
        (&target, "target of 4096 bytes is not possible"),
        (&xattr, "the extended attribute \"user.kkkk"),
        (
            "l a b\nl b a\nf a/c x",
            "entry 2 at byte 1024, \"a/c\": more than 40 symbolic links lead to it",
        ),
        (
            "f a x\nf a/b x",
            "\"a\" on the way to it is not a directory",
        ),
        ("f .wh. x", "this one hides no name"),
        ("f a/.wh... x", "this one hides no name"),
        ("f .wh.a/b x", "this one hides no name"),
        (
            "f a x x:size=-1",
            "the header's size is \"-1\"; a decimal number",
        ),
        (
            "f a x x:uid=4294967296",
            "the header's uid is \"4294967296\"",
        ),
        ("f a x x:mtime=soon", "the header's mtime is \"soon\""),
        (
            "f a x x:GNU.sparse.map=0,1,2",
            "map is wrong: the file's size is missing",
        ),
        (
            "f a x x:GNU.sparse.size=9 x:GNU.sparse.map=0,1,2",
            "map is wrong: an offset has no length",
        ),
        (
            "f a x x:GNU.sparse.size=9 x:GNU.sparse.map=5,9",
            "a part ends after the file does",
        ),
        (
            "f a x x:GNU.sparse.size=9 x:GNU.sparse.map=0,3",
            "the parts are not as long as the data",
        ),
        (
            "f a x x:GNU.sparse.size=9 x:GNU.sparse.map=5,1,5,0",
            "parts overlap or are out of order",
        ),
        (
            "f a x x:GNU.sparse.size=9 x:GNU.sparse.major=2",
            "its version is not 0.0, 0.1 or 1.0",
        ),
        (
            "f a x x:GNU.sparse.size=9 x:GNU.sparse.map=9223372036854775807,9223372036854775807,0,0",
            "parts",
        ),
    ];
    for (lines, expected) in cases {
        let mut tree = Tree::new();
        let result = tree.add_layer(layer("evil", Oci, lines));
        match result {
            Err(error) => {
                let error = error.to_string();
                assert!(error.starts_with("layer evil, entry "), "{error}");
                assert!(
                    error.contains(expected) && !expected.is_empty(),
                    "{lines}: {error}"
                );
            }
            Ok(()) => assert_eq!(*expected, "", "{lines}"),
        }
    }
}

#[test]
fn an_archive_does_not_lose_a_directory_in_use() {
    for line in ["f a x", "l a b", "h a f", "p a"] {
        let mut tree = Tree::new();
        let lines = format!("f f x\nf a/b x\n{line}");
        let error = tree.add_layer(layer("evil", Archive, &lines)).unwrap_err();
        let expected = "would replace a directory with files in it";
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn absolute_names_and_strange_bytes_are_harmless() {
    let mut bytes = Vec::new();
    append(&mut bytes, header(b'f', b"//etc/passwd"), b"");
    append(&mut bytes, header(b'f', b"new\nline\xff\x1b[2J"), b"");
    // Names end at a zero byte in headers, as in every other program.
    append(&mut bytes, header(b'f', b"zero\0hidden"), b"");
    long(&mut bytes, b'L', b"long\0hidden");
    append(&mut bytes, header(b'f', b"x"), b"");
    let mut tree = Tree::new();
    let layer = TarBytes {
        name: "odd".to_owned(),
        bytes: bytes.into(),
        kind: Oci,
    };
    tree.add_layer(Arc::new(layer)).unwrap();
    let expected = "\
d 0755 0:0 0 /
d 0755 0:0 0 /etc
f 0644 1:2 5 /etc/passwd size=0
f 0644 1:2 5 /long size=0
f 0644 1:2 5 /new\\x0aline\\xff\\x1b[2J size=0
f 0644 1:2 5 /zero size=0
";
    assert_eq!(dump(&tree), expected);
}

#[test]
fn zero_bytes_in_extended_headers_are_refused() {
    for key in ["path", "linkpath", "GNU.sparse.name"] {
        let mut bytes = Vec::new();
        pax(&mut bytes, b'x', &[(key, b"a\0b")]);
        append(&mut bytes, header(b'f', b"x"), b"");
        assert!(error_of(bytes).contains("a path cannot hold a zero byte"));
    }
}

#[test]
fn streams_that_end_too_early() {
    let mut big = header(b'f', b"big");
    big.set_size(1 << 40);
    let mut bytes = stream("f a abc");
    bytes.truncate(1024);
    append(&mut bytes, big, b"abc");
    let expected = "layer evil, entry 1 at byte 1024, \"big\": the stream ends 1099511627264 bytes \
                    too early; get the layer again";
    assert_eq!(error_of(bytes), expected);

    let half_header = stream("f a abc")[..300].to_vec();
    assert!(error_of(half_header).contains("the stream ends 212 bytes too early"));

    let mut only_described = Vec::new();
    pax(&mut only_described, b'x', &[("path", b"a")]);
    assert!(error_of(only_described).contains("after a header that describes a next entry"));
}

#[test]
fn headers_that_are_none() {
    let mut bytes = stream("f a abc\nf b x");
    bytes[1024] = b'B';
    let error = error_of(bytes);
    assert!(
        error.starts_with("layer evil, entry 1 at byte 1024: the header's checksum is"),
        "{error}"
    );
    assert!(error_of(b"<html>404</html>".repeat(64)).contains("this is not a tar stream"));

    let mut twice = Vec::new();
    pax(&mut twice, b'x', &[("path", b"a")]);
    pax(&mut twice, b'x', &[("path", b"b")]);
    assert!(error_of(twice).contains("two extended headers describe one entry"));

    for kind in *b"DMXAZ" {
        let mut bytes = Vec::new();
        append(&mut bytes, header(kind, b"a"), b"");
        let expected = format!(
            "\"a\": entries of type '{}' are not supported",
            char::from(kind)
        );
        assert!(error_of(bytes).contains(&expected));
    }

    for kind in *b"xgLK" {
        let mut large = header(kind, b"a");
        large.set_size(1 << 40);
        let mut bytes = Vec::new();
        append(&mut bytes, large, b"");
        let expected = "a describing header of 1099511627776 bytes is too large";
        assert!(error_of(bytes).contains(expected));
    }
}

#[test]
fn a_claim_of_a_terabyte_costs_nothing() {
    let mut tree = Tree::new();
    let lines = "f a x x:GNU.sparse.size=1099511627776 x:GNU.sparse.map=1099511627775,1";
    tree.add_layer(layer("sparse", Oci, lines)).unwrap();
    assert_eq!(tree.totals().bytes, 1 << 40);
    let error = tree.read("a", 1 << 20).unwrap_err().to_string();
    assert_eq!(
        error,
        "\"a\" is 1099511627776 bytes; at most 1048576 are read"
    );
}

#[test]
fn attributes_without_end_are_stopped() {
    let value = vec![b'v'; 60_000];
    let mut bytes = Vec::new();
    for number in 0..100 {
        pax(&mut bytes, b'x', &[("SCHILY.xattr.user.a", &value)]);
        append(
            &mut bytes,
            header(b'f', format!("{number}").as_bytes()),
            b"",
        );
    }
    let layer = TarBytes {
        name: "evil".to_owned(),
        bytes: bytes.into(),
        kind: Oci,
    };
    let error = Tree::new().add_layers_within(&[Arc::new(layer)], 1 << 20);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("entry 17 at"), "{error}");
    assert!(
        error.contains("need more than 1048576 bytes of memory"),
        "{error}"
    );
}

/// A layer of a million files that is nowhere as a whole.
struct Million;

impl Layer for Million {
    fn name(&self) -> &str {
        "million"
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        let header = header(b'f', b"d000/0000000");
        let headers = Headers { header, next: 0 };
        Ok(Box::new(io::BufReader::new(headers)))
    }
}

struct Headers {
    header: tar::Header,
    next: u32,
}

impl Read for Headers {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        for block in into.chunks_exact_mut(512) {
            if self.next == 1_000_000 {
                break;
            }
            let name = format!("d{:03}/{:07}", self.next % 1000, self.next);
            self.header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            self.header.set_cksum();
            block.copy_from_slice(self.header.as_bytes());
            self.next += 1;
            filled += 512;
        }
        Ok(filled)
    }
}

#[test]
fn a_million_entries() {
    let mut tree = Tree::new();
    tree.add_layer(Arc::new(Million)).unwrap();
    assert_eq!(tree.totals().paths, 1_001_001);
    assert_eq!(tree.children("d007").count(), 1000);
}

#[test]
fn whiteouts_without_end_take_linear_time() {
    let mut lines = "f d/lower x\n".to_owned();
    for number in 0..20_000 {
        lines += &format!("f d/{number} \nf d/.wh..wh..opq \nf .wh.d \n");
    }
    let mut tree = Tree::new();
    tree.add_layer(layer("whiteouts", Oci, &lines)).unwrap();
    assert_eq!(tree.totals().paths, 20_003);
}
