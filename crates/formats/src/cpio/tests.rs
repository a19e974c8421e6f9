use proptest::prelude::*;

use super::*;

fn entries() -> Vec<Entry<'static>> {
    let console = Kind::CharDevice { major: 5, minor: 1 };
    let disk = Kind::BlockDevice { major: 8, minor: 0 };
    [
        (&b"dev"[..], 0o755, Kind::Directory),
        (b"dev/console", 0o600, console),
        (b"dev/sda", 0o660, disk),
        (b"init", 0o4755, Kind::File(b"#!")),
        (b"lib", 0o777, Kind::Symlink(b"usr/lib")),
        (b"pipe", 0o644, Kind::Fifo),
        (b"socket", 0o644, Kind::Socket),
    ]
    .into_iter()
    .map(|(path, mode, kind)| Entry::root(path, mode, 1_700_000_000, kind))
    .collect()
}

fn archive() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for entry in entries() {
        writer.add(&entry).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn what_is_written_is_read() {
    let archive = archive();
    let mut reader = Reader::new(&archive);
    let read: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
    assert_eq!(read, entries());
    assert_eq!(reader.offset(), archive.len());
    assert_eq!(archive.len() % 4, 0);
}

#[test]
fn the_dump_shows_everything() {
    let expected = "\
d0755 0:0 1700000000 - dev
c0600 0:0 1700000000 5,1 dev/console
b0660 0:0 1700000000 8,0 dev/sda
-4755 0:0 1700000000 2 init
l0777 0:0 1700000000 -> usr/lib lib
p0644 0:0 1700000000 - pipe
s0644 0:0 1700000000 - socket
";
    assert_eq!(dump(&archive()).unwrap(), expected);
}

#[test]
fn paths_that_the_kernel_would_lose_are_refused() {
    let mut writer = Writer::new(Vec::new());
    let file = |path| Entry::root(path, 0o644, 0, Kind::File(b""));
    writer.add(&file(b"a")).unwrap();
    for path in [
        &b""[..],
        b"/b",
        b"b/",
        b"../b",
        b"./b",
        b"a",
        b"a/b",
        b"missing/b",
        b"b\0c",
        b"TRAILER!!!",
    ] {
        let error = writer.add(&file(path)).unwrap_err();
        assert!(matches!(error, Error::Path { .. }), "{path:?}: {error}");
    }
}

#[test]
fn damage_is_reported_with_its_place() {
    let good = archive();
    let second = 110 + 4 + 2;
    let mut bad = good.clone();
    bad[second] = b'x';
    let error = dump(&bad).unwrap_err().to_string();
    assert!(error.contains(&format!("offset {second}")), "{error}");
    let cut = &good[..good.len() - 1];
    assert!(dump(cut).unwrap_err().to_string().contains("ends inside"));
}

#[test]
fn a_stream_gives_the_files_that_are_asked_for() {
    let mut archive = archive();
    archive.extend_from_slice(b"more");
    let mut rest = &archive[..];
    let found = select(&mut rest, &[("init", 2), ("lib", 9), ("absent", 9)]).unwrap();
    assert_eq!(found, [("init".to_owned(), b"#!".to_vec())]);
    // It stops right behind the end mark's entry.
    assert!(rest.ends_with(b"more"));
    let long = select(&mut &archive[..], &[("init", 1)]).unwrap_err();
    assert!(long.to_string().contains("longer"), "{long}");
    let cut = select(&mut &archive[..200], &[]).unwrap_err();
    assert!(matches!(cut, Error::Read(_)), "{cut}");
}

proptest! {
    #[test]
    fn damaged_archives_never_panic(at in 0_usize..900, value: u8, length in 0_usize..900) {
        let mut archive = archive();
        if let Some(byte) = archive.get_mut(at) {
            *byte = value;
        }
        let _ = dump(&archive);
        let _ = select(&mut &archive[..], &[("init", 2)]);
        archive.truncate(length);
        let _ = dump(&archive);
        let _ = select(&mut &archive[..], &[("init", 2)]);
    }

    #[test]
    fn contents_of_any_size_come_back(contents in proptest::collection::vec(any::<Vec<u8>>(), 0..8)) {
        let names: Vec<_> = (0..contents.len()).map(|index| "n".repeat(index + 1)).collect();
        let mut writer = Writer::new(Vec::new());
        for (name, content) in names.iter().zip(&contents) {
            writer.add(&Entry::root(name.as_bytes(), 0o644, 1, Kind::File(content))).unwrap();
        }
        let archive = writer.finish().unwrap();
        let read: Result<Vec<_>, _> = Reader::new(&archive).collect();
        let read: Vec<_> = read.unwrap().into_iter().map(|entry| entry.kind).collect();
        let expected: Vec<_> = contents.iter().map(|content| Kind::File(content)).collect();
        prop_assert_eq!(read, expected);
    }
}

#[test]
fn every_field_is_shown() {
    use crate::fields::tests::{golden, hostile, nested, of};
    let archive = archive();
    let shown = of(&archive, super::fields);
    nested(&shown);
    golden("cpio", &shown);
    hostile(&archive, 7, |bytes| of(bytes, super::fields));
    let packed = zstd::encode_all(&archive[..], 3).unwrap();
    hostile(&packed, 1, |bytes| of(bytes, super::fields));
}

#[test]
fn many_entries_are_counted_and_joined_archives_are_told_apart() {
    use crate::fields::tests::of;
    let mut writer = Writer::new(Vec::new());
    for number in 0..1200 {
        let path = format!("file-{number}");
        let entry = Entry::root(path.as_bytes(), 0o644, 0, Kind::File(b"1"));
        writer.add(&entry).unwrap();
    }
    let many = writer.finish().unwrap();
    let joined = [
        &zstd::encode_all(&many[..], 1).unwrap()[..],
        &[0; 7],
        &archive(),
    ]
    .concat();
    let shown = of(&joined, super::fields);
    let names: Vec<_> = shown.iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["zstd frame", "unpacked", "padding", "archive"]);
    let [unpacked] = &shown[1].fields[..] else {
        panic!("one archive")
    };
    assert_eq!(unpacked.size, many.len() as u64);
    // Those that are shown, and the end mark, are counted among the others.
    assert_eq!(unpacked.fields.last().unwrap().value, "and 201 more");
    assert_eq!(shown[3].offset, (joined.len() - archive().len()) as u64);
}
