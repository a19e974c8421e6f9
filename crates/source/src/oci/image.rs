//! From a reference to an image.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use super::blob::Blob;
use super::document::{
    CONFIG_MAX, Config, Descriptor, Index, LAYERS_MAX, MANIFEST_MAX, Manifest, Platform, Shape,
    parse,
};
use super::layer::ImageLayer;
use super::layout::Layout;
use super::media_type::{CONFIGS, FOREIGN, INDEXES, LAYERS, MANIFESTS, SCHEMA1};
use super::reference::{Place, Reference, names_tag, parse_digest};
use super::tar_index::TarIndex;
use super::{Error, docker_archive};
use crate::fetch::{Digest, in_parallel};
use crate::layer::{Arrival, Layer};

/// How many indexes may lie within each other.
pub(super) const NESTED_MAX: usize = 4;

/// An image: what it is, what it says of its program, and its layers, lowest first.
#[derive(Clone, Debug)]
pub struct Image {
    /// How it was asked for.
    pub reference: Reference,
    /// What its name stands for: the digest of the index or manifest that the tag names. For a
    /// `docker-archive`, the digest of the configuration (the image ID).
    pub digest: Digest,
    /// Its configuration.
    pub config: Config,
    /// To be merged in this order.
    pub layers: Vec<Arc<dyn Layer>>,
}

/// Where documents and layers come from.
pub(super) trait Store: Sync {
    /// A document, its digest and size checked.
    fn document(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, Error>;
    /// Anything else, its size checked; `name` says what it is in messages. Given up as soon as
    /// `stop` is true.
    fn blob(&self, descriptor: &Descriptor, name: &str, stop: &AtomicBool) -> Result<Blob, Error>;
    /// Whether the digests of these are checked too.
    fn is_checked(&self) -> bool;
    /// What may refer to that manifest or index (image-spec, manifest.md, "subject"): whether it
    /// does is to be seen in it.
    fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>, Error>;
}

impl Image {
    /// Opens an image in a file or folder. Layers are checked when they are read.
    pub fn open(reference: &Reference) -> Result<Self, Error> {
        let layout = match &reference.place {
            Place::Layout(path) => Layout::Folder(path.clone()),
            Place::Archive(path) => Layout::Tar(TarIndex::open(path)?),
            Place::DockerArchive(path) => return docker_archive::open(reference, path),
            Place::Registry { .. } => {
                return Err(Error::Remote {
                    image: reference.to_string(),
                });
            }
        };
        let named = choose_named(reference, layout.images()?)?;
        Self::read(reference, named, &layout, &|layer, _| layer)
    }

