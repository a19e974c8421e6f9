//! One copy, in either direction, and what is said of it.

use std::path::Path;

use serde::Serialize;
use source::fetch::Progress as Told;
use source::oci::{self, Copied, Reference, Registries};

use crate::args::OciCopy;
use crate::build::{container, inputs, plan};
use crate::exit::{Code, WithCode};
use crate::output;
use crate::progress::{self, Progress};
use config::{self, Config};

/// What a copy needs to know beside what and where to.
pub struct Copier {
    /// Whose `[oci]` and `[keys]` count.
    pub config: Config,
    registries: Option<Registries>,
}

impl Copier {
    /// Where none of the references leads to a registry, the cache is left alone.
    pub fn new(options: &OciCopy, references: &[&Reference]) -> anyhow::Result<Self> {
        let (config, cache) = (options.config.as_deref(), options.cache.as_deref());
        Self::with(config, cache, references)
    }

    /// The same of a configuration file and a folder of downloads; without, the usual ones.
    pub fn with(
        config: Option<&Path>,
        cache: Option<&Path>,
        references: &[&Reference],
    ) -> anyhow::Result<Self> {
        let config = config::load(config).code(Code::Usage)?;
        let remote = references.iter().any(|reference| reference.is_remote());
        let usual = || plan::cache_folder(Path::new(""));
        let cache = cache.map_or_else(usual, Path::to_owned);
        let registries = remote
            .then(|| inputs::client_with(&cache, false))
            .transpose()?
            .map(|client| container::registries(&config, client));
        Ok(Self { config, registries })
    }

    /// Copies.
    pub fn copy(
        &self,
        from: &Reference,
        to: &Reference,
        progress: &dyn Told,
    ) -> anyhow::Result<Copied> {
        oci::copy(self.registries.as_ref(), from, to, progress).map_err(container::coded)
    }

    /// What kind of artifact a reference names; `None` for an image.
    pub fn artifact_type(
        &self,
        from: &Reference,
        progress: &dyn Told,
    ) -> anyhow::Result<Option<String>> {
        oci::artifact_type(self.registries.as_ref(), from, progress).map_err(container::coded)
    }
}

/// Copies an image, and says what came of it.
pub fn image(
    options: &OciCopy,
    from: &Reference,
    to: &Reference,
    (json, quiet): (bool, bool),
) -> anyhow::Result<()> {
    let copier = Copier::new(options, &[from, to])?;
    let step = Progress::new(quiet || json).step("copying");
    let copied = copier.copy(from, to, &step)?;
    step.clear();
    say(&copied, &copied.to.to_string(), json)
}

/// Says what was copied to where.
pub fn say(copied: &Copied, to: &str, json: bool) -> anyhow::Result<()> {
    match json {
        true => output::print_json(&Outcome::new(copied, to)),
        false => output::print(&told(copied, to)),
    }
}

/// The same for programs.
#[derive(Serialize)]
struct Outcome {
    to: String,
    digest: String,
    manifests: usize,
    referrers: usize,
    copied: Count,
    present: Count,
}

#[derive(Serialize)]
struct Count {
    number: usize,
    bytes: u64,
}

impl Outcome {
    fn new(copied: &Copied, to: &str) -> Self {
        let count = |count: oci::Count| Count {
            number: count.number,
            bytes: count.bytes,
        };
        Self {
            to: to.to_owned(),
            digest: format!("sha256:{}", copied.digest),
            manifests: copied.documents,
            referrers: copied.referrers,
            copied: count(copied.sent),
            present: count(copied.present),
        }
    }
}

/// The same for people.
fn told(copied: &Copied, to: &str) -> String {
    let (sent, present) = (copied.sent, copied.present);
    let size = progress::size;
    let mut text = format!("{to}\n  sha256:{}\n", copied.digest);
    text += &format!("  {} blobs copied, {}\n", sent.number, size(sent.bytes));
    if present.number > 0 {
        let there = format!("{} were there, {}", present.number, size(present.bytes));
        text += &format!("  {there}\n");
    }
    match copied.referrers {
        0 => {}
        1 => text += "  with one artifact that refers to it\n",
        many => text += &format!("  with {many} artifacts that refer to it\n"),
    }
    text
}
