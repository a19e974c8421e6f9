//! From the configured sources to trees.

use std::cell::{OnceCell, RefCell};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use artifact::toolbox::Toolbox;
use contract::manifest;
use source::debian::Deb;
use source::directory;
use source::fetch::{self, Cache, Client, Progress as _};
use source::inventory::{self, Component};
use source::layer::{LayerKind, TarFile};
use source::oci;
use source::tree::Tree;

use super::alpine::OpenAlpine;
use super::container::{self, Containers};
use super::debian::OpenArchive;
use super::lock::Lock;
use super::plan::Plan;
use super::toolbox::{self, Materials};
use super::{add, date, recovery, root};
use crate::config::{Recovery, Source, SourceKind};
use crate::exit::{Code, WithCode};
use crate::progress::{Progress, Step};

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
pub fn gather(plan: &Plan, lock: &mut Lock, progress: &Progress) -> anyhow::Result<Inputs> {
    // What is small and local comes first: a mistake shows before anything is fetched.
    let uki = &plan.config.uki;
    let os_release = read_named("uki.os_release", &uki.os_release, |path| {
        fs::read_to_string(path)
    })?;
    let microcode = read_named("uki.microcode", &uki.microcode, |path| fs::read(path))?;
    let archive = plan
        .needs_debian()
        .then(|| OpenArchive::open(plan, progress))
        .transpose()?;
    let alpine = OpenAlpine::open(plan, progress)?;
    let supply = Supply {
        archive: archive.as_ref(),
        alpine: &alpine,
        containers: &Containers::new(plan)?,
        lock: RefCell::new(lock),
        taken: RefCell::default(),
        recovery: &plan.config.recovery,
        toolbox: OnceCell::new(),
    };
    if plan.needs_toolbox() && !plan.composes_toolbox() {
        supply.offer(toolbox::here()?);
    }
    let merge = |label: &str, part: (&str, &str), base: Tree, sources: &[Source]| {
        merge(label, part, base, sources, &supply, progress)
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

/// What sources are taken from, beside the files that they name.
struct Supply<'a> {
    archive: Option<&'a OpenArchive>,
    alpine: &'a OpenAlpine,
    containers: &'a Containers,
    /// Which images tags turn out to be.
    lock: RefCell<&'a mut Lock>,
    /// What the sources say of what they bring.
    taken: RefCell<Taken>,
    recovery: &'a Recovery,
    /// The toolbox, once what it is made of is there.
    toolbox: OnceCell<Toolbox>,
}

impl Supply<'_> {
    fn offer(&self, toolbox: Toolbox) {
        // Called once.
        let _ = self.toolbox.set(toolbox);
    }
}

/// What sources say of what they bring, beside their files.
#[derive(Default)]
struct Taken {
    /// The container images of the tree that is being merged.
    images: Vec<manifest::Source>,
    /// What the last one of all says of its program.
    program: Option<oci::Program>,
    /// The packages of the tree that is being merged.
    components: Vec<Component>,
}

/// A directory that an ordinary user filled, for a machine where root owns everything.
pub(super) const AS_ROOT: directory::Options = directory::Options {
    owner: directory::Owner::Root,
    mounts: directory::Mounts::Refuse,
};

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

/// A list of sources as one tree.
struct Merged {
    tree: Tree,
    /// The packages that it is made of, as far as anything says.
    components: Vec<Component>,
    /// The container images.
    images: Vec<manifest::Source>,
}

