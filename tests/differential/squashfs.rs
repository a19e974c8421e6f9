//! `unsquashfs` takes out of our images exactly what was put in: contents, owners, modes, times,
//! extended attributes, links and devices.
//!
//! Needs Debian's squashfs-tools and attr, and root: only root may make devices, owners and
//! `security.*` attributes.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use formats::squashfs::{
    Attributes, Compression, FileData, InodeId, Kind, Node, Options, ReadError, Reader, Tree,
    Writer, dump,
};

const BLOCK: usize = 128 << 10;
const MTIME: u32 = 1_700_000_000;

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

/// What one path should be once it is unpacked.
struct Expected {
    attributes: Attributes,
    kind: Kind,
    content: Vec<u8>,
    /// Another path of the same inode.
    same_as: Option<Vec<u8>>,
}

struct Image {
    writer: Writer<File>,
    tree: Tree,
    expected: BTreeMap<Vec<u8>, Expected>,
    ids: BTreeMap<Vec<u8>, InodeId>,
}

fn attributes(mode: u16) -> Attributes {
    Attributes {
        mode,
        mtime: MTIME,
        ..Attributes::default()
    }
}

impl Image {
    fn new(path: &Path, options: Options) -> Self {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path);
        Self {
            writer: Writer::new(file.unwrap(), options).unwrap(),
            tree: Tree::new(attributes(0o755)).unwrap(),
            expected: BTreeMap::new(),
            ids: BTreeMap::new(),
        }
    }

    fn add(&mut self, path: &[u8], attributes: Attributes, kind: Kind) {
        self.expect(path, attributes, kind, Vec::new(), None);
    }

    fn file(&mut self, path: &[u8], attributes: Attributes, content: Vec<u8>) {
        let data = self
            .writer
            .add_data(&mut &content[..], content.len() as u64)
            .unwrap();
        self.expect(path, attributes, Kind::File(data), content, None);
    }

    fn link(&mut self, path: &[u8], target: &[u8]) {
        self.tree.link(path, self.ids[target]).unwrap();
        let Expected {
            attributes,
            kind,
            content,
            ..
        } = &self.expected[target];
        let same = Expected {
            attributes: attributes.clone(),
            kind: kind.clone(),
            content: content.clone(),
            same_as: Some(target.to_vec()),
        };
        self.expected.insert(path.to_vec(), same);
    }

    fn expect(
        &mut self,
        path: &[u8],
        attributes: Attributes,
        kind: Kind,
        content: Vec<u8>,
        same_as: Option<Vec<u8>>,
    ) {
        let id = self
            .tree
            .insert(path, attributes.clone(), kind.clone())
            .unwrap();
        self.ids.insert(path.to_vec(), id);
        let expected = Expected {
            attributes,
            kind,
            content,
            same_as,
        };
        self.expected.insert(path.to_vec(), expected);
    }

    fn finish(self) -> BTreeMap<Vec<u8>, Expected> {
        self.writer.finish(&self.tree, MTIME).unwrap();
        self.expected
    }
}

