//! Disk images against `sgdisk`, `sfdisk`, `fsck.vfat` and mtools.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use media::disk::{DiskOptions, DiskPlan, FileOnSlot, Source, guid_from};

/// 2025-11-23 20:33:20 UTC.
const EPOCH: i64 = 1_763_930_000;

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i % 251 + 1) as u8).collect()
}

#[test]
fn reference_tools_accept_the_disk_and_its_partition() {
    let folder = tempfile::tempdir().unwrap();
    let squashfs = folder.path().join("root.squashfs");
    std::fs::write(&squashfs, content(40 << 20)).unwrap();
    let files = vec![
        FileOnSlot::from_bytes("EFI/BOOT/BOOTX64.EFI", content(3_000_000)),
        FileOnSlot {
            path: "sealboot/root.squashfs".to_owned(),
            size: 40 << 20,
            source: Source::File(squashfs),
        },
        FileOnSlot::from_bytes("sealboot/release.json", *b"{}\n"),
        FileOnSlot::from_bytes("keys/PK.auth", content(2000)),
    ];
    let plan = DiskPlan::new(DiskOptions::new(files, b"test", EPOCH)).unwrap();
    let path = folder.path().join("disk.img");
    let image = path.to_str().unwrap();
    let out = File::create(&path).unwrap();
    let mut done = 0;
    plan.write(&out, &mut |more| done += more).unwrap();
    assert_eq!(done, plan.content_size());
    let metadata = out.metadata().unwrap();
    assert_eq!(metadata.len(), plan.disk_size());
    let allocated = metadata.blocks() * 512;
    assert!(
        allocated < plan.content_size() + (2 << 20),
        "{allocated} bytes are allocated"
    );

    let (good, text) = tests::run("gdisk", "sgdisk", &["-v", image]);
    assert!(good && text.contains("No problems found."), "{text}");
    let (good, text) = tests::run("fdisk", "sfdisk", &["--verify", image]);
    assert!(good && text.contains("No errors detected."), "{text}");
    let (_, text) = tests::run("gdisk", "sgdisk", &["-i", "1", image]);
    let guid = guid_from(b"test", "sealboot-a").to_string().to_uppercase();
    for word in [
        "EFI system partition",
        "'sealboot-a'",
        &guid,
        "First sector: 2048 ",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }

    // The partition alone, for fsck.vfat.
    let partition = &plan.layout().partitions()[0];
    let sector = plan.layout().sector_size();
    let volume = folder.path().join("fat.img");
    let mut disk = File::open(&path).unwrap();
    disk.seek(SeekFrom::Start(partition.offset(sector)))
        .unwrap();
    let mut part = disk.take(partition.size(sector));
    std::io::copy(&mut part, &mut File::create(&volume).unwrap()).unwrap();
    let (good, text) = tests::run("dosfstools", "fsck.vfat", &["-n", volume.to_str().unwrap()]);
    assert!(good && text.lines().count() == 2, "{text}");

    // mtools finds it inside the disk.
    let inside = format!("{image}@@{}", partition.offset(sector));
    let mtype =
        |name: &str| tests::stdout("mtools", Command::new("mtype").args(["-i", &inside, name]));
    assert_eq!(mtype("::/sealboot/release.json"), b"{}\n");
    assert!(mtype("::/EFI/BOOT/BOOTX64.EFI") == content(3_000_000));
    assert!(mtype("::/sealboot/root.squashfs") == content(40 << 20));
    assert!(mtype("::/keys/PK.auth") == content(2000));
}

#[test]
fn an_image_of_gigabytes_of_zeroes_is_quick_and_small() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("root.squashfs");
    let mut file = File::create(&source).unwrap();
    file.write_all(b"hsqs").unwrap();
    file.set_len(2 << 30).unwrap();
    let files = vec![FileOnSlot {
        path: "sealboot/root.squashfs".to_owned(),
        size: 2 << 30,
        source: Source::File(source),
    }];
    let plan = DiskPlan::new(DiskOptions::new(files, b"test", EPOCH)).unwrap();
    let path = folder.path().join("disk.img");
    let out = File::create(&path).unwrap();
    plan.write(&out, &mut |_| ()).unwrap();
    let allocated = out.metadata().unwrap().blocks() * 512;
    assert!(allocated < 8 << 20, "{allocated} bytes are allocated");
    let (good, text) = tests::run("gdisk", "sgdisk", &["-v", path.to_str().unwrap()]);
    assert!(good && text.contains("No problems found."), "{text}");
}

/// How many bytes are free on the file system of a folder.
fn free(folder: &Path) -> u64 {
    let words = ["-B1", "--output=avail", folder.to_str().unwrap()];
    let (good, text) = tests::run("coreutils", "df", &words);
    let free = text
        .lines()
        .last()
        .and_then(|line| line.trim().parse().ok());
    assert!(good, "{text}");
    free.unwrap()
}

#[test]
fn a_disk_shares_its_bytes_with_its_files_where_the_file_system_can() {
    let folder = tempfile::tempdir().unwrap();
    let (image, mount) = (folder.path().join("xfs.img"), folder.path().join("xfs"));
    File::create(&image).unwrap().set_len(2 << 30).unwrap();
    std::fs::create_dir(&mount).unwrap();
    let (good, text) = tests::run("xfsprogs", "mkfs.xfs", &[&image]);
    assert!(good, "{text}");
    let words = [OsStr::new("-oloop"), image.as_ref(), mount.as_ref()];
    let (good, text) = tests::run("mount", "mount", &words);
    assert!(good, "{text}");
    let result = std::panic::catch_unwind(|| {
        // From 260 MB on, the clusters of a boot partition are blocks of a file system.
        let size = 300 << 20;
        let source = mount.join("root.squashfs");
        std::fs::write(&source, content(size)).unwrap();
        let files = vec![FileOnSlot {
            path: "sealboot/root.squashfs".to_owned(),
            size: size as u64,
            source: Source::File(source),
        }];
        let plan = DiskPlan::new(DiskOptions::new(files, b"test", EPOCH)).unwrap();
        let out = File::create(mount.join("disk.img")).unwrap();
        tests::run::<&str>("coreutils", "sync", &[]);
        let before = free(&mount);
        plan.write(&out, &mut |_| ()).unwrap();
        out.sync_all().unwrap();
        before.saturating_sub(free(&mount))
    });
    let (good, text) = tests::run("mount", "umount", &[&mount]);
    assert!(good, "{text}");
    let taken = result.unwrap();
    assert!(taken < 8 << 20, "{taken} bytes more are taken");
}
