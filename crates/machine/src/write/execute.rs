//! [`Plan`] → target, then target → compared with the plan.
//!
//! A disk: both ends zeroed; everything but the first MiB written and read back, past the page
//! cache; then the first MiB in the same way. A file: a new one beside it, with holes, read back and
//! then renamed over it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use linux::direct::Buffer;
use rustix::io::Errno;

use super::EDGE;
use super::error::{Error, State};
use super::hold::{Held, Medium};
use super::plan::{Plan, Region};
use super::target::Target;
use crate::disk::{self, Device};

/// How much is written or read at once, in bytes.
const CHUNK: usize = 4 << 20;

/// How much is made zero at once, in bytes: between two looks at whether to stop.
const ZERO_CHUNK: u64 = 64 << 20;

/// What the caller sees and says while it runs.
pub struct Watch<'a> {
    /// Told of the stage, and how many bytes of how many are done.
    pub progress: &'a dyn Fn(Stage, u64, u64),
    /// Asked between two chunks.
    pub stop: &'a dyn Fn() -> bool,
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Writing.
    Write,
    /// Reading back.
    Check,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Bytes written that are no holes.
    pub written: u64,
    /// Bytes read back and compared.
    pub checked: u64,
    /// Whether the kernel now shows the new partitions: it does not while an old one is in use.
    pub partitions_shown: bool,
}

/// Writes the plan to the target that is held, and reads it back.
///
/// # Errors
///
/// See [`Error`]: each says where it stopped and what the target is now.
pub fn execute(held: Held<'_>, watch: &Watch<'_>) -> Result<Done, Error> {
    let mut writer = Writer {
        plan: held.plan,
        root: held.root,
        file: match &held.medium {
            Medium::Disk(file) => file,
            Medium::File(file, _) => file.as_file(),
        },
        buffer: Buffer::new(CHUNK),
        other: Buffer::new(CHUNK),
        watch,
        sealed: false,
        done: 0,
        total: 0,
    };
    let (written, checked) = writer.run()?;
    let mut partitions_shown = false;
    match held.medium {
        Medium::Disk(disk) => partitions_shown = linux::disk::reread_partitions(&disk).is_ok(),
        Medium::File(file, place) => {
            let trouble = |state, source| Error::Sync {
                path: held.plan.target.path().to_owned(),
                state,
                source,
            };
            file.persist(&place)
                .map_err(|error| trouble(State::Untouched, error.error))?;
            let folder = place.parent().filter(|folder| *folder != Path::new(""));
            let folder = File::open(folder.unwrap_or(Path::new(".")));
            folder
                .and_then(|folder| folder.sync_all())
                .map_err(|error| trouble(State::Unchecked, error))?;
        }
    }
    Ok(Done {
        written,
        checked,
        partitions_shown,
    })
}

struct Writer<'a> {
    plan: &'a Plan,
    root: &'a Path,
    file: &'a File,
    buffer: Buffer,
    /// What is read back, to be compared with `buffer`.
    other: Buffer,
    watch: &'a Watch<'a>,
    /// The start of the disk is written: firmware would find what is on it.
    sealed: bool,
    done: u64,
    total: u64,
}

