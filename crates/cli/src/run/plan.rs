//! What a run is: all of it is read from the command line and checked before anything starts.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use formats::load_option::LoadOption;

use super::bus::{self, Row};
use super::disk::Image;
use super::entries;
use super::firmware::{self, Firmware};
use super::machine::Machine;
use super::screenshot::Screenshot;
use super::varstore::{self, State};
use crate::args::{Bus, Forward, Network, Run};
use crate::exit::{Code, WithCode};

/// How long expected texts are waited for when the command line does not say.
const PATIENCE: Duration = Duration::from_secs(300);

/// A run.
pub struct Plan {
    firmware: Firmware,
    /// Where the machine's variables are kept; else they go with the run.
    variables: Option<PathBuf>,
    /// A new variable store.
    store: Vec<u8>,
    /// Boot entries that come before all that a store has.
    entries: Vec<LoadOption>,
    bus: &'static Row,
    disks: Vec<Image>,
    memory: u32,
    processors: u32,
    network: Option<Vec<Forward>>,
    serial: bool,
    screen: bool,
    kernel_log: bool,
    let_restart: bool,
    /// It has a TPM.
    pub tpm: bool,
    /// Emulate even where KVM could be used.
    pub no_kvm: bool,
    /// When it ends.
    pub wait: Wait,
}

/// When a run ends, and what is kept of it.
pub struct Wait {
    /// Copy of everything on the serial line.
    pub serial_log: Option<PathBuf>,
    /// Texts to wait for, in order.
    pub expect: Vec<String>,
    /// How long to wait for them.
    pub timeout: Option<Duration>,
    /// Show nothing of the serial line.
    pub quiet: bool,
    /// Where the screen is saved at the end.
    pub screenshot: Option<Screenshot>,
    /// How long the disks are away after the kernel's start.
    pub unplug_for: Option<Duration>,
}

/// Added to the command line to see all that the kernel logs.
const KERNEL_LOG: &str = "loglevel=8";

impl Plan {
    /// What the command line says.
    pub fn new(line: &Run, quiet: bool) -> anyhow::Result<Self> {
        if !line.disk.is_file() {
            let what = format!("there is no disk image {}", line.disk.display());
            return Err(anyhow!("{what}; 'sealboot build' makes one")).code(Code::Missing);
        }
        let mut disks = vec![Image::open(&line.disk, &line.disks.tamper)?];
        for path in &line.disks.second_disk {
            disks.push(Image::open(path, &[])?);
        }
        let system = line.disks.system.as_deref();
        let entries = system.map(|system| entries::of(&line.disk, system));
        let bus = Row::of(line.disks.disk_bus);
        check(line, bus)?;
        let firmware = firmware::find(Path::new("/"))
            .context(
                "no OVMF firmware with Secure Boot was found; install it with your package \
                 manager (Debian and Ubuntu: apt-get install ovmf)",
            )
            .code(Code::Missing)?;
        let state = match (line.firmware.setup_mode, line.firmware.no_secure_boot) {
            (true, _) => State::SetupMode,
            (false, true) => State::NoSecureBoot,
            (false, false) => State::SecureBoot,
        };
        let store = varstore::new(&firmware.variables, &line.firmware.keys.folder, state)?;
        let outcome = &line.outcome;
        let screenshot = outcome.screenshot.as_deref().map(Screenshot::new);
        let patience = (!outcome.expect.is_empty()).then_some(PATIENCE);
        Ok(Self {
            firmware,
            variables: line.firmware.variables.clone(),
            store,
            entries: entries.transpose()?.unwrap_or_default(),
            bus,
            disks,
            memory: line.machine.memory,
            processors: line.machine.smp,
            network: match line.machine.network {
                Network::User => Some(line.machine.forward.clone()),
                Network::None => None,
            },
            serial: !line.machine.no_serial,
            screen: !line.machine.no_screen,
            kernel_log: line.machine.kernel_log,
            let_restart: outcome.let_restart,
            tpm: line.machine.tpm,
            no_kvm: line.machine.no_kvm,
            wait: Wait {
                serial_log: outcome.serial_log.clone(),
                expect: outcome.expect.clone(),
                timeout: outcome.timeout.map(Duration::from_secs).or(patience),
                quiet,
                screenshot: screenshot.transpose()?,
                unplug_for: line.disks.unplug_for.map(Duration::from_secs),
            },
        })
    }

    /// The machine, with its files in `folder`.
    pub fn machine(&self, folder: &Path) -> anyhow::Result<Machine> {
        let mut disks = Vec::new();
        for (number, image) in self.disks.iter().enumerate() {
            disks.push(image.disk(&bus::node(number), self.bus, folder)?);
        }
        let copied = self.disks.first().filter(|_| self.bus.copy_for_firmware);
        let copy = copied.map(|image| image.disk(bus::COPY_NODE, self.bus, folder));
        Ok(Machine {
            firmware: self.firmware.clone(),
            variables: self.variables(folder)?,
            bus: self.bus,
            disks,
            copy: copy.transpose()?,
            memory: self.memory,
            processors: self.processors,
            network: self.network.clone(),
            serial: self.serial,
            screen: self.screen,
            kernel_words: self.kernel_log.then_some(KERNEL_LOG),
            stop_at_restart: !self.wait.expect.is_empty() && !self.let_restart,
        })
    }

    /// The file of the machine's variables, made when it is not there.
    fn variables(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let usual = folder.join("variables.fd");
        let path = self.variables.clone().unwrap_or(usual);
        let is_kept = path.exists();
        let mut store = match is_kept {
            true => varstore::read(&path, self.store.len())?,
            false => self.store.clone(),
        };
        if self.entries.is_empty() && is_kept {
            return Ok(path);
        }
        if !self.entries.is_empty() {
            store = varstore::with_entries(&store, &self.entries)?;
        }
        fs::write(&path, &store)
            .with_context(|| format!("the variable store {} cannot be written", path.display()))
            .code(Code::Failed)?;
        Ok(path)
    }
}

/// What options ask of each other, beyond what their definition can say.
fn check(line: &Run, bus: &Row) -> anyhow::Result<()> {
    let unchecked = line.firmware.no_secure_boot || line.firmware.setup_mode;
    let rows = [
        (
            line.machine.network == Network::None && !line.machine.forward.is_empty(),
            "--forward needs a network card; --network is none",
        ),
        (
            line.machine.kernel_log && !unchecked,
            "--kernel-log changes the kernel's command line, which is signed; it needs \
             --no-secure-boot or --setup-mode",
        ),
        (
            line.disks.unplug_for.is_some() && !bus.hot,
            "--unplug-for needs a bus whose disks come and go: usb or scsi",
        ),
        (
            line.machine.no_serial && bus.copy_for_firmware,
            "the buses uas and mmc need the serial line: it tells when the kernel starts",
        ),
        (
            bus.bus == Bus::Sata && line.disks.second_disk.len() >= bus::SATA_PORTS,
            "the machine has six SATA ports",
        ),
    ];
    match rows.into_iter().find(|(wrong, _)| *wrong) {
        Some((_, message)) => Err(anyhow!(message)).code(Code::Usage),
        None => Ok(()),
    }
}
