//! A folder that is taken for a machine: what would be done is said, in order, on standard output.
//!
//! - `mounted/<name>` stands for what is on the device `<name>`: mounting it puts a link there.
//! - `dev/<disk>` is an ordinary file with a disk's content.
//! - `events` has one modalias a line, as if the kernel told them one after the other.
//! - `later/<seconds>/` has what appears in `sys/class/block` after so many seconds of waiting.
//! - `refused` has one module, device, image's file or program a line that the "kernel" refuses,
//!   each with an error number: `kernel/fs/fat/vfat.ko 8`, `vda1/sealboot/root.squashfs 5`.
//! - `watchdog` is what the machine's watchdog calls itself.
//! - `kernel-version` is what `uname -r` says.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use linux::Error;
use linux::device_mapper::Health;
use linux::modules::Loaded;
use linux::mount::Flags;
use linux::process::Program;
use linux::uevent::{Heard, Uevent};

use super::{Mapping, System};

/// See the module.
pub(crate) struct Rehearsal {
    root: PathBuf,
    command_line: String,
    /// A clock that runs only while something is waited for.
    now: Mutex<Duration>,
    events: Mutex<Vec<Uevent>>,
    refused: Vec<(String, i32)>,
    watched: AtomicBool,
}

impl Rehearsal {
    /// A rehearsal in the folder `root`.
    pub(crate) fn new(root: PathBuf, command_line: String) -> Self {
        let lines = |name: &str| fs::read_to_string(root.join(name)).unwrap_or_default();
        let events = lines("events")
            .lines()
            .rev()
            .map(|line| event_of("MODALIAS", line))
            .collect();
        let refused = lines("refused")
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter_map(|(name, errno)| Some((name.to_owned(), errno.parse().ok()?)))
            .collect();
        Self {
            command_line,
            now: Mutex::default(),
            events: Mutex::new(events),
            refused,
            watched: AtomicBool::new(false),
            root,
        }
    }

    fn would(&self, what: &str) {
        println!("would {}", what.replace(&*self.root.to_string_lossy(), ""));
    }

    /// Lets the next disks appear that come up to second `end`; the second at which they came.
    fn appears(&self, end: u64) -> Option<u64> {
        let seconds = fs::read_dir(self.root.join("later")).ok()?.flatten();
        let seconds = seconds.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let second: u64 = seconds.min().filter(|second| *second <= end)?;
        let folder = self.root.join("later").join(second.to_string());
        for entry in fs::read_dir(&folder).ok()?.flatten() {
            let to = self.root.join("sys/class/block").join(entry.file_name());
            fs::rename(entry.path(), to).ok()?;
        }
        fs::remove_dir(folder).ok()?;
        Some(second)
    }

    fn allow(&self, action: &'static str, object: &str) -> Result<(), Error> {
        let found = self
            .refused
            .iter()
            .find(|(name, _)| object.ends_with(name.as_str()));
        match found {
            Some((_, errno)) => Err(Error::new(
                action,
                object,
                io::Error::from_raw_os_error(*errno),
            )),
            None => Ok(()),
        }
    }
}

fn flag_words(flags: Flags) -> Vec<&'static str> {
    let words = [
        (Flags::RDONLY, "ro"),
        (Flags::NOSUID, "nosuid"),
        (Flags::NODEV, "nodev"),
        (Flags::NOEXEC, "noexec"),
    ];
    let set = words.iter().filter(|(flag, _)| flags.contains(*flag));
    set.map(|(_, word)| *word).collect()
}

fn event_of(key: &str, value: &str) -> Uevent {
    Uevent {
        action: "add".to_owned(),
        device: "/devices/rehearsed".to_owned(),
        words: BTreeMap::from([(key.to_owned(), value.to_owned())]),
    }
}

impl System for Rehearsal {
    fn command_line(&self) -> String {
        self.command_line.clone()
    }

    fn kernel_version(&self) -> String {
        let version = fs::read_to_string(self.root.join("kernel-version"));
        version.unwrap_or_default().trim().to_owned()
    }

    fn print(&self, text: &str) {
        print!("{text}");
    }

    fn now(&self) -> Duration {
        self.now.lock().map(|now| *now).unwrap_or_default()
    }

    fn mount(
        &self,
        source: &str,
        target: &Path,
        kind: &str,
        flags: Flags,
        data: &str,
    ) -> Result<(), Error> {
        let options = [&flag_words(flags)[..], &[data]].concat();
        let options: Vec<&str> = options
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect();
        let shown = fs::read_link(target).unwrap_or_else(|_| target.to_owned());
        self.would(&format!(
            "mount {source} at {} ({kind} {})",
            shown.display(),
            options.join(",")
        ));
        self.allow("cannot mount", source)?;
        let name = Path::new(source).file_name().unwrap_or_default();
        let content = self.root.join("mounted").join(name);
        if content.is_dir() && target.is_dir() && !target.starts_with("/proc") {
            let _ = fs::remove_dir(target);
            symlink(content, target).map_err(Error::at("cannot rehearse a mount at", target))?;
        }
        Ok(())
    }

