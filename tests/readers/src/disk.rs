//! What is on disks: partition tables, volumes, images, hash trees, and whatever else `inspect` is
//! given.

use std::io::{self, Cursor, Read, Write};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use chain::{Certificate, Owner};
use formats::fat::{self, Volume};
use formats::gpt::{self, Layout, SectorSize, Table};
use formats::squashfs::{Inode, Node, ReadError, Reader};
use formats::verity::{self, Finding};

use crate::{MOST, Sparse, fields, repair_gpt, with_file};

pub(crate) fn squashfs(bytes: &[u8]) {
    fields::slice(bytes, formats::squashfs::fields);
    let Ok(mut reader) = Reader::open(Cursor::new(bytes)) else {
        return;
    };
    let _ = reader.zstd_level();
    let _ = formats::squashfs::dump(&mut reader, &mut Sink(MOST));
    let mut left = MOST;
    let mut paths = Vec::new();
    let _ = reader.walk(|reader, path, inode| {
        if paths.len() < 64 && path.len() < 4096 {
            paths.push(path.to_vec());
        }
        contents(reader, inode, &mut left)
    });
    for path in &paths {
        let _ = reader.find(path);
    }
}

/// Reads a file both ways, as long as there is something left.
fn contents(
    reader: &mut Reader<Cursor<&[u8]>>,
    inode: &Inode,
    left: &mut u64,
) -> Result<(), ReadError> {
    let _ = reader.xattrs(inode);
    let Node::File(blocks) = &inode.node else {
        return Ok(());
    };
    let mut content = Vec::new();
    let read = reader.content(inode)?.take(*left).read_to_end(&mut content);
    *left = left.saturating_sub(content.len() as u64);
    if *left == 0 {
        return Err(ReadError::Output {
            source: io::ErrorKind::FileTooLarge.into(),
        });
    }
    let mut copy = Vec::new();
    let copied = reader.copy(inode, &mut copy);
    assert_eq!(read.is_ok(), copied.is_ok(), "{read:?}, {copied:?}");
    assert_eq!(content, copy);
    if copied.is_ok() {
        assert_eq!(content.len() as u64, blocks.size);
    }
    Ok(())
}

/// Takes so many bytes.
struct Sink(u64);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.0.checked_sub(bytes.len() as u64);
        self.0 = left.ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn fat(bytes: &[u8]) {
    let disk = Sparse::new(bytes);
    let size = disk.size();
    fields::stream(disk.clone(), fat::fields);
    let Ok(mut volume) = Volume::open(disk, 0, size) else {
        return;
    };
    let _ = fat::dump(&mut volume);
    let _ = volume.label();
    let _ = volume.check(8);
    let mut left = MOST;
    for (path, entry) in volume.walk().unwrap_or_default().into_iter().take(64) {
        if entry.is_directory {
            let _ = volume.read_dir(&path);
        } else if entry.size <= left {
            left -= entry.size;
            // Of two files with one name the first is found.
            let first = volume
                .entry(&path)
                .is_ok_and(|first| first.cluster == entry.cluster);
            if let (true, Ok(content)) = (first, volume.read(&path, MOST)) {
                assert_eq!(content.len() as u64, entry.size, "{path:?}");
            }
            if let Ok(file) = volume.file(&path) {
                let pieces = file.pieces();
                assert!(pieces.iter().all(|(_, place)| *place < size));
            }
        }
    }
}

pub(crate) fn gpt(bytes: &[u8]) {
    for sector_size in [SectorSize::B512, SectorSize::B4096] {
        let disk = Sparse::new(bytes);
        let mut repaired = disk.clone();
        repair_gpt(&mut repaired, sector_size.bytes());
        for mut disk in [disk, repaired] {
            fields::stream(disk.clone(), |disk| Ok(gpt::fields(disk)?.fields));
            let _ = gpt::read(&mut disk, sector_size);
            if let Ok(table) = gpt::read_behind_mbr(&mut disk, sector_size) {
                table_again(&table, disk.size());
            }
        }
    }
}

/// Shows a table, writes it anew and reads that.
fn table_again(table: &Table, size: u64) {
    let _ = table.to_string();
    for partition in &table.partitions {
        let _ = partition.offset(table.sector_size);
        let _ = partition.size(table.sector_size);
        assert!(table.by_guid(partition.guid).is_some());
    }
    let partitions = table.partitions.clone();
    let Ok(layout) = Layout::new(table.sector_size, size, table.disk_guid, partitions) else {
        return;
    };
    let mut written = Sparse::blank(size);
    layout.write(&mut written).expect("writing into memory");
    let again = gpt::read(&mut written, table.sector_size).expect("what was just written");
    assert_eq!(again.partitions, table.partitions);
    assert!(again.other_side.is_ok());
}

/// Eight bytes say where the superblock is; what follows is the file.
pub(crate) fn verity(bytes: &[u8]) {
    let Some((offset, file)) = bytes.split_first_chunk() else {
        return;
    };
    let offset = u64::from_le_bytes(*offset);
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    fields::slice(file.get(start..).unwrap_or(file), verity::fields);
    let Ok(superblock) = verity::Superblock::parse(file.get(start..).unwrap_or(file)) else {
        return;
    };
    let written = superblock.to_bytes().expect("what was just read");
    let again = verity::Superblock::parse(&written).expect("what was just written");
    assert_eq!(format!("{again:?}"), format!("{superblock:?}"));
    let _ = verity::hash_levels(superblock.data_blocks);

    let root = verity::block_hash(&superblock.salt, file.get(..4096).unwrap_or(file));
    let mut cursor = Cursor::new(file);
    let threads = NonZeroUsize::MIN;
    let mut findings = 0;
    let visit = &mut |finding: Finding| {
        findings += u32::from(!matches!(finding, Finding::Read(_)));
        match findings < 100 {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    };
    verity::survey(&mut cursor, offset, &superblock, &root, threads, visit);
    let verified = verity::verify(&mut cursor, offset, &superblock, &root, threads);
    assert!(findings == 0 || verified.is_err());
}

pub(crate) fn inspect(bytes: &[u8]) {
    static OWNER: LazyLock<Owner> = LazyLock::new(|| {
        let pem = include_bytes!("owner.crt");
        Owner::with(Certificate::read("owner.crt", pem).expect("the certificate beside this file"))
    });
    with_file(bytes, |path| {
        if let Ok(facts) = chain::inspect(path) {
            let _ = facts.render();
            let _ = serde_json::to_string(&facts);
        }
        if let Ok(shown) = chain::fields(path) {
            fields::lines(&shown.fields);
            let _ = shown.render();
            let _ = serde_json::to_string(&shown);
        }
        if let Ok(report) = chain::verify(path, &OWNER, &mut |_, _| {}) {
            let _ = report.render();
            assert!(!report.holds, "it holds, but nobody has the owner's key");
        }
        let _ = chain::measure(path, None);
    });
}
