use std::collections::BTreeMap;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::gpt::SectorSize;

/// 2025-11-23 20:33:21 UTC.
const EPOCH: i64 = 1_763_930_001;

fn options(size: u64) -> Options {
    Options {
        sector_size: SectorSize::B512,
        size,
        hidden_sectors: 2048,
        label: "SEALBOOT-A".to_owned(),
        serial: 0x1234_abcd,
        epoch: EPOCH,
    }
}

/// The error; without the bytes of a whole volume on the screen if there is none.
fn refused<T>(result: Result<T, Error>) -> Error {
    result.err().expect("this was to be refused")
}

type Files = Vec<(String, Vec<u8>)>;

fn sizes(files: &Files) -> Vec<(String, u64)> {
    files
        .iter()
        .map(|(path, content)| (path.clone(), content.len() as u64))
        .collect()
}

fn files(list: &[(&str, &[u8])]) -> Files {
    list.iter()
        .map(|(path, content)| ((*path).to_owned(), content.to_vec()))
        .collect()
}

/// A volume in memory; `old` is what was there before.
fn volume_over(old: Vec<u8>, files: &Files, medium: Medium) -> Vec<u8> {
    let size = size_for(&sizes(files), 0, SectorSize::B512).unwrap();
    let plan = Plan::new(&options(size), &sizes(files)).unwrap();
    let contents: BTreeMap<_, _> = files.iter().cloned().collect();
    let mut out = Cursor::new(old);
    let mut done = 0;
    let open = |file: &PlacedFile| Ok(Some(contents[&file.path].as_slice()));
    plan.write(&mut out, 0, medium, open, &mut |more| done += more)
        .unwrap();
    assert_eq!(done, plan.content_size());
    out.into_inner()
}

fn volume(files: &Files) -> Vec<u8> {
    volume_over(Vec::new(), files, Medium::Blank)
}

fn open(bytes: &[u8]) -> Result<Volume<Cursor<&[u8]>>, Error> {
    Volume::open(Cursor::new(bytes), 0, bytes.len() as u64)
}

fn some_files() -> Files {
    files(&[
        ("EFI/BOOT/BOOTX64.EFI", &[1; 5000]),
        ("sealboot/release.json", b"{}\n"),
        ("sealboot/root.squashfs", &[2; 1024]),
        ("sealboot/größe 🦀 und ein langer Name.txt", b"x"),
        ("empty", b""),
    ])
}

#[test]
fn dump_is_as_expected() {
    let bytes = volume(&some_files());
    let text = dump(&mut open(&bytes).unwrap()).unwrap();
    assert_eq!(
        text,
        "\
FAT32 \"SEALBOOT-A\" 1234-ABCD: 34103296 bytes, 65544 clusters of 512 bytes from byte 544768
38 reserved sectors of 512 bytes, 2 FATs of 513 sectors
       dir         3 2025-11-23 20:33:20 \"EFI\"
       dir         4 2025-11-23 20:33:20 \"EFI/BOOT\"
      5000         6 2025-11-23 20:33:20 \"EFI/BOOT/BOOTX64.EFI\"
         0         0 2025-11-23 20:33:20 \"empty\" (EMPTY)
       dir         5 2025-11-23 20:33:20 \"sealboot\" (SEALBOOT)
         1        19 2025-11-23 20:33:20 \"sealboot/größe 🦀 und ein langer Name.txt\" (GR__E_~1.TXT)
         3        16 2025-11-23 20:33:20 \"sealboot/release.json\" (RELEAS~1.JSO)
      1024        17 2025-11-23 20:33:20 \"sealboot/root.squashfs\" (ROOT~1.SQU)
"
    );
}

#[test]
fn what_is_written_is_read() {
    let files = some_files();
    let bytes = volume(&files);
    let mut volume = open(&bytes).unwrap();
    assert_eq!(volume.label().unwrap().as_deref(), Some("SEALBOOT-A"));
    for (path, content) in &files {
        assert_eq!(&volume.read(path, 1 << 20).unwrap(), content, "{path}");
    }
    // Case does not matter, and aliases are names.
    assert_eq!(volume.read("SEALBOOT/releas~1.jso", 9).unwrap(), b"{}\n");
    let names: Vec<_> = volume.read_dir("efi").unwrap();
    assert_eq!(names[0].name, "BOOT");

    let mut file = volume.file("EFI/BOOT/BOOTX64.EFI").unwrap();
    assert_eq!((file.size(), file.fragments()), (5000, 1));
    file.seek(SeekFrom::End(-3)).unwrap();
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).unwrap();
    assert_eq!(tail, [1; 3]);
    file.seek(SeekFrom::Start(9000)).unwrap();
    assert_eq!(file.read(&mut [0; 9]).unwrap(), 0);
}

