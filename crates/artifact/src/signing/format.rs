//! The two folders: [`contract::out::TO_SIGN`] with `request.json`, `certificate.der` and a message for each item, and
//! `signatures` with a signature for each, and `signatures.json`.

use serde::{Deserialize, Serialize};

/// What is to be signed: a [`Request`].
pub const REQUEST: &str = "request.json";

/// The certificate of the key that is to sign, X.509 DER.
pub const CERTIFICATE: &str = "certificate.der";

/// What a person reads who has no sealboot: the same page that it shows.
pub const PAGE: &str = "READ-ME.txt";

/// What the name of a message's file ends with, behind its item's name.
pub const MESSAGE_END: &str = ".tbs";

/// What the name of a signature's file ends with, behind its item's name.
pub const SIGNATURE_END: &str = ".sig";

/// What the signatures are of: a [`Made`].
pub const MADE: &str = "signatures.json";

/// The only version of these formats so far.
pub const VERSION: u32 = 1;

/// What is to be signed for a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// [`VERSION`].
    pub format: u32,
    /// The release's version.
    pub release: String,
    /// SHA-256 of the certificate of the key that is to sign, hex.
    pub certificate_sha256: String,
    /// In the order in which a build signs them.
    pub items: Vec<Item>,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Name of the file of the release that it is about: `root.roothash`.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// SHA-256 of the message, hex: what the key signs.
    pub sha256: String,
    /// More of a UKI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uki: Option<UkiItem>,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A root hash as 64 hex digits.
    RootHash,
    /// A manifest ([`contract::manifest`]).
    Manifest,
    /// An execution policy ([`contract::policy`]).
    ExecutionPolicy,
    /// The attributes of an Authenticode signature, DER ([`formats::authenticode::to_be_signed`]).
    Uki,
}

/// What the builder says of a UKI. Whoever signs has its digest only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UkiItem {
    /// The Authenticode digest, SHA-256, hex: follows from the message.
    pub authenticode_sha256: String,
    /// In bytes, without a signature.
    pub size: u64,
    /// The kernel's command line.
    pub command_line: String,
    /// Its kernel's version.
    pub kernel: String,
}

/// What is beside signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// [`VERSION`].
    pub format: u32,
    /// The release that was signed.
    pub release: String,
    /// SHA-256 of its `request.json`, hex.
    pub request_sha256: String,
    /// SHA-256 of the certificate of the key that signed, hex.
    pub certificate_sha256: String,
}
