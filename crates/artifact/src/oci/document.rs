//! The JSON documents of an image: configuration, manifest, index (image-spec, config.md, manifest.md,
//! image-index.md).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Layer;

/// Media types of the documents.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// See [`CONFIG`].
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// See [`CONFIG`].
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The configuration of what needs none (image-spec, manifest.md, "Guidance for an Empty Descriptor"):
/// its media type and content.
pub const EMPTY: (&str, &[u8]) = ("application/vnd.oci.empty.v1+json", b"{}");
/// A bill of materials: what [`crate::sbom::spdx`] writes.
pub const SPDX: &str = "application/spdx+json";

/// Where an index says which tag an image has.
pub const REFERENCE: &str = "org.opencontainers.image.ref.name";
/// Where a manifest says which file a blob is.
pub const TITLE: &str = "org.opencontainers.image.title";
/// Where a manifest says which version of something it is.
pub const VERSION: &str = "org.opencontainers.image.version";

/// A blob, as others name it (image-spec, descriptor.md).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// Its SHA-256.
    pub digest: [u8; 32],
    /// Its length in bytes.
    pub size: u64,
}

/// What an image is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// When it was made: `2026-11-24T03:00:00Z` (RFC 3339, UTC).
    pub created: String,
    /// The program and its first arguments.
    pub entrypoint: Vec<String>,
    /// More arguments, which whoever runs it replaces.
    pub cmd: Vec<String>,
    /// Environment: `NAME=value`.
    pub environment: Vec<String>,
    /// The folder that it starts in.
    pub directory: String,
    /// Labels, and annotations of the manifest.
    pub labels: BTreeMap<String, String>,
}

/// Files that are no layers of an image (image-spec, manifest.md, "Guidelines for Artifact Usage").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artifact {
    /// What it is: a media type.
    pub artifact_type: String,
    /// The image or artifact that it says something of.
    pub subject: Option<Descriptor>,
    /// Its files, each with its name.
    pub files: Vec<(Descriptor, String)>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
}

/// An entry of a layout's index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The manifest.
    pub manifest: Descriptor,
    /// What it is called; what goes with something else needs no name.
    pub tag: Option<String>,
    /// What it is, when it is no image.
    pub artifact_type: Option<String>,
}

impl From<&Layer> for Descriptor {
    fn from(layer: &Layer) -> Self {
        Self {
            media_type: layer.media_type.to_owned(),
            digest: layer.digest,
            size: layer.size,
        }
    }
}

impl Descriptor {
    /// `sha256:…`, as documents have it.
    pub fn name(&self) -> String {
        digest(&self.digest)
    }

    fn json(&self) -> Value {
        json!({
            "mediaType": self.media_type,
            "digest": self.name(),
            "size": self.size,
        })
    }
}

/// The configuration of an image of these layers, for x86-64.
pub fn config(settings: &Settings, layers: &[Layer]) -> Vec<u8> {
    let mut program = json!({});
    let fields = [
        (
            "Entrypoint",
            json!(settings.entrypoint),
            settings.entrypoint.is_empty(),
        ),
        ("Cmd", json!(settings.cmd), settings.cmd.is_empty()),
        (
            "Env",
            json!(settings.environment),
            settings.environment.is_empty(),
        ),
        (
            "WorkingDir",
            json!(settings.directory),
            settings.directory.is_empty(),
        ),
        ("Labels", json!(settings.labels), settings.labels.is_empty()),
    ];
    for (name, value, empty) in fields {
        if !empty {
            program[name] = value;
        }
    }
    let diff_ids: Vec<String> = layers.iter().map(|layer| digest(&layer.diff_id)).collect();
    let history = layers
        .iter()
        .map(|_| json!({ "created": settings.created, "created_by": "sealboot" }));
    bytes(&json!({
        "created": settings.created,
        "architecture": "amd64",
        "os": "linux",
        "config": program,
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
        "history": history.collect::<Vec<_>>(),
    }))
}

/// The manifest of an image.
pub fn manifest(settings: &Settings, config: &Descriptor, layers: &[Layer]) -> Vec<u8> {
    let layers: Vec<Value> = layers
        .iter()
        .map(|layer| Descriptor::from(layer).json())
        .collect();
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.json(),
        "layers": layers,
    });
    if !settings.labels.is_empty() {
        manifest["annotations"] = json!(settings.labels);
    }
    bytes(&manifest)
}

/// The manifest of an artifact; `config` is that of [`EMPTY`].
pub fn artifact(artifact: &Artifact, config: &Descriptor) -> Vec<u8> {
    let layers = artifact.files.iter().map(|(file, name)| {
        let mut layer = file.json();
        layer["annotations"] = json!({ TITLE: name });
        layer
    });
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact.artifact_type,
        "config": config.json(),
        "layers": layers.collect::<Vec<_>>(),
    });
    if let Some(subject) = &artifact.subject {
        manifest["subject"] = subject.json();
    }
    if !artifact.annotations.is_empty() {
        manifest["annotations"] = json!(artifact.annotations);
    }
    bytes(&manifest)
}

/// The index of a layout.
pub fn index(entries: &[Entry]) -> Vec<u8> {
    let manifests = entries.iter().map(|entry| {
        let mut value = entry.manifest.json();
        match &entry.artifact_type {
            Some(artifact_type) => value["artifactType"] = json!(artifact_type),
            None => value["platform"] = json!({ "architecture": "amd64", "os": "linux" }),
        }
        if let Some(tag) = &entry.tag {
            value["annotations"] = json!({ REFERENCE: tag });
        }
        value
    });
    bytes(&json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": manifests.collect::<Vec<_>>(),
    }))
}

fn digest(bytes: &[u8; 32]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn bytes(value: &Value) -> Vec<u8> {
    // Values in memory have no way to fail.
    serde_json::to_vec(value).unwrap_or_default()
}