    /// The image that a descriptor of an index or manifest leads to.
    pub(super) fn read(
        reference: &Reference,
        named: Descriptor,
        store: &dyn Store,
        arrival: &Arrival<'_>,
    ) -> Result<Self, Error> {
        let image = reference.to_string();
        let digest = named.digest()?;
        let manifest = manifest(&image, named, store)?;
        let (config, diff_ids) = config(&image, &manifest, store)?;
        for layer in &manifest.layers {
            check_layer(layer)?;
        }
        let count = manifest.layers.len();
        let parts: Vec<_> = manifest.layers.iter().zip(diff_ids).enumerate().collect();
        let layers = in_parallel(&parts, |(index, (descriptor, diff_id)), stop| {
            let number = index + 1;
            let digest = descriptor.digest()?;
            let layer = ImageLayer {
                name: format!("{number} of {count} of {image} (sha256:{digest})"),
                blob: store.blob(descriptor, &format!("layer {number}"), stop)?,
                expected: Some((digest, descriptor.size)),
                diff_id: *diff_id,
                checked: match store.is_checked() {
                    true => OnceLock::from(()),
                    false => OnceLock::new(),
                },
            };
            Ok::<_, Error>(arrival(Arc::new(layer), stop))
        })?;
        Ok(Self {
            layers,
            reference: reference.clone(),
            digest,
            config,
        })
    }
}

/// The layers of the image that a descriptor leads to.
pub(super) fn layers(
    image: &str,
    named: Descriptor,
    store: &dyn Store,
) -> Result<Vec<Descriptor>, Error> {
    manifest(image, named, store).map(|manifest| manifest.layers)
}

/// Which of a layout's images for linux/amd64 is meant.
fn choose_named(reference: &Reference, images: Vec<Descriptor>) -> Result<Descriptor, Error> {
    let found = candidates(reference, &images)?;
    let found = for_this_platform(&reference.to_string(), &found)?;
    only(reference, &found, &images)
}

/// Which entry of a layout is meant, whatever it is.
pub(super) fn choose_any(
    reference: &Reference,
    images: &[Descriptor],
) -> Result<Descriptor, Error> {
    let found = candidates(reference, images)?;
    only(reference, &found.iter().collect::<Vec<_>>(), images)
}

/// The entries of a layout with the tag and digest that are asked for.
fn candidates(reference: &Reference, images: &[Descriptor]) -> Result<Vec<Descriptor>, Error> {
    let image = reference.to_string();
    let mut found = images.to_vec();
    if let Some(tag) = &reference.tag {
        let exactly = |one: &Descriptor| one.name() == Some(tag);
        let ends = |one: &Descriptor| one.name().is_some_and(|name| names_tag(name, tag));
        match images.iter().any(exactly) {
            true => found.retain(exactly),
            false => found.retain(ends),
        }
        if found.is_empty() {
            let tag = tag.clone();
            let found = names(images);
            return Err(Error::Tag { image, tag, found });
        }
    }
    match reference.digest {
        Some(expected) => {
            let first = found.first().map(Descriptor::digest).transpose()?;
            found.retain(|one| one.digest().is_ok_and(|digest| digest == expected));
            if let (true, Some(found)) = (found.is_empty(), first) {
                return Err(Error::OtherImage { image, found });
            }
        }
        // What has no name and says what it holds beside images goes with one of these.
        None if found.iter().any(|one| !one.is_attached()) => {
            found.retain(|one| !one.is_attached());
        }
        None => {}
    }
    Ok(found)
}

/// The first of them, unless another is as good.
fn only(
    reference: &Reference,
    found: &[&Descriptor],
    images: &[Descriptor],
) -> Result<Descriptor, Error> {
    let first = found.first();
    let differs = |one: &&Descriptor| {
        first.is_some_and(|first| first.digest().ok() != one.digest().ok())
            && one.name() != first.and_then(|first| first.name())
    };
    match first {
        Some(first) if !found.iter().any(differs) => Ok((*first).clone()),
        _ => Err(Error::Several {
            image: reference.to_string(),
            found: names(images),
        }),
    }
}

/// The names in a layout, for messages.
fn names(images: &[Descriptor]) -> String {
    let names: Vec<&str> = images
        .iter()
        .filter_map(Descriptor::name)
        .take(20)
        .collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

/// The images and indexes among the descriptors that are for linux/amd64, the best first: what
/// says so before what says nothing, the plain architecture before its newer variants. Within
/// that the order stays (image-index.md, "manifests").
fn for_this_platform<'a>(image: &str, all: &'a [Descriptor]) -> Result<Vec<&'a Descriptor>, Error> {
    let known = |one: &&Descriptor| is(&one.media_type, INDEXES) || is(&one.media_type, MANIFESTS);
    if let (None, Some(first)) = (all.iter().find(known), all.first()) {
        return Err(no_image(first));
    }
    let named = |one: &Descriptor| {
        let platform = one.platform.clone();
        platform.filter(|found| !found.os.is_empty() || !found.architecture.is_empty())
    };
    let mut found: Vec<&Descriptor> = all.iter().filter(known).collect();
    found.retain(|one| named(one).is_none_or(|platform| fits(&platform)));
    found.sort_by_key(|one| match named(one) {
        Some(platform) => (false, platform.variant.unwrap_or_default()),
        None => (true, String::new()),
    });
    if found.is_empty() {
        let mut platforms: Vec<String> = all
            .iter()
            .filter_map(named)
            .map(|platform| platform.to_string())
            .collect();
        platforms.dedup();
        platforms.truncate(20);
        let found = match platforms.as_slice() {
            [] => "no image at all".to_owned(),
            some => some.join(", "),
        };
        let image = image.to_owned();
        return Err(Error::Platform { image, found });
    }
    Ok(found)
}

/// From what a tag names to a manifest.
fn manifest(image: &str, mut named: Descriptor, store: &dyn Store) -> Result<Manifest, Error> {
    for _ in 0..=NESTED_MAX {
        if !is(&named.media_type, INDEXES) && !is(&named.media_type, MANIFESTS) {
            return Err(no_image(&named));
        }
        let bytes = store.document(&named, MANIFEST_MAX)?;
        let object = format!("blob sha256:{}", named.digest()?);
        check_shape(&bytes, &named)?;
        if is(&named.media_type, MANIFESTS) {
            return parse(&bytes, &object);
        }
        let index: Index = parse(&bytes, &object)?;
        let best = for_this_platform(image, &index.manifests)?;
        named = match best.first() {
            Some(best) => (*best).clone(),
            None => return Err(wrong_shape(&object, "it names no image")),
        };
    }
    Err(Error::Nested {
        image: image.to_owned(),
        limit: NESTED_MAX,
    })
}

