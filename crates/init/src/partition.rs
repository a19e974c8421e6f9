//! Steps 5 and 6: the boot partition, and that it holds this very release.
//!
//! The stub says which partition the UKI came from (`LoaderDevicePartUUID`). When it says
//! nothing, or that partition does not come, any EFI partition whose manifest equals the pinned
//! copy will do: it holds the same images, and each of them is checked all the same.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use contract::{cmdline, esp, running};
use formats::gpt::{self, SectorSize};
use linux::block::{self, BlockDevice, Kind};
use linux::mount::READ_ONLY_DATA;

use crate::failure::Failure;
use crate::firmware::Firmware;
use crate::hardware::Hardware;
use crate::machine::Machine;
use crate::release::Release;

/// Seconds to wait for the disk when the command line does not say.
const WAIT: u64 = 30;

/// Largest manifest or signature, in bytes.
const LARGEST: u64 = 1 << 20;

/// How often the screen says what is waited for.
const REMIND: Duration = Duration::from_secs(3);

/// `codepage` and `iocharset` name the two NLS modules that init loads, whatever the kernel's
/// defaults are; nothing here has a name that is not ASCII.
const VFAT_OPTIONS: &str = "codepage=437,iocharset=ascii";

/// The boot partition, mounted.
pub(crate) struct Partition {
    /// Folder of the manifest and the images.
    pub(crate) release: PathBuf,
}

/// An EFI partition of some disk.
struct Candidate {
    /// `nvme0n1p1`.
    device: String,
    /// Lower case.
    guid: String,
}

/// Which candidates may be taken.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    /// The one with this GUID.
    This(&'a str),
    /// Any.
    Any,
}

/// Finds the partition, mounts it read-only and compares its manifest with the pinned copy.
pub(crate) fn find(
    machine: &Machine,
    release: &Release,
    firmware: &Firmware,
    hardware: &mut Hardware,
) -> Result<Partition, Failure> {
    machine.step("finding the boot partition");
    let wanted = firmware
        .started_from
        .as_deref()
        .map_or(Wanted::Any, Wanted::This);
    let words = match wanted {
        Wanted::This(guid) => format!("partition {guid}, which this release was started from"),
        Wanted::Any => "an EFI partition with this release on it".to_owned(),
    };
    let wait = machine.seconds(cmdline::WAIT, WAIT);
    let start = machine.system.now();
    let mut search = Search {
        machine,
        release,
        mismatch: None,
    };
    loop {
        if let Some(partition) = search.look(wanted)? {
            return Ok(partition);
        }
        // The partition that the firmware named is there and holds another release: no use to wait.
        if matches!(wanted, Wanted::This(_))
            && let Some(failure) = search.mismatch.take()
        {
            return Err(failure);
        }
        let waited = machine.system.now().saturating_sub(start);
        let Some(left) = wait.checked_sub(waited).filter(|left| !left.is_zero()) else {
            break;
        };
        if !hardware.follow(left.min(REMIND))? {
            let waited = machine.system.now().saturating_sub(start).as_secs();
            machine.say(&format!(
                "waiting for {words}: {waited} of {} s",
                wait.as_secs()
            ));
        }
    }
    if let Wanted::This(_) = wanted {
        machine.say("it does not come; looking for this release on any EFI partition");
        if let Some(partition) = search.look(Wanted::Any)? {
            return Ok(partition);
        }
    }
    let mismatch = search.mismatch.take();
    Err(mismatch.unwrap_or_else(|| missing(machine, &words, wait, hardware)))
}

struct Search<'a> {
    machine: &'a Machine,
    release: &'a Release,
    /// The last candidate that held something else.
    mismatch: Option<Failure>,
}

impl Search<'_> {
    /// Tries every candidate that is there now.
    fn look(&mut self, wanted: Wanted<'_>) -> Result<Option<Partition>, Failure> {
        for candidate in candidates(self.machine)? {
            if matches!(wanted, Wanted::This(guid) if guid != candidate.guid) {
                continue;
            }
            match self.take(&candidate) {
                Ok(partition) => return Ok(Some(partition)),
                Err(failure) => self.mismatch = Some(failure),
            }
        }
        Ok(None)
    }

    /// Mounts a candidate and compares its manifest, byte by byte. Unmounts what is not it.
    fn take(&self, candidate: &Candidate) -> Result<Partition, Failure> {
        let machine = self.machine;
        let device = format!("/dev/{}", candidate.device);
        let place = machine.path(running::PARTITION);
        machine
            .system
            .make_directory(&place)
            .and_then(|()| {
                machine
                    .system
                    .mount(&device, &place, "vfat", READ_ONLY_DATA, VFAT_OPTIONS)
            })
            .map_err(|error| {
                let what = format!("the boot partition {device} cannot be mounted");
                Failure::new(what, "check the disk; write the release to it again").because(&error)
            })?;
        let folder = place.join(esp::RELEASE);
        match compare(&folder, &device, self.release) {
            Ok(()) => {
                machine.say(&format!("boot partition {device} ({})", candidate.guid));
                Ok(Partition { release: folder })
            }
            Err(failure) => {
                // If it stays mounted, the next mount covers it.
                let _ = machine.system.unmount(&place);
                Err(failure)
            }
        }
    }
}

