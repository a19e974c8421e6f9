//! From the configured sources to trees.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use contract::manifest;
use source::fetch::{self, Cache, Client};
use source::inventory::Component;
use source::oci;
use source::tree::Tree;

use super::lock::Lock;
use super::plan::Plan;
use super::supply::{Opened, Supply, merge};
use super::toolbox::{self, Materials};
use super::work::Work;
use super::{add, attributes, date, root};
use crate::exit::{Code, WithCode};
use config::Source;

/// What a release is made of.
pub struct Inputs {
    /// Kernel and modules.
    pub kernel: Tree,
    /// Firmware, when any is configured.
    pub firmware: Option<Tree>,
    /// What is each system's own, in the plan's order.
    pub systems: Vec<SystemInputs>,
    /// Where systemd-stub is.
    pub stub: Tree,
    /// os-release(5) for the UKI, when one is configured.
    pub os_release: Option<String>,
    /// Processor microcode, when it is configured.
    pub microcode: Option<Vec<u8>>,
    /// The packages of each tree.
    pub components: Vec<(String, Vec<Component>)>,
}

/// What is one system's own.
pub struct SystemInputs {
    /// Root, without what every root gets.
    pub root: Tree,
    /// The container images that went into the system, each once.
    pub containers: Vec<manifest::Source>,
    /// What the last container image of the root says of its program.
    pub program: Option<oci::Program>,
}

impl Inputs {
    /// All trees.
    pub fn trees(&self) -> impl Iterator<Item = &Tree> {
        [&self.kernel, &self.stub]
            .into_iter()
            .chain(&self.firmware)
            .chain(self.systems.iter().map(|system| &system.root))
    }
}

/// Fetches, checks and merges every source.
pub fn gather(plan: &Plan, lock: &mut Lock, work: &Work) -> anyhow::Result<Inputs> {
    // What is small and local comes first: a mistake shows before anything is fetched.
    let uki = &plan.config.uki;
    let os_release = read_named("uki.os_release", &uki.os_release, |path| {
        fs::read_to_string(path)
    })?;
    let microcode = read_named("uki.microcode", &uki.microcode, |path| fs::read(path))?;
    let opened = Opened::open(plan, work)?;
    std::thread::scope(|scope| {
        let _end = opened.end_ahead();
        // The first is asked for at once.
        scope.spawn(|| opened.fetch_ahead(plan.in_order().skip(1)));
        let supply = opened.supply(plan, lock, work);
        merge_all(plan, &supply, os_release, microcode)
    })
}

