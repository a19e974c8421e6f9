//! Steps 5 and 6: the boot partition, and that it holds this very release.
//!
//! The stub says which partition the UKI came from (`LoaderDevicePartUUID`). That one is taken
//! as soon as it is complete: its manifest equals the pinned copy, and every file that the
//! manifest names is there in its size. Until then init goes on waiting, whatever else is
//! wrong with it: the right disk may be a slow one. When the time is over, or the stub said
//! nothing, any EFI partition that is complete will do: it holds the same images. Where a partition
//! holds several systems, the manifest's name is that of this one: what the others' files are like
//! does not matter.
//!
//! Copies of one disk have the same GUIDs, so nothing tells which of them the firmware read.
//! The first by name is taken. Every byte is checked all the same, and when one copy turns out
//! to be damaged, [`Search::another`] gives the next.

mod disks;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use contract::{cmdline, esp, running};
use linux::mount::READ_ONLY_DATA;

use crate::failure::Failure;
use crate::firmware::Firmware;
use crate::hardware::Hardware;
use crate::images;
use crate::machine::Machine;
use crate::release::Release;
use disks::{Candidate, candidates, missing};

/// Seconds to wait for the disk when the command line does not say.
const WAIT: u64 = 30;

/// Largest manifest, in bytes.
const LARGEST_MANIFEST: u64 = 1 << 20;

/// How often the screen says what is waited for.
const REMIND: Duration = Duration::from_secs(3);

/// `codepage` and `iocharset` name the two NLS modules that init loads, whatever the kernel's
/// defaults are; nothing here has a name that is not ASCII.
const VFAT_OPTIONS: &str = "codepage=437,iocharset=ascii";

/// The boot partition, mounted.
pub(crate) struct Partition {
    /// `/dev/nvme0n1p1`.
    pub(crate) device: String,
    /// Folder of the manifest and the images.
    pub(crate) release: PathBuf,
}

/// Which candidates may be taken.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    /// The one with this GUID.
    This(&'a str),
    /// Any.
    Any,
}

/// The search for the release on all disks.
pub(crate) struct Search<'a> {
    machine: &'a Machine,
    release: &'a Release,
    firmware: &'a Firmware,
    /// Why the best candidate so far was not taken.
    mismatch: Option<Failure>,
    /// Partitions whose images did not hold what their manifest promised.
    passed_over: Vec<String>,
}

impl<'a> Search<'a> {
    /// Nothing has been looked at yet.
    pub(crate) fn new(machine: &'a Machine, release: &'a Release, firmware: &'a Firmware) -> Self {
        Self {
            machine,
            release,
            firmware,
            mismatch: None,
            passed_over: Vec::new(),
        }
    }

    /// Finds the partition, waits for it where needed, and mounts it read-only.
    pub(crate) fn find(&mut self, hardware: &mut Hardware) -> Result<Partition, Failure> {
        let machine = self.machine;
        machine.step("finding the boot partition");
        let wanted = self.wanted();
        let words = match wanted {
            Wanted::This(guid) => {
                format!("partition {guid}, which this release was started from")
            }
            Wanted::Any => "an EFI partition with this release on it".to_owned(),
        };
        let wait = machine.seconds(cmdline::WAIT, WAIT);
        let start = machine.system.now();
        loop {
            if let Some(partition) = self.look(wanted)? {
                return Ok(partition);
            }
            let waited = machine.system.now().saturating_sub(start);
            let Some(left) = wait.checked_sub(waited).filter(|left| !left.is_zero()) else {
                break;
            };
            if !hardware.follow(left.min(REMIND))? {
                let waited = machine.system.now().saturating_sub(start).as_secs();
                let why = self
                    .mismatch
                    .as_ref()
                    .map(|failure| format!(" (what is there does not fit: {})", failure.problem()));
                machine.say(&format!(
                    "waiting for {words}: {waited} of {} s{}",
                    wait.as_secs(),
                    why.unwrap_or_default()
                ));
            }
        }
        if let Wanted::This(_) = wanted {
            machine.say("it does not come; looking for this release on any EFI partition");
            if let Some(partition) = self.look(Wanted::Any)? {
                return Ok(partition);
            }
        }
        let mismatch = self.mismatch.take();
        Err(mismatch.unwrap_or_else(|| missing(machine, &words, wait, hardware)))
    }

