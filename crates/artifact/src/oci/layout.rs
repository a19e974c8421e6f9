//! An OCI layout in a folder (image-spec, image-layout.md).

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::document::{self, Descriptor, Settings};
use super::{Compression, Difference, Error, Layer, layer};

/// A layout that is being written. Blobs come first; nothing names them before [`Layout::finish`].
#[derive(Debug)]
pub struct Layout {
    folder: PathBuf,
    images: Vec<(String, Descriptor)>,
}

impl Layout {
    /// Starts one in `folder`, which is made where it is missing.
    pub fn create(folder: &Path) -> Result<Self, Error> {
        let layout = Self {
            folder: folder.to_owned(),
            images: Vec::new(),
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
        self.images.push((tag.to_owned(), manifest.clone()));
        Ok(manifest)
    }

    /// Writes what names the images: the layout is whole after it.
    pub fn finish(self) -> Result<(), Error> {
        let write = |name: &str, bytes: &[u8]| {
            let path = self.folder.join(name);
            fs::write(&path, bytes).map_err(failed("writing", &path))
        };
        write("index.json", &document::index(&self.images))?;
        write("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)
    }

    fn add_blob(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, Error> {
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
