//! `sealboot write` on block devices: loop devices, which root may make, stand for sticks.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use formats::gpt::{self, SectorSize};

use crate::bad_input::{Entry, FAILED, REFUSED, USAGE, document, for_a_user};
use crate::place::{Place, Ran, SEALBOOT, run};

const MIB: u64 = 1 << 20;
const IMAGE: &str = "out/disk.img";

/// `O_EXCL`, which for a block device means: nobody else.
const O_EXCL: i32 = 0o200;

/// A loop device, taken away in the end.
struct Disk<'a> {
    place: &'a Place,
    node: String,
}

impl<'a> Disk<'a> {
    fn new(place: &'a Place, file: &str) -> Self {
        Self::with(place, file, &[])
    }

    /// `file` as a block device, made with these options of losetup(8).
    fn with(place: &'a Place, file: &str, options: &[&str]) -> Self {
        let ran = tool(
            place,
            &[&["losetup", "--find", "--show"], options, &[file]].concat(),
        );
        Self {
            place,
            node: ran.stdout.trim().to_owned(),
        }
    }

    /// `loop0`
    fn name(&self) -> &str {
        self.node.trim_start_matches("/dev/")
    }

    /// Writes the image of the place, with everything said that must be said.
    fn write(&self) -> Ran {
        let name = self.name();
        let words = [
            "write",
            &self.node,
            "--fixed-disk",
            "--yes-erase",
            name,
            "--json",
        ];
        self.place.sealboot(&words)
    }

    /// For the document, as if the disk were a stick.
    fn entry(&self, name: &str, line: &str, code: i32, ran: &Ran) -> Entry {
        let told = |text: &str| {
            let text = match text.split_once("shown by loop") {
                Some((before, after)) => {
                    let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
                    format!("{before}shown by another{after}")
                }
                None => text.to_owned(),
            };
            let text = text.replace(&self.node, "/dev/sdX");
            self.place.told(&text.replace(self.name(), "sdX"))
        };
        Entry {
            name: name.to_owned(),
            line: told(line),
            code,
            message: told(ran.message()),
        }
    }

    fn table(&self) -> Result<gpt::Table, gpt::Error> {
        gpt::read(&mut File::open(&self.node).unwrap(), SectorSize::B512)
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        run(self.place.command("losetup").args(["--detach", &self.node]));
    }
}

/// A tool that must work; it is in a package that Debian always installs, or in `xtask`'s table.
fn tool(place: &Place, words: &[&str]) -> Ran {
    let ran = run(place.command(words[0]).args(&words[1..]));
    let hint = "does this run as root, with loop devices?";
    assert_eq!(ran.code, Some(0), "{words:?}: {hint} {}", ran.stderr);
    ran
}

/// A place with a release in it, and a file of old bytes, `stick`, that is `more` bytes larger
/// than its disk image.
fn built(more: u64) -> (Place, u64) {
    let place = Place::new();
    place.sealboot(&["build", "--quiet"]).check("build", 0, &[]);
    let size = fs::metadata(place.path(IMAGE)).unwrap().len();
    place.write("stick", vec![0xee; (size + more) as usize]);
    (place, size)
}

#[test]
fn a_larger_disk_holds_the_image_and_a_table_of_its_own_size() {
    let (place, size) = built(20 * MIB);
    let disk = Disk::new(&place, "stick");
    // Twice: what is written once can be written again.
    for case in ["first", "again"] {
        let ran = disk.write();
        ran.check(case, 0, &["reading back"]);
        let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(report["size"], size + 20 * MIB, "{report}");
        assert_eq!(report["release"], "1", "{report}");
        assert_eq!(report["backup_table_moved"], true, "{report}");
    }
    let verified = tool(&place, &["sgdisk", "--verify", &disk.node]);
    assert!(
        verified.stdout.contains("No problems found"),
        "{}",
        verified.stdout
    );

    let table = disk.table().unwrap();
    assert!(table.other_side.is_ok());
    assert_eq!(table.disk_sectors, (size + 20 * MIB) / 512);
    let (image, written) = (fs::read(place.path(IMAGE)), fs::read(&disk.node));
    let (image, written) = (image.unwrap(), written.unwrap());
    let (start, end) = (34 * 512, size as usize - 33 * 512);
    assert!(image[start..end] == written[start..end]);
    let backup = written.len() - 33 * 512;
    assert!(
        written[written.len() - MIB as usize..backup]
            .iter()
            .all(|byte| *byte == 0)
    );

    let slot = &table.partitions[0];
    let (from, length) = (slot.offset(SectorSize::B512), slot.size(SectorSize::B512));
    place.write("slot", &written[from as usize..(from + length) as usize]);
    tool(&place, &["fsck.vfat", "-n", "slot"]);
}

