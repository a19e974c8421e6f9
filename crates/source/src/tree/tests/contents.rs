//! Reading contents: order, once each, and what happens when something changes.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::tar::{append, header, layer, pax, stream};
use crate::layer::LayerKind::{self, Archive, Oci};
use crate::layer::{Layer, TarBytes, TarFile};
use crate::tree::{Content, Error, HostFile, Kind, Metadata, Node, NodeId, Origin, Tree};

/// A layer that counts how often it is opened, and can give other bytes from then on.
struct Counted {
    first: Vec<u8>,
    later: Vec<u8>,
    opened: AtomicUsize,
}

impl Counted {
    fn new(lines: &str, later: &str) -> Arc<Self> {
        Arc::new(Self {
            first: stream(lines),
            later: stream(later),
            opened: AtomicUsize::new(0),
        })
    }
}

impl Layer for Counted {
    fn name(&self) -> &str {
        "counted"
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        match self.opened.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(Box::new(&*self.first)),
            _ => Ok(Box::new(&*self.later)),
        }
    }

    fn kind(&self) -> LayerKind {
        Oci
    }
}

fn read_all(tree: &Tree) -> Result<Vec<(NodeId, Vec<u8>)>, Error> {
    let mut read = Vec::new();
    tree.read_contents(&mut |id, size, reader: &mut dyn Read| {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(Error::from_read)?;
        assert_eq!(bytes.len() as u64, size);
        read.push((id, bytes));
        Ok::<_, Error>(())
    })?;
    Ok(read)
}

fn file(path: &std::path::Path, size: u64) -> Node {
    let origin = Origin::File(HostFile::new(path));
    Node {
        metadata: Metadata::root(0o644),
        kind: Kind::File(Content { size, origin }),
    }
}

#[test]
fn each_once_in_a_fixed_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host");
    std::fs::write(&path, "host").unwrap();
    let mut tree = Tree::new();
    tree.add_layer(layer("0", Oci, "f z one\nf gone two\nf a three\nh b a"))
        .unwrap();
    tree.add_layer(layer("1", Oci, "f m four\nf .wh.gone "))
        .unwrap();
    tree.add_file("y", *b"memory", 0o644).unwrap();
    tree.insert("c", file(&path, 4)).unwrap();
    let read = read_all(&tree).unwrap();
    let expected = ["c host", "y memory", "z one", "a three", "m four"].map(|line| {
        let (path, content) = line.split_once(' ').unwrap();
        (tree.id(path).unwrap(), content.as_bytes().to_vec())
    });
    assert_eq!(read, expected);
    let many = tree.read_many(["m", "b", "c", "a"], 5).unwrap();
    assert_eq!(many, [&b"four"[..], b"three", b"host", b"three"]);
}

#[test]
fn a_layer_is_opened_twice_at_most_and_not_when_shadowed() {
    let lines = "f a x\nf b y";
    let counted = Counted::new(lines, lines);
    let mut tree = Tree::new();
    tree.add_layer(Arc::clone(&counted) as Arc<dyn Layer>)
        .unwrap();
    // Two parts of one tree in another one: the layer is still one.
    let mut other = Tree::new();
    // Its own layer takes the index that the other one has in its tree.
    other.add_layer(layer("own", Oci, "f own 123")).unwrap();
    other.graft("p", &tree).unwrap();
    other.graft("q", &tree).unwrap();
    let read: Vec<_> = read_all(&other).unwrap();
    let read: BTreeMap<_, _> = read.into_iter().collect();
    for path in ["p/a", "q/a"] {
        assert_eq!(read[&other.id(path).unwrap()], b"x");
    }
    assert_eq!(read[&other.id("own").unwrap()], b"123");
    assert_eq!(read.len(), 5);
    assert_eq!(counted.opened.load(Ordering::Relaxed), 2);

    tree.add_layer(layer("1", Oci, "f a 1\nf b 2")).unwrap();
    assert_eq!(read_all(&tree).unwrap().len(), 2);
    assert_eq!(counted.opened.load(Ordering::Relaxed), 2);
}

