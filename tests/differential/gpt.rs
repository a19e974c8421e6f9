//! Partition tables against `sgdisk` and `sfdisk`.

use std::path::Path;
use std::process::Command;

use formats::gpt::{self, Layout, Partition, SectorSize, Side};
use uguid::{Guid, guid};

const ESP: Guid = guid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
const LINUX: Guid = guid!("0fc63daf-8483-4772-8e79-3d69d8477de4");
const DISK: Guid = guid!("11111111-2222-8333-8444-555555555555");

fn partitions(sector: SectorSize) -> Vec<Partition> {
    let mib = (1 << 20) / sector.bytes();
    let partition = |number, type_guid, first, count, name: &str| Partition {
        number,
        type_guid,
        guid: Guid::from_bytes([number as u8; 16]),
        first_lba: first * mib,
        last_lba: (first + count) * mib - 1,
        attributes: if number == 7 { 1 << 2 } else { 0 },
        name: name.to_owned(),
    };
    vec![
        partition(1, ESP, 1, 2, "sealboot-a"),
        partition(2, ESP, 3, 1, "größe 🦀"),
        partition(7, LINUX, 8, 7, "exactly thirty-six units of UTF-16 ok"),
    ]
    .into_iter()
    .map(|mut p| {
        p.name = p.name.chars().take(36).collect();
        p
    })
    .collect()
}

fn image(folder: &Path, sector: SectorSize, size: u64) -> std::path::PathBuf {
    let layout = Layout::new(sector, size, DISK, partitions(sector)).unwrap();
    let path = folder.join("disk.img");
    let mut file = std::fs::File::create(&path).unwrap();
    layout.write(&mut file).unwrap();
    assert_eq!(file.metadata().unwrap().len(), size);
    path
}

fn read(path: &Path) -> gpt::Table {
    let mut file = std::fs::File::open(path).unwrap();
    gpt::read(&mut file, SectorSize::B512).unwrap()
}

#[test]
fn sgdisk_and_sfdisk_have_no_complaint() {
    let folder = tempfile::tempdir().unwrap();
    // The partitions end with the last usable MiB, or leave room; odd sizes too.
    for size in [16 << 20, (20 << 20) + 512 * 77, 5 << 40] {
        let path = image(folder.path(), SectorSize::B512, size);
        let disk = path.to_str().unwrap();

        let (good, text) = tests::run("gdisk", "sgdisk", &["-v", disk]);
        assert!(good && text.contains("No problems found."), "{text}");
        for word in ["Warning", "Caution", "Problem", "Error"] {
            assert!(!text.contains(word), "{text}");
        }

        let (good, text) = tests::run("fdisk", "sfdisk", &["--verify", disk]);
        assert!(good && text.contains("No errors detected."), "{text}");
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn sfdisk_reads_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), SectorSize::B512, 16 << 20);
    let json = tests::stdout(
        "fdisk",
        Command::new("sfdisk").args(["--json", path.to_str().unwrap()]),
    );
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let table = &json["partitiontable"];
    let same = |value: &serde_json::Value, guid: Guid| {
        assert_eq!(value.as_str().unwrap().to_lowercase(), guid.to_string());
    };
    assert_eq!(table["label"], "gpt");
    same(&table["id"], DISK);
    let found = table["partitions"].as_array().unwrap();
    let written = partitions(SectorSize::B512);
    assert_eq!(found.len(), written.len());
    for (found, written) in found.iter().zip(written) {
        let node = found["node"].as_str().unwrap();
        assert!(
            node.ends_with(&format!("disk.img{}", written.number)),
            "{node}"
        );
        assert_eq!(found["start"], written.first_lba);
        assert_eq!(found["size"], written.last_lba - written.first_lba + 1);
        assert_eq!(found["name"], written.name);
        same(&found["type"], written.type_guid);
        same(&found["uuid"], written.guid);
    }
    assert_eq!(found[2]["attrs"], "LegacyBIOSBootable");
}

#[test]
fn what_sgdisk_writes_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.img");
    let disk = path.to_str().unwrap();
    std::fs::File::create(&path)
        .unwrap()
        .set_len(32 << 20)
        .unwrap();
    let arguments = [
        "--disk-guid=11111111-2222-8333-8444-555555555555",
        "--new=1:2048:+4M",
        "--typecode=1:ef00",
        "--change-name=1:größe",
        "--partition-guid=1:01010101-0101-0101-0101-010101010101",
        "--new=5:0:+1M",
        "--attributes=5:set:2",
        disk,
    ];
    let (good, text) = tests::run("gdisk", "sgdisk", &arguments);
    assert!(good, "{text}");
    let table = read(&path);
    assert!(table.other_side.is_ok());
    assert_eq!(table.disk_guid, DISK);
    let [one, five] = table.partitions.as_slice() else {
        panic!("{table}");
    };
    assert_eq!((one.number, one.first_lba, one.last_lba), (1, 2048, 10_239));
    assert_eq!((one.type_guid, one.guid), (ESP, Guid::from_bytes([1; 16])));
    assert_eq!(one.name, "größe");
    assert_eq!((five.number, five.attributes), (5, 4));
}

#[test]
fn a_damaged_primary_is_read_as_sgdisk_would() {
    use std::os::unix::fs::FileExt;

    let folder = tempfile::tempdir().unwrap();
    let path = image(folder.path(), SectorSize::B512, 16 << 20);
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    // Header and entries: the backup has to stand alone.
    file.write_all_at(&[0; 33 * 512], 512).unwrap();
    let table = read(&path);
    assert_eq!(table.side, Side::Backup);
    assert_eq!(table.partitions, partitions(SectorSize::B512));

    let (_, text) = tests::run("gdisk", "sgdisk", &["-i", "7", path.to_str().unwrap()]);
    assert!(text.contains("regenerating main header"), "{text}");
    assert!(
        text.contains("07070707-0707-0707-0707-070707070707"),
        "{text}"
    );
}
