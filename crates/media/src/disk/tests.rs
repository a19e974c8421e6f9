use std::fs;
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use formats::fat::Volume;
use formats::gpt::{self, SectorSize};

use super::*;

/// 2025-11-23 20:33:20 UTC.
const EPOCH: i64 = 1_763_930_000;

fn files() -> Vec<FileOnSlot> {
    vec![
        FileOnSlot::from_bytes("EFI/BOOT/BOOTX64.EFI", vec![1; 300_000]),
        FileOnSlot::from_bytes("sealboot/release.json", *b"{}\n"),
        FileOnSlot::from_bytes("keys/empty", []),
    ]
}

fn write(plan: &DiskPlan) -> Vec<u8> {
    let mut out = tempfile::tempfile().unwrap();
    let mut done = 0;
    plan.write(&out, &mut |more| done += more).unwrap();
    assert_eq!(done, plan.content_size());
    let mut bytes = Vec::new();
    out.rewind().unwrap();
    out.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, plan.disk_size());
    bytes
}

#[test]
fn plan_is_printed_as_expected() {
    let plan = DiskPlan::new(DiskOptions::new(files(), b"test", EPOCH)).unwrap();
    let text = plan.to_string();
    assert_eq!(
        text,
        "\
disk d5660945-a307-8062-984e-2823951714c1, 35 MiB

      offset          size  part
           0       1048576  protective MBR, GPT
     1048576      34603008  partition 1 \"sealboot-a\", FAT32 \"SEALBOOT-A\"
    35651584       1048576  backup GPT

partition 1: 00402e2f-184b-8dc4-88e8-681131a21670
type:        c12a7328-f81f-11d2-ba4b-00a0c93ec93b
clusters:    66512 of 512 bytes, 32.1 MiB free

      offset          size  file
     1600000        300000  EFI/BOOT/BOOTX64.EFI
     1900032             3  sealboot/release.json
           -             0  keys/empty
3 files, 292.9 KiB
"
    );
    assert!(text.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn what_is_written_is_read() {
    let plan = DiskPlan::new(DiskOptions::new(files(), b"test", EPOCH)).unwrap();
    let bytes = write(&plan);
    let table = gpt::read(&mut Cursor::new(&bytes), SectorSize::B512).unwrap();
    assert!(table.other_side.is_ok());
    let slot = table.by_guid(guid_from(b"test", "sealboot-a")).unwrap();
    assert_eq!(slot.type_guid, contract::esp::PARTITION_TYPE);
    let (offset, size) = (slot.offset(SectorSize::B512), slot.size(SectorSize::B512));
    let mut volume = Volume::open(Cursor::new(&bytes), offset, size).unwrap();
    assert_eq!(volume.label().unwrap().as_deref(), Some("SEALBOOT-A"));
    for file in files() {
        let Source::Bytes(content) = file.source else {
            unreachable!()
        };
        assert_eq!(*volume.read(&file.path, 1 << 20).unwrap(), *content);
    }
}

#[test]
fn same_inputs_make_same_bytes() {
    let plan = |seed: &[u8]| DiskPlan::new(DiskOptions::new(files(), seed, EPOCH)).unwrap();
    let first = write(&plan(b"test"));
    assert!(first == write(&plan(b"test")));
    assert!(first != write(&plan(b"tesu")));
}

#[test]
fn room_is_left_and_the_size_is_whole_mebibytes() {
    for free in [0, 8 << 20, 1 << 30] {
        let mut options = DiskOptions::new(files(), b"test", EPOCH);
        options.free = free;
        let plan = DiskPlan::new(options).unwrap();
        assert!(plan.volume().free() >= free);
        assert_eq!(plan.disk_size() % (1 << 20), 0);
    }
}

#[test]
fn a_disk_has_the_size_that_is_asked_for() {
    let with_size = |size| {
        let mut options = DiskOptions::new(files(), b"test", EPOCH);
        options.disk_size = size;
        DiskPlan::new(options)
    };
    let least = with_size(None).unwrap().disk_size();
    for size in [least, least + (1 << 20), 4 << 30] {
        let plan = with_size(Some(size)).unwrap();
        assert_eq!(plan.disk_size(), size);
        let slot = &plan.layout().partitions()[0];
        assert_eq!(slot.size(SectorSize::B512), size - (2 << 20));
    }
    for size in [0, least - (1 << 20), least + 512] {
        let error = with_size(Some(size)).unwrap_err().to_string();
        assert!(
            error.contains(&format!("at least {least} bytes")),
            "{error}"
        );
    }
}

#[test]
fn an_image_is_sparse() {
    let mut content = tempfile::NamedTempFile::new().unwrap();
    content.write_all(&[1; 100_000]).unwrap();
    let size = 600 << 20;
    content.as_file().set_len(size).unwrap();
    let mut files = files();
    files.push(FileOnSlot {
        path: "sealboot/root.squashfs".to_owned(),
        size,
        source: Source::File(content.path().to_owned()),
    });
    let plan = DiskPlan::new(DiskOptions::new(files, b"test", EPOCH)).unwrap();
    let image = tempfile::tempfile().unwrap();
    plan.write(&image, &mut |_| ()).unwrap();
    let metadata = image.metadata().unwrap();
    assert_eq!(metadata.len(), plan.disk_size());
    // 600 MiB in clusters of 4 KiB: 600 KiB in each FAT; and what was not zero.
    let allocated = metadata.blocks() * 512;
    assert!(allocated < 4 << 20, "{allocated} bytes are allocated");
}

#[test]
fn a_file_is_the_same_whether_the_kernel_copies_it_or_not() {
    // Data, a hole, data, and a hole at its end; no length is a whole number of anything.
    let some: Vec<u8> = (0..300_001_u32).map(|n| (n / 3) as u8).collect();
    let size = 3_000_017;
    let content = |folder: &Path| {
        let mut content = tempfile::NamedTempFile::new_in(folder).unwrap();
        content.write_all(&some).unwrap();
        content.seek(SeekFrom::Start(2_000_003)).unwrap();
        content.write_all(&some).unwrap();
        content.as_file().set_len(size).unwrap();
        content
    };
    let disk = |source| {
        let mut files = files();
        let file = FileOnSlot {
            path: "sealboot/root.squashfs".to_owned(),
            size,
            source,
        };
        files.insert(1, file);
        write(&DiskPlan::new(DiskOptions::new(files, b"test", EPOCH)).unwrap())
    };
    let here = content(&std::env::temp_dir());
    let expected = disk(Source::Bytes(fs::read(here.path()).unwrap().into()));
    assert!(disk(Source::File(here.path().to_owned())) == expected);
    let out = tempfile::tempfile().unwrap();
    assert!(super::place::place(here.as_file(), size, &out, 0));
    assert!(!super::place::place(here.as_file(), size - 1, &out, 0));
    // Nor does the kernel copy from one kind of file system to another (copy_file_range(2), EXDEV).
    let elsewhere = content(Path::new("/dev/shm"));
    assert!(disk(Source::File(elsewhere.path().to_owned())) == expected);
}

#[test]
fn sources_that_are_not_as_planned_are_refused() {
    let content = tempfile::NamedTempFile::new().unwrap();
    let file = |path: &std::path::Path, size| FileOnSlot {
        path: "a".to_owned(),
        size,
        source: Source::File(path.to_owned()),
    };
    let said = |file: FileOnSlot| {
        let plan = DiskPlan::new(DiskOptions::new(vec![file], b"", 0)).unwrap();
        let error = plan
            .write(&tempfile::tempfile().unwrap(), &mut |_| ())
            .unwrap_err();
        let cause = std::error::Error::source(&error).unwrap();
        let root = cause.source().map(ToString::to_string).unwrap_or_default();
        format!("{error}: {cause}: {root}")
    };
    let short = said(file(content.path(), 1));
    assert!(short.contains("has 0 bytes, 1 were planned"), "{short}");
    let missing = said(file(std::path::Path::new("/nonexistent/b"), 1));
    assert!(
        missing.contains("/nonexistent/b: No such file"),
        "{missing}"
    );

    let mut wrong = FileOnSlot::from_bytes("a", [1, 2]);
    wrong.size = 3;
    let error = DiskPlan::new(DiskOptions::new(vec![wrong], b"", 0)).unwrap_err();
    assert!(matches!(error, PlanError::Size { found: 2, .. }));

    let twice = [
        FileOnSlot::from_bytes("a", []),
        FileOnSlot::from_bytes("A", []),
    ];
    let error = DiskPlan::new(DiskOptions::new(twice.to_vec(), b"", 0)).unwrap_err();
    assert!(matches!(error, PlanError::Fat(_)));
}

#[test]
fn an_image_of_four_gigabytes_is_refused_before_anything_is_written() {
    // A real file, but for its bytes.
    let content = tempfile::NamedTempFile::new().unwrap();
    let limit = formats::fat::FILE_LIMIT;
    for (size, fits) in [(limit, true), (limit + 1, false), (1 << 32, false)] {
        content.as_file().set_len(size).unwrap();
        let file = FileOnSlot {
            path: "sealboot/root.squashfs".to_owned(),
            size,
            source: Source::File(content.path().to_owned()),
        };
        match DiskPlan::new(DiskOptions::new(vec![file], b"", 0)) {
            Ok(plan) => assert!(fits && plan.disk_size() > size),
            Err(error) => {
                let cause = std::error::Error::source(&error).unwrap().to_string();
                for word in [
                    "sealboot/root.squashfs",
                    &size.to_string(),
                    "4 GiB - 32 KiB",
                ] {
                    assert!(!fits && cause.contains(word), "{word}: {error}: {cause}");
                }
            }
        }
    }
}
