//! `inspect --fields` against the tools that read the same structures: each offset, tag and length that
//! openssl finds, the places that binutils, gdisk, squashfs-tools and veritysetup name.

use std::io::Cursor;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;

use crate::owner::{GUID, Owner, parts};
use artifact::uki::build;
use formats::fields::Field;
use formats::gpt::{Layout, Partition, SectorSize};
use formats::squashfs::{Attributes, Compression, Kind, Options, Tree, Writer};
use formats::{authenticode, verity};
use source::keys::sign_detached;
use uguid::guid;

fn shown(path: &Path) -> Vec<Field> {
    chain::fields(path).unwrap().fields
}

/// The first field of that name, wherever it is.
fn find<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    fields.iter().find_map(|field| match field.name == name {
        true => Some(field),
        false => find(&field.fields, name),
    })
}

fn value<'a>(fields: &'a [Field], name: &str) -> &'a str {
    let field = find(fields, name).unwrap_or_else(|| panic!("{name}: {fields:?}"));
    &field.value
}

/// An element: depth, offset, whole length, tag.
type Element = (usize, u64, u64, String);

/// What openssl says of a file, or of what is in the string at `inside`.
fn asn1parse(path: &Path, inside: Option<u64>) -> Vec<Element> {
    let mut command = Command::new("openssl");
    command
        .args(["asn1parse", "-inform", "DER", "-in"])
        .arg(path);
    if let Some(offset) = inside {
        command.arg("-strparse").arg(offset.to_string());
    }
    let text = tests::stdout("openssl", &mut command);
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = |line: &str| {
        let (offset, rest) = line.split_once(":d=")?;
        let (depth, rest) = rest.split_once("hl=")?;
        let (head, rest) = rest.split_once("l=")?;
        let (length, tag) = rest.split_once(": ")?;
        let length = length.split_whitespace().next()?;
        let number = |text: &str| text.trim().parse::<u64>().unwrap();
        let tag = tag.split("  ").next()?.split(':').next()?.trim();
        let tag = match tag {
            "OBJECT" => "OBJECT IDENTIFIER".to_owned(),
            other => other
                .replace("cont ", "")
                .replace("[ ", "[")
                .replace(" ]", "]"),
        };
        let size = number(head) + number(length);
        Some((
            number(depth) as usize,
            number(offset),
            size,
            tag.to_uppercase(),
        ))
    };
    text.lines()
        .map(|text| line(text).unwrap_or_else(|| panic!("{text}")))
        .collect()
}

/// The same of fields; what strings hold is compared on its own.
fn flat(path: &Path, fields: &[Field], depth: usize, start: u64, found: &mut Vec<Element>) {
    for field in fields {
        let name = field.name.to_uppercase();
        let known = ["OCTET STRING", "BIT STRING", "OBJECT IDENTIFIER"];
        let known = known.into_iter().find(|tag| name.ends_with(tag));
        let tag = known.unwrap_or(name.rsplit(' ').next().unwrap());
        found.push((depth, field.offset - start, field.size, tag.to_owned()));
        match tag {
            "OCTET STRING" | "BIT STRING" => {
                if let Some(first) = field.fields.first() {
                    let mut held = Vec::new();
                    flat(path, &field.fields, 0, first.offset, &mut held);
                    assert_eq!(held, asn1parse(path, Some(field.offset)), "{name}");
                }
            }
            _ => flat(path, &field.fields, depth + 1, start, found),
        }
    }
}

#[test]
fn elements_are_those_that_openssl_finds() {
    let owner = Owner::new("Owner");
    let signature = sign_detached(&owner.signer("db"), b"content").unwrap();
    let stub = crate::owner::stub();
    let image = build(&stub, &parts(&stub), &owner.signer("db")).unwrap();
    let signatures = authenticode::signatures(&image).unwrap();
    let files = [
        owner.path("db.cer"),
        owner.file("detached.p7s", &signature),
        owner.file("authenticode.p7s", signatures[0]),
    ];
    for path in &files {
        let mut found = Vec::new();
        flat(path, &shown(path), 0, 0, &mut found);
        assert!(found.len() > 30, "{}: {found:?}", path.display());
        assert_eq!(found, asn1parse(path, None), "{}", path.display());
    }
}

