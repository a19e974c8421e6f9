//! Programs, initrds, images and disks.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::num::NonZeroUsize;

use formats::cpio::{Entry, Kind as Cpio, Writer as CpioWriter};
use formats::fat::{Medium, Options as FatOptions, PlacedFile, Plan, size_for};
use formats::gpt::{Layout, Partition, SectorSize};
use formats::squashfs::{Attributes, Compression, Kind, Options, Tree, Writer};
use formats::verity;
use readers::{scattered, stub, uki};
use uguid::{Guid, guid};

use crate::Seed;

pub(crate) fn seeds() -> Vec<Seed> {
    let mut seeds: Vec<Seed> = vec![
        ("pe", "stub", stub()),
        (
            "pe",
            "uki",
            uki(&[
                (".osrel", b"ID=x\n"),
                (".cmdline", b"quiet"),
                (".linux", b"MZ"),
            ])
            .unwrap(),
        ),
        ("cpio", "archive", archive()),
        (
            "cpio",
            "empty",
            CpioWriter::new(Vec::new()).finish().unwrap(),
        ),
        ("initrd", "plain", archive()),
        (
            "initrd",
            "chained",
            [archive(), vec![0; 512], archive()].concat(),
        ),
        (
            "initrd",
            "zstd",
            zstd::encode_all(&archive()[..], 3).unwrap(),
        ),
        (
            "initrd",
            "two-frames",
            [
                zstd::encode_all(&archive()[..], 3).unwrap(),
                zstd::encode_all(&archive()[..], 1).unwrap(),
            ]
            .concat(),
        ),
        ("gpt", "two-partitions", disk(SectorSize::B512)),
        ("gpt", "large-sectors", disk(SectorSize::B4096)),
        ("fat", "two-files", volume()),
        ("verity", "two-blocks", hashed(2)),
        ("inspect", "hash-tree", hashed(2)[8 + 2 * 4096..].to_vec()),
        (
            "inspect",
            "initrd",
            zstd::encode_all(&archive()[..], 3).unwrap(),
        ),
        ("verity", "one-block", hashed(1)),
        ("verity", "two-levels", hashed(130)[..8 + 4096 * 3].to_vec()),
    ];
    let compressions = [
        ("zstd", Compression::Zstd(3)),
        ("xz", Compression::Xz(1)),
        ("gzip", Compression::Gzip(9)),
        ("lz4", Compression::Lz4),
        ("none", Compression::None),
    ];
    for (name, compression) in compressions {
        let image = squashfs(compression);
        if name == "lz4" {
            seeds.push(("inspect", "squashfs", image.clone()));
        }
        seeds.push(("squashfs", name, image));
    }
    seeds
}

