use std::cell::Cell;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use formats::gpt::{self, Layout, Partition, SectorSize};
use uguid::{Guid, guid};

use super::*;
use crate::disk::{Bus, Disk, Use, What};

const MIB: u64 = 1 << 20;
const GUID: Guid = guid!("11111111-2222-3333-4444-123456789abc");

/// A folder with an image of 8 MiB in it: a table, and data at 1 MiB, 2.5 MiB and 6 MiB.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let partition = Partition {
            number: 1,
            type_guid: contract::esp::PARTITION_TYPE,
            guid: GUID,
            first_lba: 2048,
            last_lba: 14335,
            attributes: 0,
            name: "sealboot-a".to_owned(),
        };
        let mut file = File::create(place.path("disk.img")).unwrap();
        file.set_len(8 * MIB).unwrap();
        let layout = Layout::new(SectorSize::B512, 8 * MIB, GUID, vec![partition]).unwrap();
        layout.write(&mut file).unwrap();
        for (at, byte) in [(MIB, 1), (5 * MIB / 2, 2), (6 * MIB, 3)] {
            file.write_all_at(&[byte; 70_000], at).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn image(&self) -> Image {
        Image::open(&self.path("disk.img")).unwrap()
    }

    fn plan(&self, target: &str) -> Result<Plan, Error> {
        let target = Target::find(Path::new("/"), &self.path(target))?;
        Plan::new(self.image(), target, Allowed::default())
    }

    fn write(&self, target: &str) -> Result<Done, Error> {
        let plan = self.plan(target)?;
        execute(plan.hold(Path::new("/"))?, &patient())
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

fn patient() -> Watch<'static> {
    Watch {
        progress: &|_, _, _| {},
        stop: &|| false,
    }
}

#[test]
fn a_new_file_equals_the_image_and_is_as_sparse() {
    let place = Place::new();
    let done = place.write("new.img").unwrap();
    assert_eq!(place.read("new.img"), place.read("disk.img"));
    assert_eq!(done.checked, 8 * MIB);
    assert!(done.written < 3 * MIB, "{done:?}");
    let blocks = fs::metadata(place.path("new.img")).unwrap().blocks();
    assert!(blocks * 512 < 3 * MIB, "{blocks} blocks");
    assert_eq!(place.names(), ["disk.img", "new.img"]);
}

#[test]
fn a_larger_file_gets_a_table_of_its_size() {
    // The new backup lies far behind the image, beside the old one, and over part of it.
    for more in [
        512,
        8 * 512,
        20 * 512,
        100 * 512,
        MIB,
        32 * MIB,
        32 * MIB + 100,
    ] {
        let place = Place::new();
        let size = 8 * MIB + more;
        let full = vec![0xee; size as usize];
        fs::write(place.path("stick.img"), full).unwrap();
        place.write("stick.img").unwrap();
        let (image, written) = (place.read("disk.img"), place.read("stick.img"));
        let size = size / 512 * 512;
        assert_eq!(written.len() as u64, size);
        let mut disk = File::open(place.path("stick.img")).unwrap();
        let table = gpt::read(&mut disk, SectorSize::B512).unwrap();
        assert!(table.other_side.is_ok(), "{more}: {table:?}");
        assert_eq!(table.last_usable_lba, size / 512 - 34, "{more}");
        let old = gpt::read(
            &mut File::open(place.path("disk.img")).unwrap(),
            SectorSize::B512,
        );
        assert_eq!(table.partitions, old.unwrap().partitions);
        // The image's own backup of 33 sectors is gone; between the tables all is as it was.
        let (start, end) = (34 * 512, (8 * MIB) as usize - 33 * 512);
        assert!(written[start..end] == image[start..end], "{more}");
        let new_backup = size as usize - 33 * 512;
        assert!(
            written[end..new_backup.max(end)].iter().all(|b| *b == 0),
            "{more}"
        );
    }
}

#[test]
fn a_smaller_or_empty_file_is_replaced_with_its_permissions() {
    let place = Place::new();
    fs::write(place.path("old.img"), "old").unwrap();
    fs::set_permissions(place.path("old.img"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("old.img", place.path("link")).unwrap();
    assert_eq!(
        place.plan("link").unwrap().target.claim(),
        Claim::Name("link".to_owned())
    );
    place.write("link").unwrap();
    assert_eq!(place.read("old.img"), place.read("disk.img"));
    assert!(place.path("link").is_symlink());
    let mode = fs::metadata(place.path("old.img"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn an_interrupted_write_leaves_the_old_file_and_can_be_repeated() {
    let place = Place::new();
    fs::write(place.path("old.img"), "old").unwrap();
    let mut moments = 0;
    loop {
        let asked = Cell::new(0);
        let stop = || {
            asked.set(asked.get() + 1);
            asked.get() > moments
        };
        let watch = Watch {
            progress: &|_, _, _| {},
            stop: &stop,
        };
        let plan = place.plan("old.img").unwrap();
        match execute(plan.hold(Path::new("/")).unwrap(), &watch) {
            Ok(_) => break,
            Err(Error::Interrupted { state, .. }) => assert_eq!(state, State::Untouched),
            Err(error) => panic!("{error}"),
        }
        assert_eq!(place.read("old.img"), b"old");
        assert_eq!(place.names(), ["disk.img", "old.img"]);
        moments += 1;
    }
    assert!(moments > 5, "it was interrupted at {moments} moments only");
    assert_eq!(place.read("old.img"), place.read("disk.img"));
}

#[test]
fn what_is_read_back_is_compared_to_the_byte() {
    let place = Place::new();
    let plan = place.plan("new.img").unwrap();
    let held = plan.hold(Path::new("/")).unwrap();
    let names = place.names();
    let hidden = names
        .iter()
        .find(|name| name.starts_with(".sealboot-write-"));
    let new = fs::OpenOptions::new()
        .write(true)
        .open(place.path(hidden.unwrap()))
        .unwrap();
    // Between writing and reading back, somebody else's byte.
    let stage = Cell::new(None);
    let spoil = |now, done, total| {
        if stage.get().is_none() && now == Stage::Write && done == total {
            new.write_all_at(&[7], 5 * MIB + 123).unwrap();
            stage.set(Some(now));
        }
    };
    let watch = Watch {
        progress: &spoil,
        stop: &|| false,
    };
    let error = execute(held, &watch).unwrap_err();
    assert!(
        matches!(error, Error::Differs { offset, expected: 0, found: 7, .. } if offset == 5 * MIB + 123),
        "{error}"
    );
    assert_eq!(place.names(), ["disk.img"]);
}

#[test]
fn images_that_are_none_are_refused() {
    type Spoil = fn(&File);
    let cases: &[(&str, Spoil)] = &[
        ("no GUID partition table", |f| {
            f.write_all_at(&[0; 512], 0).unwrap()
        }),
        ("one copy of its table", |f| {
            f.write_all_at(&[1], 600).unwrap()
        }),
        ("one copy of its table", |f| {
            f.write_all_at(&[1], 8 * MIB - 500).unwrap()
        }),
        ("no copy of the partition table", |f| {
            f.set_len(5 * MIB).unwrap()
        }),
        ("no GUID partition table", |f| f.set_len(0).unwrap()),
        ("whole sectors", |f| f.set_len(8 * MIB + 1).unwrap()),
    ];
    for (expected, spoil) in cases {
        let place = Place::new();
        let image = File::options()
            .write(true)
            .open(place.path("disk.img"))
            .unwrap();
        spoil(&image);
        let error = Image::open(&place.path("disk.img"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(expected) && error.contains("disk.img"),
            "{error}"
        );
    }
    let place = Place::new();
    assert!(matches!(
        Image::open(&place.path("")),
        Err(Error::NoImage { .. })
    ));
    assert!(matches!(
        Image::open(&place.path("x")),
        Err(Error::OpenImage { .. })
    ));
}

#[test]
fn targets_that_are_none_are_refused() {
    let place = Place::new();
    fs::write(place.path("file"), "x").unwrap();
    fs::create_dir_all(place.path("sys/class/block/sdq")).unwrap();
    let find = |root: &Path, path: &Path| Target::find(root, path).unwrap_err().to_string();
    let root = Path::new("/");
    for (path, expected) in [
        (Path::new("/dev/null"), "a character device"),
        (place.0.path(), "a folder"),
        (Path::new("/dev/no-such-disk"), "--list"),
        (&place.path("no/such"), "make its folder first"),
        (&place.path("file/x"), "make its folder first"),
    ] {
        let error = find(root, path);
        assert!(error.contains(expected), "{error}");
    }
    let error = find(place.0.path(), Path::new("sdq"));
    assert!(error.contains("/dev/"), "{error}");
    let error = place.plan("disk.img").unwrap_err().to_string();
    assert!(error.contains("the image itself"), "{error}");
}

/// A stick as large as the image.
fn stick() -> Disk {
    Disk {
        name: "sdb".to_owned(),
        size: 8 * MIB,
        sector_size: 512,
        bus: Bus::Usb,
        removable: true,
        read_only: false,
        model: String::new(),
        serial: String::new(),
        sequence: Some(3),
        partitions: Vec::new(),
        uses: Vec::new(),
        system: false,
    }
}

#[test]
fn a_disk_that_is_gone_is_told_from_one_that_fails() {
    let place = Place::new();
    let class = place.path("sys/class/block");
    fs::create_dir_all(&class).unwrap();
    let target = Target::Disk {
        path: "/dev/sdb".into(),
        disk: Box::new(stick()),
    };
    let state = |sealed| execute::state(place.0.path(), &target, sealed);
    assert_eq!(state(false), State::Gone);
    let folder = place.path("sys/devices/sdb");
    fs::create_dir_all(&folder).unwrap();
    symlink(&folder, class.join("sdb")).unwrap();
    let write = |name: &str, number: u64| fs::write(folder.join(name), number.to_string()).unwrap();
    write("size", 8 * MIB / 512);
    write("diskseq", 3);
    assert_eq!(
        (state(false), state(true)),
        (State::Incomplete, State::Unchecked)
    );
    // Pulled out it has no size; plugged in again it is another one.
    write("size", 0);
    assert_eq!(state(false), State::Gone);
    write("size", 8 * MIB / 512);
    write("diskseq", 4);
    assert_eq!(state(false), State::Gone);
}

#[test]
fn what_speaks_against_a_disk_is_all_said() {
    type Spoil = fn(&mut Disk);
    let mounted = || Use {
        device: "sdb1".to_owned(),
        what: What::Mounted("/mnt".to_owned()),
    };
    let used: Spoil = |disk| {
        disk.uses.push(Use {
            device: "sdb1".to_owned(),
            what: What::Mounted("/mnt".to_owned()),
        })
    };
    let small = Refusal::TooSmall {
        size: 4096,
        needed: 8 * MIB,
    };
    let cases: &[(Spoil, &[Refusal])] = &[
        (|_| {}, &[]),
        (|disk| disk.system = true, &[Refusal::System]),
        (|disk| disk.read_only = true, &[Refusal::ReadOnly]),
        (|disk| disk.removable = false, &[Refusal::Fixed]),
        (|disk| disk.sector_size = 4096, &[Refusal::SectorSize(4096)]),
        (|disk| disk.size = 4096, &[small]),
        (|disk| disk.size = 0, &[Refusal::NoMedium]),
        (used, &[Refusal::Used(mounted())]),
    ];
    let place = Place::new();
    for (spoil, expected) in cases {
        let mut disk = stick();
        spoil(&mut disk);
        let target = Target::Disk {
            path: "/dev/sdb".into(),
            disk: Box::new(disk),
        };
        let found = target.refusals(&place.image(), Allowed::default());
        assert_eq!(found, *expected);
        let allowed = Allowed { fixed_disk: true };
        let fixed = found.contains(&Refusal::Fixed);
        assert_eq!(
            target.refusals(&place.image(), allowed).len(),
            found.len() - usize::from(fixed)
        );
        assert_eq!(target.claim(), Claim::Name("sdb".to_owned()));
        let planned = Plan::new(place.image(), target, Allowed::default());
        assert_eq!(planned.is_ok(), expected.is_empty());
    }
}

#[test]
fn the_head_is_written_last_and_each_byte_once() {
    let place = Place::new();
    let mut file = File::create(place.path("stick.img")).unwrap();
    file.write_all(&[1; 64]).unwrap();
    file.set_len(64 * MIB).unwrap();
    let plan = place.plan("stick.img").unwrap();
    let (head, body) = (plan.head(), plan.body());
    assert_eq!((head.start, head.end), (0, EDGE));
    let mut at = head.end;
    for region in &body {
        let gap = region.start - at;
        // Only the free space between the image and the end of the disk is left alone.
        assert!(gap == 0 || at == 8 * MIB, "{body:?}");
        assert!(region.start < region.end, "{body:?}");
        at = region.end;
    }
    assert_eq!(at, 64 * MIB);
    assert_eq!(body.last().map(|last| last.start), Some(63 * MIB));
}