#[test]
fn a_plan_says_where_each_file_starts() {
    let files = some_files();
    let size = size_for(&sizes(&files), 0, SectorSize::B512).unwrap();
    let plan = Plan::new(&options(size), &sizes(&files)).unwrap();
    let bytes = volume(&files);
    for (placed, (path, content)) in plan.files().iter().zip(&files) {
        assert_eq!(&placed.path, path);
        let start = placed.offset as usize;
        assert_eq!(&bytes[start..start + content.len()], content);
    }
}

#[test]
fn a_used_medium_ends_up_like_a_blank_one() {
    let files = some_files();
    let blank = volume(&files);
    let used = volume_over(vec![0xee; blank.len() + 999], &files, Medium::Used);
    let plan = Plan::new(&options(blank.len() as u64), &sizes(&files)).unwrap();
    let content = plan.geometry.cluster_offset(2 + plan.used) as usize;
    assert!(used[..content] == blank[..content]);
    // Free space is left alone, and so is what follows the volume.
    assert!(
        used[content..used.len() - 512 - 999]
            .iter()
            .all(|&b| b == 0xee)
    );
    assert!(used[blank.len()..].iter().all(|&b| b == 0xee));
}

#[test]
fn what_is_missing_is_named() {
    let bytes = volume(&some_files());
    let mut volume = open(&bytes).unwrap();
    let mut said = |path: &str| refused(volume.file(path)).to_string();
    assert!(said("EFI/LINUX/a.efi").contains("\"EFI/LINUX\" is missing"));
    assert!(said("empty/a").contains("\"empty\" is missing"));
    assert!(said("EFI").contains("is a directory"));
    assert!(said("").contains("there is no"));
    let kind = volume.read_dir("empty").unwrap_err().to_string();
    assert!(kind.contains("is a file"), "{kind}");
    let long = volume.read("sealboot/root.squashfs", 1023).unwrap_err();
    assert!(matches!(long, Error::TooLong { size: 1024, .. }));
}

