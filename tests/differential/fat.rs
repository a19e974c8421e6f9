//! FAT32 volumes against `fsck.vfat`, `mkfs.vfat` and mtools.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use formats::fat::{self, Medium, Options, PlacedFile, Plan, Volume};
use formats::gpt::SectorSize;

/// 2025-11-23 20:33:20 UTC.
const EPOCH: i64 = 1_763_930_000;

const LABEL: &str = "SEALBOOT-A";

type Files = Vec<(String, Vec<u8>)>;

fn options(size: u64, sector_size: SectorSize) -> Options {
    Options {
        sector_size,
        size,
        hidden_sectors: 2048,
        label: LABEL.to_owned(),
        serial: 0xabcd_1234,
        epoch: EPOCH,
    }
}

fn write(folder: &Path, size: Option<u64>, files: &Files) -> PathBuf {
    write_with(folder, size, files, SectorSize::B512, Medium::Blank)
}

fn write_with(
    folder: &Path,
    size: Option<u64>,
    files: &Files,
    sector: SectorSize,
    medium: Medium,
) -> PathBuf {
    let sizes: Vec<_> = files
        .iter()
        .map(|(p, c)| (p.clone(), c.len() as u64))
        .collect();
    let size = size.unwrap_or_else(|| fat::size_for(&sizes, 0, sector).unwrap());
    let plan = Plan::new(&options(size, sector), &sizes).unwrap();
    let contents: BTreeMap<_, _> = files.iter().cloned().collect();
    let path = folder.join("fat.img");
    let mut file = std::fs::File::create(&path).unwrap();
    if medium == Medium::Used {
        let dirt = vec![0xe5; 1 << 20];
        for _ in 0..size.div_ceil(1 << 20) {
            std::io::Write::write_all(&mut file, &dirt).unwrap();
        }
        file.set_len(size).unwrap();
    }
    let open = |placed: &PlacedFile| Ok(Some(Cursor::new(&contents[&placed.path])));
    plan.write(&mut file, 0, medium, open, &mut |_| ()).unwrap();
    assert_eq!(file.metadata().unwrap().len(), size);
    path
}

