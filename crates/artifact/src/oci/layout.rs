//! An OCI layout in a folder (image-spec, image-layout.md).

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use source::fetch::Digest as Hash;

use super::document::{self, Artifact, Descriptor, Entry, Settings};
use super::{Compression, Difference, Error, Layer, layer};

/// A layout that is being written. Blobs come first; nothing names them before [`Layout::finish`].
#[derive(Debug)]
pub struct Layout {
    folder: PathBuf,
    entries: Vec<Entry>,
}

impl Layout {
    /// Starts one in `folder`, which is made where it is missing.
    pub fn create(folder: &Path) -> Result<Self, Error> {
        let layout = Self {
            folder: folder.to_owned(),
            entries: Vec::new(),
        };
        let blobs = layout.folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).map_err(failed("making the folder", &blobs))?;
        Ok(layout)
    }

    /// Writes a layer. No file in it is younger than `epoch`, seconds since 1970.
    pub fn add_layer(
        &self,
        content: &Difference,
        compression: Compression,
        epoch: u32,
    ) -> Result<Layer, Error> {
        // Its name is its digest, which is known at its end.
        let part = self.folder.join("blobs/layer.part");
        let file = File::create(&part).map_err(failed("making", &part))?;
        let mut file = BufWriter::new(file);
        let layer = layer::write(content, compression, epoch, &mut file)?;
        file.flush().map_err(failed("writing", &part))?;
        let name = self.blob(&layer.digest);
        fs::rename(&part, &name).map_err(failed("renaming", &part))?;
        Ok(layer)
    }

    /// Takes a layer that is written already: a tar compressed with gzip.
    pub fn add_gzip(&self, bytes: &[u8]) -> Result<Layer, Error> {
        let layer = layer::of_gzip(bytes)?;
        let path = self.blob(&layer.digest);
        fs::write(&path, bytes).map_err(failed("writing", &path))?;
        Ok(layer)
    }

    /// Writes the image of these layers, lowest first, under a tag.
    pub fn add_image(
        &mut self,
        tag: &str,
        settings: &Settings,
        layers: &[Layer],
    ) -> Result<Descriptor, Error> {
        let config = document::config(settings, layers);
        let config = self.add_blob(document::CONFIG, &config)?;
        let manifest = document::manifest(settings, &config, layers);
        let manifest = self.add_blob(document::MANIFEST, &manifest)?;
        self.entries.push(Entry {
            manifest: manifest.clone(),
            tag: Some(tag.to_owned()),
            artifact_type: None,
        });
        Ok(manifest)
    }

    /// Writes the manifest of an artifact, whose files are there. One with a subject goes with it and
    /// needs no tag.
    pub fn add_artifact(
        &mut self,
        tag: Option<&str>,
        artifact: &Artifact,
    ) -> Result<Descriptor, Error> {
        let (media_type, content) = document::EMPTY;
        let config = self.add_blob(media_type, content)?;
        let manifest = document::artifact(artifact, &config);
        let manifest = self.add_blob(document::MANIFEST, &manifest)?;
        self.entries.push(Entry {
            manifest: manifest.clone(),
            tag: tag.map(str::to_owned),
            artifact_type: Some(artifact.artifact_type.clone()),
        });
        Ok(manifest)
    }

    /// Takes a file of this machine in as a blob: the layout then holds a link to it.
    pub fn link_file(&self, media_type: &str, path: &Path) -> Result<Descriptor, Error> {
        let file = fs::canonicalize(path).map_err(failed("reading", path))?;
        let hashed = File::open(&file).and_then(|mut file| Hash::of_reader(&mut file));
        let (Hash(digest), size) = hashed.map_err(failed("reading", path))?;
        let blob = self.blob(&digest);
        match symlink(&file, &blob) {
            // The same content by another name.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            linked => linked.map_err(failed("linking", &blob))?,
        }
        Ok(Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size,
        })
    }

    /// Writes what names the images: the layout is whole after it.
    pub fn finish(self) -> Result<(), Error> {
        let write = |name: &str, bytes: &[u8]| {
            let path = self.folder.join(name);
            fs::write(&path, bytes).map_err(failed("writing", &path))
        };
        write("index.json", &document::index(&self.entries))?;
        write("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)
    }

    /// Writes a blob that is in memory.
    pub fn add_blob(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, Error> {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let path = self.blob(&digest);
        fs::write(&path, bytes).map_err(failed("writing", &path))?;
        Ok(Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size: bytes.len() as u64,
        })
    }

    fn blob(&self, digest: &[u8; 32]) -> PathBuf {
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join("blobs/sha256").join(hex)
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File {
        action,
        path,
        source,
    }
}
