//! A tree of every kind becomes an image that reads back and verifies.

use std::io::{self, Cursor, SeekFrom};
use std::num::NonZeroUsize;

use source::tree::{Content, HostFile, Kind, Metadata, Node, Origin};

use super::*;

const EPOCH: u32 = 1_700_000_000;

fn options(threads: usize) -> Options {
    Options {
        squashfs: squashfs::Options {
            block_size: 4096,
            compression: squashfs::Compression::Zstd(3),
            threads: NonZeroUsize::new(threads).unwrap(),
            earlier: None,
        },
        source_date_epoch: EPOCH,
        salt: b"salt".to_vec(),
        uuid: [7; 16],
    }
}

fn sample() -> Tree {
    let mut tree = Tree::new();
    let with_time = |mtime| Metadata {
        mtime,
        ..Metadata::root(0o644)
    };
    tree.add_file("usr/bin/su", b"su".repeat(5000), 0o4755)
        .unwrap();
    tree.link("usr/bin/su", "usr/bin/su2").unwrap();
    tree.add_symlink("bin", "usr/bin").unwrap();
    tree.insert("old", Node::file(with_time(-5), *b"old"))
        .unwrap();
    tree.insert("young", Node::file(with_time(i64::MAX), *b"young"))
        .unwrap();
    tree.insert("between", Node::file(with_time(12345), *b"between"))
        .unwrap();
    let mut capable = Metadata::root(0o755);
    capable
        .xattrs
        .insert(b"security.capability".to_vec(), vec![1, 2]);
    tree.insert("ping", Node::file(capable, *b"ping")).unwrap();
    let kinds = [
        ("dev/null", Kind::CharDevice { major: 1, minor: 3 }),
        ("dev/sda", Kind::BlockDevice { major: 8, minor: 0 }),
        ("dev/fifo", Kind::Fifo),
        ("dev/socket", Kind::Socket),
    ];
    for (path, kind) in kinds {
        let metadata = Metadata::root(0o600);
        tree.insert(path, Node { metadata, kind }).unwrap();
    }
    tree
}

fn build_sample(threads: usize) -> (Vec<u8>, BuiltImage) {
    let mut out = Cursor::new(Vec::new());
    let built = build(&sample(), &mut out, &options(threads), &mut |_| ()).unwrap();
    (out.into_inner(), built)
}

#[test]
fn a_tree_becomes_a_squashfs() {
    let (bytes, _) = build_sample(2);
    let mut text = Vec::new();
    let mut reader = squashfs::Reader::open(Cursor::new(&bytes)).unwrap();
    assert_eq!(reader.superblock().mkfs_time.get(), EPOCH);
    squashfs::dump(&mut reader, &mut text).unwrap();
    let expected = "\
d 0755 0:0 mtime=0 /
- 0644 0:0 size=7 mtime=12345 /between
l 0777 0:0 mtime=0 /bin -> usr/bin
d 0755 0:0 mtime=0 /dev
p 0600 0:0 mtime=0 /dev/fifo
c 0600 0:0 device=1:3 mtime=0 /dev/null
b 0600 0:0 device=8:0 mtime=0 /dev/sda
s 0600 0:0 mtime=0 /dev/socket
- 0644 0:0 size=3 mtime=0 /old
- 0755 0:0 size=4 mtime=0 /ping
    security.capability=0x0102
d 0755 0:0 mtime=0 /usr
d 0755 0:0 mtime=0 /usr/bin
- 4755 0:0 size=10000 mtime=0 links=2 inode=5 /usr/bin/su
- 4755 0:0 size=10000 mtime=0 links=2 inode=5 /usr/bin/su2
- 0644 0:0 size=5 mtime=1700000000 /young
";
    assert_eq!(String::from_utf8(text).unwrap(), expected);
    let mut content = Vec::new();
    let su = reader.find(b"usr/bin/su2").unwrap().unwrap();
    reader.copy(&su, &mut content).unwrap();
    assert_eq!(content, b"su".repeat(5000));
}

#[test]
fn the_hash_tree_covers_the_squashfs() {
    let (bytes, built) = build_sample(1);
    assert_eq!(bytes.len() as u64, built.size);
    assert_eq!(built.hash_offset, built.data_size);
    assert_eq!(built.salt, b"salt");
    let superblock = verity::Superblock::parse(&bytes[built.hash_offset as usize..]).unwrap();
    assert_eq!(superblock.data_blocks * 4096, built.data_size);
    assert_eq!(
        (superblock.uuid, &superblock.salt[..]),
        ([7; 16], &b"salt"[..])
    );
    let check = |bytes: &[u8]| {
        let mut file = Cursor::new(bytes);
        let threads = verity::processors();
        verity::verify(
            &mut file,
            built.hash_offset,
            &superblock,
            &built.root_hash,
            threads,
        )
    };
    check(&bytes).unwrap();
    let mut bad = bytes.clone();
    bad[built.data_size as usize - 1] ^= 1;
    assert!(check(&bad).is_err());
}