/// `fsck.vfat` may say its version, what it looks at, and how full the volume is; nothing else.
fn check(path: &Path) {
    let image = path.to_str().unwrap();
    let (good, text) = tests::run("dosfstools", "fsck.vfat", &["-n", image]);
    let quiet: Vec<_> = text.lines().collect();
    let summary = quiet.last().is_some_and(|line| line.contains(" files, "));
    assert!(
        good && quiet.len() == 2 && quiet[0].starts_with("fsck.fat ") && summary,
        "{text}"
    );

    let (good, text) = tests::run("dosfstools", "fsck.vfat", &["-n", "-v", image]);
    assert!(good, "{text}");
    for word in [
        "Checking for unused clusters",
        "Root directory start at cluster 2",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let complaints = [
        "differences",
        "wrong",
        "Wrong",
        "bad",
        "Bad",
        "invalid",
        "Invalid",
        "Dirty",
        "dirty",
        "unlabeled",
        "mismatch",
        "Duplicate",
        "Orphan",
        "orphan",
        "fix",
        "Fix",
        "Contains",
        "should",
        "Reclaim",
        "Leaving",
        "Warning",
        "Bailing",
    ];
    for word in complaints {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

/// mtools knows no UTF-16 surrogates: it shows two underscores.
fn as_mtools(path: &str) -> String {
    path.chars()
        .map(|c| {
            if c.len_utf16() == 2 {
                "__".to_owned()
            } else {
                c.to_string()
            }
        })
        .collect()
}

/// Copies everything out with mtools and compares, byte by byte.
fn compare_with_mcopy(path: &Path, files: &Files) {
    let image = path.to_str().unwrap();
    let listed = tests::stdout(
        "mtools",
        Command::new("mdir").args(["-/", "-b", "-a", "-i", image, "::"]),
    );
    let listed = String::from_utf8(listed).unwrap();
    let mut listed: Vec<_> = listed
        .lines()
        .filter(|line| !line.ends_with('/'))
        .map(|line| line.trim_start_matches("::/").to_owned())
        .collect();
    let mut expected: Vec<_> = files.iter().map(|(path, _)| as_mtools(path)).collect();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);

    let out = tempfile::tempdir().unwrap();
    let target = out.path().to_str().unwrap();
    tests::stdout(
        "mtools",
        Command::new("mcopy").args(["-s", "-n", "-m", "-i", image, "::*", target]),
    );
    for (path, content) in files {
        let copied = out.path().join(as_mtools(path));
        assert!(std::fs::read(&copied).unwrap() == *content, "{path}");
        let time = copied.metadata().unwrap().modified().unwrap();
        let since = time.duration_since(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(since.as_secs() as i64, EPOCH, "{path}");
    }
}

fn file(path: impl Into<String>, length: usize) -> (String, Vec<u8>) {
    // Not zero, and different at each place of a cluster.
    let content = (0..length).map(|i| (i % 251 + 1) as u8).collect();
    (path.into(), content)
}

#[test]
fn nothing_to_say_about_files_of_all_lengths() {
    let folder = tempfile::tempdir().unwrap();
    let lengths = [
        0,
        1,
        511,
        512,
        513,
        1024,
        4096,
        4097,
        65_536,
        1 << 20,
        (1 << 20) + 1,
    ];
    let files: Files = lengths
        .iter()
        .flat_map(|&length| {
            [
                file(format!("FILE{length}.BIN"), length),
                file(format!("d/{length}"), length),
            ]
        })
        .collect();
    // One size for each size of clusters up to 8 KiB; the least one is full.
    for size in [
        None,
        Some(100 << 20),
        Some(200 << 20),
        Some(300 << 20),
        Some(9 << 30),
    ] {
        let path = write(folder.path(), size, &files);
        check(&path);
        compare_with_mcopy(&path, &files);
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn an_empty_volume_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    check(&write(folder.path(), None, &Files::new()));
}

#[test]
fn a_used_medium_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let files = vec![file("EFI/BOOT/BOOTX64.EFI", 70_000), file("a long name", 3)];
    let path = write_with(folder.path(), None, &files, SectorSize::B512, Medium::Used);
    check(&path);
    compare_with_mcopy(&path, &files);
}

#[test]
fn sectors_of_4096_bytes_are_sound() {
    let folder = tempfile::tempdir().unwrap();
    let files = vec![file("EFI/BOOT/BOOTX64.EFI", 70_000), file("a long name", 3)];
    let path = write_with(
        folder.path(),
        None,
        &files,
        SectorSize::B4096,
        Medium::Blank,
    );
    check(&path);
    compare_with_mcopy(&path, &files);
}

#[test]
fn two_thousand_long_names_are_sound_and_fast() {
    let folder = tempfile::tempdir().unwrap();
    let files: Files = (0..2000)
        .map(|i| {
            file(
                format!("modules/a-rather-long-module-name-{i:04}.ko.xz"),
                i % 700,
            )
        })
        .collect();
    let before = Instant::now();
    let path = write(folder.path(), None, &files);
    let took = before.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    println!("2,000 long names took {took:?}");
    check(&path);
    compare_with_mcopy(&path, &files);
}

#[test]
fn names_of_all_kinds_are_sound() {
    let folder = tempfile::tempdir().unwrap();
    let mut files: Files = [
        "EFI/BOOT/BOOTX64.EFI",
        "lower.txt",
        "Mixed.Txt",
        "UPPER.TEXT",
        "größe.txt",
        "名前/ファイル.txt",
        "crab 🦀.txt",
        "a b c",
        "a+b,c;d=e[f].txt",
        ".hidden",
        "..two.dots",
        "a.b.c.d",
        "LONGNA~1",
        "long name one",
        "long name two",
        "éééééééééééé",
        "~",
        "#$%&'()-@^_",
        "thirteen unit",
        "twenty-six units of a name",
        "noext.",
        "trail.tar.gz",
    ]
    .iter()
    .filter(|name| !name.ends_with('.'))
    .map(|name| file(*name, name.len()))
    .collect();
    files.push(file("x".repeat(255), 9));
    files.push(file("y".repeat(254), 9));
    files.push(file(
        (0..60).map(|i| format!("d{i}/")).collect::<String>() + "deep",
        600,
    ));
    let path = write(folder.path(), None, &files);
    check(&path);
    compare_with_mcopy(&path, &files);

    // The short names that others see are ours.
    let image = path.to_str().unwrap();
    let mtype =
        |name: &str| tests::stdout("mtools", Command::new("mtype").args(["-i", image, name]));
    assert_eq!(mtype("::/LONGNA~2"), file("", 13).1);
    assert_eq!(mtype("::/UPPER~1.TEX"), file("", 10).1);
}

#[test]
fn label_and_serial_are_what_mtools_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), None, &vec![file("a", 1)]);
    let image = path.to_str().unwrap();
    let text = tests::stdout("mtools", Command::new("mdir").args(["-i", image, "::"]));
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("SEALBOOT-A"), "{text}");
    assert!(text.contains("ABCD-1234"), "{text}");
    assert!(text.contains("2025-11-23  20:33"), "{text}");
}

