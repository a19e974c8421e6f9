//! `release.json`: what is built, signed, installed, updated and rolled back as one.
//!
//! The same bytes are in three places: beside the images, with a signature
//! (`release.json.p7s`); inside the signed UKI's initrd, as the pinned copy; and on the boot
//! partition. init compares the last with its pinned copy, byte by byte.
//!
//! A release of several systems ([`crate::system`]) has a manifest for each: `<name>.json`. In the
//! initrd it is `release.json` all the same.

use serde::{Deserialize, Serialize};

use crate::esp;
use crate::system::System;

mod check;

/// A release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The owner's name for this release: `2026.11.23`, `1.4`.
    pub version: String,
    /// Which of several systems this is; absent in a release of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<System>,
    /// Kernel version, as `uname -r` prints it and `lib/modules/<version>` is named.
    pub kernel: String,
    /// The images, in the order in which init maps them.
    pub images: Vec<Image>,
    /// File name of the signed execution policy: there when [`crate::boot::Execute::Signed`] is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The container images that went in: so that what runs can be traced to what was built.
    /// Nothing on the machine depends on them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
}

/// A container image that went in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// How it was named: `oci://registry.example/team/system:1.4`; for one in a file or folder,
    /// without the folders that it lay in.
    pub reference: String,
    /// Digest of its index or manifest: `sha256:` and 64 hex digits.
    pub digest: String,
}

/// A squashfs with its dm-verity hash tree appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// What it is for: see [`ImageName`].
    pub name: ImageName,
    /// File name: `root.squashfs`. Never a path.
    pub file: String,
    /// Size of the whole file, in bytes.
    pub size: u64,
    /// Size of the part that the hash tree covers, in bytes: a multiple of 4096.
    pub data_size: u64,
    /// Where the dm-verity superblock starts, in bytes.
    pub hash_offset: u64,
    /// Salt of every hash: hex, may be empty.
    pub salt: String,
    /// SHA-256 root hash: 64 hex digits.
    pub root_hash: String,
}

/// The place of an image in the running system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageName {
    /// The root filesystem.
    Root,
    /// Content of `lib/modules/<kernel>`.
    Modules,
    /// Content of `lib/firmware`.
    Firmware,
}

/// Why a manifest was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not the JSON that a manifest is.
    #[error("the manifest cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// A field's value is impossible.
    #[error("the manifest's {field} is {found:?}; {expected}")]
    Field {
        /// Which field, with the image's name.
        field: String,
        /// Its value.
        found: String,
        /// What it should have been.
        expected: &'static str,
    },
}

impl Image {
    /// What the names of its other files start with: `root` of `root.squashfs`.
    pub fn stem(&self) -> &str {
        esp::image_stem(&self.file)
    }
}

impl ImageName {
    /// The name as it stands in file names and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Modules => "modules",
            Self::Firmware => "firmware",
        }
    }
}