#[test]
fn a_disk_of_the_same_size_equals_the_image() {
    let (place, _) = built(0);
    let disk = Disk::new(&place, "stick");
    disk.write().check("same size", 0, &["reading back"]);
    assert!(fs::read(&disk.node).unwrap() == fs::read(place.path(IMAGE)).unwrap());
}

/// What is done to the disk, what is typed, exit code, words of the message. `DISK` is
/// the node, `NAME` the name.
type Row = (
    &'static str,
    Spoil,
    &'static str,
    i32,
    &'static [&'static str],
);

/// Makes the disk from the file `stick`, and keeps somebody busy with it.
type Spoil = for<'a> fn(&'a Place) -> (Disk<'a>, Box<dyn Busy + 'a>);

const WORDS: &str = "sealboot write DISK --fixed-disk --yes-erase NAME";

/// Something that is undone in the end.
struct Undo<'a>(&'a Place, Vec<String>);

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        for command in &self.1 {
            run(self.0.command("sh").args(["-c", command]));
        }
    }
}

/// What keeps a disk busy until it is dropped.
trait Busy {}

impl<T> Busy for T {}

fn plain(place: &Place) -> (Disk<'_>, Box<dyn Busy + '_>) {
    (Disk::new(place, "stick"), Box::new(()))
}

fn with<'a>(place: &'a Place, options: &[&str]) -> (Disk<'a>, Box<dyn Busy + 'a>) {
    (Disk::with(place, "stick", options), Box::new(()))
}

fn busy<'a>(
    place: &'a Place,
    options: &[&str],
    start: &str,
    end: &str,
) -> (Disk<'a>, Box<dyn Busy + 'a>) {
    let disk = Disk::with(place, "stick", options);
    tool(place, &["sh", "-ec", &start.replace("DISK", &disk.node)]);
    let undo = vec![end.replace("DISK", &disk.node)];
    (disk, Box::new(Undo(place, undo)))
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("a fixed disk", plain, "sealboot write DISK --yes-erase NAME", REFUSED,
        &["DISK is not written to", "fixed disk", "--fixed-disk"]),
    ("nobody to ask", plain, "sealboot write DISK --fixed-disk", USAGE,
        &["DISK would be overwritten", "no terminal", "--yes-erase NAME"]),
    ("another name", plain, "sealboot write DISK --fixed-disk --yes-erase sda", USAGE,
        &["--yes-erase says \"sda\"", "DISK is \"NAME\"", "nothing was written"]),
    ("a path in place of the name", plain, "sealboot write DISK --fixed-disk --yes-erase DISK", USAGE,
        &["--yes-erase says \"DISK\"", "is \"NAME\""]),
    ("a read-only disk", |p| with(p, &["--read-only"]), WORDS, REFUSED,
        &["DISK is not written to", "read-only"]),
    ("large sectors", |p| with(p, &["--sector-size", "4096"]), WORDS, REFUSED,
        &["DISK is not written to", "4096", "512"]),
    ("a small disk", |p| with(p, &["--sizelimit", "33554432"]), WORDS, REFUSED,
        &["DISK is not written to", "33554432 bytes", "larger"]),
    ("a mounted disk", |p| busy(p, &[], "mkfs.ext4 -q DISK; mkdir mnt; mount DISK mnt", "umount mnt"), WORDS, REFUSED,
        &["DISK is not written to", "NAME is mounted at", "/mnt"]),
    ("a mounted partition", |p| busy(p, &["--partscan"], "sgdisk -n 1:0:0 DISK; partx -u DISK; mkfs.ext4 -q DISKp1; mkdir mnt; mount DISKp1 mnt", "umount mnt"), WORDS, REFUSED,
        &["DISK is not written to", "NAMEp1 is mounted at"]),
    ("a partition", |p| busy(p, &["--partscan"], "sgdisk -n 1:0:0 DISK; partx -u DISK", ":"), "sealboot write DISKp1 --fixed-disk --yes-erase NAMEp1", REFUSED,
        &["DISKp1 is not written to", "it is a partition", "/dev/NAME"]),
    ("swap", |p| busy(p, &[], "mkswap -q DISK; swapon DISK", "swapoff DISK"), WORDS, REFUSED,
        &["DISK is not written to", "NAME is swapped to"]),
    ("a disk under another", |p| busy(p, &[], "losetup --find --show DISK > upper", "losetup --detach $(cat upper)"), WORDS, REFUSED,
        &["DISK is not written to", "NAME is shown by loop"]),
    ("a disk that somebody holds", |p| {
        let disk = Disk::new(p, "stick");
        let held = File::options().read(true).custom_flags(O_EXCL).open(&disk.node).unwrap();
        (disk, Box::new(held))
    }, WORDS, REFUSED, &["DISK is not written to", "another program or device uses it"]),
    ("a disk that only root may write", |p| { for_a_user(p); plain(p) }, "setpriv --reuid=1000 --regid=1000 --clear-groups ./sealboot write DISK --fixed-disk --yes-erase NAME", FAILED,
        &["DISK cannot be opened for writing", "only root may", "Permission denied"]),
];

