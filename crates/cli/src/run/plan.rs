//! What a run is: all of it is read from the command line and checked before anything starts.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};

use super::bus::Row;
use super::disk::Image;
use super::firmware::{self, Firmware};
use super::machine::Machine;
use super::varstore::{self, State};
use crate::args::{Forward, Network, Run};
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
    bus: &'static Row,
    disks: Vec<Image>,
    memory: u32,
    processors: u32,
    network: Option<Vec<Forward>>,
    let_restart: bool,
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
}

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
        let network = match (line.machine.network, line.machine.forward.as_slice()) {
            (Network::User, ports) => Some(ports.to_vec()),
            (Network::None, []) => None,
            (Network::None, _) => {
                return Err(anyhow!("--forward needs a network card; --network is none"))
                    .code(Code::Usage);
            }
        };
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
        let patience = (!outcome.expect.is_empty()).then_some(PATIENCE);
        Ok(Self {
            firmware,
            variables: line.firmware.variables.clone(),
            store,
            bus: Row::of(line.disks.disk_bus),
            disks,
            memory: line.machine.memory,
            processors: line.machine.smp,
            network,
            let_restart: outcome.let_restart,
            no_kvm: line.machine.no_kvm,
            wait: Wait {
                serial_log: outcome.serial_log.clone(),
                expect: outcome.expect.clone(),
                timeout: outcome.timeout.map(Duration::from_secs).or(patience),
                quiet,
            },
        })
    }

    /// The machine, with its files in `folder`.
    pub fn machine(&self, folder: &Path) -> anyhow::Result<Machine> {
        let mut disks = Vec::new();
        for (number, image) in self.disks.iter().enumerate() {
            disks.push(image.disk(&format!("disk{number}"), self.bus, folder)?);
        }
        let copied = self.disks.first().filter(|_| self.bus.copy_for_firmware);
        let copy = copied.map(|image| image.disk("copy", self.bus, folder));
        Ok(Machine {
            firmware: self.firmware.clone(),
            variables: self.variables(folder)?,
            bus: self.bus,
            disks,
            copy: copy.transpose()?,
            memory: self.memory,
            processors: self.processors,
            network: self.network.clone(),
            stop_at_restart: !self.wait.expect.is_empty() && !self.let_restart,
        })
    }

    /// The file of the machine's variables, made when it is not there.
    fn variables(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let path = match &self.variables {
            Some(kept) if kept.exists() => {
                varstore::check(kept, self.store.len())?;
                return Ok(kept.clone());
            }
            Some(kept) => kept.clone(),
            None => folder.join("variables.fd"),
        };
        fs::write(&path, &self.store)
            .with_context(|| format!("the variable store {} cannot be written", path.display()))
            .code(Code::Failed)?;
        Ok(path)
    }
}