/// Merges the sources that `key` of the configuration lists for a part of the release; `label` is what
/// people see.
fn merge(
    label: &str,
    (name, key): (&str, &str),
    mut tree: Tree,
    sources: &[Source],
    supply: &Supply<'_>,
    progress: &Progress,
) -> anyhow::Result<Merged> {
    let step = progress.step(label);
    let mut layers = 0;
    for (index, source) in sources.iter().enumerate() {
        layers += add(&mut tree, (name, source), supply, &step)
            .with_context(|| format!("{key}, entry {}, cannot be taken in", index + 1))?;
    }
    let totals = tree.totals();
    let size = crate::progress::size(totals.bytes);
    let mut taken = supply.taken.borrow_mut();
    let mut components = std::mem::take(&mut taken.components);
    let images = std::mem::take(&mut taken.images);
    match inventory::installed(&tree) {
        Ok(installed) => components.extend(installed),
        Err(error) => step.note(
            "bill of materials",
            &format!("{:#}", anyhow::Error::from(error)),
        ),
    }
    components.sort();
    components.dedup();
    step.done(&format!("{layers} layers, {} files, {size}", totals.files));
    Ok(Merged {
        tree,
        components,
        images,
    })
}

/// Adds one source of the tree of that name; returns how many layers it has.
fn add(
    tree: &mut Tree,
    (name, source): (&str, &Source),
    supply: &Supply<'_>,
    step: &Step,
) -> anyhow::Result<usize> {
    let kind = source
        .kind()
        .map_err(anyhow::Error::msg)
        .code(Code::Usage)?;
    match (kind, supply.archive) {
        (SourceKind::Recovery, _) => {
            let part = |tree: &mut Tree, source: &Source| add(tree, (name, source), supply, step);
            let (recovery, layers) = recovery::tree(supply.recovery, part)?;
            tree.overlay(&recovery).input_code()?;
            Ok(layers)
        }
        (SourceKind::Toolbox, _) => {
            let toolbox = supply
                .toolbox
                .get()
                .with_context(|| {
                    format!("this sealboot runs in no toolbox that could bring {name}: name its packages")
                })
                .code(Code::Usage)?;
            let packages = toolbox.contents.packages.get(name);
            let mut taken = supply.taken.borrow_mut();
            taken
                .components
                .extend(packages.into_iter().flatten().cloned());
            toolbox::add(tree, name, toolbox)
        }
        (SourceKind::Image(reference), _) => {
            let mut lock = supply.lock.borrow_mut();
            let mut reference = reference.clone();
            reference.digest = reference.digest.or(lock.known(&reference));
            let image = supply.containers.open(&reference, step)?;
            lock.resolved(&image);
            let mut taken = supply.taken.borrow_mut();
            taken.images.push(container::source(&image));
            taken.program = Some(image.config.program.clone());
            let layers = image.layers.len();
            for layer in image.layers {
                tree.add_layer(layer).input_code()?;
            }
            Ok(layers)
        }
        (SourceKind::Debian(names, follow, without), Some(archive)) => {
            let debs = archive.packages(names, follow, without, step)?;
            let layers = debs.len();
            for deb in debs {
                add_deb(tree, deb, supply)?;
            }
            Ok(layers)
        }
        // A plan with such a source has opened the archive.
        (SourceKind::Debian(..), None) => Ok(0),
        (SourceKind::Debs(paths), _) => {
            for path in paths {
                let deb = Deb::open(path).input_code()?;
                add_deb(tree, deb, supply)?;
            }
            Ok(paths.len())
        }
        (SourceKind::Alpine(names, follow, without), _) => {
            let alpine = supply.alpine;
            alpine.add_packages(tree, names, follow, without, step)
        }
        (SourceKind::Apks(paths), _) => supply.alpine.add_files(tree, paths, step),
        (SourceKind::Tar(path), _) => {
            let tar = TarFile::new(path, LayerKind::Archive);
            tree.add_layer(Arc::new(tar)).input_code()?;
            Ok(1)
        }
        (SourceKind::Directory(path), _) => {
            let directory = directory::read(path, AS_ROOT).input_code()?;
            tree.overlay(&directory).input_code()?;
            Ok(1)
        }
    }
}

fn add_deb(tree: &mut Tree, deb: Deb, supply: &Supply<'_>) -> anyhow::Result<()> {
    let mut taken = supply.taken.borrow_mut();
    taken.components.push(Component::of_deb(&deb));
    tree.add_layer(Arc::new(deb)).input_code()
}
