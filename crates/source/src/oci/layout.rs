//! OCI layouts (image-spec, image-layout.md): a folder, or the same in a tar.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::Error;
use super::blob::{self, Blob};
use super::document::{Descriptor, Index, LayoutVersion, MANIFEST_MAX, parse};
use super::image::Store;
use super::tar_index::TarIndex;
use crate::fetch::Digest;

/// The most that is read of `oci-layout`, in bytes.
const VERSION_MAX: u64 = 4096;

/// Where a layout's files are.
pub(super) enum Layout {
    Folder(PathBuf),
    Tar(TarIndex),
}

impl Layout {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Folder(path) => path,
            Self::Tar(tar) => tar.path(),
        }
    }

    /// The file of that name.
    pub(super) fn get(&self, name: &str) -> Result<Option<Blob>, Error> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                let found = blob::open(&path)?;
                Ok(found.map(|(file, size)| Blob::new(&file, 0, size, path.display().to_string())))
            }
            Self::Tar(tar) => Ok(tar.get(name)),
        }
    }

    /// What else it may be.
    fn hint(&self) -> &'static str {
        match self {
            Self::Tar(tar) if tar.get("manifest.json").is_some() => {
                "; what 'docker save' wrote is named with docker-archive:"
            }
            _ => "",
        }
    }

    /// The images that `index.json` names, after the version of the layout was checked.
    pub(super) fn images(&self) -> Result<Vec<Descriptor>, Error> {
        let wrong = |what| Error::Layout {
            path: self.path().to_owned(),
            what,
        };
        if let Self::Folder(path) = self {
            let metadata = std::fs::metadata(path).map_err(|source| Error::Read {
                action: "open",
                path: path.clone(),
                source,
            })?;
            if !metadata.is_dir() {
                return Err(wrong(
                    "it is a file; a tar is named with oci-archive:".to_owned(),
                ));
            }
        }
        let document = |name: &str, limit| {
            let file = self.get(name)?;
            let file =
                file.ok_or_else(|| wrong(format!("it has no file {name}{}", self.hint())))?;
            let name = format!("{name} in {}", self.path().display());
            Ok::<_, Error>((file.bytes(&name, limit)?, name))
        };
        let (bytes, name) = document("oci-layout", VERSION_MAX)?;
        let version = parse::<LayoutVersion>(&bytes, &name)?.image_layout_version;
        if !version.starts_with("1.") {
            let version: String = version.chars().take(80).collect();
            return Err(wrong(format!(
                "its version is {version:?}; 1.0.0 is known here"
            )));
        }
        let (bytes, name) = document("index.json", MANIFEST_MAX)?;
        Ok(parse::<Index>(&bytes, &name)?.manifests)
    }

    /// A blob whose size is right; its digest is still to be checked.
    fn find(&self, descriptor: &Descriptor) -> Result<Blob, Error> {
        let digest = descriptor.digest()?;
        let place = self.path().display().to_string();
        let found = self.get(&format!("blobs/sha256/{digest}"))?;
        let mut blob = found.ok_or_else(|| Error::Missing {
            digest,
            place: place.clone(),
        })?;
        blob.place = place;
        match blob.size == descriptor.size {
            true => Ok(blob),
            false => Err(Error::Size {
                digest,
                place: blob.place,
                expected: descriptor.size,
                found: blob.size,
            }),
        }
    }
}

impl Store for Layout {
    fn document(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, Error> {
        let digest = descriptor.digest()?;
        let name = format!("blob sha256:{digest} in {}", self.path().display());
        self.find(descriptor)?.document(digest, &name, limit)
    }

    fn blob(&self, descriptor: &Descriptor, _: &str, _: &AtomicBool) -> Result<Blob, Error> {
        self.find(descriptor)
    }

    /// A file can be any: it is hashed before it is read.
    fn is_checked(&self) -> bool {
        false
    }

    /// All that has no name of its own.
    fn referrers(&self, _: Digest) -> Result<Vec<Descriptor>, Error> {
        let mut images = self.images()?;
        images.retain(|one| one.name().is_none());
        Ok(images)
    }
}
