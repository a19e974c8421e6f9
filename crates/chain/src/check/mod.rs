//! The whole chain, checked offline: certificate → UKI → what its initrd pins → execution policy →
//! manifest → every block of every image; on a disk also partition table, filesystem and enrolment
//! material.
//!
//! Every step is done as far as it can be, whatever broke before: a report names all that is
//! wrong, not the first thing.

mod enrolment;
mod gpt;
mod image;
mod layout;
mod policy;
mod programs;
pub(crate) mod reason;
mod release;
mod sbat;
mod single;
mod slot;
mod systems;
mod uki;

use std::path::Path;

pub use sbat::SbatLevel;

use contract::{esp, out};

use crate::files::Files;
use crate::kind::{Kind, recognise};
use crate::report::{Break, Report, State};
use crate::{Error, Owner, Part, Progress};

/// The check of a signature.
pub(crate) const SIGNED: &str = "signed by the db certificate";

/// The check of an image's data.
pub(crate) const BLOCKS: &str = "data against the hash tree";

/// Bytes read, told to whoever shows progress.
pub(crate) struct Meter<'a> {
    done: u64,
    total: u64,
    tell: Progress<'a>,
}

impl Meter<'_> {
    fn add(&mut self, bytes: u64) {
        self.done += bytes;
        self.total = self.total.max(self.done);
        (self.tell)(self.done, self.total);
    }
}

/// What every check needs.
pub(crate) struct Context<'a, 'b> {
    owner: &'a Owner,
    report: Report,
    meter: &'a mut Meter<'b>,
}

/// The systems of a release, by the manifests in a folder or on a boot partition.
pub(crate) fn systems(files: &mut Files<'_>) -> Vec<Option<String>> {
    systems::names(files)
}

/// Verifies a file, a release folder or a block device.
///
/// # Errors
///
/// Only when it cannot be opened, or is no format that is known here: whatever is wrong with
/// what is in it stands in the report.
pub fn verify(path: &Path, owner: &Owner, progress: Progress<'_>) -> Result<Report, Error> {
    let mut report = examine(path, owner, progress)?;
    // What nothing vouches for does not hold.
    report.holds &= report.count(State::Ok) > 0;
    Ok(report)
}

fn examine(path: &Path, owner: &Owner, progress: Progress<'_>) -> Result<Report, Error> {
    let shown = path.display().to_string();
    let mut meter = Meter {
        done: 0,
        total: 0,
        tell: progress,
    };
    if path.is_dir() {
        return folder(path, &shown, owner, &mut meter);
    }
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let mut part = Part::named(&file, path)?;
    let kind = recognise(&mut part)?;
    meter.total = part.size();
    let mut context = Context {
        owner,
        report: Report::new(&shown, kind, owner),
        meter: &mut meter,
    };
    match kind {
        Kind::Disk => {
            gpt::check(&mut context, &mut part);
        }
        _ => single::check(&mut context, &mut part, kind, path),
    }
    Ok(context.report)
}

/// The release in a build's folder, and the same on the disk image beside it.
fn folder(path: &Path, shown: &str, owner: &Owner, meter: &mut Meter<'_>) -> Result<Report, Error> {
    let unreadable = |source| Error::Read {
        what: shown.to_owned(),
        source,
    };
    // One of them is enough: what is missing beside it is a finding.
    let mut files = Files::Folder(path.to_owned());
    let systems = systems::names(&mut files);
    let ours = [out::UKI, out::DISK, esp::MANIFEST];
    let is_there = |name: &&str| path.join(name).symlink_metadata().is_ok();
    if !ours.iter().any(is_there) && systems == [None] {
        return Err(Error::NotARelease {
            what: shown.to_owned(),
            problem: "none of kernel.efi, disk.img and release.json is in it",
        });
    }
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        meter.total += entry
            .and_then(|e| e.metadata())
            .map_or(0, |metadata| metadata.len());
    }
    let mut context = Context {
        owner,
        report: Report::new(shown, Kind::Folder, owner),
        meter,
    };
    let in_folder = release::check(&mut context, &mut files, &systems);
    let disk = path.join(out::DISK);
    if !disk.exists() {
        return Ok(context.report);
    }
    let mut inner = Context {
        owner,
        report: Report::new(out::DISK, Kind::Disk, owner),
        meter: context.meter,
    };
    let mut pinned = Vec::new();
    match Part::open(&disk) {
        Ok(mut part) => pinned = gpt::check(&mut inner, &mut part),
        Err(error) => {
            let found = Break::of(out::DISK, "it cannot be opened").differs("a disk", error);
            inner.report.failed("disk", "readable", found);
        }
    }
    let what = "the same release as in the folder";
    let whole = |pinned: &[Vec<u8>]| pinned.len() == systems.len();
    if !whole(&in_folder) || pinned.is_empty() {
        let why = "one of the UKIs pins no manifest";
        inner.report.not_checked("release", what, why);
    } else if in_folder == pinned {
        inner.report.ok("release", what, "");
    } else {
        let found = Break::of(out::DISK, "its UKI pins another manifest");
        inner.report.failed("release", what, found);
    }
    let (mut report, inner) = (context.report, inner.report);
    report.append(inner, out::DISK);
    Ok(report)
}
