//! A release, as a folder on this side and as an artifact on the other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use artifact::oci::Layout;
use artifact::oci::release::{self, ARTIFACT, Release};
use chain::Owner;
use contract::out::DISK;
use source::oci::{Copied, Place, Reference};
use tempfile::TempDir;

use super::copy::{self, Copier};
use crate::args::OciCopy;
use crate::build;
use crate::build::staging::Staging;
use crate::exit::{Code, Failure, WithCode};
use crate::progress::{Progress, Step};
use crate::verify;

/// Sends the release in a folder, with its disk image when that is wanted.
pub fn push(
    (options, disk): (&OciCopy, bool),
    folder: &Path,
    to: &Reference,
    (json, quiet): (bool, bool),
) -> anyhow::Result<()> {
    let copier = Copier::new(options, &[to])?;
    let progress = Progress::new(quiet || json);
    let what = || format!("the release in {} cannot be sent", folder.display());
    let found = Release::read(folder, disk)
        .with_context(what)
        .input_code()?;
    if disk && !found.files.iter().any(|name| name == DISK) {
        let why = format!(
            "the release in {} has no {DISK}; without --disk it is not needed",
            folder.display()
        );
        return Err(Failure::new(Code::Missing, anyhow::Error::msg(why)).into());
    }
    verified(options, &copier, folder, folder, &progress).with_context(what)?;

    // The layout is made of links to the release's files.
    let corner = tempfile::tempdir().code(Code::Failed)?;
    let mut layout = Layout::create(corner.path()).code(Code::Failed)?;
    found.add_to(&mut layout, &found.version).input_code()?;
    layout.finish().code(Code::Failed)?;

    let step = progress.step("sending");
    let copied = copier.copy(&in_layout(corner.path(), Some(&found.version)), to, &step)?;
    step.clear();
    let mut others = found.others;
    others.retain(|name| name != DISK);
    if !others.is_empty() {
        progress.say(&format!("not part of the release: {}", others.join(", ")));
    }
    copy::say(&copied, &copied.to.to_string(), json)
}

/// Fetches a release into a folder. What an earlier one left there goes, also its disk image.
pub fn pull(
    options: &OciCopy,
    from: &Reference,
    folder: &Path,
    (json, quiet): (bool, bool),
) -> anyhow::Result<()> {
    let copier = Copier::new(options, &[from])?;
    let progress = Progress::new(quiet || json);
    let step = progress.step("fetching");
    must_be_release(&copier, from, &step, "; oci:FOLDER takes anything")?;

    let is_new = !folder.exists();
    let outcome = fetch(options, &copier, from, folder, &progress, &step);
    if outcome.is_err() && is_new {
        // Only what is empty goes.
        let _ = fs::remove_dir(folder);
    }
    let copied = outcome?;
    step.clear();
    let shown = folder.display().to_string();
    copy::say(&copied, &format!("{}/", shown.trim_end_matches('/')), json)
}

/// A release that is looked at and goes again.
pub fn borrow(from: &Reference, progress: &Progress) -> anyhow::Result<TempDir> {
    let copier = Copier::with(None, None, &[from])?;
    let step = progress.step("fetching");
    must_be_release(&copier, from, &step, "")?;
    let folder = tempfile::tempdir().code(Code::Failed)?;
    let layout = folder.path().join("layout");
    files(
        &copier,
        from,
        &layout,
        &mut |name| folder.path().join(name),
        &step,
    )?;
    step.clear();
    Ok(folder)
}

fn must_be_release(
    copier: &Copier,
    from: &Reference,
    step: &Step,
    advice: &str,
) -> anyhow::Result<()> {
    let found = copier.artifact_type(from, step)?;
    if found.as_deref() == Some(ARTIFACT) {
        return Ok(());
    }
    let what = match found {
        Some(found) => format!("an artifact of type {:?}", shown(&found)),
        None => "an image".to_owned(),
    };
    let why = format!("{from} is {what}, not a release{advice}");
    Err(Failure::new(Code::Refused, anyhow::Error::msg(why)).into())
}

