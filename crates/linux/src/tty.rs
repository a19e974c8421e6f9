//! Every console that the kernel writes to: screens and serial lines.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::Error;

/// How long one console may refuse what is written to it before it is left behind: a serial
/// line whose other end is switched off must not stop a boot.
const PATIENCE: Duration = Duration::from_secs(2);

/// The consoles that were there when it was opened.
#[derive(Debug, Default)]
pub struct Consoles {
    open: Vec<File>,
}

/// Names of the active consoles (`tty0`, `ttyS0`), from sysfs mounted at `sys`; none when sysfs
/// does not say.
pub fn active(sys: &Path) -> Vec<String> {
    let names = fs::read_to_string(sys.join("class/tty/console/active")).unwrap_or_default();
    names.split_ascii_whitespace().map(str::to_owned).collect()
}

impl Consoles {
    /// Opens the active consoles; `/dev/console` when sysfs names none that opens.
    pub fn open(sys: &Path, dev: &Path) -> Self {
        let open = |name: &str| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags((OFlags::NOCTTY | OFlags::NONBLOCK).bits() as i32)
                .open(dev.join(name))
                .ok()
        };
        let mut files: Vec<File> = active(sys).iter().filter_map(|name| open(name)).collect();
        if files.is_empty() {
            files.extend(open("console"));
        }
        Self { open: files }
    }

    /// Writes to every console. A console that fails is left out: there is nowhere to complain.
    pub fn write(&mut self, text: &str) {
        for file in &mut self.open {
            let _ = write_patiently(file, text.as_bytes());
        }
    }

    /// Waits for a line (Enter) on any console; `false` when none came in `patience`.
    pub fn wait_for_enter(&mut self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        // What was typed before the question is no answer to it.
        for file in &self.open {
            let _ = rustix::termios::tcflush(file, rustix::termios::QueueSelector::IFlush);
        }
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let Ok(timeout) = Timespec::try_from(left) else {
                return false;
            };
            let mut waits: Vec<PollFd<'_>> = self
                .open
                .iter()
                .map(|f| PollFd::new(f, PollFlags::IN))
                .collect();
            let answer = poll(&mut waits, Some(&timeout));
            let ready: Vec<bool> = waits
                .iter()
                .map(|wait| wait.revents().contains(PollFlags::IN))
                .collect();
            let dead: Vec<bool> = waits
                .iter()
                .map(|wait| {
                    wait.revents()
                        .intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL)
                })
                .collect();
            match answer {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return false,
            }
            let mut bytes = [0; 256];
            for (file, _) in self
                .open
                .iter_mut()
                .zip(&ready)
                .filter(|(_, ready)| **ready)
            {
                if file
                    .read(&mut bytes)
                    .is_ok_and(|length| bytes.iter().take(length).any(|b| *b == b'\n'))
                {
                    return true;
                }
            }
            // A line that hung up would wake this loop for ever.
            let mut dead = dead.into_iter();
            self.open.retain(|_| dead.next() != Some(true));
        }
    }
}

/// Opens the terminal called `name` (`ttyS0`) in the folder `dev`, without making it this process's
/// controlling terminal.
pub fn open(dev: &Path, name: &str) -> Result<File, Error> {
    let path = dev.join(name);
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NOCTTY.bits() as i32)
        .open(&path)
        .map_err(Error::at("cannot open the terminal", &path))
}

/// Makes `console` the standard input, output and error of this process.
pub fn take_as_standard_streams(console: &File) -> Result<(), Error> {
    rustix::stdio::dup2_stdin(console)
        .and_then(|()| rustix::stdio::dup2_stdout(console))
        .and_then(|()| rustix::stdio::dup2_stderr(console))
        .map_err(|errno| Error::new("cannot write to", "the console", errno))
}

fn write_patiently(file: &mut File, mut bytes: &[u8]) -> std::io::Result<()> {
    let end = Instant::now() + PATIENCE;
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let left = end.saturating_duration_since(Instant::now());
                let timeout = Timespec::try_from(left).map_err(std::io::Error::other)?;
                if poll(&mut [PollFd::new(file, PollFlags::OUT)], Some(&timeout))? == 0 {
                    return Err(std::io::ErrorKind::TimedOut.into());
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(active: Option<&str>, nodes: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("sys/class/tty/console")).unwrap();
        fs::create_dir_all(root.path().join("dev")).unwrap();
        if let Some(active) = active {
            fs::write(root.path().join("sys/class/tty/console/active"), active).unwrap();
        }
        for node in nodes {
            fs::write(root.path().join("dev").join(node), "").unwrap();
        }
        root
    }

    #[test]
    fn every_active_console_is_written_to() {
        let root = machine(Some("tty0 ttyS0\n"), &["tty0", "ttyS0", "console"]);
        Consoles::open(&root.path().join("sys"), &root.path().join("dev")).write("hello\n");
        let read = |name: &str| fs::read_to_string(root.path().join("dev").join(name)).unwrap();
        assert_eq!(
            (read("tty0"), read("ttyS0")),
            ("hello\n".into(), "hello\n".into())
        );
        assert_eq!(read("console"), "");
    }

    #[test]
    fn the_console_node_stands_in() {
        for active in [None, Some("ttyS9\n")] {
            let root = machine(active, &["console"]);
            Consoles::open(&root.path().join("sys"), &root.path().join("dev")).write("hello\n");
            assert_eq!(
                fs::read_to_string(root.path().join("dev/console")).unwrap(),
                "hello\n"
            );
        }
    }

    #[test]
    fn nobody_presses_enter() {
        assert!(!Consoles::default().wait_for_enter(Duration::from_millis(1)));
    }
}