    fn unmount(&self, target: &Path) -> Result<(), Error> {
        self.would(&format!("unmount {}", target.display()));
        let _ = fs::remove_file(target);
        self.make_directory(target)
    }

    fn remount(&self, target: &Path, flags: Flags) -> Result<(), Error> {
        let options = flag_words(flags).join(",");
        self.would(&format!("remount {} with {options}", target.display()));
        self.allow("cannot change the mount at", &target.display().to_string())
    }

    fn move_mount(&self, from: &Path, to: &Path) -> Result<(), Error> {
        let shown = fs::read_link(to).unwrap_or_else(|_| to.to_owned());
        self.would(&format!("move {} to {}", from.display(), shown.display()));
        Ok(())
    }

    fn write(&self, path: &Path, content: &[u8]) -> Result<(), Error> {
        let shown = String::from_utf8_lossy(content);
        self.would(&format!("write {shown} to {}", path.display()));
        self.allow("cannot write to", &path.display().to_string())?;
        // What is not there in the folder is there in the kernel, and cannot be read back.
        match path.exists() {
            true => fs::write(path, content).map_err(Error::at("cannot write to", path)),
            false => Ok(()),
        }
    }

    fn give_up_mac_admin(&self) -> Result<(), Error> {
        self.would("give up CAP_MAC_ADMIN");
        self.allow("cannot give up", "CAP_MAC_ADMIN")
    }

    fn load_module(&self, file: &Path) -> Result<Loaded, Error> {
        self.would(&format!("load {}", file.display()));
        self.allow("the kernel refuses the module", &file.display().to_string())?;
        Ok(Loaded::Now)
    }

    fn listen(&self) -> Result<(), Error> {
        self.would("listen to device events");
        Ok(())
    }

    fn next_event(&self, patience: Duration) -> Result<Heard, Error> {
        let event = self.events.lock().ok().and_then(|mut events| events.pop());
        if let Some(event) = event {
            return Ok(Heard::Event(event));
        }
        let Ok(mut now) = self.now.lock() else {
            return Ok(Heard::Nothing);
        };
        let end = now.saturating_add(patience);
        match self.appears(end.as_secs()) {
            Some(second) => {
                *now = Duration::from_secs(second).max(*now);
                Ok(Heard::Event(event_of("SUBSYSTEM", "block")))
            }
            None => {
                *now = end;
                Ok(Heard::Nothing)
            }
        }
    }

    fn start_watchdog(&self, timeout: u32) -> Result<Option<String>, Error> {
        let Ok(identity) = fs::read_to_string(self.root.join("watchdog")) else {
            return Ok(None);
        };
        self.allow("cannot start", "watchdog")?;
        match self.watched.swap(true, Ordering::Relaxed) {
            true => Ok(None),
            false => Ok(Some(format!("{identity} after {timeout} s"))),
        }
    }

    /// A rehearsal is over before a watchdog is hungry.
    fn feed_watchdog(&self, _: bool) -> bool {
        false
    }

    fn stop_watchdog(&self) -> Result<Option<String>, Error> {
        if self.watched.load(Ordering::Relaxed) {
            self.would("stop the watchdog");
        }
        Ok(None)
    }

    fn map(&self, mapping: Mapping<'_>) -> Result<String, Error> {
        let signature = mapping
            .signature
            .map_or("no signature".to_owned(), |bytes| {
                format!("signature of {} bytes", bytes.len())
            });
        self.would(&format!(
            "map {} as {} with {signature}",
            mapping.name,
            mapping.verity.parameters()
        ));
        self.allow("cannot load the table of", mapping.name)?;
        let open = format!("/proc/self/fd/{}", mapping.file.as_raw_fd());
        let file = fs::read_link(open).unwrap_or_default();
        self.allow("cannot read", &file.to_string_lossy())?;
        Ok(format!("/dev/mapper/{}", mapping.name))
    }

    fn unmap(&self, name: &str) -> Result<(), Error> {
        self.would(&format!("unmap {name}"));
        Ok(())
    }

    fn open_mapped(&self, device: &str) -> Result<File, Error> {
        self.would(&format!("read {device}"));
        let path = self.root.join(device.trim_start_matches('/'));
        File::open(&path).map_err(Error::at("cannot open", &path))
    }

    fn health(&self, _: &str) -> Result<Option<Health>, Error> {
        Ok(Some(Health::Verified))
    }

    fn hand_over(&self, root: &Path, program: &Program<'_>) -> Result<Infallible, Error> {
        let Program {
            path,
            arguments,
            environment,
            directory,
            user: (user, group, groups),
        } = program;
        if (*directory, *user) != ("/", 0) || !environment.is_empty() {
            let environment = environment.join(" ");
            self.would(&format!(
                "be user {user}:{group} {groups:?} in {directory} with {environment}"
            ));
        }
        let (arguments, root) = (arguments.join(" "), root.display());
        self.would(&format!("start {path} {arguments} in {root}"));
        self.allow("cannot start", path)?;
        std::process::exit(0)
    }

    fn pause(&self, pause: Duration) {
        self.would(&format!("wait {} seconds", pause.as_secs()));
    }

    fn restart(&self) -> ! {
        self.would("restart");
        std::process::exit(1)
    }
}
