//! The machine that this program is PID 1 of.

use std::convert::Infallible;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use linux::device_mapper::{Control, Health};
use linux::modules::Loaded;
use linux::mount::Flags;
use linux::process::Program;
use linux::tty::Consoles;
use linux::uevent::{Heard, Listener};
use linux::watchdog::{self, Watchdog};
use linux::{Error, capability, direct, keyring, loop_device, modules, mount, power};

use super::{Mapping, System, mapped_node};

/// See the module.
#[derive(Default)]
pub(crate) struct Kernel {
    start: OnceLock<Instant>,
    listener: OnceLock<Listener>,
    /// One writer at a time: lines stay whole.
    consoles: Mutex<()>,
    watchdog: Mutex<Option<Watchdog>>,
}

impl System for Kernel {
    fn command_line(&self) -> String {
        fs::read_to_string("/proc/cmdline").unwrap_or_default()
    }

    fn kernel_version(&self) -> String {
        modules::kernel_version()
    }

    fn print(&self, text: &str) {
        // A panic may have happened while somebody wrote: then two writers are fine.
        let _guard = self.consoles.try_lock();
        Consoles::open(Path::new("/sys"), Path::new("/dev")).write(text);
    }

    fn now(&self) -> Duration {
        self.start.get_or_init(Instant::now).elapsed()
    }

    fn mount(
        &self,
        source: &str,
        target: &Path,
        kind: &str,
        flags: Flags,
        data: &str,
    ) -> Result<(), Error> {
        mount::mount(source, target, kind, flags, data)
    }

    fn unmount(&self, target: &Path) -> Result<(), Error> {
        mount::unmount(target)
    }

    fn remount(&self, target: &Path, flags: Flags) -> Result<(), Error> {
        mount::remount(target, flags)
    }

    fn move_mount(&self, from: &Path, to: &Path) -> Result<(), Error> {
        mount::move_to(from, to)
    }

    fn give_up_mac_admin(&self) -> Result<(), Error> {
        capability::give_up_mac_admin()
    }

    fn load_module(&self, file: &Path) -> Result<Loaded, Error> {
        modules::load(file)
    }

    fn listen(&self) -> Result<(), Error> {
        let listener = Listener::open()?;
        self.listener.get_or_init(|| listener);
        Ok(())
    }

    fn next_event(&self, patience: Duration) -> Result<Heard, Error> {
        match self.listener.get() {
            Some(listener) => listener.next(patience),
            None => Ok(Heard::Nothing),
        }
    }

    fn start_watchdog(&self, timeout: u32) -> Result<Option<String>, Error> {
        let Ok(mut running) = self.watchdog.lock() else {
            return Ok(None);
        };
        if running.is_some() {
            return Ok(None);
        }
        *running = watchdog::start(Path::new("/sys"), Path::new("/dev"), timeout)?;
        Ok(running.as_ref().map(|watchdog| {
            let endless = match watchdog.endless {
                true => ", and cannot be stopped",
                false => "",
            };
            format!(
                "{} restarts the machine after {} s of silence{endless}",
                watchdog.identity, watchdog.timeout
            )
        }))
    }

    fn feed_watchdog(&self, wanted: bool) -> bool {
        let Ok(mut running) = self.watchdog.lock() else {
            return false;
        };
        // One that cannot be fed restarts the machine: there is nothing better to do.
        running
            .as_mut()
            .map(|watchdog| wanted.then(|| watchdog.feed()))
            .is_some()
    }

    fn stop_watchdog(&self) -> Result<Option<String>, Error> {
        let running = self
            .watchdog
            .lock()
            .ok()
            .and_then(|mut running| running.take());
        let Some(watchdog) = running else {
            return Ok(None);
        };
        let words = watchdog.endless.then(|| {
            let seconds = watchdog.timeout;
            format!("the watchdog cannot be stopped: the root must feed it within {seconds} s")
        });
        watchdog.stop().map(|()| words)
    }

    fn map(&self, mapping: Mapping<'_>) -> Result<String, Error> {
        let block_size = mapping.verity.block_size;
        let device = loop_device::attach_read_only(mapping.file, mapping.name, block_size)?;
        let mut verity = mapping.verity;
        verity.data_device = device.node.display().to_string();
        verity.hash_device.clone_from(&verity.data_device);
        if let Some(signature) = mapping.signature {
            keyring::add_user_key(mapping.name, signature)?;
            verity.signature_key = Some(mapping.name.to_owned());
        }
        let uuid = format!("sealboot-{}", verity.root_hash);
        let node = Control::open()?.create_verity(mapping.name, &uuid, &verity)?;
        let link = mapped_node(mapping.name);
        // What udev would do. A link of that name can only be left from an earlier try.
        let _ = fs::remove_file(&link);
        symlink(&node, &link).map_err(Error::at("cannot make the link", &link))?;
        Ok(link.display().to_string())
    }

    fn unmap(&self, name: &str) -> Result<(), Error> {
        Control::open()?.remove(name)
    }

    fn open_mapped(&self, device: &str) -> Result<File, Error> {
        direct::open(Path::new(device))
    }

    fn health(&self, name: &str) -> Result<Option<Health>, Error> {
        Control::open()?.health(name)
    }

    fn hand_over(&self, root: &Path, program: &Program<'_>) -> Result<Infallible, Error> {
        free_initramfs(Path::new("/"));
        mount::switch_root(root)?;
        let console = Path::new("/dev/console");
        if let Ok(console) = OpenOptions::new().read(true).write(true).open(console) {
            linux::tty::take_as_standard_streams(&console)?;
        }
        Err(linux::process::exec(program))
    }

    fn pause(&self, pause: Duration) {
        Consoles::open(Path::new("/sys"), Path::new("/dev")).wait_for_enter(pause);
    }

    fn restart(&self) -> ! {
        let error = power::restart();
        self.print(&format!(
            "sealboot: {error}: {}; switch it off\n",
            error.source
        ));
        loop {
            std::thread::park();
        }
    }
}

/// Deletes what the initramfs holds in memory, and nothing that is mounted over it. Only when
/// `/` is an initramfs; what cannot be deleted stays.
fn free_initramfs(root: &Path) {
    if !mount::is_memory(root) {
        return;
    }
    let Ok(device) = fs::metadata(root).map(|metadata| metadata.dev()) else {
        return;
    };
    empty(root, device);
}

fn empty(folder: &Path, device: u64) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            continue;
        };
        if metadata.dev() != device {
            continue;
        }
        if metadata.is_dir() {
            empty(&path, device);
            let _ = fs::remove_dir(&path);
        } else {
            let _ = fs::remove_file(&path);
        }
    }
}