/// Merges every source that a release asks for.
fn merge_all(
    plan: &Plan,
    supply: &Supply<'_>,
    os_release: Option<String>,
    microcode: Option<Vec<u8>>,
) -> anyhow::Result<Inputs> {
    if plan.needs_toolbox() && !plan.composes_toolbox() {
        supply.offer(toolbox::here()?);
    }
    let merge = |label: &str, part: (&str, &str), base: Tree, sources: &[Source]| {
        merge(label, part, base, sources, supply)
    };
    let config = &plan.config;
    let sources = &config.firmware.source;
    let part = ("firmware", "firmware.source");
    let in_firmware = (!sources.is_empty())
        .then(|| merge(part.0, part, Tree::new(), sources))
        .transpose()?;
    let part = ("kernel", "kernel.source");
    let in_kernel = merge(part.0, part, Tree::new(), &config.kernel.source)?;
    let part = ("stub", "uki.stub");
    let in_stub = merge(part.0, part, Tree::new(), &config.uki.stub)?;
    let (mut kernel, stub) = (in_kernel.tree, in_stub.tree);
    let mut shared = Vec::new();
    let mut components = vec![
        ("kernel".to_owned(), in_kernel.components),
        ("stub".to_owned(), in_stub.components),
    ];
    let mut firmware = in_firmware.map(|merged| {
        components.push(("firmware".to_owned(), merged.components));
        shared.extend(merged.images);
        merged.tree
    });
    shared.extend([in_kernel.images, in_stub.images].concat());
    if plan.composes_toolbox() {
        // In the toolbox they are a directory's files: an image has its contents in the order in
        // which they are read.
        for tree in [&mut kernel].into_iter().chain(&mut firmware) {
            tree.load().input_code()?;
        }
        let part = ("toolbox", "toolbox.base");
        let merged = merge(part.0, part, Tree::new(), &config.toolbox.base)?;
        shared.extend(merged.images);
        let base = merged.tree;
        let trees = [&kernel, &stub, &base].into_iter().chain(&firmware);
        let materials = Materials {
            date: plan.epoch.unwrap_or_else(|| date::newest(trees)),
            kernel: &kernel,
            firmware: firmware.as_ref(),
            stub: &stub,
            base,
            packages: components.iter().cloned().collect(),
        };
        supply.offer(toolbox::compose(plan, materials)?);
    }
    let mut systems = Vec::new();
    for (index, system) in plan.systems.iter().enumerate() {
        let sources = &system.root.source;
        let mut base = Tree::new();
        if sources.iter().any(Source::needs_debian) {
            root::merged_usr(&mut base)?;
        }
        supply.taken.borrow_mut().program = None;
        let merged = merge(system.label(), ("root", "root.source"), base, sources);
        let mut merged = system.named(merged)?;
        system.named(add::apply(&mut merged.tree, &system.root.add))?;
        components.insert(1 + index, (system.label().to_owned(), merged.components));
        systems.push(SystemInputs {
            root: merged.tree,
            containers: each_once([&shared[..], &merged.images].concat()),
            program: supply.taken.borrow_mut().program.take(),
        });
    }
    Ok(Inputs {
        kernel,
        firmware,
        systems,
        stub,
        os_release,
        microcode,
        components,
    })
}

/// The sources of a plan's only system as one tree that an image can hold: an image without a release.
pub(crate) fn tree(plan: &Plan, work: &Work) -> anyhow::Result<Tree> {
    let mut lock = Lock::default();
    let opened = Opened::open(plan, work)?;
    let supply = opened.supply(plan, &mut lock, work);
    let systems = plan.systems.iter();
    let sources: Vec<Source> = systems
        .flat_map(|system| system.root.source.iter().cloned())
        .collect();
    let merged = merge("image", ("image", "FROM"), Tree::new(), &sources, &supply)?;
    let mut tree = merged.tree;
    let without = attributes::leave_out(&mut tree);
    if let Some(words) = attributes::note("image", &without) {
        work.progress.say(&format!("  note: {words}"));
    }
    Ok(tree)
}

fn each_once(images: Vec<manifest::Source>) -> Vec<manifest::Source> {
    let mut once = Vec::new();
    for image in images {
        if !once.contains(&image) {
            once.push(image);
        }
    }
    once
}

/// The content of the file that `key` of the configuration names, if it names one.
fn read_named<T>(
    key: &str,
    path: &Option<PathBuf>,
    read: impl Fn(&Path) -> io::Result<T>,
) -> anyhow::Result<Option<T>> {
    let Some(path) = path else { return Ok(None) };
    let content = read(path)
        .with_context(|| format!("{key}: {} cannot be read", path.display()))
        .input_code()?;
    Ok(Some(content))
}

/// Fetches into the plan's cache.
pub(super) fn client(plan: &Plan) -> anyhow::Result<Client> {
    client_with(&plan.cache, plan.offline)
}

/// Fetches into a cache.
pub(crate) fn client_with(cache: &Path, offline: bool) -> anyhow::Result<Client> {
    let cache = Cache::open(cache).code(Code::Failed)?;
    let settings = fetch::Settings {
        offline,
        ..fetch::Settings::default()
    };
    Client::new(cache, settings).code(Code::Failed)
}

/// The exit code that goes with a failed download.
pub(super) fn code_of_fetch(error: &fetch::Error) -> Code {
    match error {
        fetch::Error::Cache { .. } => Code::Failed,
        fetch::Error::Offline { .. } => Code::Missing,
        fetch::Error::Size { .. } | fetch::Error::Digest { .. } | fetch::Error::Content { .. } => {
            Code::Refused
        }
        _ => Code::Network,
    }
}
