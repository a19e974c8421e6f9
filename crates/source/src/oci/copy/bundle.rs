//! All that an image is made of.

use std::collections::{BTreeMap, BTreeSet};

use super::super::document::{About, Descriptor, Index, MANIFEST_MAX, Manifest, parse};
use super::super::error::Error;
use super::super::image::{NESTED_MAX, Store, check_shape, is, no_image};
use super::super::media_type::{FOREIGN, INDEXES, MANIFESTS};
use crate::fetch::Digest;

/// The most memory that the documents of one image may take, in bytes.
const DOCUMENTS_MAX: u64 = 64 << 20;

/// How many documents are looked at.
const NUMBER_MAX: usize = 4096;

/// A manifest or index.
#[derive(Debug)]
pub(super) struct Document {
    /// How it is named: with its type, and what an index says of it.
    pub(super) descriptor: Descriptor,
    pub(super) digest: Digest,
    pub(super) bytes: Vec<u8>,
}

/// An image, an index of images or an artifact, and what refers to it.
#[derive(Debug)]
pub(super) struct Bundle {
    /// What its name stands for.
    pub(super) root: Document,
    /// The other manifests and indexes, none before one that it names.
    pub(super) documents: Vec<Document>,
    /// What refers to any of these, and to what; none before one that it names or refers to.
    pub(super) referrers: Vec<(Document, Option<Digest>)>,
    /// All blobs, each once.
    pub(super) blobs: BTreeMap<Digest, Descriptor>,
}

#[derive(Default)]
struct Gathering {
    seen: BTreeSet<Digest>,
    documents: Vec<Document>,
    blobs: BTreeMap<Digest, Descriptor>,
    number: usize,
    bytes: u64,
}

impl Bundle {
    /// What a descriptor leads to, all platforms; `image` is its name in messages.
    pub(super) fn read(image: &str, named: Descriptor, store: &dyn Store) -> Result<Self, Error> {
        let mut all = Gathering::default();
        all.add(image, named, store, 0)?;
        let missing = || Error::Nested {
            image: image.to_owned(),
            limit: NESTED_MAX,
        };
        let root = all.documents.pop().ok_or_else(missing)?;
        let documents = std::mem::take(&mut all.documents);

        let mut subjects: Vec<Digest> = documents.iter().map(|one| one.digest).collect();
        subjects.push(root.digest);
        let mut referrers: Vec<(Document, Option<Digest>)> = Vec::new();
        let mut next = 0;
        while let Some(subject) = subjects.get(next).copied() {
            next += 1;
            for descriptor in store.referrers(subject)? {
                let digest = descriptor.digest()?;
                if all.seen.contains(&digest) || !is_document(&descriptor) {
                    continue;
                }
                let bytes = all.document(image, &descriptor, store)?;
                let about: About = parse(&bytes, &format!("blob sha256:{digest}"))?;
                let refers_to = about.subject.as_ref().map(Descriptor::digest).transpose()?;
                if refers_to != Some(subject) {
                    continue;
                }
                all.add(image, descriptor, store, 0)?;
                let added = std::mem::take(&mut all.documents);
                subjects.extend(added.iter().map(|one| one.digest));
                let link = |one: Document| {
                    let refers_to = (one.digest == digest).then_some(subject);
                    (one, refers_to)
                };
                referrers.extend(added.into_iter().map(link));
            }
        }
        Ok(Self {
            root,
            documents,
            referrers,
            blobs: all.blobs,
        })
    }

    /// The documents that go along with the one that is named, in an order in which each may be sent.
    pub(super) fn others(&self) -> impl Iterator<Item = &Document> {
        let referrers = self.referrers.iter().map(|(document, _)| document);
        self.documents.iter().chain(referrers)
    }
}

impl Gathering {
    /// One more document; nobody can make this go on without end.
    fn document(
        &mut self,
        image: &str,
        descriptor: &Descriptor,
        store: &dyn Store,
    ) -> Result<Vec<u8>, Error> {
        self.number += 1;
        match self.number > NUMBER_MAX {
            true => Err(Error::Many {
                image: image.to_owned(),
                limit: NUMBER_MAX,
            }),
            false => store.document(descriptor, MANIFEST_MAX),
        }
    }

    /// Adds a manifest or index after all that it names.
    fn add(
        &mut self,
        image: &str,
        descriptor: Descriptor,
        store: &dyn Store,
        depth: usize,
    ) -> Result<(), Error> {
        if depth > NESTED_MAX {
            return Err(Error::Nested {
                image: image.to_owned(),
                limit: NESTED_MAX,
            });
        }
        let digest = descriptor.digest()?;
        if !self.seen.insert(digest) {
            return Ok(());
        }
        if !is_document(&descriptor) {
            return Err(no_image(&descriptor));
        }
        let bytes = self.document(image, &descriptor, store)?;
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > DOCUMENTS_MAX {
            return Err(Error::TooLarge {
                name: format!("all that names the parts of {image}"),
                size: self.bytes,
                limit: DOCUMENTS_MAX,
            });
        }
        check_shape(&bytes, &descriptor)?;
        let name = format!("blob sha256:{digest}");
        if is(&descriptor.media_type, INDEXES) {
            for child in parse::<Index>(&bytes, &name)?.manifests {
                self.add(image, child, store, depth + 1)?;
            }
        } else {
            let manifest: Manifest = parse(&bytes, &name)?;
            for blob in [manifest.config].into_iter().chain(manifest.layers) {
                // Registries do not hold these.
                if !is(&blob.media_type, FOREIGN) {
                    self.blobs.insert(blob.digest()?, blob);
                }
            }
        }
        self.documents.push(Document {
            descriptor,
            digest,
            bytes,
        });
        Ok(())
    }
}

fn is_document(descriptor: &Descriptor) -> bool {
    is(&descriptor.media_type, INDEXES) || is(&descriptor.media_type, MANIFESTS)
}