#[test]
fn sections_are_where_objdump_finds_them() {
    let (owner, stub) = (Owner::new("Owner"), crate::owner::stub());
    let image = build(&stub, &parts(&stub), &owner.signer("db")).unwrap();
    let path = owner.file("kernel.efi", &image);
    let fields = shown(&path);
    let text = tests::stdout("binutils", Command::new("objdump").arg("-h").arg(&path));
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut seen = 0;
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, name, _, _, _, offset, _] = words[..] else {
            continue;
        };
        let Ok(offset) = u64::from_str_radix(offset, 16) else {
            continue;
        };
        let field = fields.iter().find(|field| field.name == name);
        assert_eq!(field.map(|field| field.offset), Some(offset), "{line}");
        seen += 1;
    }
    assert!(seen >= 7, "{text}");
}

#[test]
fn entries_are_those_that_sgdisk_reads() {
    let folder = tempfile::tempdir().unwrap();
    let partition = Partition {
        number: 2,
        type_guid: guid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"),
        guid: guid!("01234567-89ab-cdef-0123-456789abcdef"),
        first_lba: 2048,
        last_lba: 4095,
        attributes: 4,
        name: "boot".to_owned(),
    };
    let layout = Layout::new(SectorSize::B512, 4 << 20, GUID, vec![partition]).unwrap();
    let mut disk = Cursor::new(Vec::new());
    layout.write(&mut disk).unwrap();
    let path = folder.path().join("disk.img");
    std::fs::write(&path, disk.into_inner()).unwrap();
    let fields = shown(&path);
    let (good, text) = tests::run("gdisk", "sgdisk", &["-i", "2", path.to_str().unwrap()]);
    assert!(good, "{text}");
    let guid = value(&fields, "UniquePartitionGUID").to_uppercase();
    let entry = find(&fields, "entry 2")
        .map(|entry| &entry.fields[..])
        .unwrap();
    let rows = [
        format!("Partition unique GUID: {guid}"),
        format!("First sector: {} ", value(entry, "StartingLBA")),
        format!("Last sector: {} ", value(entry, "EndingLBA")),
        format!(
            "Partition name: '{}'",
            value(entry, "PartitionName").trim_matches('"')
        ),
    ];
    for row in rows {
        assert!(text.contains(&row), "{row}: {text}");
    }
}

#[test]
fn superblocks_are_those_that_unsquashfs_and_veritysetup_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.squashfs");
    let mut out = Cursor::new(Vec::new());
    let options = Options {
        block_size: 131_072,
        compression: Compression::Zstd(3),
        threads: NonZeroUsize::MIN,
        earlier: None,
    };
    let mut writer = Writer::new(&mut out, options).unwrap();
    let attributes = |mode| Attributes {
        mode,
        ..Attributes::default()
    };
    let data = writer.add_data(&mut &b"hello\n"[..], 6).unwrap();
    let mut tree = Tree::new(attributes(0o755)).unwrap();
    tree.insert(b"file", attributes(0o644), Kind::File(data))
        .unwrap();
    writer.finish(&tree, 1_700_000_000).unwrap();
    let mut image = out.into_inner();
    image.resize(image.len().next_multiple_of(4096), 0);
    let size = image.len() as u64;
    let mut file = Cursor::new(image);
    verity::append(&mut file, size, &[1, 2, 3], [7; 16], NonZeroUsize::MIN).unwrap();
    std::fs::write(&path, file.into_inner()).unwrap();

    let fields = shown(&path);
    let name = path.to_str().unwrap();
    let (good, text) = tests::run("squashfs-tools", "unsquashfs", &["-s", name]);
    assert!(good, "{text}");
    let rows = [
        format!("Filesystem size {} bytes", value(&fields, "bytes used")),
        format!("Block size {}", value(&fields, "block size")),
        format!("Number of fragments {}", value(&fields, "frag count")),
        format!("Number of inodes {}", value(&fields, "inode count")),
        format!("Number of ids {}", value(&fields, "id count")),
    ];
    for row in rows {
        assert!(text.contains(&row), "{row}: {text}");
    }

    let superblock = find(&fields, "dm-verity superblock").unwrap();
    assert_eq!(superblock.offset, size);
    let offset = format!("--hash-offset={}", superblock.offset);
    let dump = ["dump", name, &offset];
    let (good, text) = tests::run("cryptsetup-bin", "veritysetup", &dump);
    assert!(good, "{text}");
    let said: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .collect();
    let rows = [
        ("UUID", "uuid"),
        ("Data blocks", "data_blocks"),
        ("Data block size", "data_block_size"),
        ("Salt", "salt"),
    ];
    for (theirs, ours) in rows {
        let row = said.iter().find(|(name, _)| name.trim() == theirs);
        let ours = value(&superblock.fields, ours);
        let found = row.map(|(_, value)| value.trim().trim_end_matches(" [bytes]"));
        assert_eq!(found, Some(ours), "{theirs}: {text}");
    }
}
