//! What is written is read back; what is damaged is refused, never a panic.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::num::NonZeroUsize;

use proptest::prelude::*;

use super::format::{DATA_UNCOMPRESSED, MAX_NAME, MAX_SYMLINK};
use super::*;

const BLOCK: usize = 4096;

fn options(threads: usize) -> Options {
    Options {
        block_size: BLOCK as u32,
        compression: Compression::Zstd(3),
        threads: NonZeroUsize::new(threads).unwrap(),
        earlier: None,
    }
}

fn mode(mode: u16) -> Attributes {
    Attributes {
        mode,
        ..Attributes::default()
    }
}

/// Bytes that do not compress, different for each seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

/// An image of regular files only.
fn image_of(files: &[(&str, Vec<u8>)], threads: usize) -> Vec<u8> {
    image_with(files, options(threads))
}

fn image_with(files: &[(&str, Vec<u8>)], options: Options) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let mut writer = Writer::new(&mut out, options).unwrap();
    let mut tree = Tree::new(mode(0o755)).unwrap();
    for (name, content) in files {
        let data = writer
            .add_data(&mut &content[..], content.len() as u64)
            .unwrap();
        tree.insert(name.as_bytes(), mode(0o644), Kind::File(data))
            .unwrap();
    }
    writer.finish(&tree, 0).unwrap();
    out.into_inner()
}

fn contents(image: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut reader = Reader::open(Cursor::new(image)).unwrap();
    let mut contents = BTreeMap::new();
    reader
        .walk::<ReadError>(|reader, path, inode| {
            if let Node::File(_) = inode.node {
                let mut content = Vec::new();
                reader.copy(inode, &mut content)?;
                contents.insert(path.to_vec(), content);
            }
            Ok(())
        })
        .unwrap();
    contents
}

fn listing(image: &[u8]) -> Result<String, ReadError> {
    let mut text = Vec::new();
    dump(&mut Reader::open(Cursor::new(image))?, &mut text)?;
    Ok(String::from_utf8(text).unwrap())
}

/// One node of every kind, with the things that need extended inodes.
fn every_kind() -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let mut writer = Writer::new(&mut out, options(2)).unwrap();
    let text = writer.add_data(&mut &b"hello\n"[..], 6).unwrap();
    let blocks = noise(1, 3 * BLOCK + 5);
    let blocks = writer
        .add_data(&mut &blocks[..], blocks.len() as u64)
        .unwrap();
    let hole = writer.add_data(&mut io::repeat(0).take(5 * BLOCK as u64), 5 * BLOCK as u64);
    let hole = hole.unwrap();
    let mut tree = Tree::new(mode(0o755)).unwrap();
    let xattrs = |pairs: &[(&[u8], &[u8])]| {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.to_vec(), value.to_vec()));
        Attributes {
            mode: 0o4711,
            uid: 1000,
            gid: 100,
            mtime: 1_700_000_000,
            xattrs: pairs.collect(),
        }
    };
    let capability = xattrs(&[
        (b"security.capability", b"\x01\0\0\x02\0\x04"),
        (b"user.a", b""),
    ]);
    tree.insert(b"dir", xattrs(&[(b"trusted.b", b"1")]), Kind::Directory)
        .unwrap();
    let file = tree
        .insert(b"dir/blocks", mode(0o600), Kind::File(blocks))
        .unwrap();
    tree.insert(b"dir/cap", capability.clone(), Kind::File(text))
        .unwrap();
    tree.insert(b"dir/cap2", capability, Kind::File(text))
        .unwrap();
    tree.insert(b"dir/empty", mode(0o444), Kind::File(FileData::EMPTY))
        .unwrap();
    tree.insert(b"dir/hole", mode(0o444), Kind::File(hole))
        .unwrap();
    tree.link(b"blocks", file).unwrap();
    tree.insert(
        b"null",
        mode(0o666),
        Kind::CharDevice { major: 1, minor: 3 },
    )
    .unwrap();
    let disk = Kind::BlockDevice {
        major: 259,
        minor: 0x12345,
    };
    tree.insert(b"nvme", xattrs(&[(b"user.a", b"x")]), disk)
        .unwrap();
    tree.insert(b"fifo", mode(0o600), Kind::Fifo).unwrap();
    let socket = tree
        .insert(b"socket", xattrs(&[(b"user.a", b"x")]), Kind::Socket)
        .unwrap();
    tree.link(b"dir/socket", socket).unwrap();
    let target = Kind::Symlink(b"../a b\xff".to_vec());
    tree.insert(b"link", xattrs(&[(b"trusted.t", b"t")]), target)
        .unwrap();
    tree.insert(b"\xffname\n", mode(0o777), Kind::Symlink(b"x".to_vec()))
        .unwrap();
    writer.finish(&tree, 1_700_000_000).unwrap();
    out.into_inner()
}

