//! Why a release is not signed in two passes.

use std::io;
use std::path::PathBuf;

/// What is wrong with a request, with signatures, or with the release that they are for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is longer than any of its kind.
    #[error("{} has more than {limit} bytes, as no such file has", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// In bytes.
        limit: u64,
    },
    /// Not the JSON that it should be.
    #[error("{} is not what it should be", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Of another version of sealboot.
    #[error("{} has format {found}; this sealboot knows format 1", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format's number.
        found: u32,
    },
    /// A file of the release is not what a build leaves.
    #[error("{file} of the release cannot be used: {problem}")]
    Release {
        /// The file.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// A request asks for something that belongs to no release.
    #[error("{item}: {problem}; nothing is signed")]
    Item {
        /// The item's name.
        item: String,
        /// What is wrong.
        problem: String,
    },
    /// A request as a whole does not hold together.
    #[error("the request does not hold together: {0}; nothing is signed")]
    Request(String),
    /// The certificate beside a request is not the one that it names.
    #[error("the request wants the key of the certificate {wanted}, and {CERTIFICATE} is {found}; nothing is signed", CERTIFICATE = super::format::CERTIFICATE)]
    Certificate {
        /// SHA-256, hex.
        wanted: String,
        /// SHA-256, hex.
        found: String,
    },
    /// The key that is there is not the one that is to sign.
    #[error(
        "the request wants the key of the certificate {wanted}, and the key that would sign has {found}; nothing is signed"
    )]
    OtherKey {
        /// SHA-256, hex.
        wanted: String,
        /// SHA-256, hex.
        found: String,
    },
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] source::keys::SignError),
    /// A signature is not there.
    #[error("there is no signature of {item}: {} is missing", path.display())]
    Missing {
        /// The item's name.
        item: String,
        /// Where it should be.
        path: PathBuf,
    },
    /// There is a signature of something that this release does not have.
    #[error("{} is a signature of nothing in this release", path.display())]
    Surplus {
        /// Where it is.
        path: PathBuf,
    },
    /// The signatures are another release's.
    #[error("the signatures are of release {found}, and this is release {expected}")]
    OtherRelease {
        /// The release that is here.
        expected: String,
        /// The one that was signed.
        found: String,
    },
    /// The signatures are by another key.
    #[error(
        "the signatures are by the key of the certificate {found}; this release is for {expected}"
    )]
    OtherSigner {
        /// SHA-256 of the certificate, hex.
        expected: String,
        /// The same of the one that signed.
        found: String,
    },
    /// Two signatures were exchanged.
    #[error("{} is the signature of {found}, not of {item}", path.display())]
    Mixed {
        /// Where it is.
        path: PathBuf,
        /// What it should be of.
        item: String,
        /// What it is of.
        found: String,
    },
    /// A signature does not hold.
    #[error("{} is no signature of {item} by the key of the certificate {certificate}: it is by another key, of other content, or damaged", path.display())]
    Bad {
        /// Where it is.
        path: PathBuf,
        /// What it should be of.
        item: String,
        /// SHA-256 of the certificate, hex.
        certificate: String,
    },
    /// What was signed is not what is here, though the signatures hold.
    #[error(
        "the signatures were made over another request than this release's: SHA-256 {found}, {expected} is needed"
    )]
    OtherRequest {
        /// SHA-256 of the request that follows from what is here, hex.
        expected: String,
        /// The one that was signed.
        found: String,
    },
}