/// Everything that squashfs knows, and every size around a block.
fn populate(image: &mut Image) {
    image.add(b"kinds", attributes(0o1777), Kind::Directory);
    image.add(
        b"kinds/char",
        attributes(0o620),
        Kind::CharDevice {
            major: 4,
            minor: 64,
        },
    );
    let disk = Kind::BlockDevice {
        major: 259,
        minor: 0x1_2345,
    };
    image.add(b"kinds/block", attributes(0o660), disk);
    image.add(b"kinds/fifo", attributes(0o600), Kind::Fifo);
    image.add(b"kinds/socket", attributes(0o755), Kind::Socket);
    image.add(
        b"kinds/symlink",
        attributes(0o777),
        Kind::Symlink(b"../no such/file".to_vec()),
    );
    image.add(
        b"kinds/long",
        attributes(0o777),
        Kind::Symlink(vec![b'x'; 4095]),
    );
    image.add(b"kinds/empty-directory", attributes(0o500), Kind::Directory);
    image.file(b"kinds/setuid", attributes(0o4755), b"#!\n".to_vec());
    image.file(
        b"kinds/\xff\xfe name\twith \"anything\\",
        attributes(0o400),
        b"x".to_vec(),
    );
    image.file(
        &[&b"kinds/"[..], &[b'n'; 255]].concat(),
        attributes(0o400),
        b"long".to_vec(),
    );

    image.add(b"owners", attributes(0o755), Kind::Directory);
    for (name, uid, gid) in [("a", 0, 65534), ("b", 65536, 1), ("c", u32::MAX - 1, 1000)] {
        let owned = Attributes {
            uid,
            gid,
            ..attributes(0o640)
        };
        image.file(format!("owners/{name}").as_bytes(), owned, name.into());
    }

    image.add(b"xattrs", attributes(0o755), Kind::Directory);
    let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let with = |pairs: &[(&str, &[u8])]| Attributes {
        xattrs: pairs
            .iter()
            .map(|(k, v)| (k.as_bytes().to_vec(), v.to_vec()))
            .collect(),
        ..attributes(0o755)
    };
    let large = noise(7, 3000);
    let caps = with(&[("security.capability", capability)]);
    image.file(b"xattrs/ping", caps.clone(), b"ping".to_vec());
    image.file(b"xattrs/ping2", caps, b"ping".to_vec());
    let three = [
        ("user.a", &b"1"[..]),
        ("user.large", &large),
        ("trusted.overlay.opaque", b"y"),
    ];
    image.file(b"xattrs/three", with(&three), b"x".to_vec());
    image.add(
        b"xattrs/dir",
        with(&[("trusted.overlay.opaque", b"y")]),
        Kind::Directory,
    );
    let symlink = Kind::Symlink(b"ping".to_vec());
    let link = Attributes {
        mode: 0o777,
        ..with(&[("trusted.link", b"\0")])
    };
    image.add(b"xattrs/symlink", link, symlink);
    let null = Kind::CharDevice { major: 1, minor: 3 };
    image.add(b"xattrs/null", with(&[("trusted.device", b"d")]), null);
    image.add(b"xattrs/fifo", with(&[("trusted.fifo", b"")]), Kind::Fifo);

    image.add(b"sizes", attributes(0o755), Kind::Directory);
    let sizes = [
        0,
        1,
        BLOCK - 1,
        BLOCK,
        BLOCK + 1,
        2 * BLOCK,
        5 * BLOCK + 12345,
    ];
    for size in sizes {
        let path = |kind: &str| format!("sizes/{kind}-{size}").into_bytes();
        image.file(&path("noise"), attributes(0o644), noise(size as u64, size));
        image.file(
            &path("text"),
            attributes(0o644),
            b"words ".repeat(size / 6 + 1),
        );
        image.file(&path("zero"), attributes(0o644), vec![0; size]);
        let mut holes = noise(3, 100);
        holes.resize(size + 2 * BLOCK, 0);
        holes.extend(noise(4, 10));
        image.file(&path("holes"), attributes(0o644), holes);
    }
    // Equal contents, and contents with an equal start only.
    let first = noise(11, 6 * BLOCK + 99);
    let mut other = first.clone();
    other[5 * BLOCK + 7] ^= 1;
    image.file(b"sizes/first", attributes(0o644), first.clone());
    image.file(b"sizes/first-again", attributes(0o600), first);
    image.file(b"sizes/other", attributes(0o644), other);

    image.add(b"links", attributes(0o755), Kind::Directory);
    image.file(b"links/a", attributes(0o644), noise(12, 1000));
    image.link(b"links/b", b"links/a");
    image.link(b"sizes/c", b"links/a");
    image.link(b"links/empty", b"sizes/noise-0");
    image.link(b"links/fifo", b"kinds/fifo");
    image.link(b"links/char", b"kinds/char");
    image.link(b"links/symlink", b"kinds/symlink");

    let mut deep = b"deep".to_vec();
    for _ in 0..200 {
        image.add(&deep, attributes(0o755), Kind::Directory);
        deep.extend_from_slice(b"/directory");
    }
    image.file(&deep, attributes(0o644), b"bottom".to_vec());
}

