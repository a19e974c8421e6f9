//! The source `{ toolbox = true }`: the toolbox that this `sealboot` runs in, or else the one that
//! the configuration describes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use artifact::oci::{Compression, layer};
use artifact::toolbox::{self, CONTENTS, Contents, Toolbox};
use contract::root;
use source::directory::{self, Mounts};
use source::inventory::Component;
use source::tree::Tree;

use super::kernel;
use super::parts::MOST_STUB;
use super::plan::Plan;
use super::supply::AS_ROOT;
use crate::exit::{Code, WithCode};
use config::{Config, Root, Source};

/// The gzip level of the userland: it is small, and read more often than made.
const BASE: Compression = Compression::Gzip(9);

/// What a kernel's configuration may have at most, in bytes; Debian's has 280 KiB.
const MOST_CONFIG: u64 = 16 << 20;

/// Whether this program runs in a toolbox.
pub fn is_here() -> bool {
    Path::new("/").join(CONTENTS).exists()
}

/// The toolbox that this program runs in.
pub fn here() -> anyhow::Result<Toolbox> {
    Toolbox::read(Path::new("/"))
        .context("this toolbox cannot be used")
        .input_code()
}

/// What a toolbox is made of.
pub struct Materials<'a> {
    /// Kernel and modules.
    pub kernel: &'a Tree,
    /// Firmware, when any is configured.
    pub firmware: Option<&'a Tree>,
    /// Where systemd-stub is.
    pub stub: &'a Tree,
    /// The userland.
    pub base: Tree,
    /// The packages of these trees.
    pub packages: BTreeMap<String, Vec<Component>>,
    /// The newest file of all trees, in seconds since 1970.
    pub date: u32,
}

/// The toolbox that the plan's configuration describes.
pub fn compose(plan: &Plan, materials: Materials<'_>) -> anyhow::Result<Toolbox> {
    let config = &plan.config;
    let program = fs::read("/proc/self/exe").context("this program's own file cannot be read")?;
    let kernel = kernel::find(materials.kernel, config.kernel.version.as_deref())?;
    let options = kernel.config_path.as_ref();
    let options = options.map(|path| materials.kernel.read(path, MOST_CONFIG));
    let stub = materials.stub.read(&config.uki.stub_path, MOST_STUB);
    let mut base = Vec::new();
    layer::write(&materials.base.into(), BASE, materials.date, &mut base)
        .context("toolbox.base cannot be packed")
        .input_code()?;
    Ok(Toolbox {
        contents: Contents {
            kernel: kernel.version,
            date: materials.date,
            firmware: materials.firmware.is_some(),
            packages: materials.packages,
        },
        defaults: defaults(config)?.into_bytes().into(),
        base: base.into(),
        program: program.into(),
        stub: stub.input_code()?.into(),
        kernel: kernel.image.into(),
        config: options.transpose().input_code()?.map(Arc::from),
    })
}

/// The configuration as it is inside: the same release, of what is there.
fn defaults(config: &Config) -> anyhow::Result<String> {
    let files = [
        ("uki.os_release", config.uki.os_release.is_some()),
        ("uki.microcode", config.uki.microcode.is_some()),
    ];
    if let Some((key, _)) = files.into_iter().find(|(_, set)| *set) {
        let what =
            format!("{key} names a file of this machine, which a toolbox does not take along");
        return Err(anyhow::anyhow!(what)).code(Code::Usage);
    }
    let toolbox = || vec![Source::toolbox()];
    let mut inside = config.clone();
    inside.kernel.source = toolbox();
    inside.kernel.version = None;
    if !inside.firmware.source.is_empty() {
        inside.firmware.source = toolbox();
    }
    inside.uki.stub = toolbox();
    inside.uki.stub_path = toolbox::STUB.to_owned();
    inside.recovery.source = toolbox();
    inside.root = Some(Root::default());
    inside.system = Vec::new();
    // What is of the machine that the toolbox was made on.
    let built_in = Config::default();
    inside.debian = built_in.debian;
    inside.alpine = built_in.alpine;
    inside.oci = built_in.oci;
    inside.toolbox = built_in.toolbox;
    inside.keys = built_in.keys;
    Ok(config::print(&inside)?)
}

/// Puts what the toolbox has for `part` into its tree; returns the number of layers.
pub fn add(tree: &mut Tree, part: &str, toolbox: &Toolbox) -> anyhow::Result<usize> {
    let on_disk = |path: &str| {
        let options = directory::Options {
            // On a machine these are images of their own.
            mounts: Mounts::Cross,
            ..AS_ROOT
        };
        directory::read(Path::new("/").join(path), options).input_code()
    };
    let other = match part {
        "kernel" => {
            let modules = on_disk(&root::modules(&toolbox.contents.kernel))?;
            toolbox.kernel_tree(&modules).input_code()?
        }
        "firmware" => {
            let mut firmware = Tree::new();
            firmware
                .graft(root::FIRMWARE, &on_disk(root::FIRMWARE)?)
                .input_code()?;
            firmware
        }
        "stub" => toolbox.stub_tree().input_code()?,
        _ => {
            tree.add_layer(toolbox.base()).input_code()?;
            toolbox.add_to(tree).input_code()?;
            return Ok(2);
        }
    };
    tree.overlay(&other).input_code()?;
    Ok(1)
}
