//! Why an image cannot be had.

use std::path::PathBuf;

use crate::fetch::Digest;

/// See the module. Each message names the image, blob or file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system does not give a file or folder.
    #[error("cannot {action} {}", path.display())]
    Read {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system does not take a file or folder.
    #[error("cannot {action} {}", path.display())]
    Write {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing can be copied to there.
    #[error("{image} cannot be copied to: {what}")]
    Destination {
        /// The reference.
        image: String,
        /// Why.
        what: &'static str,
    },
    /// Nothing can be copied from there.
    #[error("{image} cannot be copied: {what}")]
    Origin {
        /// The reference.
        image: String,
        /// Why.
        what: &'static str,
    },
    /// A folder or tar is no OCI layout.
    #[error("{} is not an OCI layout: {what}", path.display())]
    Layout {
        /// The folder or tar.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A tar is not what `docker save` writes.
    #[error("{} is not what 'docker save' writes: {what}", path.display())]
    DockerArchive {
        /// The tar.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The tar around an image cannot be read.
    #[error("{} cannot be read as a tar: {error}", path.display())]
    Tar {
        /// The tar.
        path: PathBuf,
        /// Which entry, and what is wrong with it.
        error: crate::layer::EntryError,
    },
    /// The tar around an image cannot be used.
    #[error("{} cannot be used: {what}", path.display())]
    Container {
        /// The tar.
        path: PathBuf,
        /// Why.
        what: &'static str,
    },
    /// A document is not the JSON that it should be.
    #[error("{name} is not the JSON that it should be")]
    Json {
        /// Which document.
        name: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A document is too large.
    #[error("{name} is {size} bytes; at most {limit} are read")]
    TooLarge {
        /// Which document.
        name: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// An image in a registry, where a file or folder is needed.
    #[error("{image} is in a registry; a file or folder is needed here")]
    Remote {
        /// The reference.
        image: String,
    },
    /// An image in a file or folder, where one in a registry is needed.
    #[error("{image} is not in a registry, as is needed here")]
    Local {
        /// The reference.
        image: String,
    },
    /// A registry does not take it.
    #[error("{image} cannot be sent")]
    Push {
        /// The reference.
        image: String,
        /// Why.
        source: Box<crate::fetch::Error>,
    },
    /// A registry made something else of what was sent.
    #[error("{url}: sha256:{expected} was sent, and the registry says that it is {found}")]
    Stored {
        /// Where to.
        url: String,
        /// What was sent.
        expected: Digest,
        /// What the registry made of it.
        found: String,
    },
    /// A registry does not give it.
    #[error("{image} cannot be had")]
    Fetch {
        /// The reference.
        image: String,
        /// Why.
        source: Box<crate::fetch::Error>,
    },
    /// Something that is named is not there.
    #[error("blob sha256:{digest} is not in {place}: the image is not complete; copy it again")]
    Missing {
        /// What is missing.
        digest: Digest,
        /// Where it should be.
        place: String,
    },
    /// A blob has another length than its descriptor says.
    #[error(
        "blob sha256:{digest} in {place} is {found} bytes, {expected} are expected; copy the image \
         again"
    )]
    Size {
        /// Which blob.
        digest: Digest,
        /// Where it is.
        place: String,
        /// What it should be, in bytes.
        expected: u64,
        /// What it is, in bytes.
        found: u64,
    },
    /// What a registry sends has another length than its descriptor says.
    #[error("{url}: the registry sends {found} bytes, {expected} are expected")]
    Length {
        /// What was asked for.
        url: String,
        /// What it should be, in bytes.
        expected: u64,
        /// What it is, in bytes: `at least …` when the rest was not read.
        found: String,
    },
    /// A blob has another digest than its name says.
    #[error(
        "blob sha256:{expected} in {place} has the SHA-256 {found}: it was damaged or altered; \
         copy the image again"
    )]
    Digest {
        /// Where it is.
        place: String,
        /// What it should be.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// The image is not the one that its reference names.
    #[error("{image} is another image than its name asks for: sha256:{found} is there")]
    OtherImage {
        /// The reference.
        image: String,
        /// What is there.
        found: Digest,
    },
    /// A digest that cannot be checked.
    #[error(
        "the digest {found:?} cannot be checked; sha256: and 64 lower-case hex digits are needed"
    )]
    DigestForm {
        /// The digest.
        found: String,
    },
    /// Something of another kind than an image is made of.
    #[error("{object} has the media type {found:?}; {expected}")]
    MediaType {
        /// What it is about.
        object: String,
        /// Its media type.
        found: String,
        /// What is possible.
        expected: &'static str,
    },
    /// A document that is not what its media type says.
    #[error("{object} is not what its media type says: {what}")]
    Shape {
        /// Which document.
        object: String,
        /// What is wrong.
        what: &'static str,
    },
    /// No image for this platform.
    #[error("{image} holds nothing for linux/amd64; it holds {found}")]
    Platform {
        /// The reference.
        image: String,
        /// Which platforms there are.
        found: String,
    },
    /// No image has that tag.
    #[error("{image}: no image has the tag {tag:?}; tags there: {found}")]
    Tag {
        /// The reference.
        image: String,
        /// What was asked for.
        tag: String,
        /// Which tags there are.
        found: String,
    },
    /// Several images, and none is named.
    #[error("{image}: which image is meant? Add one of these after a colon: {found}")]
    Several {
        /// The reference.
        image: String,
        /// Which tags there are.
        found: String,
    },
    /// Indexes within indexes without end.
    #[error("{image}: more than {limit} indexes lie within each other")]
    Nested {
        /// The reference.
        image: String,
        /// How many may.
        limit: usize,
    },
    /// Manifests without end.
    #[error("{image}: more than {limit} manifests and indexes belong to it or refer to it")]
    Many {
        /// The reference.
        image: String,
        /// How many may.
        limit: usize,
    },
    /// Manifest and configuration do not fit together.
    #[error(
        "{image}: the manifest has {layers} layers and the configuration {diff_ids} diff_ids; \
         each layer needs one, and at most {limit} are possible"
    )]
    Layers {
        /// The reference.
        image: String,
        /// Layers of the manifest.
        layers: usize,
        /// Layers of the configuration.
        diff_ids: usize,
        /// The most that is possible.
        limit: usize,
    },
}