/// Counts what is read from it.
#[derive(Default)]
struct Counting {
    file: Cursor<Vec<u8>>,
    read: u64,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Counting {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Several MiB that do not shrink, and a file of the same size that starts like another one: its
/// blocks are copied.
#[test]
fn the_image_is_hashed_as_it_is_written() {
    let mut tree = sample();
    let mut word = 1u64;
    let mut noise = |blocks: usize| -> Vec<u8> {
        let mut byte = || {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (word >> 56) as u8
        };
        (0..blocks * 4096).map(|_| byte()).collect()
    };
    let (one, other) = (noise(1500), noise(1300));
    let start = &one[..200 * 4096];
    tree.add_file("a", one.clone(), 0o644).unwrap();
    tree.add_file("b", [start, &other].concat(), 0o644).unwrap();
    let mut out = Counting::default();
    let built = build(&tree, &mut out, &options(2), &mut |_| ()).unwrap();
    assert_eq!(out.read, start.len() as u64);
    let bytes = out.file.into_inner();
    let mut read = Cursor::new(bytes[..built.data_size as usize].to_vec());
    let threads = verity::processors();
    let appended = verity::append(&mut read, built.data_size, b"salt", [7; 16], threads).unwrap();
    assert_eq!(appended.root_hash, built.root_hash);
    assert_eq!(appended.size, built.size);
    assert!(read.into_inner() == bytes);
}

#[test]
fn threads_do_not_show() {
    assert!(build_sample(1) == build_sample(5));
}

#[test]
fn progress_ends_where_it_said() {
    let mut steps: Vec<(Step, Vec<Progress>)> = Vec::new();
    let mut tree = sample();
    tree.add_file("large", vec![1; 5 << 20], 0o644).unwrap();
    let mut out = Cursor::new(Vec::new());
    let built = build(&tree, &mut out, &options(1), &mut |progress| {
        if steps.last().is_none_or(|(step, _)| *step != progress.step) {
            steps.push((progress.step, Vec::new()));
        }
        steps.last_mut().unwrap().1.push(progress);
    });
    let totals = [tree.totals().bytes, 1, built.unwrap().data_size];
    let names: Vec<Step> = steps.iter().map(|(step, _)| *step).collect();
    assert_eq!(names, [Step::Contents, Step::Tables, Step::Hashes]);
    for ((_, reports), total) in steps.iter().zip(totals) {
        assert!(reports.is_sorted_by_key(|report| report.done));
        assert!(reports.iter().all(|report| report.total == total));
        assert_eq!(reports.first().unwrap().done, 0);
        assert_eq!(reports.last().unwrap().done, total);
    }
    assert!(steps[0].1.len() >= 5);
}

#[test]
fn what_cannot_be_stored_is_named_before_contents_are_read() {
    let mut tree = sample();
    let mut acl = Metadata::root(0o644);
    acl.xattrs
        .insert(b"system.posix_acl_access".to_vec(), vec![1]);
    tree.insert("etc/acl", Node::file(acl, *b"")).unwrap();
    let mut out = Cursor::new(Vec::new());
    let error = build(&tree, &mut out, &options(1), &mut |_| {
        panic!("nothing is done yet")
    });
    match error {
        Err(Error::Inode(error)) => assert_eq!(error.path, "etc/acl"),
        other => panic!("{other:?}"),
    }
    let long = Options {
        salt: vec![0; 257],
        ..options(1)
    };
    let error = build(&sample(), &mut out, &long, &mut |_| {
        panic!("nothing is done yet")
    });
    assert!(matches!(
        error,
        Err(Error::Verity(verity::Error::Salt { found: 257 }))
    ));
    assert_eq!(out.into_inner(), b"");
}

#[test]
fn a_file_that_changed_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "four").unwrap();
    let mut tree = sample();
    let content = Content {
        size: 5,
        origin: Origin::File(HostFile::new(path)),
    };
    let node = Node {
        metadata: Metadata::root(0o644),
        kind: Kind::File(content),
    };
    tree.insert("etc/file", node).unwrap();
    let error = build(
        &tree,
        &mut Cursor::new(Vec::new()),
        &options(1),
        &mut |_| (),
    )
    .unwrap_err();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    assert!(
        text.contains("file") && text.contains('5') && text.contains('4'),
        "{text}"
    );
}
