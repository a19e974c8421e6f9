//! The running system → [`Status`].

use std::fs;
use std::path::{Path, PathBuf};

use contract::failure::Failure;
use contract::manifest::Manifest;
use contract::recovery::{HOST_KEY_PUBLIC, SETTINGS, Settings};
use contract::{lockdown, running};
use formats::efivars::{self, SECURE_BOOT, SETUP_MODE, Variable};
use formats::ssh_public_key::PublicKey;
use linux::Error;
use linux::device_mapper::{Control, Verity};

use super::disks;
use super::{Execution, Image, ImageState, Machine, Network, Recovery, Root, SecureBoot, Status};

/// Longest text that is taken from outside, in characters.
const LONGEST: usize = 64;

fn lockdown(root: &Path) -> Option<String> {
    let text = fs::read_to_string(path(root, lockdown::FILE)).ok()?;
    lockdown::level(&text).map(plain)
}

/// Where a status is read from.
pub struct Sources<'a> {
    /// The folder that is the machine's `/`.
    pub root: &'a Path,
    /// Version of the running kernel.
    pub kernel: String,
    /// Device-mapper's table of the device with this name.
    pub verity: &'a dyn Fn(&str) -> Result<Option<Verity>, Error>,
    /// The interfaces and their addresses.
    pub network: &'a dyn Fn() -> Network,
}

impl Status {
    /// The status of the machine that this program runs on. What cannot be read stands in it as
    /// such: a status is shown most when something is wrong.
    pub fn of_this_machine() -> Self {
        Self::gather(&Sources {
            root: Path::new("/"),
            kernel: linux::modules::kernel_version(),
            verity: &|name| Control::open()?.verity(name),
            network: &Network::of_this_machine,
        })
    }

    /// Reads the status from given places.
    pub fn gather(sources: &Sources<'_>) -> Self {
        let manifest = fs::read(path(sources.root, running::MANIFEST));
        let manifest = manifest
            .ok()
            .and_then(|bytes| Manifest::from_json(&bytes).ok());
        let mounts =
            fs::read_to_string(path(sources.root, "/proc/self/mounts")).unwrap_or_default();
        let mounts: Vec<Mount> = mounts.lines().filter_map(Mount::parse).collect();
        let images = manifest.iter().flat_map(|manifest| &manifest.images);
        Self {
            machine: machine(sources.root),
            kernel: sources.kernel.clone(),
            lockdown: lockdown(sources.root),
            release: manifest.as_ref().map(|manifest| manifest.version.clone()),
            system: (manifest.as_ref())
                .and_then(Manifest::system_name)
                .map(str::to_owned),
            secure_boot: secure_boot(&path(sources.root, linux::efivars::FOLDER)),
            execution: Execution::gather(sources.root, &mounts),
            images: images
                .map(|image| read_image(image, sources, &mounts))
                .collect(),
            // The last mount at a place is the one that is seen.
            root: mounts
                .iter()
                .rfind(|mount| mount.target == "/")
                .map(Mount::as_root),
            last_failure: last_failure(sources.root),
            disks: disks::read(sources.root, &mounts),
            network: (sources.network)(),
            recovery: recovery(sources.root),
        }
    }
}

pub(super) fn path(root: &Path, absolute: &str) -> PathBuf {
    root.join(absolute.trim_start_matches('/'))
}

fn machine(root: &Path) -> Machine {
    let read = |name: &str| {
        let text = fs::read(path(root, "/sys/class/dmi/id").join(name)).unwrap_or_default();
        plain(&String::from_utf8_lossy(&text))
    };
    Machine {
        vendor: read("sys_vendor"),
        product: read("product_name"),
        serial: read("product_serial"),
    }
}

/// Text that is safe to show: the firmware's strings come from outside, and a console obeys
/// control characters.
pub(super) fn plain(text: &str) -> String {
    let printable = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    };
    text.trim().chars().take(LONGEST).map(printable).collect()
}

/// What init took from a firmware variable: nothing vouches for it, so it is only ever shown.
fn last_failure(root: &Path) -> Option<Failure> {
    let bytes = fs::read(path(root, running::LAST_FAILURE)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn recovery(root: &Path) -> Option<Recovery> {
    let settings = fs::read(path(root, SETTINGS)).ok()?;
    let settings = Settings::from_json(&settings).ok()?;
    let host_key = fs::read_to_string(path(root, HOST_KEY_PUBLIC)).ok();
    let host_key = host_key.and_then(|line| PublicKey::parse(line.trim_end()).ok());
    Some(Recovery {
        console: settings.console,
        network: settings.network,
        authorized_keys: settings.authorized_keys,
        host_key: host_key.map(|key| key.fingerprint()),
    })
}

fn secure_boot(folder: &Path) -> SecureBoot {
    let read = |variable: Variable| linux::efivars::read(folder, &variable.file_name());
    let (on, setup_mode) = match (read(SECURE_BOOT), read(SETUP_MODE)) {
        (Ok(on), Ok(setup_mode)) => (on, setup_mode),
        (Err(error), _) | (_, Err(error)) => {
            return SecureBoot::Unreadable {
                reason: format!("{error}: {}", error.source),
            };
        }
    };
    match efivars::SecureBoot::decode(on.as_deref(), setup_mode.as_deref()) {
        Ok(state) if state.on => SecureBoot::On,
        Ok(state) if state.setup_mode => SecureBoot::SetupMode,
        Ok(_) => SecureBoot::Off,
        Err(error) => SecureBoot::Unreadable {
            reason: error.to_string(),
        },
    }
}

fn read_image(image: &contract::manifest::Image, sources: &Sources<'_>, mounts: &[Mount]) -> Image {
    let device = running::device(image.name);
    let state = match (sources.verity)(&device) {
        Ok(Some(verity)) if !verity.root_hash.eq_ignore_ascii_case(&image.root_hash) => {
            ImageState::Other {
                mapped_root_hash: verity.root_hash,
            }
        }
        Ok(Some(verity)) if verity.signature_key.is_some() => ImageState::Signed,
        Ok(Some(_)) => ImageState::Pinned,
        Ok(None) => ImageState::Absent,
        Err(error) => ImageState::Unreadable {
            reason: format!("{error}: {}", error.source),
        },
    };
    let source = format!("/dev/mapper/{device}");
    Image {
        name: image.name.to_string(),
        root_hash: image.root_hash.to_ascii_lowercase(),
        state,
        mounted_at: mounts
            .iter()
            .find(|mount| mount.source == source)
            .map(|mount| mount.target.clone()),
    }
}

/// A line of `/proc/self/mounts` (proc_pid_mounts(5), fstab(5)).
pub(super) struct Mount {
    pub(super) source: String,
    pub(super) target: String,
    pub(super) kind: String,
    writable: bool,
}

impl Mount {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        Some(Self {
            source: unescape(words.next()?),
            target: unescape(words.next()?),
            kind: words.next()?.to_owned(),
            writable: words.next()?.split(',').any(|option| option == "rw"),
        })
    }

    fn as_root(&self) -> Root {
        Root {
            file_system: plain(&self.kind),
            source: plain(&self.source),
            writable: self.writable,
        }
    }
}

/// Blanks and backslashes are octal there: `\040`.
fn unescape(word: &str) -> String {
    [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ]
    .iter()
    .fold(word.to_owned(), |word, (octal, plain)| {
        word.replace(octal, plain)
    })
}