/// Compares an unpacked tree with what was put in.
fn compare(root: &Path, expected: &BTreeMap<Vec<u8>, Expected>) {
    let mut found = BTreeSet::new();
    let mut stack = vec![PathBuf::new()];
    while let Some(directory) = stack.pop() {
        for entry in std::fs::read_dir(root.join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let path = directory.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                stack.push(path.clone());
            }
            found.insert(path.as_os_str().as_bytes().to_vec());
        }
    }
    assert_eq!(found, expected.keys().cloned().collect::<BTreeSet<_>>());
    for (path, expected) in expected {
        let shown = path.escape_ascii().to_string();
        let real = root.join(OsStr::from_bytes(path));
        let found = std::fs::symlink_metadata(&real).unwrap();
        let kind = found.file_type();
        let right_kind = match &expected.kind {
            Kind::Directory => kind.is_dir(),
            Kind::File(_) => kind.is_file() && std::fs::read(&real).unwrap() == expected.content,
            Kind::Symlink(target) => {
                kind.is_symlink()
                    && std::fs::read_link(&real).unwrap().as_os_str().as_bytes() == target
            }
            Kind::CharDevice { major, minor } => {
                kind.is_char_device() && found.rdev() == device(*major, *minor)
            }
            Kind::BlockDevice { major, minor } => {
                kind.is_block_device() && found.rdev() == device(*major, *minor)
            }
            Kind::Fifo => kind.is_fifo(),
            Kind::Socket => kind.is_socket(),
        };
        assert!(
            right_kind,
            "{shown}: another kind, target, device number or content"
        );
        let wanted = &expected.attributes;
        if !kind.is_symlink() {
            assert_eq!(
                found.mode() & 0o7777,
                u32::from(wanted.mode),
                "{shown}: mode"
            );
        }
        assert_eq!(
            (found.uid(), found.gid()),
            (wanted.uid, wanted.gid),
            "{shown}: owner"
        );
        assert_eq!(found.mtime(), i64::from(wanted.mtime), "{shown}: time");
        if let Some(same) = &expected.same_as {
            let same = std::fs::symlink_metadata(root.join(OsStr::from_bytes(same))).unwrap();
            assert_eq!(found.ino(), same.ino(), "{shown}: hard link");
        }
        assert_eq!(xattrs(&real), wanted.xattrs, "{shown}: extended attributes");
    }
}

/// As the C library's `makedev` does it.
fn device(major: u32, minor: u32) -> u64 {
    let (major, minor) = (u64::from(major), u64::from(minor));
    minor & 0xff | (major & 0xfff) << 8 | (minor & !0xff) << 12
}

fn xattrs(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut getfattr = Command::new("getfattr");
    getfattr.args([
        "--no-dereference",
        "--dump",
        "--match=-",
        "--encoding=hex",
        "--absolute-names",
    ]);
    let output = tests::stdout("attr", getfattr.arg("--").arg(path));
    let text = String::from_utf8(output).unwrap();
    let pairs = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    pairs
        .map(|line| {
            let (name, value) = line.split_once('=').unwrap_or((line, "0x"));
            let digits = value.trim_start_matches("0x").as_bytes();
            let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
            let value = digits.chunks(2).map(|pair| byte(pair).unwrap()).collect();
            (name.as_bytes().to_vec(), value)
        })
        .collect()
}

fn unsquashfs(arguments: &[&OsStr]) -> Vec<u8> {
    tests::stdout("squashfs-tools", Command::new("unsquashfs").args(arguments))
}

fn unpack(image: &Path, to: &Path) {
    // Without -no-xattrs, a failure to restore one is an exit code of 2.
    unsquashfs(&[
        "-quiet".as_ref(),
        "-no-progress".as_ref(),
        "-d".as_ref(),
        to.as_ref(),
        image.as_ref(),
    ]);
}

fn need_root() {
    let uid = std::fs::metadata("/proc/self").unwrap().uid();
    assert_eq!(
        uid, 0,
        "this test unpacks devices and owners: run it as root"
    );
}

#[test]
fn unsquashfs_gives_back_what_was_put_in() {
    need_root();
    let scratch = tempfile::tempdir().unwrap();
    let zstd = [4096, BLOCK as u32, 1 << 20].map(|size| (size, Compression::Zstd(5)));
    let others = [
        Compression::Zstd(15),
        Compression::Xz(6),
        Compression::Gzip(9),
        Compression::Gzip(1),
        Compression::Lz4,
        Compression::None,
    ];
    let others = others.map(|compression| (BLOCK as u32, compression));
    let least = [Compression::Xz(0), Compression::Lz4].map(|compression| (4096, compression));
    for (block_size, compression) in zstd.into_iter().chain(others).chain(least) {
        let name = format!("{block_size}-{compression:?}");
        let path = scratch.path().join(format!("{name}.squashfs"));
        let options = Options {
            block_size,
            compression,
            ..Options::default()
        };
        let mut image = Image::new(&path, options);
        populate(&mut image);
        let expected = image.finish();
        let root = scratch.path().join(name);
        unpack(&path, &root);
        compare(&root, &expected);
        read_back(&path, &expected);
    }
}