#[test]
fn a_disk_that_must_not_be_written_is_as_it_was() {
    let check = |(name, spoil, words, code, expected): &Row| {
        let (place, _) = built(8 * MIB);
        let entry = {
            let (disk, busy) = spoil(&place);
            let before = fs::read(&disk.node).unwrap();
            let told = |text: &str| {
                text.replace("DISK", &disk.node)
                    .replace("NAME", disk.name())
            };
            let line = told(words);
            let expected: Vec<String> = expected.iter().map(|word| told(word)).collect();
            let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
            let ran = place.line(&line);
            ran.check(name, *code, &expected);
            let same = fs::read(&disk.node).unwrap() == before;
            assert!(same, "{name}: it was written to");
            drop(busy);
            disk.entry(name, &line, *code, &ran)
        };
        let disk = Disk::new(&place, "stick");
        disk.write().check(name, 0, &["reading back"]);
        entry
    };
    let (mut failed, mut entries) = (Vec::new(), Vec::new());
    for row in ROWS {
        match std::panic::catch_unwind(|| check(row)) {
            Ok(entry) => entries.push(entry),
            Err(_) => failed.push(row.0),
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
    document("Disks", &entries);
}

/// What goes wrong, the call that strace(1) makes go wrong, words of the message, and whether a
/// table is there then.
type Fault = (&'static str, &'static str, &'static [&'static str], bool);

const INCOMPLETE: &str = "incomplete and nothing will boot from it";

#[rustfmt::skip]
const FAULTS: &[Fault] = &[
    ("a disk that fails at once", "ioctl:error=EIO:when=3+", &["cannot be written at byte 0", INCOMPLETE, "Input/output error"], true),
    ("a disk that does not keep its zeroes", "fsync:error=EIO:when=1", &["does not confirm", INCOMPLETE, "again"], false),
    ("a disk that fails at the first byte of the image", "pwrite64:error=EIO:when=1", &["cannot be written at byte 1048576", INCOMPLETE, "again"], false),
    ("a disk that is smaller than it says", "pwrite64:error=ENOSPC:when=3", &["cannot be written at byte", INCOMPLETE, "No space left"], false),
    ("a disk that becomes read-only", "pwrite64:error=EROFS:when=2", &["cannot be written at byte", INCOMPLETE, "Read-only"], false),
    ("a disk that takes nothing", "pwrite64:retval=0:when=2", &["cannot be written at byte", INCOMPLETE], false),
    ("a disk that fails in the end", "fsync:error=EIO:when=2", &["does not confirm", INCOMPLETE], false),
    ("a disk that fails with its table", "fsync:error=EIO:when=3", &["does not confirm", "not all of it could be read back"], true),
    ("Ctrl-C", "pwrite64:signal=SIGINT:when=1", &["was interrupted", INCOMPLETE, "run the same command again"], false),
    ("a polite kill", "pwrite64:signal=SIGTERM:when=3", &["was interrupted", INCOMPLETE], false),
    ("a terminal that is closed", "fsync:signal=SIGHUP:when=2", &["was interrupted", INCOMPLETE], false),
    ("a disk that says that it wrote, and did not", "pwrite64:retval=1048576:when=1", &["gives back something else", "byte 1048576 is 0xee", "do not use this disk"], false),
];

#[test]
fn a_write_that_fails_leaves_nothing_that_boots_and_can_be_repeated() {
    let (place, _) = built(8 * MIB);
    let disk = Disk::new(&place, "stick");
    disk.write().check("the release of before", 0, &[]);
    let mut entries = Vec::new();
    for (name, fault, words, table) in FAULTS {
        let old = File::options().write(true).open(&disk.node).unwrap();
        // The table of before stays: it must not be believed after a failure.
        old.write_all_at(&vec![0xee; 8 << 20], MIB).unwrap();
        old.sync_all().unwrap();
        drop(old);
        let strace = format!("strace -o trace -e trace=pwrite64,fsync,ioctl -e inject={fault}");
        let line = format!(
            "sealboot write -q {} --fixed-disk --yes-erase {}",
            disk.node,
            disk.name()
        );
        let ran = place.line(&format!("{strace} {line}"));
        ran.check(name, FAILED, &[&[disk.node.as_str()], *words].concat());
        assert_eq!(disk.table().is_ok(), *table, "{name}");
        let mut entry = disk.entry(name, &line, FAILED, &ran);
        // Where it was depends on the holes that the file system makes.
        if let Some((before, after)) = entry.message.split_once("at byte ") {
            let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
            entry.message = format!("{before}at byte N{after}");
        }
        entries.push(entry);
        disk.write().check(name, 0, &["reading back"]);
    }
    document("Disks that fail", &entries);
}

#[test]
fn both_ends_are_cleared_before_anything_is_written() {
    let (place, _) = built(8 * MIB);
    let disk = Disk::new(&place, "stick");
    let line = format!(
        "strace -o trace -e trace=pwrite64 -e inject=pwrite64:error=EIO \
         sealboot write {} --fixed-disk --yes-erase {}",
        disk.node,
        disk.name()
    );
    place
        .line(&line)
        .check("no write works", FAILED, &[INCOMPLETE]);
    let bytes = fs::read(&disk.node).unwrap();
    let (start, end) = (MIB as usize, bytes.len() - MIB as usize);
    assert!(bytes[..start].iter().all(|byte| *byte == 0));
    assert!(bytes[start..end].iter().all(|byte| *byte == 0xee));
    assert!(bytes[end..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_disk_that_keeps_too_little_is_found_out() {
    let (place, size) = built(0);
    tool(
        &place,
        &[
            "sh",
            "-ec",
            "mkdir small; mount -t tmpfs -o size=1m tmpfs small",
        ],
    );
    let _end = Undo(&place, vec!["umount small".to_owned()]);
    // As large as the image, it says, and has place for a mebibyte.
    File::create(place.path("small/stick"))
        .unwrap()
        .set_len(size)
        .unwrap();
    {
        let disk = Disk::new(&place, "small/stick");
        let ran = disk.write();
        ran.check("small", FAILED, &["cannot be written at byte", INCOMPLETE]);
        assert!(disk.table().is_err());
    }
    fs::remove_file(place.path("small/stick")).unwrap();
    let ran = place.sealboot(&["write", "small/new.img"]);
    ran.check(
        "full",
        FAILED,
        &["small/new.img cannot be written at byte", "No space left"],
    );
    assert!(place.files("small").is_empty());
}

/// The command on a terminal, with this typed.
fn typed(place: &Place, words: &str, answer: &str) -> (Option<i32>, String) {
    place.write("typed", format!("{answer}\n"));
    let script = format!("script --quiet --return --command '{SEALBOOT} {words}' log < typed");
    let ran = run(place.command("sh").args(["-c", &script]));
    (ran.code, ran.stdout)
}

#[test]
fn the_name_is_asked_for_on_a_terminal() {
    let (place, _) = built(0);
    let disk = Disk::new(&place, "stick");
    let words = format!("write {} --fixed-disk", disk.node);
    for wrong in ["", "yes", "y", "/dev/loop", &disk.node] {
        let (code, said) = typed(&place, &words, wrong);
        assert_eq!(code, Some(REFUSED), "{wrong:?}: {said}");
        assert!(
            said.contains(&format!("Type {} to go on", disk.name())),
            "{said}"
        );
        assert!(said.contains("nothing was written"), "{said}");
        assert_eq!(fs::read(&disk.node).unwrap()[..512], [0xee; 512]);
    }
    let (code, said) = typed(&place, &words, disk.name());
    assert_eq!(code, Some(0), "{said}");
    assert!(disk.table().is_ok());
    // A file that is there is asked for as well; one that is not there is not.
    let (code, said) = typed(&place, "write stick", "no");
    assert_eq!(
        (code, said.contains("Type stick to go on")),
        (Some(REFUSED), true),
        "{said}"
    );
    place
        .sealboot(&["write", "new.img"])
        .check("new", 0, &["a new file"]);
}

#[test]
fn disks_are_listed_with_what_speaks_against_them() {
    let (place, size) = built(0);
    let disk = Disk::new(&place, "stick");
    let ran = place.sealboot(&["write", "--list"]);
    ran.check("list", 0, &[]);
    let mut lines = ran.stdout.lines();
    assert!(
        lines.any(|line| line.starts_with(&disk.node)),
        "{}",
        ran.stdout
    );
    assert!(
        lines.next().unwrap().contains("--fixed-disk allows it"),
        "{}",
        ran.stdout
    );

    let ran = place.sealboot(&["write", "--list", "--json", "--fixed-disk"]);
    let rows: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let rows = rows.as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["disk"]["name"] == disk.name())
        .unwrap();
    assert_eq!(row["writable"], true, "{row}");
    assert_eq!(row["disk"]["size"], size, "{row}");
    let root = rows.iter().find(|row| row["disk"]["system"] == true);
    assert!(root.is_none_or(|row| row["writable"] == false), "{root:?}");
    assert!(Path::new("/sys/class/block").join(disk.name()).exists());
}