#[test]
fn every_kind_is_listed_as_it_was_put_in() {
    let expected = "\
d 0755 0:0 mtime=0 /
- 0600 0:0 size=12293 mtime=0 links=2 inode=1 /blocks
d 4711 1000:100 mtime=1700000000 /dir
    trusted.b=0x31
- 0600 0:0 size=12293 mtime=0 links=2 inode=1 /dir/blocks
- 4711 1000:100 size=6 mtime=1700000000 /dir/cap
    security.capability=0x010000020004
    user.a=0x
- 4711 1000:100 size=6 mtime=1700000000 /dir/cap2
    security.capability=0x010000020004
    user.a=0x
- 0444 0:0 size=0 mtime=0 /dir/empty
- 0444 0:0 size=20480 mtime=0 /dir/hole
s 4711 1000:100 mtime=1700000000 links=2 inode=6 /dir/socket
    user.a=0x78
p 0600 0:0 mtime=0 /fifo
l 4711 1000:100 mtime=1700000000 /link -> ../a b\\xff
    trusted.t=0x74
c 0666 0:0 device=1:3 mtime=0 /null
b 4711 1000:100 device=259:74565 mtime=1700000000 /nvme
    user.a=0x78
s 4711 1000:100 mtime=1700000000 links=2 inode=6 /socket
    user.a=0x78
l 0777 0:0 mtime=0 /\\xffname\\n -> x
";
    assert_eq!(listing(&every_kind()).unwrap(), expected);
}

#[test]
fn content_survives_at_every_block_boundary() {
    let sizes = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 7 * BLOCK + 9];
    let mut files = Vec::new();
    for (number, size) in sizes.into_iter().enumerate() {
        files.push((format!("noise{number}"), noise(number as u64, size)));
        files.push((format!("text{number}"), b"text ".repeat(size / 5 + 1)));
        let mut sparse = vec![0; size];
        sparse.extend(noise(99, BLOCK / 2));
        sparse.extend(vec![0; 3 * BLOCK]);
        files.push((format!("sparse{number}"), sparse));
    }
    let files: Vec<_> = files
        .iter()
        .map(|(name, content)| (&name[..], content.clone()))
        .collect();
    let expected = files
        .iter()
        .map(|(name, content)| (name.as_bytes().to_vec(), content.clone()));
    assert_eq!(contents(&image_of(&files, 3)), expected.collect());
}

#[test]
fn the_number_of_threads_does_not_show() {
    let files: Vec<(String, Vec<u8>)> = (0..60)
        .map(|n| {
            (
                format!("{n:03}"),
                noise(n / 2, 100 * n as usize + n as usize % 7 * BLOCK),
            )
        })
        .collect();
    let files: Vec<_> = files
        .iter()
        .map(|(name, content)| (&name[..], content.clone()))
        .collect();
    let one = image_of(&files, 1);
    for threads in [2, 7] {
        assert!(one == image_of(&files, threads), "{threads} threads");
    }
}

#[test]
fn equal_contents_are_stored_once() {
    let content = noise(5, 20 * BLOCK + 100);
    let once = image_of(&[("a", content.clone())], 2);
    let twice = image_of(&[("a", content.clone()), ("b", content.clone())], 2);
    assert!(
        twice.len() <= once.len() + BLOCK,
        "{} {}",
        once.len(),
        twice.len()
    );
    assert_eq!(
        contents(&twice).values().filter(|&c| *c == content).count(),
        2
    );
}

