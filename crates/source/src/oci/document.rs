//! The JSON documents (image-spec: descriptor.md, image-index.md, manifest.md, config.md) as
//! values. Fields that nothing here needs are passed over, as the specification asks.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::Error;
use super::reference::parse_digest;
use crate::fetch::Digest;

/// The most that is read of an index or manifest, in bytes: what a registry has to take
/// (distribution-spec, "Pushing Manifests").
pub(super) const MANIFEST_MAX: u64 = 4 << 20;

/// The most that is read of a configuration, in bytes.
pub(super) const CONFIG_MAX: u64 = 8 << 20;

/// The most layers of one image; other programs stop at 127.
pub(super) const LAYERS_MAX: usize = 1024;

/// Where an index says which name an image has.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Names content by what it is.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    digest: String,
    /// In bytes.
    pub(super) size: u64,
    /// What an artifact is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<String>,
    #[serde(default, deserialize_with = "or_null")]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<Platform>,
}

impl Descriptor {
    /// Content that is known by its digest alone, such as a manifest that was asked for by it.
    pub(super) fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: format!("sha256:{digest}"),
            size,
            artifact_type: None,
            annotations: BTreeMap::new(),
            platform: None,
        }
    }

    /// The digest. Other algorithms than SHA-256 may be refused (descriptor.md, "Registered
    /// algorithms"), and are.
    pub(super) fn digest(&self) -> Result<Digest, Error> {
        parse_digest(&self.digest).ok_or_else(|| Error::DigestForm {
            found: self.digest.chars().take(200).collect(),
        })
    }

    /// The name that a layout gives it.
    pub(super) fn name(&self) -> Option<&str> {
        self.annotations.get(REF_NAME).map(String::as_str)
    }

    /// Whether it is an artifact without a name of its own, such as a bill of materials.
    pub(super) fn is_attached(&self) -> bool {
        self.artifact_type.is_some() && self.name().is_none()
    }
}

/// What an image is for.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub(super) struct Platform {
    #[serde(default)]
    pub(super) os: String,
    #[serde(default)]
    pub(super) architecture: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) variant: Option<String>,
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// Which fields say what a document is, whatever it is called.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shape {
    #[serde(default)]
    pub(super) media_type: Option<String>,
    #[serde(default)]
    schema_version: Option<u64>,
    #[serde(default)]
    manifests: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    layers: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    config: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    fs_layers: Option<serde::de::IgnoredAny>,
}

impl Shape {
    /// Whether it has what an index has, and what a manifest has.
    pub(super) fn is(&self) -> (bool, bool) {
        let manifest = self.layers.is_some() || self.config.is_some();
        (self.manifests.is_some(), manifest)
    }

    /// Docker's format of before 2016, without descriptors.
    pub(super) fn is_schema1(&self) -> bool {
        self.schema_version == Some(1) || self.fs_layers.is_some()
    }
}

/// Image index, `index.json` of a layout, or Docker's manifest list.
#[derive(Debug, Deserialize)]
pub(super) struct Index {
    #[serde(default, deserialize_with = "or_null")]
    pub(super) manifests: Vec<Descriptor>,
}

/// Image manifest.
#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    pub(super) config: Descriptor,
    #[serde(default, deserialize_with = "or_null")]
    pub(super) layers: Vec<Descriptor>,
}

/// What an index or manifest says of itself and of what it goes with.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct About {
    #[serde(default)]
    pub(super) artifact_type: Option<String>,
    #[serde(default)]
    pub(super) subject: Option<Descriptor>,
    #[serde(default, deserialize_with = "or_null")]
    pub(super) annotations: BTreeMap<String, String>,
}

/// `oci-layout`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LayoutVersion {
    pub(super) image_layout_version: String,
}

/// One image of a `docker-archive`'s `manifest.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Saved {
    pub(super) config: String,
    #[serde(default, deserialize_with = "or_null")]
    pub(super) repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "or_null")]
    pub(super) layers: Vec<String>,
}

/// Image configuration.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    /// For which processor, in Go's words: `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// For which kernel: `linux`.
    #[serde(default)]
    pub os: String,
    /// What to run, and how.
    #[serde(default, rename = "config", deserialize_with = "or_null")]
    pub program: Program,
    pub(super) rootfs: Rootfs,
}

/// What an image says of the program that it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Program {
    /// The program and its first arguments.
    #[serde(deserialize_with = "or_null")]
    pub entrypoint: Vec<String>,
    /// More arguments; program and arguments where there is no entry point.
    #[serde(deserialize_with = "or_null")]
    pub cmd: Vec<String>,
    /// Environment: `NAME=value`.
    #[serde(deserialize_with = "or_null")]
    pub env: Vec<String>,
    /// The folder to start in; empty for `/`.
    #[serde(deserialize_with = "or_null")]
    pub working_dir: String,
    /// `user`, `uid`, `user:group`, `uid:gid` …; empty for root.
    #[serde(deserialize_with = "or_null")]
    pub user: String,
    /// Arbitrary metadata.
    #[serde(deserialize_with = "or_null")]
    pub labels: BTreeMap<String, String>,
}

impl Program {
    /// Program and arguments, as one list; empty when the image names none.
    pub fn command(&self) -> impl Iterator<Item = &str> {
        self.entrypoint.iter().chain(&self.cmd).map(String::as_str)
    }
}

/// The layers as they are when unpacked.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Rootfs {
    #[serde(default, deserialize_with = "or_null")]
    pub(super) diff_ids: Vec<String>,
}

/// Go's programs write `null` for an empty list or map.
fn or_null<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// Reads a document; `name` says which one in messages.
pub(super) fn parse<T: for<'de> Deserialize<'de>>(bytes: &[u8], name: &str) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|source| Error::Json {
        name: name.to_owned(),
        source,
    })
}