#[test]
fn a_layer_that_changed_is_noticed() {
    let cases = [
        (
            "f a xyz\nf b y",
            "f a xyzz\nf b y",
            "counted changed between listing and reading: entry 0 is another one",
        ),
        ("f a xyz\nf b y", "f a xyz", "it ends earlier"),
        (
            "f a xyz\nf b y",
            "f a XYZ\nf b y",
            "its SHA-256 is another one",
        ),
        (
            "f a xyz\nf b y",
            "f a xyz\nf b y\nf c z",
            "entry 2 is another one",
        ),
    ];
    for (first, later, expected) in cases {
        let mut tree = Tree::new();
        tree.add_layer(Counted::new(first, later)).unwrap();
        let error = read_all(&tree).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_tar_file_that_was_written_to_is_noticed() {
    use crate::layer::TarFile;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let bytes = layer("1", Archive, "f a xyz\nf b y").bytes.to_vec();
    std::fs::write(&path, &bytes).unwrap();
    let read = |known: bool, write: Option<&[u8]>| {
        let mut tree = Tree::new();
        tree.add_layer(Arc::new(TarFile::new(&path, Archive)))
            .unwrap();
        if known {
            tree.identity().unwrap();
        }
        if let Some(bytes) = write {
            std::thread::sleep(std::time::Duration::from_millis(20));
            std::fs::write(&path, bytes).unwrap();
        }
        let read = read_all(&tree).map_err(|error| error.to_string());
        std::fs::write(&path, &bytes).unwrap();
        read
    };
    let mut other = bytes.clone();
    // Only the content is another one.
    let at = other.windows(3).position(|three| three == b"xyz").unwrap();
    other[at] = b'X';
    for known in [false, true] {
        let contents: Vec<Vec<u8>> = read(known, None)
            .unwrap()
            .into_iter()
            .map(|(_, content)| content)
            .collect();
        assert_eq!(contents, [&b"xyz"[..], b"y"]);
        let error = read(known, Some(&other)).unwrap_err();
        let expected = if known {
            "another one"
        } else {
            "it was written to"
        };
        assert!(error.contains(expected), "{error}");
        // The same bytes, written once more.
        assert_eq!(read(known, Some(&bytes)).is_err(), !known);
    }
}

#[test]
fn errors_of_the_visitor_come_back_unchanged() {
    #[derive(Debug)]
    struct Mine(u32);
    impl From<Error> for Mine {
        fn from(_: Error) -> Self {
            Self(0)
        }
    }
    let mut tree = Tree::new();
    tree.add_layer(layer("0", Oci, "f a xyz\nf b y")).unwrap();
    let mut calls = 0;
    let result = tree.read_contents(&mut |_, _, _: &mut dyn Read| {
        calls += 1;
        Err(Mine(7))
    });
    assert!(matches!(result, Err(Mine(7))));
    assert_eq!(calls, 1);
    // A content that is not read, or not to its end, is skipped.
    let mut firsts = Vec::new();
    let result = tree.read_contents(&mut |_, _, reader: &mut dyn Read| {
        let mut byte = [0];
        reader.read_exact(&mut byte).unwrap();
        firsts.push(byte[0]);
        Ok::<_, Mine>(())
    });
    assert!(result.is_ok());
    assert_eq!(firsts, b"xy");
}

#[test]
fn host_files_that_changed_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grown");
    std::fs::write(&path, "12345").unwrap();
    let mut tree = Tree::new();
    let cases = [
        (
            file(&path, 4),
            "grown changed while it was used: it was 4 bytes long, now it is 5 bytes",
        ),
        (file(folder.path(), 4), "now it is not a regular file"),
        (file(&folder.path().join("none"), 4), "none cannot be read"),
    ];
    for (node, expected) in cases {
        tree.insert("f", node).unwrap();
        let error = read_all(&tree).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    // And while it is read.
    tree.insert("f", file(&path, 5)).unwrap();
    for (now, expected) in [("12", "now it is 2 bytes"), ("123456", "now it is longer")] {
        std::fs::write(&path, "12345").unwrap();
        let error = tree
            .read_contents(&mut |_, _, reader: &mut dyn Read| {
                std::fs::write(&path, now).unwrap();
                let read = reader.read_to_end(&mut Vec::new());
                read.map(|_| ()).map_err(Error::from_read)
            })
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn reading_one_file_has_a_limit() {
    let mut tree = Tree::new();
    tree.add_file("a", *b"12345", 0o644).unwrap();
    tree.add_dir("d", 0o755).unwrap();
    assert_eq!(tree.read("a", 5).unwrap(), b"12345");
    let cases = [
        ("a", "\"a\" is 5 bytes; at most 4 are read"),
        ("b", "\"b\": there is nothing at this path"),
        ("d", "\"d\": this is not a regular file"),
    ];
    for (path, expected) in cases {
        assert_eq!(tree.read(path, 4).unwrap_err().to_string(), expected);
    }
}

#[test]
fn every_compression_is_read() {
    use std::io::Write;
    let plain = stream("f a abc\nf b x");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
    xz.write_all(&plain).unwrap();
    let packed = [
        ("tar", plain.clone()),
        ("gz", gzip.finish().unwrap()),
        ("xz", xz.finish().unwrap()),
        ("zst", zstd::encode_all(&*plain, 1).unwrap()),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (ending, bytes) in packed {
        let path = folder.path().join(format!("a.{ending}"));
        std::fs::write(&path, &bytes).unwrap();
        let mut tree = Tree::new();
        tree.add_layer(Arc::new(TarFile::new(&path, Archive)))
            .unwrap();
        assert_eq!(
            tree.read_many(["b", "a"], 9).unwrap(),
            [&b"x"[..], b"abc"],
            "{ending}"
        );
        // Cut in the middle, no compression hides it.
        std::fs::write(&path, &bytes[..bytes.len().min(1600) - 20]).unwrap();
        let error = Tree::new().add_layer(Arc::new(TarFile::new(&path, Archive)));
        let error = error.unwrap_err().to_string();
        assert!(error.contains(&format!("a.{ending}, entry ")), "{error}");
    }
}

/// A file with holes in each of the formats: `abc` at 1024 of 2048 bytes, 512 bytes at 0.
#[test]
fn sparse_files_have_their_holes() {
    let data = [[b'x'; 512].as_slice(), b"abc"].concat();
    let mut expected = vec![b'x'; 512];
    expected.resize(1024, 0);
    expected.extend_from_slice(b"abc");
    expected.resize(2048, 0);

    let mut streams = Vec::new();
    let mut old = Vec::new();
    let mut gnu = header(b'S', b"file");
    gnu.set_size(515);
    let fields = gnu.as_gnu_mut().unwrap();
    fields.set_real_size(2048);
    for (slot, (offset, length)) in fields
        .sparse
        .iter_mut()
        .zip([(0, 512), (1024, 3), (2048, 0)])
    {
        slot.set_offset(offset);
        slot.set_length(length);
    }
    append(&mut old, gnu, &data);
    streams.push(("old GNU", old));

    // The same with the map's second half in a block of its own.
    let mut more = Vec::new();
    let mut gnu = header(b'S', b"file");
    gnu.set_size(515);
    let fields = gnu.as_gnu_mut().unwrap();
    fields.set_real_size(2048);
    fields.set_is_extended(true);
    for (slot, offset) in fields.sparse.iter_mut().zip([0, 128, 256, 384]) {
        slot.set_offset(offset);
        slot.set_length(if offset == 0 { 512 } else { 0 });
    }
    // Only the first counts; the others are of no length but may not go back.
    for (slot, _) in fields.sparse.iter_mut().zip(0..4).skip(1) {
        slot.set_offset(512);
    }
    let mut block = tar::GnuExtSparseHeader::new();
    block.sparse_mut()[0].set_offset(1024);
    block.sparse_mut()[0].set_length(3);
    append(&mut more, gnu, block.as_bytes());
    more.extend_from_slice(&data);
    more.resize(more.len().next_multiple_of(512), 0);
    streams.push(("old GNU, more blocks", more));

    let mut zero = Vec::new();
    let records: [(&str, &[u8]); 6] = [
        ("GNU.sparse.size", b"2048"),
        ("GNU.sparse.numblocks", b"2"),
        ("GNU.sparse.offset", b"0"),
        ("GNU.sparse.numbytes", b"512"),
        ("GNU.sparse.offset", b"1024"),
        ("GNU.sparse.numbytes", b"3"),
    ];
    pax(&mut zero, b'x', &records);
    let mut plain = header(b'f', b"file");
    plain.set_size(515);
    append(&mut zero, plain, &data);
    streams.push(("pax 0.0", zero));

    let mut one = Vec::new();
    let records: [(&str, &[u8]); 4] = [
        ("GNU.sparse.size", b"2048"),
        ("GNU.sparse.numblocks", b"2"),
        ("GNU.sparse.map", b"0,512,1024,3"),
        ("GNU.sparse.name", b"file"),
    ];
    pax(&mut one, b'x', &records);
    let mut plain = header(b'f', b"GNUSparseFile.1/file");
    plain.set_size(515);
    append(&mut one, plain, &data);
    streams.push(("pax 0.1", one));

    let mut newest = Vec::new();
    let records: [(&str, &[u8]); 4] = [
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.realsize", b"2048"),
        ("GNU.sparse.name", b"file"),
    ];
    pax(&mut newest, b'x', &records);
    let mut map = b"2\n0\n512\n1024\n3\n".to_vec();
    map.resize(512, 0);
    map.extend_from_slice(&data);
    let mut plain = header(b'f', b"GNUSparseFile.1/file");
    plain.set_size(map.len() as u64);
    append(&mut newest, plain, &map);
    streams.push(("pax 1.0", newest));

    for (format, mut stream) in streams {
        append(&mut stream, header(b'f', b"next"), b"");
        let mut tree = Tree::new();
        let layer = TarBytes {
            name: format.to_owned(),
            bytes: stream.into(),
            kind: Oci,
        };
        tree.add_layer(Arc::new(layer))
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(tree.read("file", 4096).unwrap(), expected, "{format}");
        assert!(tree.get("next").is_some(), "{format}");
    }
}

#[test]
fn a_tree_in_memory_needs_no_layer_and_is_read_by_path() {
    let counted = Counted::new("f z zz\nf a aa\nf m mm", "f z zz\nf a aa\nf m mm");
    let mut tree = Tree::new();
    tree.add_layer(counted.clone()).unwrap();
    tree.link("a", "n").unwrap();
    let before = read_all(&tree).unwrap();
    assert_eq!(before[0].1, b"zz");
    tree.load().unwrap();
    let opened = counted.opened.load(Ordering::Relaxed);
    let contents: Vec<Vec<u8>> = read_all(&tree)
        .unwrap()
        .into_iter()
        .map(|(_, c)| c)
        .collect();
    assert_eq!(contents, [b"aa", b"mm", b"zz"]);
    assert_eq!(counted.opened.load(Ordering::Relaxed), opened);
    assert_eq!(tree.id("a"), tree.id("n"));
}