#[test]
fn contents_that_share_their_start_only_are_kept_apart() {
    let first = noise(5, 20 * BLOCK + 100);
    let mut second = first.clone();
    second[15 * BLOCK] ^= 1;
    // The last byte of the last full block, the tail, and a hole instead of a block.
    let mut third = first.clone();
    third[20 * BLOCK - 1] ^= 1;
    let mut fourth = first.clone();
    fourth[20 * BLOCK + 99] ^= 1;
    let mut fifth = first.clone();
    fifth[BLOCK..2 * BLOCK].fill(0);
    let files = [
        ("1", first),
        ("2", second),
        ("3", third),
        ("4", fourth),
        ("5", fifth),
    ];
    let image = image_of(&files, 2);
    for (name, content) in &files {
        assert!(contents(&image)[name.as_bytes()] == *content, "{name}");
    }
}

#[test]
fn a_content_of_another_size_is_an_error() {
    let mut out = Cursor::new(Vec::new());
    let mut writer = Writer::new(&mut out, options(1)).unwrap();
    for size in [3, BLOCK as u64, BLOCK as u64 + 3] {
        let content = vec![7; size as usize];
        let short = writer
            .add_data(&mut &content[1..], size)
            .unwrap_err()
            .to_string();
        let (found, expected) = ((size - 1).to_string(), size.to_string());
        assert!(
            short.contains(&found) && short.contains(&expected),
            "{short}"
        );
        let long = writer
            .add_data(&mut &content[..], size - 1)
            .unwrap_err()
            .to_string();
        assert!(long.contains(&found), "{long}");
    }
    let long = writer.add_data(&mut &b"x"[..], 0).unwrap_err().to_string();
    assert!(long.contains("longer than the 0 bytes"), "{long}");
}

#[test]
fn what_squashfs_cannot_hold_is_refused_by_path() {
    let mut tree = Tree::new(mode(0o755)).unwrap();
    let xattr = |name: &[u8], size| Attributes {
        xattrs: BTreeMap::from([(name.to_vec(), vec![0; size])]),
        ..Attributes::default()
    };
    let link = |length| Kind::Symlink(vec![b'x'; length]);
    let device = |major, minor| Kind::CharDevice { major, minor };
    let long = "n".repeat(MAX_NAME + 1);
    tree.insert(b"file", mode(0), Kind::Fifo).unwrap();
    let cases: &[(&str, Attributes, Kind, &str)] = &[
        (&long, mode(0), Kind::Fifo, "257 bytes"),
        ("", mode(0), Kind::Fifo, "not empty"),
        ("/a", mode(0), Kind::Fifo, "no directory"),
        ("a/../b", mode(0), Kind::Fifo, "no directory"),
        ("..", mode(0), Kind::Fifo, "not \".\""),
        ("a\0", mode(0), Kind::Fifo, "NUL"),
        ("missing/a", mode(0), Kind::Fifo, "missing"),
        ("file/a", mode(0), Kind::Fifo, "no directory"),
        ("file", mode(0), Kind::Fifo, "already"),
        ("mode", mode(0o10000), Kind::Fifo, "0o10000"),
        ("link", mode(0), link(MAX_SYMLINK + 1), "4096 bytes"),
        ("link", mode(0), link(0), "0 bytes"),
        ("device", mode(0), device(4096, 0), "4096:0"),
        ("device", mode(0), device(0, 1 << 20), "0:1048576"),
        (
            "xattr",
            xattr(b"system.posix_acl_access", 1),
            Kind::Fifo,
            "system.posix",
        ),
        ("xattr", xattr(b"user.", 1), Kind::Fifo, "user."),
        ("xattr", xattr(b"user.a", 65537), Kind::Fifo, "65537"),
        (
            "xattr",
            xattr(&[&b"user."[..], &[b'n'; 251]].concat(), 1),
            Kind::Fifo,
            "256",
        ),
    ];
    for (path, attributes, kind, reason) in cases {
        let error = tree.insert(path.as_bytes(), attributes.clone(), kind.clone());
        let error = error.unwrap_err().to_string();
        let shown = path.as_bytes().escape_ascii().to_string();
        assert!(
            error.contains(&shown) && error.contains(reason),
            "{path}: {error}"
        );
    }
    let directory = tree.insert(b"d", mode(0), Kind::Directory).unwrap();
    assert!(tree.link(b"d2", directory).is_err());
    assert!(tree.insert(&[b'n'; MAX_NAME], mode(0), Kind::Fifo).is_ok());
}

