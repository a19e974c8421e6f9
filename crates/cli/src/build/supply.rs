//! What sources are taken from, and merging a list of them into a tree.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use anyhow::Context;
use artifact::toolbox::Toolbox;
use contract::manifest;
use source::debian::Deb;
use source::directory;
use source::fetch::Progress as _;
use source::inventory::{self, Component};
use source::layer::{Layer, LayerKind, TarFile};
use source::oci;
use source::tree::Tree;

use super::alpine::OpenAlpine;
use super::container::{self, Containers};
use super::debian::OpenArchive;
use super::lock::Lock;
use super::plan::Plan;
use super::work::Work;
use super::{recovery, texts, toolbox};
use crate::config::{Recovery, Source, SourceKind};
use crate::exit::{Code, WithCode};
use crate::progress::Step;

/// Archives and registries, as far as a plan needs them.
pub(super) struct Opened {
    archive: Option<OpenArchive>,
    alpine: OpenAlpine,
    containers: Containers,
}

impl Opened {
    /// Fetches and checks the indexes of archives; asks no registry yet.
    pub(super) fn open(plan: &Plan, work: &Work) -> anyhow::Result<Self> {
        let archive = plan
            .needs_debian()
            .then(|| OpenArchive::open(plan, work))
            .transpose()?;
        Ok(Self {
            archive,
            alpine: OpenAlpine::open(plan, work.progress)?,
            containers: Containers::new(plan)?,
        })
    }

    /// What sources are taken from; `lock` learns which images tags turn out to be.
    pub(super) fn supply<'a>(
        &'a self,
        plan: &'a Plan,
        lock: &'a mut Lock,
        work: &'a Work<'a>,
    ) -> Supply<'a> {
        Supply {
            archive: self.archive.as_ref(),
            alpine: &self.alpine,
            containers: &self.containers,
            lock: RefCell::new(lock),
            work,
            taken: RefCell::default(),
            recovery: &plan.config.recovery,
            toolbox: OnceCell::new(),
        }
    }
}

/// What sources are taken from, beside the files that they name.
pub(super) struct Supply<'a> {
    archive: Option<&'a OpenArchive>,
    alpine: &'a OpenAlpine,
    containers: &'a Containers,
    /// Which images tags turn out to be.
    lock: RefCell<&'a mut Lock>,
    /// What an earlier build found in layers.
    work: &'a Work<'a>,
    /// What the sources say of what they bring.
    pub(super) taken: RefCell<Taken>,
    recovery: &'a Recovery,
    /// The toolbox, once what it is made of is there.
    toolbox: OnceCell<Toolbox>,
}

impl Supply<'_> {
    /// The toolbox, from now on.
    pub(super) fn offer(&self, toolbox: Toolbox) {
        // Called once.
        let _ = self.toolbox.set(toolbox);
    }
}

/// What sources say of what they bring, beside their files.
#[derive(Default)]
pub(super) struct Taken {
    /// The container images of the tree that is being merged.
    images: Vec<manifest::Source>,
    /// What the last one of all says of its program.
    pub(super) program: Option<oci::Program>,
    /// The packages of the tree that is being merged.
    components: Vec<Component>,
}

/// A directory that an ordinary user filled, for a machine where root owns everything.
pub(super) const AS_ROOT: directory::Options = directory::Options {
    owner: directory::Owner::Root,
    mounts: directory::Mounts::Refuse,
};

/// A list of sources as one tree.
pub(super) struct Merged {
    /// All of them, merged.
    pub(super) tree: Tree,
    /// The packages that it is made of, as far as anything says.
    pub(super) components: Vec<Component>,
    /// The container images.
    pub(super) images: Vec<manifest::Source>,
}

/// Merges the sources that `key` of the configuration lists for a part of the release; `label` is what
/// people see.
pub(super) fn merge(
    label: &str,
    (name, key): (&str, &str),
    mut tree: Tree,
    sources: &[Source],
    supply: &Supply<'_>,
) -> anyhow::Result<Merged> {
    let step = supply.work.progress.step(label);
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
    let looked = texts::at_hand(&tree, &inventory::databases(&tree), supply.work);
    match inventory::installed(&looked) {
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
            add_layers(tree, image.layers, supply)
        }
        (SourceKind::Debian(names, follow, without), Some(archive)) => {
            let debs = archive.packages(names, follow, without, step)?;
            add_debs(tree, debs, supply)
        }
        // A plan with such a source has opened the archive.
        (SourceKind::Debian(..), None) => Ok(0),
        (SourceKind::Debs(paths), _) => {
            let debs: Result<Vec<Deb>, _> = paths.iter().map(Deb::open).collect();
            add_debs(tree, debs.input_code()?, supply)
        }
        (SourceKind::Alpine(names, follow, without), _) => {
            let alpine = supply.alpine;
            alpine.add_packages(tree, names, follow, without, step)
        }
        (SourceKind::Apks(paths), _) => supply.alpine.add_files(tree, paths, step),
        (SourceKind::Tar(path), _) => {
            let tar = TarFile::new(path, LayerKind::Archive);
            let tar = supply.work.put_aside(Arc::new(tar));
            tree.add_layer(tar).input_code()?;
            Ok(1)
        }
        (SourceKind::Directory(path), _) => {
            let directory = directory::read(path, AS_ROOT).input_code()?;
            tree.overlay(&directory).input_code()?;
            Ok(1)
        }
    }
}

fn add_debs(tree: &mut Tree, debs: Vec<Deb>, supply: &Supply<'_>) -> anyhow::Result<usize> {
    let mut taken = supply.taken.borrow_mut();
    taken.components.extend(debs.iter().map(Component::of_deb));
    add_layers(tree, debs.into_iter().map(Arc::new), supply)
}

/// Adds layers, the lowest first; returns how many there are.
fn add_layers<L: Layer + 'static>(
    tree: &mut Tree,
    layers: impl IntoIterator<Item = Arc<L>>,
    supply: &Supply<'_>,
) -> anyhow::Result<usize> {
    let work = supply.work;
    let layers: Vec<_> = layers
        .into_iter()
        .map(|layer| work.listed(work.put_aside(layer)))
        .collect();
    tree.add_layers(&layers).input_code()?;
    Ok(layers.len())
}