impl std::fmt::Display for ImageName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Manifest {
    /// Reads and checks a manifest.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        let manifest: Self = serde_json::from_slice(bytes)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The manifest's bytes: indented JSON with a final newline, fields in a fixed order.
    pub fn to_json(&self) -> Vec<u8> {
        // Serialising strings and integers into memory has no way to fail.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Its system's name, when the release has several.
    pub fn system_name(&self) -> Option<&str> {
        self.system.as_ref().map(|system| system.name.as_str())
    }

    /// What people call it: `1.4`, or `1.4, system alpine`.
    pub fn title(&self) -> String {
        match self.system_name() {
            None => self.version.clone(),
            Some(name) => format!("{}, system {name}", self.version),
        }
    }

    /// The names of the files that it stands for, in [`esp::RELEASE`]: itself, its signature, its policy, and
    /// those of its images. Manifests of one release may name the same image.
    pub fn files(&self) -> Vec<String> {
        let system = self.system_name();
        let own = [
            esp::manifest_file(system),
            esp::manifest_signature_file(system),
        ];
        let of_image = |image: &Image| {
            let stem = image.stem();
            [
                image.file.clone(),
                esp::root_hash_file(stem),
                esp::signature_file(stem),
            ]
        };
        own.into_iter()
            .chain(self.policy.clone())
            .chain(self.images.iter().flat_map(of_image))
            .collect()
    }

    /// The image of that name, when the release has one.
    pub fn image(&self, name: ImageName) -> Option<&Image> {
        self.images.iter().find(|image| image.name == name)
    }
}

/// The longest [`Source::reference`], in bytes.
pub const REFERENCE_MAX: usize = 1024;

/// The rule for names that end up in file names, on command lines and on screens.
pub const VERSION_RULE: &str = "1 to 128 of a-z A-Z 0-9 . _ + ~ - are needed, no dot first";

/// Whether `text` follows [`VERSION_RULE`].
pub fn is_word(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && !text.starts_with('.')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._+~-".contains(&b))
}

fn is_hex(text: &str) -> bool {
    text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// `N` bytes from `2 * N` hex digits.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !is_hex(text) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            version: "1".to_owned(),
            system: None,
            kernel: "6.12.0-amd64".to_owned(),
            images: vec![Image {
                name: ImageName::Root,
                file: "root.squashfs".to_owned(),
                size: 16384,
                data_size: 8192,
                hash_offset: 8192,
                salt: String::new(),
                root_hash: "0f".repeat(32),
            }],
            policy: None,
            sources: vec![Source {
                reference: "oci://registry.example/team/system:1".to_owned(),
                digest: format!("sha256:{}", "0f".repeat(32)),
            }],
        }
    }

    fn system(name: &str, all: &[&str]) -> Option<System> {
        Some(System {
            name: name.to_owned(),
            all: all.iter().map(|name| (*name).to_owned()).collect(),
        })
    }

    #[test]
    fn what_is_written_is_read() {
        let one = manifest();
        let several = Manifest {
            system: system("a", &["b", "a"]),
            ..manifest()
        };
        let json = String::from_utf8(one.to_json()).unwrap();
        assert!(!json.contains("\"system\""), "{json}");
        for manifest in [one, several] {
            assert_eq!(Manifest::from_json(&manifest.to_json()).unwrap(), manifest);
        }
    }

    #[test]
    fn a_systems_files_have_its_name_and_shared_ones_their_own() {
        let mut manifest = manifest();
        let root = ["root.squashfs", "root.roothash", "root.roothash.p7s"];
        assert_eq!(manifest.files()[..2], ["release.json", "release.json.p7s"]);
        assert_eq!(manifest.files()[2..], root);
        assert_eq!(manifest.title(), "1");
        manifest.system = system("a", &["b", "a"]);
        manifest.images[0].file = "a.squashfs".to_owned();
        let own = [
            "a.json",
            "a.json.p7s",
            "a.squashfs",
            "a.roothash",
            "a.roothash.p7s",
        ];
        assert_eq!(manifest.files(), own);
        assert_eq!(manifest.title(), "1, system a");
    }

    #[test]
    fn impossible_values_are_refused_by_name() {
        type Break = fn(&mut Manifest);
        let cases: &[(&str, Break)] = &[
            ("version", |m| m.version = "a b".to_owned()),
            ("kernel", |m| m.kernel = "../6.12".to_owned()),
            ("system", |m| m.system = system("../a", &["../a"])),
            ("system", |m| m.system = system("a", &["b"])),
            ("images[0].file", |m| {
                m.images[0].file = "../root".to_owned()
            }),
            ("images[0].root_hash", |m| {
                m.images[0].root_hash.truncate(62)
            }),
            ("images[0].salt", |m| m.images[0].salt = "0g".to_owned()),
            ("images[1].name", |m| m.images.push(m.images[0].clone())),
            ("sources[0].reference", |m| {
                m.sources[0].reference = "a b".to_owned()
            }),
            ("sources[0].digest", |m| m.sources[0].digest.truncate(70)),
            ("data_size", |m| m.images[0].data_size = 4095),
            ("hash_offset", |m| m.images[0].hash_offset = 16384),
        ];
        for (field, change) in cases {
            let mut broken = manifest();
            change(&mut broken);
            let error = Manifest::from_json(&broken.to_json())
                .unwrap_err()
                .to_string();
            assert!(error.contains(field), "{field}: {error}");
        }
    }

    #[test]
    fn unknown_fields_are_refused() {
        let json = r#"{"version":"1","kernel":"1","images":[],"extra":1}"#;
        assert!(Manifest::from_json(json.as_bytes()).is_err());
    }
}