fn archive() -> Vec<u8> {
    let mut writer = CpioWriter::new(Vec::new());
    let kinds: [(&[u8], u16, Cpio<'_>); 8] = [
        (b"usr", 0o755, Cpio::Directory),
        (b"usr/init", 0o755, Cpio::File(b"#!/bin/sh\n")),
        (b"link", 0o777, Cpio::Symlink(b"usr/init")),
        (b"console", 0o600, Cpio::CharDevice { major: 5, minor: 1 }),
        (b"disk", 0o660, Cpio::BlockDevice { major: 8, minor: 0 }),
        (b"pipe", 0o600, Cpio::Fifo),
        (b"socket", 0o600, Cpio::Socket),
        (b"boot.json", 0o644, Cpio::File(b"{}")),
    ];
    for (path, mode, kind) in kinds {
        writer.add(&Entry::root(path, mode, 1, kind)).unwrap();
    }
    writer.finish().unwrap()
}

/// An image with one of everything.
fn squashfs(compression: Compression) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let options = Options {
        block_size: 4096,
        compression,
        threads: NonZeroUsize::MIN,
        earlier: None,
    };
    let mut writer = Writer::new(&mut out, options).unwrap();
    let attributes = |mode| Attributes {
        mode,
        ..Attributes::default()
    };
    let with_xattrs = Attributes {
        uid: 1000,
        xattrs: BTreeMap::from([
            (b"user.a".to_vec(), b"value".to_vec()),
            (b"security.capability".to_vec(), vec![7; 20]),
        ]),
        ..attributes(0o4755)
    };
    let mut holes = vec![0; 4096 * 3 + 5];
    holes[4096..4100].fill(7);
    let text = b"a text that is there twice; ".repeat(2);
    let mut tree = Tree::new(attributes(0o755)).unwrap();
    let large = writer
        .add_data(&mut &holes[..], holes.len() as u64)
        .unwrap();
    let small = writer.add_data(&mut &text[..], text.len() as u64).unwrap();
    let other = writer.add_data(&mut &b"short"[..], 5).unwrap();
    tree.insert(b"dir", attributes(0o755), Kind::Directory)
        .unwrap();
    let file = tree
        .insert(b"dir/large", attributes(0o644), Kind::File(large))
        .unwrap();
    tree.insert(b"dir/small", with_xattrs.clone(), Kind::File(small))
        .unwrap();
    tree.insert(b"dir/short", with_xattrs, Kind::File(other))
        .unwrap();
    tree.link(b"hard", file).unwrap();
    tree.insert(
        b"soft",
        attributes(0o777),
        Kind::Symlink(b"dir/large".to_vec()),
    )
    .unwrap();
    tree.insert(
        b"null",
        attributes(0o666),
        Kind::CharDevice { major: 1, minor: 3 },
    )
    .unwrap();
    tree.insert(
        b"sda",
        attributes(0o660),
        Kind::BlockDevice { major: 8, minor: 0 },
    )
    .unwrap();
    tree.insert(b"fifo", attributes(0o600), Kind::Fifo).unwrap();
    tree.insert(b"socket", attributes(0o600), Kind::Socket)
        .unwrap();
    writer.finish(&tree, 1).unwrap();
    out.into_inner()
}

fn disk(sector_size: SectorSize) -> Vec<u8> {
    let mib = (1 << 20) / sector_size.bytes();
    let partition = |number: u8| Partition {
        number: number.into(),
        type_guid: guid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"),
        guid: Guid::from_bytes([number; 16]),
        first_lba: u64::from(number) * mib,
        last_lba: u64::from(number) * mib + mib - 1,
        attributes: 1,
        name: format!("slot {number}"),
    };
    let partitions = vec![partition(1), partition(2)];
    let id = Guid::from_bytes([9; 16]);
    let layout = Layout::new(sector_size, 4 << 20, id, partitions).unwrap();
    let mut out = Cursor::new(vec![0; 4 << 20]);
    layout.write(&mut out).unwrap();
    scattered(out.get_ref())
}

fn volume() -> Vec<u8> {
    let content = [7; 700];
    let files = [
        ("EFI/BOOT/BOOTX64.EFI", 700),
        ("A name that is longer than eight.txt", 513),
        ("empty", 0),
    ];
    let files = files.map(|(path, size)| (path.to_owned(), size));
    let options = FatOptions {
        sector_size: SectorSize::B512,
        size: size_for(&files, 0, SectorSize::B512).unwrap(),
        hidden_sectors: 2048,
        label: "FUZZED".to_owned(),
        serial: 0x1234_abcd,
        epoch: 1_700_000_000,
    };
    let plan = Plan::new(&options, &files).unwrap();
    let mut out = Cursor::new(Vec::new());
    let open = |file: &PlacedFile| Ok(content.get(..file.size as usize));
    plan.write(&mut out, 0, Medium::Blank, open, &mut |_| {})
        .unwrap();
    scattered(out.get_ref())
}

/// Blocks with a hash tree behind them, and in front where that is.
fn hashed(blocks: usize) -> Vec<u8> {
    let data: Vec<u8> = (0..blocks * 4096).map(|at| (at / 4096) as u8).collect();
    let mut file = Cursor::new(data);
    let size = blocks as u64 * 4096;
    let threads = NonZeroUsize::MIN;
    let built = verity::append(&mut file, size, &[5; 32], [3; 16], threads).unwrap();
    [&built.hash_offset.to_le_bytes()[..], file.get_ref()].concat()
}
