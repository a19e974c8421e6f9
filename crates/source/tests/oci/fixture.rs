//! Small images, and what can be wrong with them.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(crate) const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
pub(crate) const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

pub(crate) type Change = fn(&mut Value);

/// An image to be written: each document may be changed before its digest is taken.
#[derive(Clone)]
pub(crate) struct Contents {
    pub(crate) layers: Vec<Layer>,
    pub(crate) config: Change,
    pub(crate) manifest: Change,
    pub(crate) index: Change,
}

/// A layer as it is stored.
#[derive(Clone)]
pub(crate) struct Layer {
    pub(crate) media_type: &'static str,
    pub(crate) blob: Vec<u8>,
    pub(crate) diff_id: String,
}

impl Default for Contents {
    /// Two layers: `etc/name` and `etc/old`, then a whiteout of the latter and `sbin/init`.
    fn default() -> Self {
        let lower = tar(&[("etc/name", 0o644, b"one"), ("etc/old", 0o644, b"old")]);
        let upper = tar(&[
            ("etc/.wh.old", 0o644, b""),
            ("sbin/init", 0o755, b"#!/bin/sh\n"),
        ]);
        Self {
            layers: vec![gzip(&lower), gzip(&upper)],
            config: |_| {},
            manifest: |_| {},
            index: |_| {},
        }
    }
}

impl Contents {
    /// The image's documents and layers: name in a layout → bytes.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        let mut blob = |media_type: &str, bytes: Vec<u8>| {
            let digest = hex(&bytes);
            let descriptor = json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"),
                                     "size": bytes.len() });
            files.push((format!("blobs/sha256/{digest}"), bytes));
            descriptor
        };
        let layers: Vec<Value> = (self.layers.iter())
            .map(|one| blob(one.media_type, one.blob.clone()))
            .collect();
        let diff_ids: Vec<&str> = self.layers.iter().map(|one| one.diff_id.as_str()).collect();
        let mut config = json!({
            "architecture": "amd64", "os": "linux",
            "config": { "Entrypoint": ["/sbin/init"], "Cmd": null, "Env": ["PATH=/bin"] },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        (self.config)(&mut config);
        let config = blob(CONFIG, config.to_string().into());
        let mut manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config,
                                   "layers": layers });
        (self.manifest)(&mut manifest);
        let mut manifest = blob(MANIFEST, manifest.to_string().into());
        manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": "1.0" });
        let mut index = json!({ "schemaVersion": 2, "manifests": [manifest] });
        (self.index)(&mut index);
        files.push(("index.json".to_owned(), index.to_string().into()));
        let version = br#"{"imageLayoutVersion":"1.0.0"}"#;
        files.push(("oci-layout".to_owned(), version.to_vec()));
        files
    }

    /// Writes an OCI layout.
    pub(crate) fn write(&self, folder: &Path) {
        for (name, bytes) in self.files() {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    /// The same in a tar.
    pub(crate) fn archive(&self) -> Vec<u8> {
        let files = self.files();
        let entries = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), 0o644, bytes.as_slice()));
        tar(&entries.collect::<Vec<_>>())
    }

    /// What `docker save` writes.
    pub(crate) fn docker_archive(&self, saved: Change) -> Vec<u8> {
        let config = json!({
            "architecture": "amd64", "os": "linux",
            "rootfs": { "diff_ids": self.layers.iter().map(|one| &one.diff_id).collect::<Vec<_>>() },
        });
        let config = config.to_string().into_bytes();
        let mut files = vec![(format!("{}.json", hex(&config)), config)];
        let mut manifest = json!([{ "Config": files[0].0, "RepoTags": ["one.example/system:1.0"],
                                    "Layers": [] }]);
        for (number, layer) in self.layers.iter().enumerate() {
            let name = format!("layer{number}/layer.tar");
            manifest[0]["Layers"]
                .as_array_mut()
                .unwrap()
                .push(json!(name));
            files.push((name, layer.blob.clone()));
        }
        saved(&mut manifest);
        files.push(("manifest.json".to_owned(), manifest.to_string().into()));
        let entries = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), 0o644, bytes.as_slice()));
        tar(&entries.collect::<Vec<_>>())
    }
}

/// A tar of regular files: path, mode, content.
pub(crate) fn tar(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (path, mode, content) in files {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_mode(*mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// A layer that is not compressed.
pub(crate) fn plain(tar: &[u8]) -> Layer {
    Layer {
        media_type: TAR,
        blob: tar.to_vec(),
        diff_id: format!("sha256:{}", hex(tar)),
    }
}

/// A layer compressed with gzip.
pub(crate) fn gzip(tar: &[u8]) -> Layer {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(tar).unwrap();
    Layer {
        media_type: GZIP,
        blob: encoder.finish().unwrap(),
        ..plain(tar)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
