use super::sbat::{Error, HEADER, merge};
use super::*;
use crate::pe::format::{CNT_INITIALIZED_DATA, MEM_READ};
use crate::pe::{NewSection, add_sections, tests::stub};

fn uki() -> Vec<u8> {
    let sections: [(&str, &[u8]); 3] = [
        (".osrel", b"ID=test\nNAME=\"T\xc3\xa9st\"\n"),
        (".cmdline", b"console=ttyS0"),
        (".linux", b"MZ\0\x01"),
    ];
    let sections = sections.map(|(name, data)| NewSection {
        name,
        data: data.into(),
        characteristics: CNT_INITIALIZED_DATA | MEM_READ,
    });
    add_sections(&stub(), &sections, 0).unwrap()
}

#[test]
fn sections_are_found_by_name() {
    let bytes = uki();
    let uki = Uki::parse(&bytes).unwrap();
    assert_eq!(uki.text(".cmdline"), Some("console=ttyS0"));
    assert_eq!(uki.content(".linux"), Some(b"MZ\0\x01".as_slice()));
    assert_eq!(uki.content(".initrd"), None);
    let known: Vec<_> = uki.sections.iter().filter_map(|s| s.profile).collect();
    let known: Vec<_> = known.iter().map(|row| row.name).collect();
    assert_eq!(known, [".sbat", ".osrel", ".cmdline", ".linux"]);
}

#[test]
fn a_name_ends_where_it_ends_for_the_stub() {
    let mut bytes = uki();
    let at = bytes.windows(6).position(|name| name == b".linux");
    // The eighth byte: the seventh ends the name.
    bytes[at.unwrap() + 7] = b'x';
    let uki = Uki::parse(&bytes).unwrap();
    assert_eq!(uki.content(".linux"), Some(b"MZ\0\x01".as_slice()));
}

#[test]
fn the_dump_shows_sections_and_texts() {
    let expected = "\
name       offset    address       size  sha256
.text       0x400     0x1000        384  b3bed4e131b2d9d0
.sbat       0x600     0x2000         16  c3a1b8f1b1f7447a
.osrel      0x800     0x3000         21  8392e54a35eb52ff
.cmdline    0xa00     0x4000         13  2b98586d9905a605
.linux      0xc00     0x5000          4  b2a78f2057a9e54b

.sbat
  ssssssssssssssss

.osrel
  ID=test
  NAME=\\\"Tést\\\"

.cmdline
  console=ttyS0
";
    assert_eq!(dump(&Uki::parse(&uki()).unwrap()), expected);
}

#[test]
fn sbat_lines_are_merged_once() {
    let stub = format!(
        "{HEADER}\nsystemd-stub,1,The systemd Developers,systemd,257,https://systemd.io/\n\0\0"
    );
    let owner = format!("{HEADER}\nuki,1,UKI,uki,1,https://uapi-group.org/\n");
    let merged = merge(&[
        ("stub", stub.as_bytes()),
        ("owner", owner.as_bytes()),
        ("kernel", stub.as_bytes()),
        ("empty", b""),
    ]);
    let expected = format!(
        "{HEADER}\nsystemd-stub,1,The systemd Developers,systemd,257,https://systemd.io/\nuki,1,UKI,uki,1,https://uapi-group.org/\n"
    );
    assert_eq!(merged.unwrap(), expected);
}

#[test]
fn other_text_is_not_sbat() {
    let error = merge(&[("stub", b"uki,1,a,b,1,c\n")]).unwrap_err();
    assert!(matches!(error, Error::Header { .. }), "{error}");
    for line in ["uki,1,a,b,1", "uki,x,a,b,1,c", "uki,1,a,b,1,\x07"] {
        let error = merge(&[("stub", format!("{HEADER}\n{line}\n").as_bytes())]).unwrap_err();
        assert!(matches!(error, Error::Line { .. }), "{error}");
    }
}

/// A signed UKI with an initrd: an archive in a zstd frame, and one that is not compressed.
fn signed() -> Vec<u8> {
    use crate::cpio::{Entry, Kind, Writer};
    let archive = |entries: &[Entry<'_>]| {
        let mut writer = Writer::new(Vec::new());
        entries.iter().for_each(|entry| writer.add(entry).unwrap());
        writer.finish().unwrap()
    };
    let time = 1_700_000_000;
    let packed = archive(&[
        Entry::root(b"dev", 0o755, time, Kind::Directory),
        Entry::root(b"init", 0o755, time, Kind::File(b"#!/bin/sh\n")),
    ]);
    let plain = archive(&[Entry::root(b"bin", 0o777, time, Kind::Symlink(b"usr/bin"))]);
    let frame = zstd::encode_all(&packed[..], 3).unwrap();
    let initrd = [&plain[..], &[0; 16], &frame].concat();
    let sections: [(&str, &[u8]); 4] = [
        (".osrel", b"ID=test\nNAME=\"T\xc3\xa9st\"\n"),
        (".cmdline", b"console=ttyS0"),
        (".initrd", &initrd),
        (".linux", b"MZ\0\x01"),
    ];
    let sections = sections.map(|(name, data)| NewSection {
        name,
        data: data.into(),
        characteristics: CNT_INITIALIZED_DATA | MEM_READ,
    });
    let sbat = format!("{HEADER}\nuki,1,UKI,uki,1,https://uapi-group.org/\n");
    let mut stub = stub();
    stub.truncate(0x600);
    stub.extend_from_slice(sbat.as_bytes());
    stub.resize(0x800, 0);
    // VirtualSize of its second section.
    let size = 0x40 + 4 + 20 + 240 + 40 + 8;
    stub[size..size + 4].copy_from_slice(&(sbat.len() as u32).to_le_bytes());
    let mut image = add_sections(&stub, &sections, 0).unwrap();
    let signature = include_bytes!("../../testdata/detached.p7s");
    crate::authenticode::append(&mut image, signature).unwrap();
    image
}

#[test]
fn every_field_is_shown() {
    use crate::fields::tests::{golden, hostile, nested, of};
    let image = signed();
    let shown = of(&image, super::fields);
    nested(&shown);
    golden("uki", &shown);
    hostile(&image, 29, |bytes| of(bytes, super::fields));
}

#[test]
fn what_the_reader_refuses_is_shown_as_far_as_it_gets() {
    use crate::fields::tests::of;
    let image = signed();
    let says = |bytes: &[u8], why: &str| {
        let shown = of(bytes, super::fields);
        assert!(
            shown.iter().any(|field| field.value == why),
            "{why}: {shown:?}"
        );
    };
    // Cut inside of the section table: headers are there, and what is missing is said.
    says(
        &image[..0x40 + 4 + 20 + 240 + 50],
        "the section table is cut off",
    );
    let mut other = image.clone();
    other[0x40] = b'N';
    says(&other, "the signature is not PE");
    // A PE32 image, which is not read.
    let mut other = image.clone();
    other[0x40 + 24] = 0x0b;
    other[0x40 + 25] = 0x01;
    assert!(Uki::parse(&other).is_err());
    let shown = of(&other, super::fields);
    assert!(shown.iter().any(|field| field.name == "Section table"));
    // The table of certificates lies behind the end.
    let shown = of(&image[..image.len() - 100], super::fields);
    let text = crate::fields::Lines(&shown).to_string();
    assert!(
        text.contains("the file ends before the table does"),
        "{text}"
    );
}