/// Our own reader sees the same.
fn read_back(path: &Path, expected: &BTreeMap<Vec<u8>, Expected>) {
    let mut reader = Reader::open(BufReader::new(File::open(path).unwrap())).unwrap();
    let mut seen = 0;
    let walked = reader.walk::<ReadError>(|reader, path, inode| {
        let Some(expected) = expected.get(path) else {
            assert_eq!(path, b"");
            return Ok(());
        };
        seen += 1;
        let shown = path.escape_ascii();
        let wanted = &expected.attributes;
        assert_eq!((inode.uid, inode.gid), (wanted.uid, wanted.gid), "{shown}");
        assert_eq!(
            (inode.mode, inode.mtime),
            (wanted.mode, wanted.mtime),
            "{shown}"
        );
        assert_eq!(reader.xattrs(inode)?, wanted.xattrs, "{shown}");
        if let Node::File(_) = inode.node {
            let mut content = Vec::new();
            reader.copy(inode, &mut content)?;
            assert!(content == expected.content, "{shown}");
        }
        Ok(())
    });
    walked.unwrap();
    assert_eq!(seen, expected.len());
}

#[test]
fn unsquashfs_lists_owners_devices_and_sizes() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("image");
    let mut image = Image::new(&path, Options::default());
    image.add(
        b"null",
        attributes(0o666),
        Kind::CharDevice { major: 1, minor: 3 },
    );
    let owned = Attributes {
        uid: 1000,
        gid: 100,
        ..attributes(0o4755)
    };
    image.file(b"su", owned, vec![1; 300_000]);
    image.link(b"su2", b"su");
    image.add(b"link", attributes(0o777), Kind::Symlink(b"su".to_vec()));
    image.finish();
    let listed = unsquashfs(&["-lln".as_ref(), path.as_ref()]);
    let listed = String::from_utf8(listed).unwrap();
    let words: Vec<Vec<&str>> = listed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let has = |line: &[&str]| {
        let start = line.iter().take(2);
        assert!(
            words.iter().any(|words| {
                words.iter().take(2).eq(start.clone()) && words.ends_with(&line[2..])
            }),
            "{line:?} is not in\n{listed}"
        );
    };
    has(&["crw-rw-rw-", "0/0", "squashfs-root/null"]);
    has(&["-rwsr-xr-x", "1000/100", "squashfs-root/su"]);
    has(&["-rwsr-xr-x", "1000/100", "squashfs-root/su2"]);
    has(&["lrwxrwxrwx", "0/0", "squashfs-root/link", "->", "su"]);
    assert!(listed.contains("300000"), "{listed}");

    let shown = unsquashfs(&["-s".as_ref(), path.as_ref()]);
    let shown = String::from_utf8(shown).unwrap();
    for line in [
        "Compression zstd",
        "Block size 131072",
        "Filesystem is exportable via NFS",
        "Duplicates are removed",
        "Number of inodes 4",
        "Number of ids 3",
    ] {
        assert!(shown.contains(line), "{line:?} is not in\n{shown}");
    }
    let level = format!("compression-level {}", Compression::ZSTD_LEVEL);
    assert!(shown.contains(&level), "{shown}");
}

#[test]
fn a_directory_of_70000_names_is_complete() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("image");
    let mut image = Image::new(
        &path,
        Options {
            compression: Compression::Zstd(3),
            ..Options::default()
        },
    );
    image.add(b"many", attributes(0o755), Kind::Directory);
    for number in 0..70_000 {
        image.add(
            format!("many/name-{number}").as_bytes(),
            attributes(0o600),
            Kind::Fifo,
        );
    }
    image.file(b"many/zzz", attributes(0o600), b"last".to_vec());
    let expected = image.finish();
    let listed = unsquashfs(&["-l".as_ref(), path.as_ref()]);
    let listed: BTreeSet<Vec<u8>> = listed
        .split(|&byte| byte == b'\n')
        .filter_map(|line| line.strip_prefix(b"squashfs-root/").map(<[u8]>::to_vec))
        .collect();
    assert_eq!(listed.len(), expected.len());
    assert!(listed.iter().eq(expected.keys()));
    let last = unsquashfs(&["-cat".as_ref(), path.as_ref(), "many/zzz".as_ref()]);
    assert_eq!(last, b"last");
}