    /// Another partition with this release, because the images of `partition` are not what they
    /// should be: `failure` says why, and is the answer when there is no other.
    pub(crate) fn another(
        &mut self,
        partition: Partition,
        failure: Failure,
    ) -> Result<Partition, Failure> {
        let device = partition.device;
        self.unmount();
        self.passed_over.push(device.clone());
        // The first one's failure is told in the end: it is the disk that was started from.
        let problem = failure.problem().to_owned();
        let first = self.mismatch.take().unwrap_or(failure);
        let found = match self.look(self.wanted())? {
            None => self.look(Wanted::Any)?,
            found => found,
        };
        match found {
            Some(partition) => {
                let other = &partition.device;
                let words = format!("{device} passed over: {problem}; going on with {other}");
                self.machine.say(&words);
                self.mismatch = Some(first);
                Ok(partition)
            }
            None => Err(first),
        }
    }

    fn wanted(&self) -> Wanted<'a> {
        let guid = self.firmware.started_from.as_deref();
        guid.map_or(Wanted::Any, Wanted::This)
    }

    /// Tries every candidate that is there now.
    fn look(&mut self, wanted: Wanted<'_>) -> Result<Option<Partition>, Failure> {
        let mut mismatch = None;
        let all = candidates(self.machine)?;
        for candidate in &all {
            let other = matches!(wanted, Wanted::This(guid) if guid != candidate.guid);
            if other || self.passed_over.contains(&candidate.device) {
                continue;
            }
            match self.take(candidate) {
                Ok(partition) => {
                    self.machine.say(&format!(
                        "boot partition {} ({})",
                        candidate.device, candidate.guid
                    ));
                    self.say_twins(candidate, &all);
                    return Ok(Some(partition));
                }
                Err(failure) => {
                    mismatch.get_or_insert(failure);
                }
            }
        }
        // What is wrong with the partition that was started from counts more than that others
        // hold something else.
        if matches!(wanted, Wanted::This(_)) || self.mismatch.is_none() {
            self.mismatch = mismatch.or(self.mismatch.take());
        }
        Ok(None)
    }

    fn say_twins(&self, taken: &Candidate, all: &[Candidate]) {
        let twins = all.iter().filter(|other| {
            other.guid == taken.guid
                && other.device != taken.device
                && !self.passed_over.contains(&other.device)
        });
        for twin in twins {
            self.machine.say(&format!(
                "{} is a copy of it with the same GUID: not used, unless {} is damaged",
                twin.device, taken.device
            ));
        }
    }

    /// Mounts a candidate and looks whether it holds the whole release. Unmounts what does not.
    fn take(&self, candidate: &Candidate) -> Result<Partition, Failure> {
        let machine = self.machine;
        let device = &candidate.device;
        let place = machine.path(running::PARTITION);
        machine
            .system
            .make_directory(&place)
            .and_then(|()| {
                machine
                    .system
                    .mount(device, &place, "vfat", READ_ONLY_DATA, VFAT_OPTIONS)
            })
            .map_err(|error| {
                let what = format!("the boot partition {device} cannot be mounted");
                Failure::new(what, "check the disk; write the release to it again").because(&error)
            })?;
        let folder = place.join(esp::RELEASE);
        let complete = compare(&folder, device, self.release)
            .and_then(|()| images::present(self.release, self.firmware, &folder));
        match complete {
            Ok(()) => Ok(Partition {
                device: device.clone(),
                release: folder,
            }),
            Err(failure) => {
                self.unmount();
                Err(failure)
            }
        }
    }

    /// If it stays mounted, the next mount covers it.
    fn unmount(&self) {
        let place = self.machine.path(running::PARTITION);
        let _ = self.machine.system.unmount(&place);
    }
}

/// Compares the manifest with the pinned copy, byte by byte.
fn compare(folder: &Path, device: &str, release: &Release) -> Result<(), Failure> {
    let file = esp::manifest_file(release.manifest.system_name());
    let path = format!("{}/{file} on {device}", esp::RELEASE);
    let found = read_small(&folder.join(file), LARGEST_MANIFEST).map_err(|error| {
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
        Ok(other) if other.title() == release.manifest.title() => {
            format!("release {} with other content", other.title())
        }
        Ok(other) => format!("release {}, kernel {}", other.title(), other.kernel),
        Err(error) => format!("not a manifest: {error}"),
    };
    let expected = format!(
        "release {}, the copy inside this UKI, byte for byte",
        release.manifest.title()
    );
    let what = format!("{path} is not the manifest that this UKI was signed with");
    Err(Failure::new(
        what,
        "write the UKI and the images of one release to this disk",
    )
    .differs(expected, found))
}

/// Reads a manifest or a signature from the boot partition, which anybody may have written: no
/// more of it than such a file can be, `largest` bytes.
pub(crate) fn read_small(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(largest + 1)
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 > largest {
        true => Err(io::Error::other(format!(
            "it is larger than {largest} bytes"
        ))),
        false => Ok(bytes),
    }
}
