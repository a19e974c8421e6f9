//! What sources are taken from, and merging a list of them into a tree.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use anyhow::Context;
use artifact::toolbox::Toolbox;
use contract::manifest;
use source::debian::Deb;
use source::directory;
use source::fetch::{self, Client, Progress as _};
use source::inventory::{self, Component};
use source::layer::{Layer, LayerKind, TarFile};
use source::oci;
use source::tree::Tree;

use super::alpine::OpenAlpine;
use super::container::{self, Containers};
use super::debian::OpenArchive;
use super::inputs::client;
use super::lock::Lock;
use super::plan::Plan;
use super::work::Work;
use super::{recovery, texts, toolbox};
use crate::exit::{Code, WithCode};
use crate::progress::Step;
use config::{Recovery, Source, SourceKind};

/// Archives and registries, as far as a plan needs them.
pub(super) struct Opened {
    /// Where any of them is needed.
    client: Option<Client>,
    archive: Option<OpenArchive>,
    alpine: OpenAlpine,
    containers: Containers,
}

impl Opened {
    /// Fetches and checks the indexes of archives; asks no registry yet.
    pub(super) fn open(plan: &Plan, work: &Work) -> anyhow::Result<Self> {
        let needed = [
            plan.needs_debian(),
            plan.needs_alpine(),
            plan.needs_registry(),
        ];
        let [debian, alpine, registry] = needed;
        let client = needed.contains(&true).then(|| client(plan)).transpose()?;
        // They share it, and so know of each other whether somebody waits for a file.
        let shared = |needed| client.clone().filter(|_| needed);
        let archive = shared(debian).map(|client| OpenArchive::open(plan, client, work));
        Ok(Self {
            archive: archive.transpose()?,
            alpine: OpenAlpine::open(plan, shared(alpine), work.progress)?,
            containers: Containers::new(plan, shared(registry)),
            client,
        })
    }

    /// Fetches files of sources before they are waited for; whoever merges a source later asks for them all
    /// the same. Only files that are known by their hash are fetched.
    pub(super) fn fetch_ahead<'s>(&self, sources: impl Iterator<Item = &'s Source>) {
        let files = |source: &Source| match (source.kind().ok()?, &self.archive) {
            (SourceKind::Debian(names, follow, without), Some(archive)) => {
                archive.requests(names, follow, without).ok()
            }
            (SourceKind::Image(reference), _) => self.containers.requests(reference),
            _ => None,
        };
        if let Some(client) = &self.client {
            client.fetch_ahead(sources.filter_map(files).flatten());
        }
    }

    /// Ends that when it is dropped.
    pub(super) fn end_ahead(&self) -> Option<fetch::End<'_>> {
        self.client.as_ref().map(Client::end_ahead)
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

    fn note_debs<'d>(&self, debs: impl Iterator<Item = &'d Deb>) {
        let components = debs.map(Component::of_deb);
        self.taken.borrow_mut().components.extend(components);
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
            let arrival = supply.work.arrival();
            let image = supply.containers.open(&reference, step, &arrival)?;
            lock.resolved(&image);
            let mut taken = supply.taken.borrow_mut();
            taken.images.push(container::source(&image));
            taken.program = Some(image.config.program.clone());
            let layers = match reference.is_remote() {
                true => image.layers,
                false => supply.work.read_once(image.layers),
            };
            add_layers(tree, &layers)
        }
        (SourceKind::Debian(names, follow, without), Some(archive)) => {
            let arrival = supply.work.arrival();
            let debs = archive.packages(names, follow, without, step, &arrival)?;
            supply.note_debs(debs.iter().map(|fetched| &fetched.deb));
            let layers: Vec<_> = debs.into_iter().map(|fetched| fetched.layer).collect();
            add_layers(tree, &layers)
        }
        // A plan with such a source has opened the archive.
        (SourceKind::Debian(..), None) => Ok(0),
        (SourceKind::Debs(paths), _) => {
            let debs: Result<Vec<Deb>, _> = paths.iter().map(Deb::open).collect();
            let debs = debs.input_code()?;
            supply.note_debs(debs.iter());
            let layers = debs.into_iter().map(|deb| Arc::new(deb) as Arc<dyn Layer>);
            add_layers(tree, &supply.work.read_once(layers))
        }
        (SourceKind::Alpine(names, follow, without), _) => {
            let alpine = supply.alpine;
            alpine.add_packages(tree, names, follow, without, step)
        }
        (SourceKind::Apks(paths), _) => supply.alpine.add_files(tree, paths, step),
        (SourceKind::Tar(path), _) => {
            let tar = TarFile::new(path, LayerKind::Archive);
            let tar: Arc<dyn Layer> = Arc::new(tar);
            add_layers(tree, &supply.work.read_once([tar]))
        }
        (SourceKind::Directory(path), _) => {
            let directory = directory::read(path, AS_ROOT).input_code()?;
            tree.overlay(&directory).input_code()?;
            Ok(1)
        }
    }
}

fn add_layers(tree: &mut Tree, layers: &[Arc<dyn Layer>]) -> anyhow::Result<usize> {
    tree.add_layers(layers).input_code()?;
    Ok(layers.len())
}