fn fetch(
    options: &OciCopy,
    copier: &Copier,
    from: &Reference,
    folder: &Path,
    progress: &Progress,
    step: &Step,
) -> anyhow::Result<Copied> {
    let mut possible: BTreeSet<String> = build::release::possible_files([], folder)
        .into_iter()
        .collect();
    if let Ok(earlier) = Release::read(folder, true) {
        possible.extend(earlier.files);
    }
    let mut staging = Staging::prepare(folder, possible.into_iter().collect())
        .with_context(|| format!("the folder {} cannot be used", folder.display()))
        .code(Code::Failed)?;
    let layout = staging.corner().join("layout");
    let copied = files(copier, from, &layout, &mut |name| staging.path(name), step)?;

    let what = || unusable(from);
    let found = Release::read(staging.corner(), true)
        .with_context(what)
        .code(Code::Refused)?;
    if let Some(other) = found.others.first() {
        let why = anyhow::anyhow!("no manifest of it names its file {other}").context(what());
        return Err(Failure::new(Code::Refused, why).into());
    }
    verified(options, copier, staging.corner(), folder, progress).with_context(what)?;
    staging.publish()?;
    Ok(copied)
}

fn unusable(from: &Reference) -> String {
    format!("{from} is not a release that can be used")
}

/// Fetches a release by way of a layout, which goes again; each file to its place.
fn files(
    copier: &Copier,
    from: &Reference,
    layout: &Path,
    place: &mut dyn FnMut(&str) -> PathBuf,
    step: &Step,
) -> anyhow::Result<Copied> {
    let copied = copier.copy(from, &in_layout(layout, None), step)?;
    let blobs = layout.join("blobs/sha256");
    let manifest = fs::read(blobs.join(copied.digest.to_string())).code(Code::Failed)?;
    let files = release::files(&manifest)
        .with_context(|| unusable(from))
        .code(Code::Refused)?;
    for (index, (name, digest)) in files.iter().enumerate() {
        let (blob, place) = (blobs.join(digest), place(name));
        let again = files[index + 1..].iter().any(|(_, other)| other == digest);
        let moved = match again {
            true => fs::copy(&blob, &place).map(drop),
            false => fs::rename(&blob, &place),
        };
        moved
            .with_context(|| format!("{} cannot be written", place.display()))
            .code(Code::Failed)?;
    }
    fs::remove_dir_all(layout).code(Code::Failed)?;
    Ok(copied)
}

/// Whether the release in `folder`, which people know as `shown`, holds against the owner's certificate.
fn verified(
    options: &OciCopy,
    copier: &Copier,
    folder: &Path,
    shown: &Path,
    progress: &Progress,
) -> anyhow::Result<()> {
    if options.unverified {
        progress.say("warning: the release is not verified");
        return Ok(());
    }
    let keys = options.keys.as_ref().unwrap_or(&copier.config.keys.folder);
    let owner = match &options.certificate {
        Some(file) => chain::Certificate::open(file).map(Owner::with),
        None => Owner::open(keys),
    };
    let owner = owner
        .context(
            "the certificate to verify with cannot be had; --keys names the owner's keys folder, \
             --certificate a certificate, and --unverified does without",
        )
        .code(Code::Keys)?;
    let step = progress.step("verifying");
    let mut report =
        chain::verify(folder, &owner, &mut |done, total| step.bytes(done, total)).input_code()?;
    step.clear();
    report.path = shown.display().to_string();
    match report.holds {
        true => Ok(()),
        false => Err(verify::refusal(&report)).code(Code::Refused),
    }
}

fn in_layout(folder: &Path, tag: Option<&str>) -> Reference {
    Reference {
        place: Place::Layout(folder.to_owned()),
        tag: tag.map(str::to_owned),
        digest: None,
    }
}

/// What a stranger wrote, short enough to be repeated.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}
