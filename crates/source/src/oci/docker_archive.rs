//! What `docker save` and `podman save` write: a tar with `manifest.json`, which names the
//! configurations and the layers' tars.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::Error;
use super::document::{CONFIG_MAX, Config, MANIFEST_MAX, Saved, parse};
use super::image::{Image, check_config};
use super::layer::ImageLayer;
use super::reference::{Reference, names_tag};
use super::tar_index::TarIndex;
use crate::fetch::Digest;
use crate::layer::Layer;

/// Opens the image of a tar that the reference names.
pub(super) fn open(reference: &Reference, path: &Path) -> Result<Image, Error> {
    let tar = TarIndex::open(path)?;
    let wrong = |what| Error::DockerArchive {
        path: path.to_owned(),
        what,
    };
    let missing = |name: &str| {
        let hint = match name == "manifest.json" && tar.get("index.json").is_some() {
            true => "; an OCI layout is named with oci-archive:",
            false => "",
        };
        wrong(format!("it has no file {name}{hint}"))
    };
    let read = |name: &str, limit| {
        let found = tar.get(name).ok_or_else(|| missing(name))?;
        found.bytes(&format!("{name} in {}", path.display()), limit)
    };
    let bytes = read("manifest.json", MANIFEST_MAX)?;
    let images: Vec<Saved> = parse(&bytes, &format!("manifest.json in {}", path.display()))?;
    let saved = choose(reference, &images)?;
    let bytes = read(&saved.config, CONFIG_MAX)?;
    let digest = Digest::of(&bytes);
    let image = reference.to_string();
    let named = saved.config.rsplit('/').next().unwrap_or_default();
    let named = named.strip_suffix(".json").unwrap_or(named).parse().ok();
    if let Some(expected) = named.filter(|named| *named != digest) {
        return Err(Error::Digest {
            place: path.display().to_string(),
            expected,
            found: digest,
        });
    }
    if reference.digest.is_some_and(|expected| expected != digest) {
        let found = digest;
        return Err(Error::OtherImage { image, found });
    }
    let config: Config = parse(&bytes, &format!("{} in {}", saved.config, path.display()))?;
    let diff_ids = check_config(&image, &config, saved.layers.len())?;
    let count = saved.layers.len();
    let mut layers: Vec<Arc<dyn Layer>> = Vec::new();
    for (index, (name, diff_id)) in saved.layers.iter().zip(diff_ids).enumerate() {
        layers.push(Arc::new(ImageLayer {
            name: format!("{} of {count} of {image} ({name})", index + 1),
            blob: tar.get(name).ok_or_else(|| missing(name))?,
            expected: None,
            diff_id,
            checked: OnceLock::new(),
        }));
    }
    Ok(Image {
        reference: reference.clone(),
        digest,
        config,
        layers,
    })
}

/// Which of the images is meant.
fn choose<'a>(reference: &Reference, images: &'a [Saved]) -> Result<&'a Saved, Error> {
    let image = reference.to_string();
    let tags: Vec<&str> = images
        .iter()
        .flat_map(|one| &one.repo_tags)
        .map(String::as_str)
        .take(20)
        .collect();
    let tags = match tags.as_slice() {
        [] => "none".to_owned(),
        tags => tags.join(", "),
    };
    match (&reference.tag, images) {
        (None, [one]) => Ok(one),
        (None, _) => Err(Error::Several { image, found: tags }),
        (Some(tag), images) => {
            let exactly = |one: &&Saved| one.repo_tags.contains(tag);
            let ends = |one: &&Saved| one.repo_tags.iter().any(|name| names_tag(name, tag));
            let found = images
                .iter()
                .find(exactly)
                .or_else(|| images.iter().find(ends));
            found.ok_or_else(|| Error::Tag {
                image,
                tag: tag.clone(),
                found: tags,
            })
        }
    }
}
