//! From the configured sources to trees.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use source::debian::{self, Archive, Deb, Index, Keyring, Wanted};
use source::directory;
use source::fetch::{self, Cache, Client};
use source::layer::{LayerKind, TarFile};
use source::tree::Tree;

use super::plan::Plan;
use super::root;
use crate::config::{Follow, Source, SourceKind};
use crate::exit::{Code, Failure, WithCode};
use crate::progress::Progress;

/// What a release is made of.
pub struct Inputs {
    /// Kernel and modules.
    pub kernel: Tree,
    /// Firmware, when any is configured.
    pub firmware: Option<Tree>,
    /// Root, without what every root gets.
    pub root: Tree,
    /// systemd-stub.
    pub stub: Tree,
}

/// Fetches, checks and merges every source.
pub fn gather(plan: &Plan, progress: &Progress) -> anyhow::Result<Inputs> {
    let archive = plan
        .needs_archive()
        .then(|| OpenArchive::open(plan, progress))
        .transpose()?;
    let merge = |name: &str, base: Tree, sources: &[Source]| {
        merge(name, base, sources, archive.as_ref(), progress)
    };
    let config = &plan.config;
    let mut base = Tree::new();
    if config
        .root
        .source
        .iter()
        .any(|source| !source.debian.is_empty())
    {
        root::merged_usr(&mut base)?;
    }
    if config.root.first_screen {
        root::first_screen(&mut base, own_program()?)?;
    }
    let firmware = (!config.firmware.source.is_empty())
        .then(|| merge("firmware", Tree::new(), &config.firmware.source))
        .transpose()?;
    Ok(Inputs {
        kernel: merge("kernel", Tree::new(), &config.kernel.source)?,
        firmware,
        root: merge("root", base, &config.root.source)?,
        stub: merge("stub", Tree::new(), &config.uki.stub)?,
    })
}

/// This very program: what the first screen is drawn with.
fn own_program() -> anyhow::Result<Vec<u8>> {
    std::fs::read("/proc/self/exe").context("this program's own file cannot be read")
}

/// A directory that an ordinary user filled, for a machine where root owns everything.
const AS_ROOT: directory::Options = directory::Options {
    owner: directory::Owner::Root,
    mounts: directory::Mounts::Refuse,
};

/// Debian's archive with its checked index.
struct OpenArchive {
    client: Client,
    index: Index,
}

impl OpenArchive {
    fn open(plan: &Plan, progress: &Progress) -> anyhow::Result<Self> {
        let debian = &plan.config.debian;
        let keyring = match debian.keyrings.as_slice() {
            [] => Keyring::debian(),
            files => Keyring::from_files(files),
        };
        let archive = Archive {
            mirrors: debian::Mirrors {
                debian: debian.mirror.clone().unwrap_or_default(),
                security: debian.security_mirror.clone().unwrap_or_default(),
            },
            suites: debian.suites.clone(),
            components: debian.components.clone(),
            architecture: debian.architecture.clone(),
            keyring: keyring.context("the archive's keyring").code(Code::Usage)?,
            allow_older: debian.allow_older,
            allow_expired: debian.allow_expired,
        };
        let cache = Cache::open(&plan.cache).code(Code::Failed)?;
        let settings = fetch::Settings {
            offline: plan.offline,
            ..fetch::Settings::default()
        };
        let client = Client::new(cache, settings).code(Code::Failed)?;
        let step = progress.step("archive");
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("this machine's clock")?;
        let index = archive
            .index(&client, now.as_secs(), &step)
            .map_err(coded)?;
        step.done(&format!("{} packages, signatures good", index.len()));
        Ok(Self { client, index })
    }

    fn packages(
        &self,
        names: &[String],
        follow: Follow,
        without: &[String],
        step: &dyn fetch::Progress,
    ) -> anyhow::Result<Vec<Deb>> {
        let wanted: Vec<Wanted> = names
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_, _>>()
            .code(Code::Usage)?;
        let follow = match follow {
            Follow::All => debian::Follow::All,
            Follow::SameSource => debian::Follow::SameSource,
            Follow::Nothing => debian::Follow::Nothing,
        };
        let packages =
            debian::resolve(&self.index, &wanted, follow, without).code(Code::Missing)?;
        Ok(debian::download(&self.client, &packages, step).map_err(coded)?)
    }
}

/// The exit code that goes with an error of the archive.
fn coded(error: debian::Error) -> Failure {
    let code = match &error {
        debian::Error::Fetch(error) => match error {
            fetch::Error::Cache { .. } => Code::Failed,
            fetch::Error::Offline { .. } => Code::Missing,
            fetch::Error::Size { .. } | fetch::Error::Digest { .. } => Code::Refused,
            _ => Code::Network,
        },
        debian::Error::Resolve(_) => Code::Missing,
        _ => Code::Refused,
    };
    Failure::new(code, error)
}

fn merge(
    name: &str,
    mut tree: Tree,
    sources: &[Source],
    archive: Option<&OpenArchive>,
    progress: &Progress,
) -> anyhow::Result<Tree> {
    let step = progress.step(name);
    let mut layers = 0;
    for source in sources {
        let kind = source
            .kind()
            .map_err(anyhow::Error::msg)
            .code(Code::Usage)?;
        match (kind, archive) {
            (SourceKind::Debian(names, follow, without), Some(archive)) => {
                for deb in archive.packages(names, follow, without, &step)? {
                    layers += 1;
                    tree.add_layer(Arc::new(deb)).code(Code::Refused)?;
                }
            }
            // A plan with such a source has opened the archive.
            (SourceKind::Debian(..), None) => {}
            (SourceKind::Debs(paths), _) => {
                for path in paths {
                    layers += 1;
                    let deb = Deb::open(path).code(Code::Refused)?;
                    tree.add_layer(Arc::new(deb)).code(Code::Refused)?;
                }
            }
            (SourceKind::Tar(path), _) => {
                layers += 1;
                let tar = TarFile::new(path, LayerKind::Archive);
                tree.add_layer(Arc::new(tar)).code(Code::Refused)?;
            }
            (SourceKind::Directory(path), _) => {
                layers += 1;
                tree.overlay(&directory::read(path, AS_ROOT).code(Code::Missing)?)?;
            }
        }
    }
    let totals = tree.totals();
    let size = crate::progress::size(totals.bytes);
    step.done(&format!("{layers} layers, {} files, {size}", totals.files));
    Ok(tree)
}