#[test]
fn ids_end_at_65535() {
    for (count, fits) in [(65535u32, true), (65536, false)] {
        let mut out = Cursor::new(Vec::new());
        let writer = Writer::new(&mut out, options(1)).unwrap();
        let mut tree = Tree::new(mode(0o755)).unwrap();
        for id in 1..count {
            let attributes = Attributes {
                uid: id,
                ..Attributes::default()
            };
            tree.insert(format!("{id}").as_bytes(), attributes, Kind::Fifo)
                .unwrap();
        }
        let written = writer.finish(&tree, 0);
        assert_eq!(written.is_ok(), fits, "{count}");
        if fits {
            let mut reader = Reader::open(&mut out).unwrap();
            let last = reader.find(b"65534").unwrap().unwrap();
            assert_eq!(last.uid, 65534);
        }
    }
}

#[test]
fn long_directories_and_deep_paths_are_found_again() {
    let mut out = Cursor::new(Vec::new());
    let writer = Writer::new(&mut out, options(1)).unwrap();
    let mut tree = Tree::new(mode(0o755)).unwrap();
    for number in 0..5000 {
        let path = format!("{number:040}");
        tree.insert(path.as_bytes(), mode(0o600), Kind::Fifo)
            .unwrap();
    }
    let mut path = b"deep".to_vec();
    for _ in 0..500 {
        tree.insert(&path, mode(0o700), Kind::Directory).unwrap();
        path.extend_from_slice(b"/d");
    }
    tree.insert(&path, mode(0o600), Kind::Socket).unwrap();
    writer.finish(&tree, 0).unwrap();
    let mut reader = Reader::open(&mut out).unwrap();
    assert!(matches!(
        reader.find(&path).unwrap().unwrap().node,
        Node::Socket
    ));
    assert!(
        reader
            .find(format!("{:040}", 4999).as_bytes())
            .unwrap()
            .is_some()
    );
    assert!(
        reader
            .find(format!("{:040}", 5000).as_bytes())
            .unwrap()
            .is_none()
    );
    let mut count = 0;
    let counted = reader.walk::<ReadError>(|_, _, _| {
        count += 1;
        Ok(())
    });
    counted.unwrap();
    assert_eq!(count, 1 + 5000 + 501);
}

#[test]
fn an_image_is_padded_and_says_its_level() {
    let image = every_kind();
    assert_eq!(image.len() % 4096, 0);
    let mut reader = Reader::open(Cursor::new(&image)).unwrap();
    assert_eq!(reader.zstd_level().unwrap(), Some(3));
    assert_eq!(reader.superblock().mkfs_time.get(), 1_700_000_000);
    // Noise does not shrink, so its block is stored as it is.
    let stored = noise(1, 3 * BLOCK);
    assert!(
        image
            .windows(BLOCK)
            .any(|window| window == &stored[..BLOCK])
    );
    let found = reader.find(b"blocks").unwrap().unwrap();
    assert!(matches!(found.node, Node::File(_)) && DATA_UNCOMPRESSED > BLOCK as u32);
}

