//! One bit of a release is another: `verify` sees it wherever it is, unless nothing reads it.

use std::fs::{self, File, OpenOptions};
use std::io::Cursor;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use chain::{Owner, inspect, verify};
use contract::manifest::Manifest;
use formats::fat::Volume;
use formats::gpt::{self, SectorSize};
use formats::pe::parse_headers;
use proptest::prelude::*;
use proptest::sample::Index;

use super::place::Place;

fn built() -> Place {
    let place = Place::new();
    place.sealboot(&["build", "--quiet"]).check("build", 0, &[]);
    place
}

/// Changes a file, looks at it, changes it back; gives whether it held.
struct Altered {
    /// What is verified: the file itself, or what it is a part of.
    path: PathBuf,
    good: Vec<u8>,
    file: File,
    owner: Owner,
}

impl Altered {
    fn new(place: &Place, file: &str, whole: &str) -> Self {
        let path = place.path(file);
        let altered = Self {
            good: fs::read(&path).unwrap(),
            file: OpenOptions::new().write(true).open(&path).unwrap(),
            owner: Owner::open(&place.path("keys")).unwrap(),
            path: place.path(whole),
        };
        assert!(altered.holds(), "{file} as it is");
        altered
    }

    fn holds(&self) -> bool {
        let _ = inspect(&self.path).map(|facts| facts.render());
        let report = verify(&self.path, &self.owner, &mut |_, _| {});
        report.is_ok_and(|report| report.holds)
    }

    /// Whether it holds with some bits of a byte flipped.
    fn holds_with(&self, at: usize, bits: u8) -> bool {
        let write = |byte| self.file.write_all_at(&[byte], at as u64).unwrap();
        write(self.good[at] ^ bits);
        let holds = self.holds();
        write(self.good[at]);
        holds
    }

    /// The same of a file that ends early.
    fn holds_cut(&self, length: usize) -> bool {
        self.file.set_len(length as u64).unwrap();
        let holds = self.holds();
        self.file
            .write_all_at(&self.good[length..], length as u64)
            .unwrap();
        holds
    }
}

/// The file, what is verified, and the bytes of the file that nothing reads.
#[rustfmt::skip]
const SMALL: &[(&str, &str, Range<usize>)] = &[
    ("out/release.json", "out/release.json", 0..0),
    ("out/release.json.p7s", "out/release.json.p7s", 0..0),
    ("out/root.roothash", "out/root.squashfs", 0..0),
    ("out/root.roothash.p7s", "out/root.squashfs", 0..0),
    ("keys/db.cer", "keys/db.cer", 0..0),
    // Who added the entry; firmware shows it.
    ("keys/db.esl", "keys/db.esl", 28..44),
    ("keys/KEK.auth", "keys/KEK.auth", 0..0),
];

#[test]
fn every_byte_of_what_is_small_counts() {
    let place = built();
    for (file, whole, unread) in SMALL {
        let altered = Altered::new(&place, file, whole);
        let length = altered.good.len();
        for at in 0..length {
            let holds = altered.holds_with(at, 1 << (at % 8));
            assert_eq!(holds, unread.contains(&at), "{file}, byte {at}");
        }
        for length in (0..length).step_by(length / 16) {
            assert!(!altered.holds_cut(length), "{file}, cut to {length}");
        }
    }
}

/// What of a UKI Authenticode leaves out: the checksum, and zeros that fill up the certificate
/// table.
fn unread_of_uki(uki: &[u8]) -> Vec<Range<usize>> {
    let optional = u32::from_le_bytes(uki[0x3c..0x40].try_into().unwrap()) as usize + 24;
    let table = parse_headers(uki).unwrap().certificate_table().unwrap();
    let start = table.start as usize;
    let length = u32::from_le_bytes(uki[start..start + 4].try_into().unwrap()) as usize;
    vec![optional + 64..optional + 68, start + length..uki.len()]
}

/// What of an image nothing depends on: the UUID of its hash tree.
fn unread_of_image(place: &Place, file: &str) -> Vec<Range<usize>> {
    let manifest = fs::read(place.path("out/release.json")).unwrap();
    let images = Manifest::from_json(&manifest).unwrap().images;
    let image = images.iter().find(|image| file.ends_with(&image.file));
    let uuid = image.map(|image| {
        let superblock = image.hash_offset as usize;
        superblock + 16..superblock + 32
    });
    uuid.into_iter().collect()
}

/// Where the files of the disk are, without what of them nothing reads.
fn read_of_disk(place: &Place, disk: &[u8]) -> Vec<Range<usize>> {
    let table = gpt::read(&mut Cursor::new(disk), SectorSize::B512).unwrap();
    let partition = &table.partitions[0];
    let start = partition.offset(table.sector_size);
    let size = partition.size(table.sector_size);
    let mut volume = Volume::open(Cursor::new(disk), start, size).unwrap();
    let mut read = vec![512..1024, disk.len() - 512..disk.len()];
    for (path, entry) in volume.walk().unwrap() {
        if entry.is_directory {
            continue;
        }
        let file = volume.file(&path).unwrap();
        let first = (start + file.offset().expect("it is in one piece")) as usize;
        let bytes = &disk[first..first + entry.size as usize];
        let mut unread = match path.ends_with(".EFI") {
            true => unread_of_uki(bytes),
            false => unread_of_image(place, &path),
        };
        unread.push(bytes.len()..bytes.len());
        let mut at = 0;
        for gap in unread {
            read.push(first + at..first + gap.start);
            at = gap.end;
        }
    }
    read.retain(|range| !range.is_empty());
    read
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_byte_of_a_uki_or_image_counts(which in 0..2_usize, at in any::<Index>(), bit in 0..8_u32) {
        thread_local!(static PLACE: Place = built());
        PLACE.with(|place| {
            let file = ["out/kernel.efi", "out/root.squashfs"][which];
            let altered = Altered::new(place, file, file);
            let unread = match which {
                0 => unread_of_uki(&altered.good),
                _ => unread_of_image(place, file),
            };
            let length = altered.good.len();
            let at = at.index(length);
            let expected = unread.iter().any(|range| range.contains(&at));
            assert_eq!(altered.holds_with(at, 1 << bit), expected, "{file}, byte {at}");
            assert!(!altered.holds_cut(at), "{file}, cut to {at}");
            for range in unread {
                let at = range.start;
                assert!(at >= length || altered.holds_with(at, 1 << bit), "{file}, byte {at}");
            }
        });
    }

    /// Anywhere on a disk nothing panics; in a file of the release it is seen.
    #[test]
    fn a_byte_of_a_disk_counts(place in any::<Index>(), inside in any::<Index>(), bit in 0..8_u32) {
        thread_local!(static MADE: (Place, Altered, Vec<Range<usize>>) = {
            let made = built();
            let altered = Altered::new(&made, "out/disk.img", "out/disk.img");
            let read = read_of_disk(&made, &altered.good);
            (made, altered, read)
        });
        MADE.with(|(_, altered, read)| {
            // Large files are not more interesting than small ones.
            let range = place.get(read);
            let at = range.start + inside.index(range.len());
            assert!(!altered.holds_with(at, 1 << bit), "byte {at} of the disk");
            // The first 2 MiB have the partition table, the boot sectors and the FATs.
            let length = [altered.good.len(), 2 << 20][at % 2];
            let at = inside.index(length);
            let read = read.iter().any(|range| range.contains(&at));
            assert!(!(altered.holds_with(at, 1 << bit) && read), "byte {at} of the disk");
            assert!(!altered.holds_cut(at), "the disk, cut to {at}");
        });
    }
}
