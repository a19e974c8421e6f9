//! What a release is put together from, settled before anything is written: what is missing or
//! does not fit shows here.

use anyhow::Context;
use artifact::initrd::ChosenModules;
use contract::boot;
use contract::manifest::ImageName;
use source::inventory::Component;
use source::kernel::{Kernel, image_tree};
use source::tree::{self, Tree};

use super::inputs::Inputs;
use super::plan::Plan;
use super::system::{System, SystemParts};
use super::work::Work;
use super::{date, kernel};
use crate::exit::{Code, Failure, WithCode};

/// The largest systemd-stub that is read, in bytes; Debian's has 100 KiB.
pub const MOST_STUB: u64 = 16 << 20;

/// Where packages keep firmware: with a merged `usr`, and before that.
const FIRMWARE: [&str; 2] = ["usr/lib/firmware", "lib/firmware"];

/// Everything that images, initrds, UKIs and disk are made of.
pub struct Parts {
    /// Release version.
    pub version: String,
    /// No file is younger: seconds since 1970.
    pub epoch: u32,
    /// The kernel.
    pub kernel: Kernel,
    /// Modules for the initrd.
    pub modules: ChosenModules,
    /// The content of each image that all systems have, in the order in which init maps them.
    pub images: Vec<(ImageName, Tree)>,
    /// What is each system's own.
    pub systems: Vec<SystemParts>,
    /// The packages of each tree.
    pub components: Vec<(String, Vec<Component>)>,
    /// systemd-stub.
    pub stub: Vec<u8>,
    /// os-release(5) for every UKI, when one is configured.
    pub os_release: Option<String>,
    /// Processor microcode.
    pub microcode: Option<Vec<u8>>,
}

/// Finds the parts in the inputs and completes the roots.
pub fn settle(plan: &Plan, inputs: Inputs, work: &Work) -> anyhow::Result<Parts> {
    let progress = work.progress;
    let config = &plan.config;
    let epoch = plan.epoch.unwrap_or_else(|| date::newest(inputs.trees()));
    let version = config.version.clone();
    let version = version.map_or_else(|| date::version(epoch), Ok)?;

    let step = progress.step("kernel");
    let kernel = kernel::find(&inputs.kernel, config.kernel.version.as_deref())?;
    let compression = config.image.compression().map_err(anyhow::Error::msg)?;
    kernel::reads(&kernel, compression.name())?;
    let overlay = |system: &System| system.root.mode == boot::Root::Overlay;
    let overlay = plan.systems.iter().any(overlay);
    let more = &config.initrd.modules;
    let modules = kernel::modules(&inputs.kernel, &kernel, overlay, more, work)?;
    let all = image_tree(&inputs.kernel, &kernel.modules, modules.indexes).input_code()?;
    step.done(&format!(
        "{}, {} modules indexed",
        kernel.version, modules.count
    ));
    if !kernel.checks_root_hash_signatures() {
        progress.say(
            "  note: this kernel's configuration does not say that it can check root-hash \
             signatures\n        against the firmware's db: on the machine, only the hashes pinned \
             in the UKI count",
        );
    }

    let mut images = vec![(ImageName::Modules, all)];
    if let Some(tree) = &inputs.firmware {
        images.push((ImageName::Firmware, firmware(tree)?));
    }
    let mut systems = Vec::new();
    for (system, own) in plan.systems.iter().zip(inputs.systems) {
        let settled = system.settle(own, &kernel, inputs.firmware.is_some(), work);
        systems.push(system.named(settled)?);
    }
    Ok(Parts {
        stub: stub(&inputs.stub, &config.uki.stub_path)?,
        os_release: inputs.os_release,
        microcode: inputs.microcode,
        components: inputs.components,
        version,
        epoch,
        kernel,
        modules: modules.chosen,
        images,
        systems,
    })
}

impl Parts {
    /// os-release(5) for a system's UKI: the configured one, or one that says which system of `name` it
    /// is.
    pub fn os_release(&self, name: &str, system: &SystemParts) -> String {
        let (version, kernel) = (&self.version, &self.kernel.version);
        let name = match &system.name {
            None => name.to_owned(),
            Some(own) => format!("{name}-{own}"),
        };
        let named = self.os_release.clone();
        named.unwrap_or_else(|| os_release(&name, version, kernel))
    }
}

fn firmware(tree: &Tree) -> anyhow::Result<Tree> {
    FIRMWARE
        .iter()
        .find_map(|folder| tree.subtree(folder))
        .context(
            "firmware.source has no usr/lib/firmware; \
             'source = []' in [firmware] makes a release without firmware",
        )
        .code(Code::Missing)
}

fn stub(tree: &Tree, path: &str) -> anyhow::Result<Vec<u8>> {
    tree.read(path, MOST_STUB).map_err(|error| {
        let code = match &error {
            tree::Error::Path { .. } => Code::Missing,
            _ => Code::Refused,
        };
        let what = "systemd-stub cannot be read: uki.stub is where, uki.stub_path its path there";
        Failure::new(code, anyhow::Error::from(error).context(what)).into()
    })
}

/// os-release(5), when none is configured.
fn os_release(name: &str, version: &str, kernel: &str) -> String {
    format!(
        "ID=\"{name}\"\nNAME=\"{name}\"\nPRETTY_NAME=\"{name} {version} (kernel {kernel})\"\n\
         VERSION_ID=\"{version}\"\nIMAGE_ID=\"{name}\"\nIMAGE_VERSION=\"{version}\"\n"
    )
}
