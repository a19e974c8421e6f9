//! `sealboot oci`: container images, and releases as artifacts, from and to registries.

pub mod copy;
pub mod release;

use std::path::{Path, PathBuf};

use crate::args::{OciCopy, OciPush, OciVerb};
use crate::build::toolbox_image;
use crate::exit::{Code, Failure};
use source::oci::Reference;

/// Does what the command line says.
pub fn verb(verb: &OciVerb, json: bool, quiet: bool) -> anyhow::Result<()> {
    match verb {
        OciVerb::Build(options) => toolbox_image::verb(options, json, quiet),
        OciVerb::Push(options) => push(options, json, quiet),
        OciVerb::Pull(options) => pull(options, json, quiet),
    }
}

/// To a registry, or from one file or folder to another.
fn push(options: &OciPush, json: bool, quiet: bool) -> anyhow::Result<()> {
    let disk = options.disk;
    let options = &options.copy;
    let to = reference(&options.to)?;
    let from = match folder(&options.from) {
        Some(folder) => return release::push((options, disk), &folder, &to, (json, quiet)),
        None => reference(&options.from)?,
    };
    if from.is_remote() && !to.is_remote() {
        return Err(wrong_way(
            &to,
            "is not in a registry; 'sealboot oci pull' fetches from one",
        ));
    }
    copy::image(options, &from, &to, (json, quiet))
}

/// From a registry, or from one file or folder to another.
fn pull(options: &OciCopy, json: bool, quiet: bool) -> anyhow::Result<()> {
    let from = reference(&options.from)?;
    let to = match folder(&options.to) {
        Some(folder) => return release::pull(options, &from, &folder, (json, quiet)),
        None => reference(&options.to)?,
    };
    if to.is_remote() && !from.is_remote() {
        return Err(wrong_way(
            &to,
            "is in a registry; 'sealboot oci push' sends to one",
        ));
    }
    copy::image(options, &from, &to, (json, quiet))
}

/// The folder of a release: what has no colon is no image.
fn folder(text: &str) -> Option<PathBuf> {
    let is_path = !text.is_empty() && !text.contains(':');
    let folder = PathBuf::from(text);
    (is_path || Path::new(text).is_dir()).then_some(folder)
}

/// A release that is no file of this machine: the name begins as an image's, and no file has it.
pub fn elsewhere(path: &Path) -> anyhow::Result<Option<Reference>> {
    let text = path.to_string_lossy();
    let is_image = ["oci:", "oci-archive:"]
        .iter()
        .any(|start| text.starts_with(start));
    match is_image && path.symlink_metadata().is_err() {
        true => reference(&text).map(Some),
        false => Ok(None),
    }
}

fn reference(text: &str) -> anyhow::Result<Reference> {
    text.parse()
        .map_err(|error: source::oci::NotAReference| Failure::new(Code::Usage, error).into())
}

fn wrong_way(reference: &Reference, what: &str) -> anyhow::Error {
    Failure::new(Code::Usage, anyhow::anyhow!("{reference} {what}")).into()
}