/// Holes with a few bytes at the start, in the middle and at the end.
struct Sparse {
    size: u64,
    position: u64,
}

impl Read for Sparse {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = (self.size - self.position).min(buffer.len() as u64) as usize;
        let buffer = &mut buffer[..length];
        buffer.fill(0);
        for mark in [0, self.size / 2, self.size - 1] {
            if let Some(byte) = mark
                .checked_sub(self.position)
                .and_then(|at| buffer.get_mut(at as usize))
            {
                *byte = b'!';
            }
        }
        self.position += length as u64;
        Ok(length)
    }
}

#[test]
fn a_file_of_more_than_4_gib_stays_sparse() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("image");
    let size = (5 << 30) + 12345;
    let mut image = Image::new(
        &path,
        Options {
            compression: Compression::Zstd(1),
            ..Options::default()
        },
    );
    let data = image
        .writer
        .add_data(&mut Sparse { size, position: 0 }, size)
        .unwrap();
    image.add(b"sparse", attributes(0o644), Kind::File(data));
    image.add(b"empty", attributes(0o644), Kind::File(FileData::EMPTY));
    image.finish();
    assert!(std::fs::metadata(&path).unwrap().len() < 200_000);
    let root = scratch.path().join("root");
    unpack(&path, &root);
    let mut file = File::open(root.join("sparse")).unwrap();
    let metadata = file.metadata().unwrap();
    assert_eq!(metadata.len(), size);
    assert!(
        metadata.blocks() * 512 < 10 << 20,
        "{} blocks",
        metadata.blocks()
    );
    for mark in [0, size / 2, size - 1] {
        let start = mark.saturating_sub(50);
        let mut around = vec![0; 101.min((size - start) as usize)];
        file.seek(SeekFrom::Start(start)).unwrap();
        file.read_exact(&mut around).unwrap();
        let marks: Vec<u64> = (start..)
            .zip(&around)
            .filter(|(_, b)| **b != 0)
            .map(|(p, _)| p)
            .collect();
        assert_eq!(marks, [mark]);
    }
}

/// Images by mksquashfs, with each compressor that is read here, list like ours.
#[test]
fn images_by_mksquashfs_are_read() {
    need_root();
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("ours");
    let mut image = Image::new(
        &path,
        Options {
            compression: Compression::Zstd(3),
            ..Options::default()
        },
    );
    populate(&mut image);
    let mut expected = image.finish();
    let root = scratch.path().join("root");
    unpack(&path, &root);
    for compressor in ["zstd", "gzip", "xz"] {
        let theirs = scratch.path().join(compressor);
        let mut mksquashfs = Command::new("mksquashfs");
        mksquashfs
            .arg(&root)
            .arg(&theirs)
            .args(["-comp", compressor, "-noappend", "-no-progress"]);
        tests::stdout("squashfs-tools", &mut mksquashfs);
        read_back(&theirs, &expected);
    }
    // The comparison itself must be able to fail.
    expected.get_mut(&b"owners/a"[..]).unwrap().attributes.uid = 7;
    let failed = std::panic::catch_unwind(|| read_back(&scratch.path().join("xz"), &expected));
    assert!(failed.is_err());
}

#[test]
fn equal_inputs_give_equal_bytes() {
    let scratch = tempfile::tempdir().unwrap();
    let build = |name: &str, threads: usize| {
        let path = scratch.path().join(name);
        let options = Options {
            threads: threads.try_into().unwrap(),
            compression: Compression::Zstd(3),
            ..Options::default()
        };
        let mut image = Image::new(&path, options);
        populate(&mut image);
        image.finish();
        std::fs::read(path).unwrap()
    };
    let one = build("one", 1);
    assert!(one == build("two", 2) && one == build("five", 5));
    let mut text = Vec::new();
    dump(&mut Reader::open(Cursor::new(&one)).unwrap(), &mut text).unwrap();
    assert!(
        text.lines_with(b"security.capability=0x0100000200200000")
            .count()
            == 2
    );
    text.flush().unwrap();
}

trait LinesWith {
    fn lines_with<'a>(&'a self, part: &'a [u8]) -> impl Iterator<Item = &'a [u8]>;
}

impl LinesWith for Vec<u8> {
    fn lines_with<'a>(&'a self, part: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.split(|&byte| byte == b'\n')
            .filter(move |line| line.windows(part.len()).any(|window| window == part))
    }
}