impl Writer<'_> {
    fn is_disk(&self) -> bool {
        matches!(self.plan.target, Target::Disk { .. })
    }

    /// The whole of it; how many bytes were written that are no holes, and how many read back.
    fn run(&mut self) -> Result<(u64, u64), Error> {
        let (head, body) = (self.plan.head(), self.plan.body());
        let bytes = |regions: &[Region], holes: bool| {
            let counted = regions.iter().filter(|region| holes || !region.hole);
            counted.map(|region| region.end - region.start).sum::<u64>()
        };
        let (data, all) = (bytes(&body, false), bytes(&body, true));
        self.clear_ends()?;
        (self.done, self.total) = (0, data);
        for region in &body {
            match region.hole {
                false => self.copy(*region)?,
                // A new file is zero by itself.
                true if self.is_disk() => self.zero(region.start, region.end)?,
                true => {}
            }
        }
        self.sync()?;
        (self.done, self.total) = (0, all);
        for region in &body {
            self.check(*region)?;
        }
        // All the rest is there and sound: now it may be found.
        (self.done, self.total) = (0, 0);
        self.sealed = true;
        self.copy(head)?;
        self.sync()?;
        self.check(head)?;
        let ends = head.end - head.start;
        Ok((data + ends, all + ends))
    }

    /// Makes both ends of a disk zero: whatever a later failure leaves behind is then no disk that
    /// anybody believes. Gives a file its size.
    fn clear_ends(&mut self) -> Result<(), Error> {
        let size = self.plan.size;
        if !self.is_disk() {
            let sized = self.file.set_len(size);
            return sized.map_err(|error| self.write_error(size, error));
        }
        self.zero(0, EDGE.min(size))?;
        self.zero(size.saturating_sub(EDGE), size)?;
        self.sync()
    }

    fn copy(&mut self, region: Region) -> Result<(), Error> {
        let mut at = region.start;
        while at < region.end {
            self.go_on()?;
            let length = (region.end - at).min(CHUNK as u64) as usize;
            let bytes = self.buffer.bytes(length);
            let read = self.plan.content(at, bytes);
            read.map_err(|source| self.read_image_error(at, source))?;
            self.write_at(at, length)?;
            at += length as u64;
            self.advance(Stage::Write, length);
        }
        Ok(())
    }

    /// Writes the buffer's first `length` bytes; an error names the byte where it stopped.
    fn write_at(&mut self, start: u64, length: usize) -> Result<(), Error> {
        let mut done = 0;
        while done < length {
            let rest = self.buffer.bytes(length).get(done..).unwrap_or_default();
            let at = start + done as u64;
            match self.file.write_at(rest, at) {
                Ok(0) => return Err(self.write_error(at, io::ErrorKind::WriteZero.into())),
                Ok(written) => done += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => self.go_on()?,
                Err(error) => return Err(self.write_error(at, error)),
            }
        }
        Ok(())
    }

    /// Makes a part of a disk zero.
    fn zero(&mut self, start: u64, end: u64) -> Result<(), Error> {
        let mut at = start;
        while at < end {
            self.go_on()?;
            let length = (end - at).min(ZERO_CHUNK);
            if let Err(error) = linux::disk::zero_out(self.file, at, length) {
                let errno = error.raw_os_error().map(Errno::from_raw_os_error);
                if !matches!(errno, Some(Errno::NOTTY | Errno::OPNOTSUPP | Errno::INVAL)) {
                    return Err(self.write_error(at, error));
                }
                self.write_zeroes(at, length)?;
            }
            at += length;
        }
        Ok(())
    }

    fn write_zeroes(&mut self, start: u64, length: u64) -> Result<(), Error> {
        let mut at = start;
        while at < start + length {
            self.go_on()?;
            let chunk = (start + length - at).min(CHUNK as u64) as usize;
            self.buffer.bytes(chunk).fill(0);
            self.write_at(at, chunk)?;
            at += chunk as u64;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Error> {
        self.file.sync_all().map_err(|source| Error::Sync {
            path: self.path(),
            state: self.state(),
            source,
        })
    }

    /// Reads a region back, and compares it.
    fn check(&mut self, region: Region) -> Result<(), Error> {
        // A disk is read past the cache anyway; for a file this is all that can be done.
        let _ = linux::disk::forget_cached(self.file);
        let mut at = region.start;
        while at < region.end {
            self.go_on()?;
            let length = (region.end - at).min(CHUNK as u64) as usize;
            self.compare(at, length)?;
            at += length as u64;
            self.advance(Stage::Check, length);
        }
        Ok(())
    }

    fn advance(&mut self, stage: Stage, length: usize) {
        // The start of the disk is no stage of its own.
        if !self.sealed {
            self.done += length as u64;
            (self.watch.progress)(stage, self.done, self.total);
        }
    }

    fn compare(&mut self, at: u64, length: usize) -> Result<(), Error> {
        let expected = self.buffer.bytes(length);
        let read = self.plan.content(at, expected);
        read.map_err(|source| self.read_image_error(at, source))?;
        let read = self.other.read(self.file, at, length).map(|_| ());
        read.map_err(|source| Error::ReadBack {
            path: self.path(),
            offset: at,
            state: self.state(),
            source,
        })?;
        let (expected, found) = (self.buffer.bytes(length), self.other.bytes(length));
        if expected == found {
            return Ok(());
        }
        let mut pairs = (at..).zip(expected.iter().zip(found.iter()));
        match pairs.find(|(_, (expected, found))| expected != found) {
            None => Ok(()),
            Some((offset, (expected, found))) => Err(Error::Differs {
                path: self.plan.target.path().to_owned(),
                offset,
                expected: *expected,
                found: *found,
                state: match self.plan.target {
                    Target::Disk { .. } => State::Bad,
                    Target::File { .. } => State::Untouched,
                },
            }),
        }
    }

    fn go_on(&self) -> Result<(), Error> {
        match (self.watch.stop)() {
            false => Ok(()),
            true => Err(Error::Interrupted {
                path: self.path(),
                state: self.state(),
            }),
        }
    }

    fn path(&self) -> PathBuf {
        self.plan.target.path().to_owned()
    }

    fn state(&self) -> State {
        state(self.root, &self.plan.target, self.sealed)
    }

    fn write_error(&self, offset: u64, source: io::Error) -> Error {
        Error::Write {
            path: self.path(),
            offset,
            state: self.state(),
            source,
        }
    }

    fn read_image_error(&self, offset: u64, source: io::Error) -> Error {
        Error::ReadImage {
            path: self.plan.image.path().to_owned(),
            offset,
            state: self.state(),
            source,
        }
    }
}

/// What the target is when writing to it ends now; `sealed` says that the start of the disk was
/// written.
pub(super) fn state(root: &Path, target: &Target, sealed: bool) -> State {
    let Target::Disk { disk, .. } = target else {
        return State::Untouched;
    };
    match disk::named(root, &disk.name) {
        Ok(Some(Device::Disk(now))) if now.size == disk.size && now.sequence == disk.sequence => {
            match sealed {
                false => State::Incomplete,
                true => State::Unchecked,
            }
        }
        _ => State::Gone,
    }
}
