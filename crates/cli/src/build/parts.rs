//! What a release is put together from, settled before anything is written: what is missing or
//! does not fit shows here.

use anyhow::Context;
use artifact::initrd::ChosenModules;
use contract::boot;
use contract::manifest::{ImageName, Source};
use sha2::{Digest, Sha256};
use source::inventory::Component;
use source::kernel::{Kernel, Storage};
use source::tree::{self, Tree};

use super::inputs::Inputs;
use super::missing::{self, Look};
use super::plan::Plan;
use super::program::{self, Program};
use super::{attributes, date, kernel, policy, root};
use crate::exit::{Code, Failure, WithCode};
use crate::progress::Progress;

/// The largest systemd-stub that is read, in bytes; Debian's has 100 KiB.
pub const MOST_STUB: u64 = 16 << 20;

/// Where packages keep firmware: with a merged `usr`, and before that.
const FIRMWARE: [&str; 2] = ["usr/lib/firmware", "lib/firmware"];

/// Everything that images, initrd, UKI and disk are made of.
pub struct Parts {
    /// Release version.
    pub version: String,
    /// No file is younger: seconds since 1970.
    pub epoch: u32,
    /// What salts and UUIDs of the images come from: the same for the same release.
    pub seed: [u8; 32],
    /// The kernel.
    pub kernel: Kernel,
    /// Its command line.
    pub command_line: String,
    /// Modules for the initrd.
    pub modules: ChosenModules,
    /// The content of each image, in the order in which init maps them.
    pub images: Vec<(ImageName, Tree)>,
    /// What becomes the root's PID 1.
    pub program: Program,
    /// The packages of each tree.
    pub components: Vec<(&'static str, Vec<Component>)>,
    /// systemd-stub.
    pub stub: Vec<u8>,
    /// os-release(5) for the UKI.
    pub os_release: String,
    /// Processor microcode.
    pub microcode: Option<Vec<u8>>,
    /// The container images that went in.
    pub sources: Vec<Source>,
}

/// Finds the parts in the inputs and completes the root.
pub fn settle(plan: &Plan, mut inputs: Inputs, progress: &Progress) -> anyhow::Result<Parts> {
    let config = &plan.config;
    let epoch = plan.epoch.unwrap_or_else(|| date::newest(inputs.trees()));
    let version = config.version.clone();
    let version = version.map_or_else(|| date::version(epoch), Ok)?;

    let step = progress.step("kernel");
    let kernel = kernel::find(&inputs.kernel, config.kernel.version.as_deref())?;
    let command_line = policy::command_line(config, &kernel)?;
    let set = kernel::modules(&inputs.kernel, &kernel, config)?;
    let modules = kernel::choose(&set, &inputs.kernel, &config.initrd.modules)?;
    let all = set
        .image_tree(&inputs.kernel, Storage::default())
        .input_code()?;
    step.done(&format!(
        "{}, {} modules indexed",
        kernel.version,
        set.modules.len()
    ));

    if let Some(added) = command_line.strip_prefix(&config.uki.command_line)
        && !added.is_empty()
    {
        progress.say(&format!(
            "  note: policy.execute = \"signed\" adds to the command line:{added}"
        ));
    }
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
    let without = attributes::leave_out(&mut inputs.root);
    if let [first, others @ ..] = without.as_slice() {
        let more = match others.len() {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        progress.say(&format!(
            "  note: root: squashfs has no access control lists; left out at {first}{more}"
        ));
    }
    let program = program::settle(&config.root, &inputs.root, inputs.program.as_ref())?;
    let directory = &program.surroundings.directory;
    let look = Look {
        tree: &inputs.root,
        program: &program,
        writable: config.root.mode == boot::Root::Overlay,
        command_line: &command_line,
    };
    // The recovery system is complete, and lets nobody log in with a password on purpose.
    if !config.root.source.iter().any(|source| source.recovery) {
        for line in missing::missing(&look) {
            progress.say(&format!("  note: root: {line}"));
        }
    }
    root::uncover(&mut inputs.root, &kernel.version, inputs.firmware.is_some());
    root::complete(&mut inputs.root, &kernel.version, directory).input_code()?;
    images.push((ImageName::Root, inputs.root));

    let named = inputs.os_release;
    Ok(Parts {
        seed: seed(&version, &kernel.version, epoch),
        stub: stub(&inputs.stub, &config.uki.stub_path)?,
        os_release: named.unwrap_or_else(|| os_release(&config.name, &version, &kernel.version)),
        microcode: inputs.microcode,
        sources: inputs.containers,
        components: inputs.components,
        version,
        epoch,
        kernel,
        command_line,
        modules,
        images,
        program,
    })
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

fn seed(version: &str, kernel: &str, epoch: u32) -> [u8; 32] {
    let words = [b"sealboot release", version.as_bytes(), kernel.as_bytes()];
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word);
        hash.update([0]);
    }
    hash.chain_update(epoch.to_le_bytes()).finalize().into()
}

/// os-release(5), when none is configured.
fn os_release(name: &str, version: &str, kernel: &str) -> String {
    format!(
        "ID=\"{name}\"\nNAME=\"{name}\"\nPRETTY_NAME=\"{name} {version} (kernel {kernel})\"\n\
         VERSION_ID=\"{version}\"\nIMAGE_ID=\"{name}\"\nIMAGE_VERSION=\"{version}\"\n"
    )
}