fn compare(folder: &Path, device: &str, release: &Release) -> Result<(), Failure> {
    let path = format!("{}/{} on {device}", esp::RELEASE, esp::MANIFEST);
    let found = read_small(&folder.join(esp::MANIFEST)).map_err(|error| {
        Failure::new(
            format!("{path} cannot be read"),
            "write the release to this disk again",
        )
        .because(&error)
    })?;
    if found == release.bytes {
        return Ok(());
    }
    let found = match contract::manifest::Manifest::from_json(&found) {
        Ok(other) if other.version == release.manifest.version => {
            format!("release {} with other content", other.version)
        }
        Ok(other) => format!("release {}, kernel {}", other.version, other.kernel),
        Err(error) => format!("not a manifest: {error}"),
    };
    let expected = format!(
        "release {}, the copy inside this UKI, byte for byte",
        release.manifest.version
    );
    let what = format!("{path} is not the manifest that this UKI was signed with");
    Err(Failure::new(
        what,
        "write the UKI and the images of one release to this disk",
    )
    .differs(expected, found))
}

/// Reads a manifest or a signature from the boot partition, which anybody may have written: no
/// more of it than such a file can be.
pub(crate) fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LARGEST {
        true => Err(io::Error::other(format!(
            "it is larger than {LARGEST} bytes"
        ))),
        false => Ok(bytes),
    }
}

/// The EFI partitions of all disks that are there now. A disk without a table that can be read
/// has none.
fn candidates(machine: &Machine) -> Result<Vec<Candidate>, Failure> {
    let devices = block::list(&machine.path("/sys")).map_err(|error| {
        Failure::new("the disks cannot be listed", "start again").because(&error)
    })?;
    let disks = devices.iter().filter(|device| device.kind == Kind::Disk);
    Ok(disks
        .flat_map(|disk| on_disk(machine, disk, &devices))
        .collect())
}

fn on_disk(machine: &Machine, disk: &BlockDevice, devices: &[BlockDevice]) -> Vec<Candidate> {
    let partitions = table(machine, disk)
        .map(|table| table.partitions)
        .unwrap_or_default();
    let efi = partitions
        .into_iter()
        .filter(|partition| partition.type_guid == esp::PARTITION_TYPE);
    efi.filter_map(|partition| {
        let kind = Kind::Partition {
            disk: disk.name.clone(),
            number: partition.number,
        };
        let device = devices.iter().find(|device| device.kind == kind)?;
        Some(Candidate {
            device: device.name.clone(),
            guid: partition.guid.to_string(),
        })
    })
    .collect()
}

fn table(machine: &Machine, disk: &BlockDevice) -> Result<gpt::Table, String> {
    let sector_size = match disk.block_size {
        512 => SectorSize::B512,
        4096 => SectorSize::B4096,
        other => return Err(format!("it has sectors of {other} bytes")),
    };
    let node = block::node(&machine.path("/"), &disk.name);
    let mut file = File::open(node).map_err(|error| error.to_string())?;
    gpt::read(&mut file, sector_size).map_err(|error| error.to_string())
}

fn missing(machine: &Machine, words: &str, wait: Duration, hardware: &Hardware) -> Failure {
    let devices = block::list(&machine.path("/sys")).unwrap_or_default();
    let mut found: Vec<String> = Vec::new();
    for disk in devices.iter().filter(|device| device.kind == Kind::Disk) {
        let on_it = match table(machine, disk) {
            Ok(table) => {
                let efi = on_disk(machine, disk, &devices);
                format!(
                    "{} partition(s), {} of them EFI",
                    table.partitions.len(),
                    efi.len()
                )
            }
            Err(reason) => reason,
        };
        found.push(format!("{} of {} MiB: {on_it}", disk.name, disk.size >> 20));
    }
    if found.is_empty() {
        found.push("no disk at all".to_owned());
    }
    if !hardware.refused().is_empty() {
        found.push(format!(
            "modules that were refused: {}",
            hardware.refused().join(", ")
        ));
    }
    let what = format!(
        "the disk to start from did not appear in {} seconds",
        wait.as_secs()
    );
    let next =
        "check its cable or plug; a slow disk needs a larger sealboot.wait= on the command line";
    Failure::new(what, next).differs(words, found.join("; "))
}
