//! To a registry: blobs, a few at once; then what names them; the tag last.

use super::super::error::Error;
use super::super::image::Store;
use super::super::registry::{Repository, tag_of};
use super::bundle::{Bundle, Document};
use super::{Counts, index};
use crate::fetch::{Digest, in_parallel};

/// Sends all of it that the registry has not.
pub(super) fn send(
    bundle: &Bundle,
    store: &dyn Store,
    to: &Repository<'_>,
    tag: &str,
) -> Result<Counts, Error> {
    // One request first: a registry that is not there, or wants a login, is found out once.
    let is_there = to.has_document(tag, bundle.root.digest)?;
    let mut counts = Counts::default();
    let blobs: Vec<_> = bundle.blobs.iter().collect();
    let sent = in_parallel(&blobs, |(digest, descriptor), stop| {
        if to.has_blob(**digest)? {
            return Ok(false);
        }
        let name = format!("blob sha256:{digest}");
        let blob = store.blob(descriptor, &name, stop)?;
        to.send_blob(descriptor, &blob, &name, stop)?;
        Ok::<_, Error>(true)
    })?;
    for ((_, descriptor), sent) in blobs.iter().zip(sent) {
        counts.add(sent, descriptor.size);
    }
    for document in &bundle.documents {
        send_document(document, to, &mut counts)?;
    }
    for (document, subject) in &bundle.referrers {
        let listed = send_document(document, to, &mut counts)?;
        if let (Some(subject), false) = (subject, listed) {
            list(document, *subject, to)?;
        }
    }
    let root = &bundle.root;
    counts.add(!is_there, root.bytes.len() as u64);
    if !is_there {
        to.send_document(&root.descriptor, &root.bytes, tag)?;
    }
    Ok(counts)
}

/// Sends a manifest or index by its digest, unless it is there; whether the registry says that it has put
/// it on the list of what refers to its subject.
fn send_document(
    document: &Document,
    to: &Repository<'_>,
    counts: &mut Counts,
) -> Result<bool, Error> {
    let name = format!("sha256:{}", document.digest);
    let is_there = to.has_document(&name, document.digest)?;
    counts.add(!is_there, document.bytes.len() as u64);
    match is_there {
        true => Ok(false),
        false => to.send_document(&document.descriptor, &document.bytes, &name),
    }
}

/// Puts it on the list of what refers to its subject, where the registry keeps none (distribution-spec,
/// "Pushing Manifests with Subject").
fn list(document: &Document, subject: Digest, to: &Repository<'_>) -> Result<(), Error> {
    let known = to.known_referrers(subject)?;
    let on_it = |one: &super::Descriptor| one.digest().is_ok_and(|found| found == document.digest);
    if known.by_registry || known.manifests.iter().any(on_it) {
        return Ok(());
    }
    let list = index::list(known.manifests, document)?;
    let descriptor = index::descriptor(&list);
    to.send_document(&descriptor, &list, &tag_of(subject))?;
    Ok(())
}