/// Whether a document is what its descriptor says, and nothing else at the same time.
pub(super) fn check_shape(bytes: &[u8], named: &Descriptor) -> Result<(), Error> {
    let object = format!("blob sha256:{}", named.digest()?);
    let shape: Shape = parse(bytes, &object)?;
    let wrong = |what| Err(wrong_shape(&object, what));
    if shape.is_schema1() {
        return Err(schema1(&object, "schema 1"));
    }
    // One that can be taken for both is different images to different programs.
    match (shape.is(), is(&named.media_type, INDEXES)) {
        ((true, true), _) => return wrong("it is both an index and a manifest"),
        ((false, _), true) => return wrong("it has no manifests"),
        ((true, _), false) => return wrong("it is an index"),
        _ => {}
    }
    if shape.media_type.is_some_and(|own| own != named.media_type) {
        return wrong("its own mediaType is another one");
    }
    Ok(())
}

fn wrong_shape(object: &str, what: &'static str) -> Error {
    Error::Shape {
        object: object.to_owned(),
        what,
    }
}

/// The configuration that a manifest names, and the layers' `diff_id`s.
fn config(
    image: &str,
    manifest: &Manifest,
    store: &dyn Store,
) -> Result<(Config, Vec<Digest>), Error> {
    let descriptor = &manifest.config;
    if !is(&descriptor.media_type, CONFIGS) {
        return Err(Error::MediaType {
            object: format!("{image}, configuration"),
            found: descriptor.media_type.clone(),
            expected: "this is not a container image, which has an image configuration",
        });
    }
    let bytes = store.document(descriptor, CONFIG_MAX)?;
    let name = format!("blob sha256:{}", descriptor.digest()?);
    let config: Config = parse(&bytes, &name)?;
    let diff_ids = check_config(image, &config, manifest.layers.len())?;
    Ok((config, diff_ids))
}

/// Checks a configuration's platform and that it has a `diff_id` for each layer; these.
pub(super) fn check_config(
    image: &str,
    config: &Config,
    layers: usize,
) -> Result<Vec<Digest>, Error> {
    let platform = Platform {
        os: config.os.clone(),
        architecture: config.architecture.clone(),
        variant: None,
    };
    if !fits(&platform) {
        return Err(Error::Platform {
            image: image.to_owned(),
            found: platform.to_string(),
        });
    }
    let diff_ids = &config.rootfs.diff_ids;
    if diff_ids.len() != layers || layers > LAYERS_MAX {
        return Err(Error::Layers {
            image: image.to_owned(),
            layers,
            diff_ids: diff_ids.len(),
            limit: LAYERS_MAX,
        });
    }
    let read = diff_ids.iter().map(|text| {
        parse_digest(text).ok_or_else(|| Error::DigestForm {
            found: text.chars().take(200).collect(),
        })
    });
    read.collect()
}

/// Whether a layer is of a kind that can be read.
fn check_layer(layer: &Descriptor) -> Result<(), Error> {
    let expected = match layer.media_type.as_str() {
        known if is(known, LAYERS) => return Ok(()),
        known if is(known, FOREIGN) => {
            "such layers are not kept with the image, and an image for Linux needs none: have it \
             built again without"
        }
        _ => "a layer is a tar, compressed with gzip or zstd or not at all",
    };
    Err(Error::MediaType {
        object: format!("layer sha256:{}", layer.digest()?),
        found: layer.media_type.chars().take(200).collect(),
        expected,
    })
}

pub(super) fn no_image(descriptor: &Descriptor) -> Error {
    let object = match descriptor.digest() {
        Ok(digest) => format!("blob sha256:{digest}"),
        Err(error) => return error,
    };
    if is(&descriptor.media_type, SCHEMA1) {
        return schema1(&object, &descriptor.media_type);
    }
    Error::MediaType {
        object,
        found: descriptor.media_type.chars().take(200).collect(),
        expected: "a manifest or index of container images is needed",
    }
}

pub(super) fn schema1(object: &str, found: &str) -> Error {
    Error::MediaType {
        object: object.to_owned(),
        found: found.to_owned(),
        expected: "this is Docker's format of before 2016, which cannot be checked: push the image \
                   again with a newer program",
    }
}

pub(super) fn is(found: &str, known: &[&str]) -> bool {
    known.contains(&found)
}

fn fits(platform: &Platform) -> bool {
    platform.os == "linux" && platform.architecture == "amd64"
}
