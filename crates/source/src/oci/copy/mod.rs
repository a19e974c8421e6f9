//! An image, an index of images or an artifact, copied as it is: every byte of every document and
//! blob, so that all digests stay. What refers to it (signatures, bills of materials) comes along.
//!
//! In order: a [`Bundle`] is all that the image is made of, as far as documents say it; then it is
//! written to a `folder` or an `archive` (image-spec, image-layout.md) or sent to a `registry`, blobs
//! first and last what names the image. Nothing is named before all of it is there.

mod archive;
mod bundle;
mod checked;
mod folder;
mod index;
mod registry;

use super::Error;
use super::document::{About, Descriptor, MANIFEST_MAX, parse};
use super::image::{Store, choose_any};
use super::layout::Layout;
use super::reference::{Place, Reference, is_tag};
use super::registry::{DEFAULT_TAG, Registries};
use super::tar_index::TarIndex;
use crate::fetch::{Digest, Progress};
use bundle::Bundle;
pub(super) use checked::{Checked, Wrong};

/// What a copy came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Where it is now, with the tag.
    pub to: Reference,
    /// What the tag names there: digest of its manifest or index.
    pub digest: Digest,
    /// How many manifests and indexes it has, without those that refer to it.
    pub documents: usize,
    /// How many manifests and indexes refer to it.
    pub referrers: usize,
    /// What had to be written or sent, manifests and indexes too.
    pub sent: Count,
    /// What was there already.
    pub present: Count,
}

/// So much of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many blobs, manifests and indexes.
    pub number: usize,
    /// Their length in bytes.
    pub bytes: u64,
}

/// What was written or sent, and what was there already.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    sent: Count,
    present: Count,
}

impl Counts {
    fn add(&mut self, was_sent: bool, bytes: u64) {
        let count = match was_sent {
            true => &mut self.sent,
            false => &mut self.present,
        };
        count.number += 1;
        count.bytes = count.bytes.saturating_add(bytes);
    }
}

/// Copies what `from` names to where `to` says. Without a tag there, it gets the tag of `from`.
/// `registries` are needed where either is in one.
///
/// Several platforms are copied, all. An archive is written anew; a layout keeps what else is in it.
///
/// # Errors
///
/// Whatever does not hold of the original or cannot be written; the destination is then as it was, but
/// for blobs in a registry that nothing names yet.
pub fn copy(
    registries: Option<&Registries>,
    from: &Reference,
    to: &Reference,
    progress: &dyn Progress,
) -> Result<Copied, Error> {
    check(to)?;
    // 1. What is to be copied.
    let (store, named) = open(registries, from, progress)?;
    let tag = tag(from, to, &named);
    let bundle = Bundle::read(&from.to_string(), named, &*store)?;

    // 2. Where it goes.
    let mut named = to.clone();
    named.tag = Some(tag.clone());
    let counts = match &to.place {
        Place::Layout(path) => folder::write(&bundle, &*store, path, &tag, progress)?,
        Place::Archive(path) => archive::write(&bundle, &*store, path, &tag, progress)?,
        Place::Registry { .. } => {
            let repository = remote(registries, to)?.destination(&named, progress)?;
            registry::send(&bundle, &*store, &repository, &tag)?
        }
        Place::DockerArchive(_) => Counts::default(),
    };
    Ok(Copied {
        to: named,
        digest: bundle.root.digest,
        documents: bundle.documents.len() + 1,
        referrers: bundle.referrers.len(),
        sent: counts.sent,
        present: counts.present,
    })
}

/// What the manifest that a reference names is, when it is an artifact's; else nothing.
pub fn artifact_type(
    registries: Option<&Registries>,
    from: &Reference,
    progress: &dyn Progress,
) -> Result<Option<String>, Error> {
    let (store, named) = open(registries, from, progress)?;
    let bytes = store.document(&named, MANIFEST_MAX)?;
    let about: About = parse(&bytes, &format!("blob sha256:{}", named.digest()?))?;
    Ok(about.artifact_type)
}

/// Where a reference leads, and what it names there.
fn open<'a>(
    registries: Option<&'a Registries>,
    from: &Reference,
    progress: &'a dyn Progress,
) -> Result<(Box<dyn Store + 'a>, Descriptor), Error> {
    let layout = match &from.place {
        Place::Layout(path) => Layout::Folder(path.clone()),
        Place::Archive(path) => Layout::Tar(TarIndex::open(path)?),
        Place::Registry { .. } => {
            let repository = remote(registries, from)?.origin(from, progress)?;
            let named = repository.named(from)?;
            return Ok((Box::new(repository), named));
        }
        Place::DockerArchive(_) => {
            return Err(Error::Origin {
                image: from.to_string(),
                what: "what 'docker save' writes has no manifest, which a copy would keep; \
                       'skopeo copy' makes an OCI layout of it",
            });
        }
    };
    let named = choose_any(from, &layout.images()?)?;
    Ok((Box::new(layout), named))
}

fn remote<'a>(
    registries: Option<&'a Registries>,
    reference: &Reference,
) -> Result<&'a Registries, Error> {
    registries.ok_or_else(|| Error::Remote {
        image: reference.to_string(),
    })
}

/// Whether something can be copied to there.
fn check(to: &Reference) -> Result<(), Error> {
    let wrong = |what| {
        Err(Error::Destination {
            image: to.to_string(),
            what,
        })
    };
    if to.digest.is_some() {
        return wrong("what it will be is known by what is copied; give a tag only");
    }
    match to.place {
        Place::DockerArchive(_) => wrong("that format has no manifest; oci-archive: has"),
        _ => Ok(()),
    }
}

/// What it is called there.
fn tag(from: &Reference, to: &Reference, named: &Descriptor) -> String {
    let tag = to.tag.clone().or_else(|| from.tag.clone());
    let tag = tag.or_else(|| named.name().map(str::to_owned));
    let tag = tag.filter(|tag| !to.is_remote() || is_tag(tag));
    tag.unwrap_or_else(|| DEFAULT_TAG.to_owned())
}