#[test]
fn the_largest_file_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let length = fat::FILE_LIMIT;
    let files = [
        ("root.squashfs".to_owned(), length),
        ("after".to_owned(), 5),
    ];
    let size = fat::size_for(&files, 0, SectorSize::B512).unwrap();
    let plan = Plan::new(&options(size, SectorSize::B512), &files).unwrap();
    let path = folder.path().join("fat.img");
    let mut out = std::fs::File::create(&path).unwrap();
    let before = Instant::now();
    let open = |file: &PlacedFile| {
        let start: &[u8] = b"hsqs";
        let content: Box<dyn Read> = match file.size {
            5 => Box::new(b"after".as_slice()),
            size => Box::new(
                start
                    .chain(std::io::repeat(0).take(size - 5))
                    .chain(&b"!"[..]),
            ),
        };
        Ok(Some(content))
    };
    plan.write(&mut out, 0, Medium::Blank, open, &mut |_| ())
        .unwrap();
    println!("4 GiB of zeroes took {:?}", before.elapsed());
    let allocated = std::os::unix::fs::MetadataExt::blocks(&out.metadata().unwrap()) * 512;
    assert!(allocated < 16 << 20, "{allocated} bytes are allocated");
    check(&path);

    let mut volume = Volume::open(std::fs::File::open(&path).unwrap(), 0, size).unwrap();
    assert_eq!(volume.read("after", 5).unwrap(), b"after");
    let mut file = volume.file("ROOT.SQUASHFS").unwrap();
    assert_eq!((file.size(), file.fragments()), (length, 1));
    let mut last = [0; 2];
    std::io::Seek::seek(&mut file, std::io::SeekFrom::End(-2)).unwrap();
    file.read_exact(&mut last).unwrap();
    assert_eq!(&last, b"\0!");
}

#[test]
fn what_mkfs_and_mcopy_write_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fat.img");
    let image = path.to_str().unwrap();
    std::fs::File::create(&path)
        .unwrap()
        .set_len(64 << 20)
        .unwrap();
    let arguments = ["-F32", "-n", "OTHER", "-i", "00c0ffee", image];
    tests::stdout("dosfstools", Command::new("mkfs.vfat").args(arguments));
    let tree = folder.path().join("tree");
    std::fs::create_dir_all(tree.join("EFI/Boot")).unwrap();
    let files = [
        file("EFI/Boot/bootx64.efi", 70_000),
        file("größe und mehr.txt", 9),
        file("e", 0),
    ];
    for (name, content) in &files {
        std::fs::write(tree.join(name), content).unwrap();
        let top = name.split('/').next().unwrap();
        let source = tree.join(top);
        tests::run(
            "mtools",
            "mcopy",
            &["-s", "-o", "-i", image, source.to_str().unwrap(), "::"],
        );
    }
    // In pieces: what is in the way is removed, and a larger file takes its place.
    for (name, length) in [("one", 3000), ("two", 3000), ("big", 90_000)] {
        std::fs::write(tree.join(name), file("", length).1).unwrap();
        let source = tree.join(name);
        if name == "big" {
            tests::run("mtools", "mdel", &["-i", image, "::one"]);
        }
        tests::stdout(
            "mtools",
            Command::new("mcopy").args(["-i", image, source.to_str().unwrap(), "::"]),
        );
    }

    let mut volume = Volume::open(std::fs::File::open(&path).unwrap(), 0, 64 << 20).unwrap();
    assert_eq!(volume.label().unwrap().as_deref(), Some("OTHER"));
    assert_eq!(volume.serial(), 0x00c0_ffee);
    for (name, content) in &files {
        assert!(volume.read(name, 1 << 20).unwrap() == *content, "{name}");
    }
    assert!(volume.read("big", 1 << 20).unwrap() == file("", 90_000).1);
    assert!(volume.entry("one").is_err());
    let names: Vec<_> = volume
        .walk()
        .unwrap()
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert!(
        names.contains(&"EFI/Boot/bootx64.efi".to_owned()),
        "{names:?}"
    );
}
