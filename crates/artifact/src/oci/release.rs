//! A release as an OCI artifact: a manifest of type [`ARTIFACT`] with one layer for each file, so that
//! any registry distributes it. `docs/reference/release-artifact.md` is written from this.
//!
//! In order: [`ROLES`] says which files there can be; [`Release::read`] finds them in a folder and holds
//! them against the release's own manifests; [`Release::add_to`] makes the artifact; [`files`] reads
//! one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use contract::manifest::{self, Image, Manifest};
use contract::{esp, out};
use serde_json::Value;

use super::Layout;
use super::document::{Artifact, Descriptor, SPDX, TITLE, VERSION};

/// What the manifest in the registry calls itself (`artifactType`).
pub const ARTIFACT: &str = "application/vnd.sealboot.release.v1";

/// The most that is read of a manifest, in bytes.
const MANIFEST_MAX: u64 = 1 << 20;

/// The longest name of a file.
const NAME_MAX: usize = 128;

/// A kind of file of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// What its name ends with.
    pub end: &'static str,
    /// The media type of its layer.
    pub media_type: &'static str,
    /// What it is.
    pub what: &'static str,
}

/// Every kind, the longer ends first.
pub const ROLES: &[Role] = &[
    Role {
        end: out::SBOM,
        media_type: SPDX,
        what: "bill of materials, SPDX 2.3 JSON",
    },
    Role {
        end: out::REPORT,
        media_type: "text/html",
        what: "the release for people",
    },
    Role {
        end: ".json.p7s",
        media_type: "application/vnd.sealboot.manifest.signature.v1",
        what: "PKCS#7 signature of a manifest, DER",
    },
    Role {
        end: ".json",
        media_type: "application/vnd.sealboot.manifest.v1+json",
        what: "manifest: names the images by root hash",
    },
    Role {
        end: ".policy.p7b",
        media_type: "application/vnd.sealboot.policy.v1",
        what: "execution policy, PKCS#7 with the policy inside, DER; where the manifest names one",
    },
    Role {
        end: ".roothash.p7s",
        media_type: "application/vnd.sealboot.roothash.signature.v1",
        what: "PKCS#7 signature of a root hash, DER",
    },
    Role {
        end: ".roothash",
        media_type: "application/vnd.sealboot.roothash.v1",
        what: "root hash, 64 hex digits",
    },
    Role {
        end: ".squashfs",
        media_type: "application/vnd.sealboot.image.v1",
        what: "image: squashfs with its dm-verity hash tree appended",
    },
    Role {
        end: ".efi",
        media_type: "application/vnd.sealboot.uki.v1",
        what: "signed Unified Kernel Image, PE32+",
    },
    Role {
        end: out::DISK,
        media_type: "application/vnd.sealboot.disk.v1",
        what: "disk image with all of it, only when asked for: `oci push --disk`",
    },
];

/// Why a release cannot be sent, or what was fetched is none.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system does not give a file.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no manifest.
    #[error("{} holds no release: no manifest with a signature beside it is there", folder.display())]
    NoRelease {
        /// Where one was looked for.
        folder: PathBuf,
    },
    /// A manifest cannot be read.
    #[error("{file} is not the manifest of a release")]
    Manifest {
        /// Its name.
        file: String,
        /// Why.
        source: manifest::Error,
    },
    /// The files do not go together.
    #[error("the release is not whole: {file} {what}; build it again")]
    Broken {
        /// Which file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// The artifact is not what a release is.
    #[error("it is not a release as sealboot sends it: {what}")]
    Artifact {
        /// What is wrong with it.
        what: String,
    },
    /// The layout cannot be written.
    #[error(transparent)]
    Layout(#[from] super::Error),
}

/// A release in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    folder: PathBuf,
    /// Its version.
    pub version: String,
    /// The names of its files, sorted.
    pub files: Vec<String>,
    /// What else lies there: not part of it.
    pub others: Vec<String>,
}

/// The kind of file that has such a name, when it is a name that a release can have.
pub fn role(name: &str) -> Option<&'static Role> {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    let good = name.len() <= NAME_MAX && !name.starts_with('.') && name.bytes().all(inside);
    ROLES.iter().find(|role| {
        let whole = [out::SBOM, out::REPORT, out::DISK].contains(&role.end);
        good && name.ends_with(role.end) && (!whole || name == role.end)
    })
}

