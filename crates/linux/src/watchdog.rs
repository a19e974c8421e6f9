//! The hardware watchdog: restarts the machine when nobody has spoken to it for a while (kernel:
//! `Documentation/watchdog/watchdog-api.rst`, `include/uapi/linux/watchdog.h`).

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

use crate::Error;

const WDIOC_SETTIMEOUT: Opcode = opcode::read_write::<i32>(b'W', 6);

/// A watchdog that runs.
#[derive(Debug)]
pub struct Watchdog {
    file: File,
    /// What the driver calls it; empty when it does not say.
    pub identity: String,
    /// After so many seconds of silence it restarts the machine.
    pub timeout: u32,
    /// It cannot be stopped once it runs (`nowayout`).
    pub endless: bool,
}

/// Starts the first watchdog of the machine with sysfs at `sys` and devices at `dev`; `None` when
/// it has none. `timeout` are the seconds that are wanted; a driver that has no such time keeps
/// its own.
pub fn start(sys: &Path, dev: &Path, timeout: u32) -> Result<Option<Watchdog>, Error> {
    let path = dev.join("watchdog");
    let file = match OpenOptions::new().write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::at("cannot start", &path)(error)),
    };
    let mut granted = i32::try_from(timeout).unwrap_or(i32::MAX);
    // SAFETY: WDIOC_SETTIMEOUT reads an `int` through its pointer and writes the time that was
    // set back to it; `Updater` keeps the borrow of that `i32` during the call, and any value
    // may come back.
    let set = unsafe { ioctl(&file, Updater::<WDIOC_SETTIMEOUT, i32>::new(&mut granted)) };
    let told = |name: &str| {
        let text = fs::read_to_string(sys.join("class/watchdog/watchdog0").join(name));
        text.unwrap_or_default().trim().to_owned()
    };
    if set.is_err() {
        granted = told("timeout").parse().unwrap_or_default();
    }
    Ok(Some(Watchdog {
        identity: told("identity"),
        timeout: u32::try_from(granted).unwrap_or_default(),
        endless: told("nowayout") == "1",
        file,
    }))
}

impl Watchdog {
    /// Speaks to it: it starts to count again.
    pub fn feed(&mut self) -> Result<(), Error> {
        self.write(b"\0")
    }

    /// Stops it: by the letter that says that the end is meant. One that is
    /// [`Watchdog::endless`] goes on.
    pub fn stop(mut self) -> Result<(), Error> {
        self.write(b"V")
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.file.write_all(bytes);
        written.map_err(|error| Error::new("cannot speak to", "the watchdog", error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_one_is_none() {
        let root = tempfile::tempdir().unwrap();
        assert!(start(root.path(), root.path(), 60).unwrap().is_none());
    }

    #[test]
    fn it_is_fed_and_stopped_by_its_letter() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("class/watchdog/watchdog0");
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in [
            ("identity", "iTCO_wdt\n"),
            ("timeout", "30\n"),
            ("nowayout", "1\n"),
        ] {
            fs::write(folder.join(name), text).unwrap();
        }
        fs::write(root.path().join("watchdog"), "").unwrap();
        let mut watchdog = start(root.path(), root.path(), 60).unwrap().unwrap();
        // A file refuses the call, so the driver's own time counts.
        assert_eq!((&*watchdog.identity, watchdog.timeout), ("iTCO_wdt", 30));
        assert!(watchdog.endless);
        watchdog.feed().unwrap();
        watchdog.stop().unwrap();
        assert_eq!(fs::read(root.path().join("watchdog")).unwrap(), b"\0V");
    }

    #[test]
    fn the_opcode_is_that_of_the_kernel() {
        assert_eq!(WDIOC_SETTIMEOUT, 0xc004_5706);
    }
}