#[test]
fn impossible_plans_are_refused_with_their_reason() {
    let size = 64 << 20;
    let many: Vec<(String, u64)> = (0..30_000)
        .map(|i| (format!("d/a long name {i}"), 0))
        .collect();
    type Case<'a> = (&'a [(&'a str, u64)], &'a str);
    let cases: &[Case<'_>] = &[
        (&[("a//b", 0)], "is empty"),
        (&[("/a", 0)], "is empty"),
        (&[("a/", 0)], "is empty"),
        (&[("a/../b", 0)], "cannot end with a dot"),
        (&[("a:b", 0)], "not possible in a name"),
        (&[("a", 0), ("A", 0)], "is there already as \"a\""),
        (&[("a", 0), ("a/b", 0)], "is there already"),
        (&[("a/b", 0), ("a", 0)], "is there already"),
        (&[("EFI/a", 0), ("efi/b", 0)], "is there already as \"EFI\""),
        (&[("a", FILE_LIMIT + 1)], "4 GiB - 32 KiB"),
        (&[("a", 64 << 20)], "are needed"),
    ];
    for (list, said) in cases {
        let list: Vec<_> = list.iter().map(|(p, s)| ((*p).to_owned(), *s)).collect();
        let error = Plan::new(&options(size), &list).unwrap_err().to_string();
        assert!(error.contains(said), "{list:?}: {error}");
    }
    let error = Plan::new(&options(size), &many).unwrap_err().to_string();
    assert!(error.contains("at most 65536"), "{error}");

    for label in ["sealboot", "TWELVE CHARS", "A.B", " A", "Ä"] {
        let mut options = options(size);
        options.label = label.to_owned();
        let error = Plan::new(&options, &[]).unwrap_err();
        assert!(matches!(error, PlanError::Label { .. }), "{label}");
    }
    let small = Plan::new(&options(32 << 20), &[]).unwrap_err();
    assert!(small.to_string().contains("34103296 are needed"), "{small}");
    let large = Plan::new(&options(1 << 41), &[]).unwrap_err();
    assert!(matches!(large, PlanError::TooLarge { .. }));
    let mut large = options((1 << 41) - 512);
    assert!(Plan::new(&large, &[]).is_ok());
    large.sector_size = SectorSize::B4096;
    assert!(Plan::new(&large, &[]).is_ok());
}

#[test]
fn free_space_is_kept() {
    let list = sizes(&some_files());
    for free in [0, 1, 8 << 20, 300 << 20] {
        let size = size_for(&list, free, SectorSize::B512).unwrap();
        let plan = Plan::new(&options(size), &list).unwrap();
        assert!(plan.free() >= free);
    }
}

#[test]
fn content_that_changed_is_refused() {
    let list = [("a".to_owned(), 10)];
    let plan = Plan::new(&options(64 << 20), &list).unwrap();
    for (content, said) in [(9, "has 9 bytes, 10"), (11, "at least 11 bytes, 10")] {
        let content = vec![1; content];
        let mut out = Cursor::new(Vec::new());
        let open = |_: &PlacedFile| Ok(Some(content.as_slice()));
        let error = plan
            .write(&mut out, 0, Medium::Blank, open, &mut |_| ())
            .unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn the_order_of_paths_changes_no_directory() {
    let mut list = sizes(&some_files());
    let one = Plan::new(&options(64 << 20), &list).unwrap();
    list.reverse();
    let two = Plan::new(&options(64 << 20), &list).unwrap();
    let names = |plan: &Plan| -> Vec<_> {
        let root = &plan.tree.directories[0];
        root.children
            .iter()
            .map(|c| (c.name.clone(), c.short))
            .collect()
    };
    assert_eq!(names(&one), names(&two));
    assert_eq!(one.files()[0].path, two.files()[4].path);
}

/// Sets a FAT entry of the first FAT.
fn set_next(bytes: &mut [u8], cluster: usize, next: u32) {
    let place = 38 * 512 + 4 * cluster;
    bytes[place..place + 4].copy_from_slice(&next.to_le_bytes());
}

#[test]
fn broken_chains_are_refused() {
    let good = volume(&some_files());
    let path = "EFI/BOOT/BOOTX64.EFI"; // clusters 6 to 15
    let cases = [
        (7, 6, "goes in circles"),
        (15, 16, "goes in circles or is too long"),
        (7, 0x0fff_ffff, "ends too early after 2 clusters"),
        (7, 0, "leads outside the volume after 2 clusters"),
        (7, 0x0fff_fff7, "leads outside"),
        (7, 65_546, "leads outside"),
        (4, 4, "goes in circles"),
    ];
    for (cluster, next, said) in cases {
        let mut bytes = good.clone();
        set_next(&mut bytes, cluster, next);
        let error = refused(open(&bytes).unwrap().file(path)).to_string();
        assert!(error.contains(said), "{cluster} -> {next}: {error}");
    }
    // A file in pieces is read as one.
    let mut bytes = good.clone();
    set_next(&mut bytes, 6, 8);
    set_next(&mut bytes, 8, 7);
    set_next(&mut bytes, 7, 9);
    let mut volume = open(&bytes).unwrap();
    let mut file = volume.file(path).unwrap();
    assert_eq!(file.fragments(), 4);
    let mut content = Vec::new();
    file.read_to_end(&mut content).unwrap();
    assert_eq!(content, vec![1; 5000]);
}

#[test]
fn what_does_not_hold_is_named_by_part() {
    let good = volume(&some_files());
    assert_eq!(open(&good).unwrap().check(8).unwrap(), []);
    let second = open(&good).unwrap().geometry().fat_offset(1) as usize;
    // Place, what it becomes, where that shows, in which words.
    let cases: &[(usize, u8, Part, &str)] = &[
        (6 * 512 + 3, b'X', Part::BackupBootSector, "differs"),
        (512, b'X', Part::FsInfo, "signature"),
        (512 + 488, 7, Part::FsInfo, "free clusters"),
        (38 * 512, 0, Part::Fats, "entry 0"),
        (38 * 512 + 7, 0x07, Part::Fats, "unmounted"),
        (38 * 512 + 4 * 900, 5, Part::Fats, "no file has them"),
        (second + 40, 0x77, Part::Fats, "of FAT 2 differs"),
        (38 * 512 + 4 * 7, 6, Part::Directories, "goes in circles"),
        (544_768 + 512 + 2 * 32, b'/', Part::Directories, "/OOT"),
        (
            544_768 + 512 + 2 * 32 + 26,
            3,
            Part::Directories,
            "something else, too",
        ),
    ];
    for (place, value, part, said) in cases {
        let mut bytes = good.clone();
        assert_ne!(bytes[*place], *value);
        bytes[*place] = *value;
        let problems = open(&bytes).unwrap().check(8).unwrap();
        let found = problems.iter().find(|p| p.part == *part);
        let found = found.unwrap_or_else(|| panic!("{said}: {problems:?}"));
        assert!(found.problem.contains(said), "{said}: {found:?}");
    }
}

#[test]
fn directories_inside_themselves_are_refused() {
    let good = volume(&some_files());
    // EFI (cluster 3) holds BOOT (cluster 4) as its third entry: make that EFI, then sealboot.
    let entry = 544_768 + 512 + 2 * 32;
    for cluster in [3u8, 5] {
        let mut bytes = good.clone();
        assert_eq!(&bytes[entry..entry + 4], b"BOOT");
        bytes[entry + 26] = cluster;
        let error = open(&bytes).unwrap().walk().unwrap_err();
        assert!(matches!(error, Error::Loop { .. }), "{error}");
    }
    assert!(open(&good).unwrap().walk().is_ok());
}

#[test]
fn dangerous_names_are_refused() {
    let mut bytes = volume(&some_files());
    let entry = 544_768 + 512 + 2 * 32;
    bytes[entry] = b'/';
    let error = open(&bytes).unwrap().walk().unwrap_err().to_string();
    assert!(error.contains("/OOT"), "{error}");
}

#[test]
fn impossible_boot_sectors_are_refused_by_field() {
    let good = volume(&Vec::new());
    let cases: &[(usize, u8, &str)] = &[
        (510, 0, "Signature_word"),
        (12, 3, "BPB_BytsPerSec"),
        (13, 0, "BPB_SecPerClus"),
        (13, 3, "BPB_SecPerClus"),
        (14, 0, "BPB_RsvdSecCnt"),
        (16, 3, "BPB_NumFATs"),
        (17, 1, "BPB_RootEntCnt"),
        (22, 1, "BPB_FATSz16"),
        (37, 1, "BPB_FATSz32"),
        (40, 0x82, "BPB_ExtFlags"),
        (42, 1, "BPB_FSVer"),
        (35, 1, "BPB_TotSec32"),
        (44, 1, "BPB_RootClus"),
        (47, 1, "BPB_RootClus"),
    ];
    for &(offset, value, field) in cases {
        let mut bytes = good.clone();
        bytes[offset] = value;
        if field == "BPB_FATSz32" {
            bytes[36] = 0;
            bytes[37] = 0;
        }
        let error = refused(open(&bytes)).to_string();
        assert!(error.contains(field), "{field}: {error}");
    }
    assert!(matches!(open(&good[..100]), Err(Error::Read { .. })));
    let cut = refused(open(&good[..1 << 20])).to_string();
    assert!(cut.contains("cut short"), "{cut}");
}

/// Paths that FAT can hold, none of them twice and none below another.
fn any_files() -> impl Strategy<Value = Files> {
    let name = "[a-zA-Z0-9 ._~+äß名🦀]{0,30}[a-z0-9]";
    let path = proptest::collection::vec(name, 1..4);
    let content = (any::<u8>(), 0usize..5000).prop_map(|(byte, size)| vec![byte; size]);
    proptest::collection::vec((path, content), 0..40).prop_map(|list| {
        let mut seen = std::collections::HashMap::new();
        let mut files = Files::new();
        'next: for (parts, content) in list {
            let mut path = String::new();
            let mut added = Vec::new();
            for (index, part) in parts.iter().enumerate() {
                path = if index == 0 {
                    part.clone()
                } else {
                    format!("{path}/{part}")
                };
                let is_file = index + 1 == parts.len();
                match seen.get(&name::fold(&path)) {
                    Some((_, true)) => continue 'next,
                    Some((other, false)) if is_file || *other != path => continue 'next,
                    Some(_) => {}
                    None => added.push((name::fold(&path), (path.clone(), is_file))),
                }
            }
            seen.extend(added);
            files.push((path, content));
        }
        files
    })
}

/// Reads everything there is to read on a volume of `size` bytes; `bytes` may be fewer.
fn read_all(bytes: &[u8], size: u64) {
    let Ok(mut volume) = Volume::open(Cursor::new(bytes), 0, size) else {
        return;
    };
    let _ = volume.label();
    let _ = volume.check(8);
    let _ = dump(&mut volume);
    for (path, entry) in volume.walk().unwrap_or_default() {
        if !entry.is_directory {
            let _ = volume.read(&path, 1 << 20);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_files_are_read_back(files in any_files()) {
        let bytes = volume(&files);
        let mut volume = open(&bytes).unwrap();
        let found: BTreeMap<_, _> = volume
            .walk()
            .unwrap()
            .into_iter()
            .filter(|(_, entry)| !entry.is_directory)
            .collect();
        prop_assert_eq!(found.len(), files.len());
        for (path, content) in &files {
            prop_assert!(found.contains_key(path), "{}", path);
            prop_assert_eq!(&volume.read(path, 1 << 20).unwrap(), content);
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 512..65_536)) {
        read_all(&bytes, bytes.len() as u64);
        // With a sound boot sector for a small volume, so that the rest is reached.
        let sectors = (bytes.len() / 512) as u32;
        bytes[..90].fill(0);
        bytes[11..18].copy_from_slice(&[0, 2, 1, 1, 0, 1, 0]);
        bytes[32..36].copy_from_slice(&sectors.to_le_bytes());
        bytes[36] = 1;
        bytes[44] = 2;
        bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
        prop_assert!(sectors < 4 || open(&bytes).is_ok());
        read_all(&bytes, bytes.len() as u64);
    }

    #[test]
    fn damage_never_panics(
        flips in proptest::collection::vec((0usize..4, 0usize..2048, any::<u8>()), 1..16),
        end in 0usize..(600 << 10),
    ) {
        static VOLUME: LazyLock<Vec<u8>> = LazyLock::new(|| volume(&some_files()));
        // The start of the volume: all that is not free is there.
        let mut bytes = VOLUME[..600 << 10].to_vec();
        let size = VOLUME.len() as u64;
        for (part, place, value) in flips {
            let start = [0, 38 * 512, 544_768, 544_768 + 2048][part];
            bytes[start + place] = value;
        }
        read_all(&bytes, size);
        read_all(&bytes[..end], size);
    }
}

/// The fields of a volume.
fn shown(bytes: &[u8]) -> Vec<crate::fields::Field> {
    crate::fields::tests::of(bytes, super::fields)
}

#[test]
fn every_field_is_shown() {
    use crate::fields::tests::{golden, nested};
    let bytes = volume(&some_files());
    nested(&shown(&bytes));
    golden("fat", &shown(&bytes));
    assert!(is_volume(&bytes) && !is_volume(&bytes[..511]) && !is_volume(&[0; 512]));
}

#[test]
fn volumes_that_are_damaged_are_shown_as_far_as_they_go() {
    let mut bytes = volume(&some_files());
    let start = open(&bytes).unwrap().geometry().cluster_offset(2) as usize;
    let show = |bytes: &[u8]| crate::fields::Lines(&shown(bytes)).to_string();
    for at in (0..600).chain((start..start + 5 * 512).step_by(3)) {
        for flip in [0x01, 0x80, 0xff] {
            bytes[at] ^= flip;
            show(&bytes);
            bytes[at] ^= flip;
        }
    }
    for length in (0..bytes.len()).step_by(1 << 20).chain(0..100) {
        show(&bytes[..length]);
    }
    // A directory in itself: that of the first entry is the root.
    let mut looped = bytes.clone();
    let entry = (start..start + 512)
        .step_by(32)
        .find(|at| bytes[at + 11] == 0x10);
    looped[entry.unwrap() + 26] = 2;
    let text = show(&looped);
    assert!(text.contains("its clusters are those of another"), "{text}");
}