impl Release {
    /// Finds the release in a folder. Each manifest says which files it needs: they have to be there,
    /// with the sizes and root hashes that it gives. Signatures and blocks are not looked at here. The
    /// disk image, which is made of the other files, belongs to it when `disk` is true.
    pub fn read(folder: &Path, disk: bool) -> Result<Self, Error> {
        let mut all = BTreeSet::new();
        let unreadable = |source| Error::Read {
            path: folder.to_owned(),
            source,
        };
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            all.insert(entry.file_name().to_string_lossy().into_owned());
        }
        let mut files = BTreeSet::new();
        let mut version = None;
        for name in all.iter().filter(|name| is_manifest(name, &all)) {
            let bytes = small(&folder.join(name))?;
            let manifest = Manifest::from_json(&bytes).map_err(|source| Error::Manifest {
                file: name.clone(),
                source,
            })?;
            if version.get_or_insert(manifest.version.clone()) != &manifest.version {
                return Err(broken(
                    name,
                    "is of another version than the other manifests",
                ));
            }
            let stem = name.strip_suffix(".json").unwrap_or(name);
            let uki = match name == esp::MANIFEST {
                true => out::UKI.to_owned(),
                false => format!("{stem}.efi"),
            };
            files.extend([name.clone(), format!("{name}.p7s"), uki]);
            files.extend(manifest.policy.clone());
            for image in &manifest.images {
                files.extend(of_image(folder, name, image)?);
            }
        }
        let version = version.ok_or_else(|| Error::NoRelease {
            folder: folder.to_owned(),
        })?;
        for (name, wanted) in [(out::SBOM, true), (out::REPORT, true), (out::DISK, disk)] {
            if wanted && all.contains(name) {
                files.insert(name.to_owned());
            }
        }
        for name in &files {
            let is_file = fs::metadata(folder.join(name)).is_ok_and(|found| found.is_file());
            match (is_file, role(name)) {
                (true, Some(_)) => {}
                (false, _) => return Err(broken(name, "is missing")),
                (true, None) => return Err(broken(name, "is not a name that a release has")),
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            version,
            others: all.difference(&files).cloned().collect(),
            files: files.into_iter().collect(),
        })
    }

    /// Adds the artifact to a layout under a tag; the layout links to the files. The bill of materials
    /// also refers to it, for tools that look for one.
    pub fn add_to(&self, layout: &mut Layout, tag: &str) -> Result<Descriptor, Error> {
        let mut files = Vec::new();
        let mut bill = None;
        for name in &self.files {
            let media_type = role(name).map_or("", |role| role.media_type);
            let file = layout.link_file(media_type, &self.folder.join(name))?;
            if media_type == SPDX {
                bill = Some(file.clone());
            }
            files.push((file, name.clone()));
        }
        let artifact = layout.add_artifact(
            Some(tag),
            &Artifact {
                artifact_type: ARTIFACT.to_owned(),
                subject: None,
                files,
                annotations: BTreeMap::from([(VERSION.to_owned(), self.version.clone())]),
            },
        )?;
        if let Some(bill) = bill {
            layout.add_artifact(
                None,
                &Artifact {
                    artifact_type: SPDX.to_owned(),
                    subject: Some(artifact.clone()),
                    files: vec![(bill, out::SBOM.to_owned())],
                    annotations: BTreeMap::new(),
                },
            )?;
        }
        Ok(artifact)
    }
}

/// Whether a name is that of a manifest: it has a signature beside it.
fn is_manifest(name: &str, all: &BTreeSet<String>) -> bool {
    name.ends_with(".json") && all.contains(&format!("{name}.p7s"))
}

/// The names of an image's files, after a look at its size and root hash.
fn of_image(folder: &Path, manifest: &str, image: &Image) -> Result<[String; 3], Error> {
    let stem = image.file.strip_suffix(".squashfs").unwrap_or(&image.file);
    let (hash, signature) = (esp::root_hash_file(stem), esp::signature_file(stem));
    let path = folder.join(&image.file);
    let size = match fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(broken(&image.file, "is missing"));
        }
        Err(source) => return Err(Error::Read { path, source }),
    };
    if size != image.size {
        let expected = image.size;
        let what = format!("is {size} bytes, {manifest} says {expected}");
        return Err(broken(&image.file, &what));
    }
    let found = small(&folder.join(&hash))?;
    if found != image.root_hash.as_bytes() {
        let what = format!("is not the root hash that {manifest} has");
        return Err(broken(&hash, &what));
    }
    Ok([image.file.clone(), hash, signature])
}

fn small(path: &Path) -> Result<Vec<u8>, Error> {
    use io::Read;
    let mut bytes = Vec::new();
    let read =
        fs::File::open(path).and_then(|file| file.take(MANIFEST_MAX).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name = path.file_name().unwrap_or_default();
            Err(broken(&name.to_string_lossy(), "is missing"))
        }
        Err(source) => Err(Error::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

fn broken(file: &str, what: &str) -> Error {
    Error::Broken {
        file: file.to_owned(),
        what: what.to_owned(),
    }
}

/// The files of an artifact: name, and its blob's digest in hex. Names are those that a release can
/// have, each once, and none is a path.
pub fn files(manifest: &[u8]) -> Result<Vec<(String, String)>, Error> {
    let wrong = |what: String| Error::Artifact { what };
    let manifest: Value = serde_json::from_slice(manifest)
        .map_err(|error| wrong(format!("its manifest: {error}")))?;
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let found = text(&manifest, "artifactType");
    if found != ARTIFACT {
        return Err(wrong(format!("its artifactType is {}", shown(&found))));
    }
    let mut files: Vec<(String, String)> = Vec::new();
    for layer in manifest["layers"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
    {
        let name = text(&layer["annotations"], TITLE);
        let Some(role) = role(&name) else {
            return Err(wrong(format!("it has a file {}", shown(&name))));
        };
        let media_type = text(layer, "mediaType");
        if media_type != role.media_type {
            let found = shown(&media_type);
            return Err(wrong(format!("{name} has the media type {found}")));
        }
        if files.iter().any(|(known, _)| *known == name) {
            return Err(wrong(format!("it has two files {name}")));
        }
        let digest = text(layer, "digest");
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong(format!("{name} has no SHA-256 digest")));
        }
        files.push((name, hex.to_owned()));
    }
    Ok(files)
}

/// What a stranger wrote, fit for a message.
fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(NAME_MAX).collect::<String>())
}