#[test]
fn expected_sizes_change_nothing_but_the_work() {
    let (long, short) = (noise(1, 3 * BLOCK + 5), noise(2, 9));
    let contents = [
        &long,
        &short,
        &long,
        &noise(3, BLOCK),
        &vec![0; 2 * BLOCK + 1],
        &short,
    ];
    let image = |expect: bool| {
        let mut out = Cursor::new(Vec::new());
        let mut writer = Writer::new(&mut out, options(2)).unwrap();
        if expect {
            writer.expect(contents.iter().map(|content| content.len() as u64));
        }
        let mut tree = Tree::new(mode(0o755)).unwrap();
        for (name, content) in contents.iter().enumerate() {
            let size = content.len() as u64;
            let data = writer.add_data(&mut &content[..], size).unwrap();
            let name = name.to_string();
            tree.insert(name.as_bytes(), mode(0o644), Kind::File(data))
                .unwrap();
        }
        writer.finish(&tree, 0).unwrap();
        out.into_inner()
    };
    let expected = image(true);
    assert!(expected == image(false));
    let found = self::contents(&expected);
    for (name, content) in contents.iter().enumerate() {
        assert!(found[name.to_string().as_bytes()] == **content, "{name}");
    }
    // Sizes that were announced once and come twice cost room, not truth.
    let mut out = Cursor::new(Vec::new());
    let mut writer = Writer::new(&mut out, options(2)).unwrap();
    writer.expect([long.len() as u64]);
    let mut tree = Tree::new(mode(0o755)).unwrap();
    for name in [b"a", b"b"] {
        let data = writer.add_data(&mut &long[..], long.len() as u64).unwrap();
        tree.insert(name, mode(0o644), Kind::File(data)).unwrap();
    }
    writer.finish(&tree, 0).unwrap();
    let found = self::contents(&out.into_inner());
    assert!(found.values().all(|content| *content == long));
}

#[test]
fn every_compression_is_read_back() {
    let text: Vec<u8> = (0..3 * BLOCK as u32 / 4 + 9)
        .flat_map(u32::to_le_bytes)
        .collect();
    let files = [("noise", noise(5, 2 * BLOCK + 9)), ("text", text)];
    let compressions = [
        Compression::Zstd(1),
        Compression::Zstd(15),
        Compression::Xz(0),
        Compression::Xz(6),
        Compression::Gzip(1),
        Compression::Gzip(9),
        Compression::Lz4,
        Compression::None,
    ];
    let mut sizes = Vec::new();
    for compression in compressions {
        let of = |threads| {
            let options = options(threads);
            image_with(
                &files,
                Options {
                    compression,
                    ..options
                },
            )
        };
        let image = of(1);
        assert!(image == of(3), "{compression:?} depends on threads");
        let reader = Reader::open(Cursor::new(&image)).unwrap();
        assert_eq!(reader.compressor(), compression.compressor());
        sizes.push(reader.superblock().bytes_used.get());
        let expected = files.iter().cloned();
        let expected = expected.map(|(name, content)| (name.into(), content));
        assert_eq!(contents(&image), expected.collect(), "{compression:?}");
    }
    let none = sizes.pop().unwrap();
    assert!(sizes.iter().all(|size| *size < none), "{sizes:?} {none}");
}

#[test]
fn levels_that_are_not_there_are_refused() {
    for compression in [
        Compression::Zstd(0),
        Compression::Xz(10),
        Compression::Gzip(0),
    ] {
        let options = Options {
            compression,
            ..options(1)
        };
        let error = Writer::new(Cursor::new(Vec::new()), options).err().unwrap();
        assert!(error.to_string().contains("compression level"), "{error}");
    }
}

#[test]
fn another_reader_agrees() {
    use backhand::{FilesystemReader, InnerNode};
    let content = noise(3, 2 * BLOCK + 77);
    let image = image_of(&[("a", content.clone()), ("b", b"text".to_vec())], 2);
    let filesystem = FilesystemReader::from_reader(Cursor::new(image)).unwrap();
    let mut found = BTreeMap::new();
    for node in filesystem.files() {
        if let InnerNode::File(file) = &node.inner {
            let mut bytes = Vec::new();
            filesystem
                .file(file)
                .reader()
                .read_to_end(&mut bytes)
                .unwrap();
            found.insert(node.fullpath.clone(), bytes);
        }
    }
    let expected = [("/a".into(), content), ("/b".into(), b"text".to_vec())];
    assert_eq!(found, expected.into());
}

