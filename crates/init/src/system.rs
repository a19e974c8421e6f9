//! Everything that changes the machine or asks the kernel: for real, or rehearsed.

mod kernel;
#[cfg(feature = "rehearsal")]
mod rehearsal;

pub(crate) use kernel::Kernel;
#[cfg(feature = "rehearsal")]
pub(crate) use rehearsal::Rehearsal;

use std::convert::Infallible;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use linux::Error;
use linux::device_mapper::{Health, Verity};
use linux::modules::Loaded;
use linux::mount::Flags;
use linux::process::Program;
use linux::uevent::Heard;

/// An image to be made a dm-verity device.
pub(crate) struct Mapping<'a> {
    /// Device-mapper name.
    pub(crate) name: &'a str,
    /// The image's file, open for reading.
    pub(crate) file: &'a File,
    /// What to map: the devices' names in it are filled in by [`System::map`].
    pub(crate) verity: Verity,
    /// PKCS#7 signature of the root hash, for the kernel to check.
    pub(crate) signature: Option<&'a [u8]>,
}

/// See the module. Paths are those of the machine's files as this program reaches them.
pub(crate) trait System: Send + Sync {
    /// The kernel's command line.
    fn command_line(&self) -> String;
    /// The kernel's version.
    fn kernel_version(&self) -> String;
    /// Writes to every console.
    fn print(&self, text: &str);
    /// Time since some moment before the first call.
    fn now(&self) -> Duration;

    /// Makes a directory and those above it, where missing.
    fn make_directory(&self, path: &Path) -> Result<(), Error> {
        std::fs::create_dir_all(path).map_err(Error::at("cannot make the directory", path))
    }
    /// Mounts.
    fn mount(
        &self,
        source: &str,
        target: &Path,
        kind: &str,
        flags: Flags,
        data: &str,
    ) -> Result<(), Error>;
    /// Unmounts.
    fn unmount(&self, target: &Path) -> Result<(), Error>;
    /// Changes the flags of a mount.
    fn remount(&self, target: &Path, flags: Flags) -> Result<(), Error>;
    /// Moves a mount.
    fn move_mount(&self, from: &Path, to: &Path) -> Result<(), Error>;

    /// Writes to a file that the kernel makes of its settings: all of `content` in one call.
    fn write(&self, path: &Path, content: &[u8]) -> Result<(), Error> {
        let file = File::options().write(true).open(path);
        file.and_then(|mut file| match file.write(content)? {
            written if written == content.len() => Ok(()),
            _ => Err(std::io::ErrorKind::WriteZero.into()),
        })
        .map_err(Error::at("cannot write to", path))
    }
    /// Takes from the program that this one becomes, and from all that it starts, the right to
    /// change what security modules enforce.
    fn give_up_mac_admin(&self) -> Result<(), Error>;

    /// Loads a module.
    fn load_module(&self, file: &Path) -> Result<Loaded, Error>;
    /// Starts to listen to device events: none is missed from here on.
    fn listen(&self) -> Result<(), Error>;
    /// The next device event.
    fn next_event(&self, patience: Duration) -> Result<Heard, Error>;

    /// Starts the watchdog, to restart the machine after so many seconds of silence: in words,
    /// what was started. Nothing when there is none, or it runs already.
    fn start_watchdog(&self, timeout: u32) -> Result<Option<String>, Error>;
    /// Feeds the watchdog if it is `wanted`; `false` when it was stopped.
    fn feed_watchdog(&self, wanted: bool) -> bool;
    /// Stops the watchdog; what a person should know then.
    fn stop_watchdog(&self) -> Result<Option<String>, Error>;

    /// Maps an image; gives the name of the device to mount.
    fn map(&self, mapping: Mapping<'_>) -> Result<String, Error>;
    /// Removes the device of an image that nobody uses.
    fn unmap(&self, name: &str) -> Result<(), Error>;
    /// Opens a mapped image to read all of it, past the page cache when possible.
    fn open_mapped(&self, device: &str) -> Result<File, Error>;
    /// Whether a mapped image has met a wrong block.
    fn health(&self, name: &str) -> Result<Option<Health>, Error>;

    /// Frees what the initramfs holds, makes `root` the root and becomes `program` in it.
    fn hand_over(&self, root: &Path, program: &Program<'_>) -> Result<Infallible, Error>;
    /// Lets a person read the screen.
    fn pause(&self, pause: Duration);
    /// Restarts the machine.
    fn restart(&self) -> !;
}

/// `/dev/mapper/<name>`.
pub(crate) fn mapped_node(name: &str) -> PathBuf {
    Path::new("/dev/mapper").join(name)
}
