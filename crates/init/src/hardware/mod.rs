//! Step 3: modules for the hardware that is there, and for what comes while something is
//! waited for. No udev: the kernel tells what came, and its index says which module wants it.
//!
//! 1. listen to device events, so that nothing is missed from here on;
//! 2. load what init needs itself, by name ([`contract::modules`]);
//! 3. walk `/sys/devices` for what was there before;
//! 4. follow the events that these made;
//! 5. later, while a disk is waited for, follow the others ([`Hardware::follow`]);
//! 6. when the firmware image is there, ask those drivers again that may have missed it
//!    ([`Hardware::ask_again`]).

mod again;
mod alias;
mod index;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use contract::{boot, cmdline, modules};
use linux::uevent::Heard;

use crate::failure::Failure;
use crate::machine::Machine;
use crate::release::Release;
use index::{Index, IndexError};

/// Far more events than a machine's devices make: one that never falls silent must not stop a boot.
const MOST_EVENTS: usize = 100_000;

/// The hardware, and the modules that were loaded for it.
pub(crate) struct Hardware {
    machine: &'static Machine,
    index: Index,
    /// Modules that no device gets: by name they are loaded all the same, as modprobe does it.
    blacklist: BTreeSet<String>,
    /// Aliases that were looked up: devices of one kind share theirs.
    seen: BTreeSet<String>,
    /// Modules that were tried, each once.
    tried: BTreeSet<String>,
    /// Files that the kernel refused, and why: for the screen in case something is missing later.
    refused: BTreeMap<String, String>,
}

impl Hardware {
    /// Loads the modules for everything that is there.
    pub(crate) fn discover(machine: &'static Machine, release: &Release) -> Result<Self, Failure> {
        machine.step("loading kernel modules");
        let folder = machine.path(&modules::folder(&release.manifest.kernel));
        let index = Index::read(&folder).map_err(|error| unusable(&error))?;
        let line = machine.system.command_line();
        let blacklist = cmdline::list(&line, cmdline::BLACKLIST).map(index::name);
        let mut hardware = Self {
            machine,
            index,
            blacklist: blacklist.collect(),
            seen: BTreeSet::new(),
            tried: BTreeSet::new(),
            refused: BTreeMap::new(),
        };
        machine.system.listen().map_err(|error| {
            Failure::new(
                "device events cannot be heard",
                "check the machine's memory",
            )
            .because(&error)
        })?;
        hardware.load_needed(release.boot.root)?;
        hardware.walk();
        hardware.settle()?;
        machine.say(&format!(
            "{} kernel modules loaded for this machine",
            hardware.tried.len() - hardware.refused.len()
        ));
        Ok(hardware)
    }

    /// Follows device events until something may have changed about block devices (`true`), or
    /// `patience` is over, however many other events come meanwhile.
    pub(crate) fn follow(&mut self, patience: Duration) -> Result<bool, Failure> {
        let deadline = self.machine.system.now().saturating_add(patience);
        let mut changed = false;
        loop {
            // After a change, what else is there already is taken before the next look at the
            // disks, and nothing more is waited for.
            let left = deadline.saturating_sub(self.machine.system.now());
            let wait = if changed { Duration::ZERO } else { left };
            match self.hear(wait)? {
                None => return Ok(changed),
                Some(block) => changed |= block,
            }
            if left.is_zero() {
                return Ok(changed);
            }
        }
    }

    /// Follows the events that came already: of devices that the modules loaded so far brought.
    fn settle(&mut self) -> Result<(), Failure> {
        for _ in 0..MOST_EVENTS {
            if self.hear(Duration::ZERO)?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Loads what the next event asks for; whether it was about block devices. Nothing when none
    /// comes.
    fn hear(&mut self, patience: Duration) -> Result<Option<bool>, Failure> {
        let heard = self.machine.system.next_event(patience).map_err(|error| {
            Failure::new("device events cannot be heard", "start again").because(&error)
        })?;
        match heard {
            Heard::Nothing => Ok(None),
            Heard::Lost => {
                self.walk();
                Ok(Some(true))
            }
            Heard::Event(event) => {
                if let Some(alias) = event.modalias() {
                    self.load_for(alias);
                }
                let subsystem = event.words.get("SUBSYSTEM");
                Ok(Some(subsystem.is_some_and(|name| name == "block")))
            }
        }
    }

    /// What the kernel refused to load so far, with its reasons.
    pub(crate) fn refused(&self) -> Vec<String> {
        let refused = self.refused.iter();
        refused
            .map(|(file, reason)| format!("{file}: {reason}"))
            .collect()
    }

    fn load_needed(&mut self, root: boot::Root) -> Result<(), Failure> {
        let overlay = (root == boot::Root::Overlay).then_some(modules::OVERLAY);
        for name in modules::REQUIRED.iter().copied().chain(overlay) {
            let order = self.index.order(name).map_err(|error| unusable(&error))?;
            self.load(order);
            // A soft dependency may be refused; the module itself may not.
            let file = self.index.file(name).unwrap_or_default();
            if let Some(reason) = self.refused.get(file) {
                let what =
                    format!("the module {name}, without which no release starts, does not load");
                let next = "build the release again: its kernel and its modules do not fit";
                return Err(Failure::new(what, next).differs("the kernel takes it", reason));
            }
        }
        for name in modules::HELPFUL {
            let order = self.index.order(name).unwrap_or_default();
            self.load(order);
        }
        Ok(())
    }

    fn walk(&mut self) {
        let mut aliases = BTreeSet::new();
        collect(&self.machine.path("/sys/devices"), &mut aliases);
        for alias in aliases {
            self.load_for(&alias);
        }
    }

    fn load_for(&mut self, alias: &str) {
        if !self.seen.insert(alias.to_owned()) {
            return;
        }
        for module in self.wanted(alias) {
            // A module that is named by an alias and missing is one that the initrd leaves out.
            let order = self.index.order(&module).unwrap_or_default();
            self.load(order);
        }
    }

    /// Names of the modules that a device with this alias gets.
    fn wanted(&self, alias: &str) -> BTreeSet<String> {
        let mut wanted = self.index.for_alias(alias);
        wanted.retain(|module| !self.blacklist.contains(module));
        wanted
    }

    /// Loads module files in order. A refusal is kept, not fatal: drivers refuse hardware that
    /// they find not to be theirs after all.
    fn load(&mut self, order: Vec<String>) {
        for file in order {
            if !self.tried.insert(file.clone()) {
                continue;
            }
            if let Err(error) = self.machine.system.load_module(&self.index.path(&file)) {
                self.refused.insert(file, error.source.to_string());
            }
        }
    }
}

/// All `modalias` files below `folder`; symbolic links lead to places that are walked anyway.
fn collect(folder: &Path, aliases: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() {
            collect(&entry.path(), aliases);
        } else if kind.is_file() && entry.file_name() == "modalias" {
            let alias = std::fs::read_to_string(entry.path()).unwrap_or_default();
            if !alias.trim().is_empty() {
                aliases.insert(alias.trim().to_owned());
            }
        }
    }
}

fn unusable(error: &IndexError) -> Failure {
    let next = "build the release again: its initrd does not hold what its kernel needs";
    Failure::new("the initrd's kernel modules cannot be used", next).because(error)
}