/// Reads everything that can be read; the result does not matter, only that it ends.
fn read_all(image: &[u8]) {
    let Ok(mut reader) = Reader::open(Cursor::new(image)) else {
        return;
    };
    let _ = reader.zstd_level();
    let mut left = 1 << 24;
    let _ = reader.walk::<ReadError>(|reader, _, inode| {
        let _ = reader.xattrs(inode);
        if let Node::File(file) = &inode.node
            && file.size < left
        {
            left -= file.size;
            reader.copy(inode, &mut io::sink())?;
        }
        Ok(())
    });
    let _ = dump(&mut reader, &mut io::sink());
}

#[test]
fn a_truncated_image_is_an_error() {
    let image = every_kind();
    let used = Reader::open(Cursor::new(&image))
        .unwrap()
        .superblock()
        .bytes_used
        .get() as usize;
    for length in (0..used).step_by(7) {
        assert!(
            listing(&image[..length]).is_err(),
            "{length} of {used} bytes"
        );
        read_all(&image[..length]);
    }
}

/// Stored metadata is compressed, so flips in it mostly end in zstd. This image's is not.
fn plain_image() -> &'static [u8] {
    static IMAGE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    IMAGE.get_or_init(|| {
        let image = every_kind();
        let mut reader = Reader::open(Cursor::new(&image)).unwrap();
        let superblock = reader.superblock().clone();
        let (start, end) = (
            superblock.inode_table.get(),
            superblock.directory_table.get(),
        );
        // Both tables are one block: swap each for its uncompressed form, at the image's end.
        let mut plain = image[..superblock.bytes_used.get() as usize].to_vec();
        let mut moved = superblock;
        for table in [start, end] {
            let bytes = reader.metadata_for_tests(table);
            let position = plain.len() as u64;
            let header = bytes.len() as u16 | format::METADATA_UNCOMPRESSED;
            plain.extend_from_slice(&header.to_le_bytes());
            plain.extend_from_slice(&bytes);
            match table == start {
                true => moved.inode_table = position.into(),
                false => moved.directory_table = position.into(),
            }
        }
        moved.bytes_used = (plain.len() as u64).into();
        plain[..96].copy_from_slice(zerocopy::IntoBytes::as_bytes(&moved));
        assert_eq!(listing(&plain).unwrap(), listing(&image).unwrap());
        plain
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        read_all(&bytes);
        let valid = plain_image();
        let length = bytes.len().min(40);
        bytes[..length].copy_from_slice(&valid[..length]);
        read_all(&bytes);
    }

    #[test]
    fn damaged_bytes_never_panic(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        in_tables in any::<bool>(),
    ) {
        let mut image = plain_image().to_vec();
        let tables = if in_tables { image.len() - 900 } else { 0 };
        for (index, byte) in damage {
            let index = tables + index.index(image.len() - tables);
            image[index] = byte;
        }
        read_all(&image);
    }

    #[test]
    fn any_files_survive(
        sizes in proptest::collection::vec((0usize..3 * BLOCK, 0u64..4, any::<bool>()), 0..12),
        threads in 1usize..4,
    ) {
        let files: Vec<(String, Vec<u8>)> = sizes
            .into_iter()
            .enumerate()
            .map(|(n, (size, seed, zero))| {
                (n.to_string(), if zero { vec![0; size] } else { noise(seed, size) })
            })
            .collect();
        let files: Vec<_> = files.iter().map(|(n, c)| (&n[..], c.clone())).collect();
        let found = contents(&image_of(&files, threads));
        for (name, content) in &files {
            prop_assert_eq!(&found[name.as_bytes()], content);
        }
    }
}

#[test]
fn every_field_is_shown() {
    use crate::fields::tests::{golden, hostile, nested, of};
    let image = every_kind();
    let shown = of(&image, super::fields);
    nested(&shown);
    golden("squashfs", &shown);
    hostile(&image, 61, |bytes| of(bytes, super::fields));
    hostile(&image[..96], 1, |bytes| of(bytes, super::fields));
}
