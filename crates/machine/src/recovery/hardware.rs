//! Drivers for all hardware, from the release's modules: init loaded only what finds a disk.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use linux::Error;
use linux::uevent::{Heard, Listener};

use super::start::command;

/// Devices are many when one comes: they are answered for together.
const TOGETHER: Duration = Duration::from_millis(50);

/// No event is far away.
const LONG: Duration = Duration::from_secs(3600);

/// Aliases of graphics devices. Their drivers take the screen from the firmware's framebuffer
/// first and look for their firmware then; without it, the screen stays black.
fn is_display(alias: &str) -> bool {
    let pci = alias
        .strip_prefix("pci:")
        .is_some_and(|rest| rest.contains("bc03sc"));
    pci || alias.starts_with("virtio:d00000010v")
}

/// Loads what the devices ask for that are there now.
pub fn load_all() {
    let mut aliases = BTreeSet::new();
    collect(Path::new("/sys/devices"), &mut aliases);
    load(aliases);
}

/// Loads what devices ask for that come, and never ends.
pub fn watch() -> Result<std::convert::Infallible, Error> {
    let listener = Listener::open()?;
    load_all();
    let mut aliases = BTreeSet::new();
    loop {
        let patience = if aliases.is_empty() { LONG } else { TOGETHER };
        match listener.next(patience)? {
            Heard::Event(event) => aliases.extend(event.modalias().map(str::to_owned)),
            Heard::Lost => load_all(),
            Heard::Nothing => load(std::mem::take(&mut aliases)),
        }
    }
}

/// Hands aliases to modprobe, which knows dependencies and blacklists. It answers for those that
/// it finds nothing for with an exit code that says nothing here.
fn load(aliases: BTreeSet<String>) {
    let aliases: Vec<&str> = aliases
        .iter()
        .map(String::as_str)
        .filter(|alias| !is_display(alias))
        .collect();
    if !aliases.is_empty() {
        let words = [&["-a", "-b", "-q", "--"][..], &aliases].concat();
        let _ = command("modprobe", &words).status();
    }
}

/// All `modalias` files below `folder`; symbolic links lead to places that are walked anyway.
fn collect(folder: &Path, aliases: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() {
            collect(&entry.path(), aliases);
        } else if kind.is_file() && entry.file_name() == "modalias" {
            let alias = fs::read_to_string(entry.path()).unwrap_or_default();
            if !alias.trim().is_empty() {
                aliases.insert(alias.trim().to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphics_stay_with_the_firmware() {
        for (alias, display) in [
            (
                "pci:v00001234d00001111sv00001AF4sd00001100bc03sc00i00",
                true,
            ),
            ("virtio:d00000010v00001AF4", true),
            (
                "pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00",
                false,
            ),
            ("virtio:d00000001v00001AF4", false),
        ] {
            assert_eq!(is_display(alias), display, "{alias}");
        }
    }
}
