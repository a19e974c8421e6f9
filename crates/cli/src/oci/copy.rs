//! `sealboot oci push` and `pull`: one copy, in either direction.

use std::path::Path;

use anyhow::bail;
use serde::Serialize;
use source::oci::{self, Copied, Reference, Registries};

use crate::args::OciCopy;
use crate::build::{container, plan};
use crate::config;
use crate::exit::{Code, WithCode};
use crate::output;
use crate::progress::{self, Progress};

/// To a registry.
pub fn push(options: &OciCopy, json: bool, quiet: bool) -> anyhow::Result<()> {
    let (from, to) = references(options)?;
    if from.is_remote() && !to.is_remote() {
        return wrong_way(
            &to,
            "is not in a registry; 'sealboot oci pull' fetches from one",
        );
    }
    copy(options, &from, &to, (json, quiet))
}

/// From a registry.
pub fn pull(options: &OciCopy, json: bool, quiet: bool) -> anyhow::Result<()> {
    let (from, to) = references(options)?;
    if to.is_remote() {
        return wrong_way(&to, "is in a registry; 'sealboot oci push' sends to one");
    }
    copy(options, &from, &to, (json, quiet))
}

fn references(options: &OciCopy) -> anyhow::Result<(Reference, Reference)> {
    let parse = |text: &str| text.parse::<Reference>().code(Code::Usage);
    Ok((parse(&options.from)?, parse(&options.to)?))
}

fn wrong_way(reference: &Reference, what: &str) -> anyhow::Result<()> {
    let refused = || -> anyhow::Result<()> { bail!("{reference} {what}") };
    refused().code(Code::Usage)
}

/// Copies, and says what came of it.
fn copy(
    options: &OciCopy,
    from: &Reference,
    to: &Reference,
    (json, quiet): (bool, bool),
) -> anyhow::Result<()> {
    let registries = [from, to]
        .iter()
        .any(|reference| reference.is_remote())
        .then(|| registries(options))
        .transpose()?;
    let step = Progress::new(quiet || json).step("copying");
    let copied = oci::copy(registries.as_ref(), from, to, &step).map_err(container::coded)?;
    step.clear();
    say(&copied, json)
}

/// Says what came of a copy.
pub fn say(copied: &Copied, json: bool) -> anyhow::Result<()> {
    match json {
        true => output::print_json(&Outcome::from(copied)),
        false => output::print(&told(copied)),
    }
}

/// What asks registries, as the configuration says.
fn registries(options: &OciCopy) -> anyhow::Result<Registries> {
    let config = config::load(options.config.as_deref()).code(Code::Usage)?;
    let usual = || plan::cache_folder(Path::new(""));
    let cache = options.cache.clone().unwrap_or_else(usual);
    container::registries(&config, &cache, false)
}

/// The same for programs.
#[derive(Serialize)]
struct Outcome {
    reference: String,
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

impl From<&Copied> for Outcome {
    fn from(copied: &Copied) -> Self {
        let count = |count: oci::Count| Count {
            number: count.number,
            bytes: count.bytes,
        };
        Self {
            reference: copied.to.to_string(),
            digest: format!("sha256:{}", copied.digest),
            manifests: copied.documents,
            referrers: copied.referrers,
            copied: count(copied.sent),
            present: count(copied.present),
        }
    }
}

/// The same for people.
fn told(copied: &Copied) -> String {
    let (sent, present) = (copied.sent, copied.present);
    let size = progress::size;
    let mut text = format!("{}\n  sha256:{}\n", copied.to, copied.digest);
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
