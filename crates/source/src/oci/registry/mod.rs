//! Images in registries (distribution-spec 1.1).
//!
//! In order: a [`Registries`] fetches what a tag or digest names ("Pull"); `session` knows how the
//! repository wants to be asked, with a `challenge` of the server and [`Credentials`] of this
//! machine. Documents and layers land in the download cache under their digests, so that a
//! second build fetches nothing, and a cut download is continued. `upload` sends ("Push"),
//! `referrers` finds what refers to an image.

mod challenge;
mod credentials;
mod referrers;
mod session;
mod upload;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use credentials::{Credentials, CredentialsError};
pub(super) use referrers::tag_of;
use session::{Intent, Session};

use super::Error;
use super::blob::Blob;
use super::document::{Descriptor, MANIFEST_MAX, Shape, parse};
use super::image::{Image, Store, layers};
use super::media_type::{INDEXES, MANIFESTS};
use super::reference::{Place, Reference};
use crate::fetch::{self, Client, Digest, Progress, Request, is_loopback};
use crate::layer::Arrival;

/// The tag that is meant where none is named.
pub(super) const DEFAULT_TAG: &str = "latest";

/// What registries are believed, and with which login.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Registries (`registry.lan:5000`) that are asked without TLS. This machine's own are always.
    pub insecure: Vec<String>,
    /// Where logins are.
    pub credentials: Credentials,
}

/// Fetches images from registries.
pub struct Registries {
    client: Client,
    settings: Settings,
}

impl Registries {
    /// Fetches with this client, into its cache.
    pub fn new(client: Client, settings: Settings) -> Self {
        Self { client, settings }
    }

    /// Fetches an image, all layers, a few at once. Where the reference has a digest, the tag
    /// says nothing.
    ///
    /// Each layer goes through its `arrival` while others are fetched.
    pub fn pull(
        &self,
        reference: &Reference,
        progress: &dyn Progress,
        arrival: &Arrival<'_>,
    ) -> Result<Image, Error> {
        if !reference.is_remote() {
            return Image::open(reference);
        }
        let repository = self.repository(reference, Intent::Pull, progress)?;
        let named = repository.named(reference)?;
        Image::read(reference, named, &repository, arrival)
    }

    /// What [`Registries::pull`] fetches of an image's layers.
    pub fn layers(&self, reference: &Reference) -> Result<Vec<Request>, Error> {
        let repository = self.repository(reference, Intent::Pull, &())?;
        let named = repository.named(reference)?;
        let layers = layers(&repository.image, named, &repository)?;
        let request = |layer| repository.request(layer, repository.image.clone());
        layers.iter().map(request).collect()
    }

    /// The repository that a reference names, to copy from it.
    pub(super) fn origin<'a>(
        &'a self,
        reference: &Reference,
        progress: &'a dyn Progress,
    ) -> Result<Repository<'a>, Error> {
        self.repository(reference, Intent::Pull, progress)
    }

    /// The same, to copy to it.
    pub(super) fn destination<'a>(
        &'a self,
        reference: &Reference,
        progress: &'a dyn Progress,
    ) -> Result<Repository<'a>, Error> {
        self.repository(reference, Intent::Push, progress)
    }

    fn repository<'a>(
        &self,
        reference: &Reference,
        intent: Intent,
        progress: &'a dyn Progress,
    ) -> Result<Repository<'a>, Error> {
        let image = reference.to_string();
        let Place::Registry { host, name } = &reference.place else {
            return Err(Error::Local { image });
        };
        let scheme = match is_plain(host, &self.settings) {
            true => "http",
            false => "https",
        };
        let session = Session::new(&self.client, &self.settings, (host, name), intent);
        Ok(Repository {
            client: self.client.with_access(Arc::new(session)),
            url: format!("{scheme}://{host}/v2/{name}"),
            image,
            place: format!("{host}/{name}"),
            intent,
            progress,
        })
    }
}

/// Whether a registry is asked without TLS: when it is on this machine, or was named.
fn is_plain(host: &str, settings: &Settings) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    };
    is_loopback(name) || settings.insecure.iter().any(|named| named == host)
}

/// One repository, as documents and layers are fetched from it and sent to it.
pub(super) struct Repository<'a> {
    client: Client,
    /// `https://registry.example/v2/team/system`
    url: String,
    /// The reference, for messages.
    image: String,
    /// Registry and name, for messages.
    place: String,
    intent: Intent,
    progress: &'a dyn Progress,
}

impl Repository<'_> {
    /// What tag or digest name: manifest or index, which is in the cache then.
    pub(super) fn named(&self, reference: &Reference) -> Result<Descriptor, Error> {
        if let Some(digest) = reference.digest {
            let cached = self.client.cache().document(&digest, MANIFEST_MAX);
            if let Some(bytes) = cached.map_err(|error| self.failed(error))? {
                return describe(&bytes, "", digest);
            }
        }
        let tag = reference.tag.as_deref().unwrap_or(DEFAULT_TAG);
        let (url, name) = match reference.digest {
            Some(digest) => (
                format!("{}/manifests/sha256:{digest}", self.url),
                "its manifest",
            ),
            None => (
                format!("{}/manifests/{tag}", self.url),
                "what its tag names",
            ),
        };
        if self.client.is_offline() {
            return Err(self.failed(fetch::Error::Offline {
                name: format!("{} ({name})", self.image),
                url,
                cache: self.client.cache().root().to_owned(),
            }));
        }
        let fetched = self
            .client
            .fetch_document(&url, MANIFEST_MAX, self.progress);
        let (bytes, kind) = fetched.map_err(|error| self.failed(error))?;
        let found = Digest::of(&bytes);
        if let Some(expected) = reference.digest.filter(|expected| *expected != found) {
            return Err(Error::Digest {
                place: self.place.clone(),
                expected,
                found,
            });
        }
        let kept = self
            .client
            .cache()
            .keep(&bytes)
            .map_err(|error| self.failed(error))?;
        describe(&bytes, &kind, kept)
    }

    fn url_of(&self, descriptor: &Descriptor, digest: Digest) -> String {
        let media_type = descriptor.media_type.as_str();
        let document = INDEXES.contains(&media_type) || MANIFESTS.contains(&media_type);
        let kind = if document { "manifests" } else { "blobs" };
        format!("{}/{kind}/sha256:{digest}", self.url)
    }

    fn request(&self, descriptor: &Descriptor, name: String) -> Result<Request, Error> {
        let digest = descriptor.digest()?;
        Ok(Request {
            name,
            urls: vec![self.url_of(descriptor, digest)],
            digest,
            size: descriptor.size,
        })
    }

    fn failed(&self, error: fetch::Error) -> Error {
        match error {
            fetch::Error::Digest {
                expected, found, ..
            } => Error::Digest {
                place: self.place.clone(),
                expected,
                found,
            },
            fetch::Error::Size {
                url,
                expected,
                found,
            } => Error::Length {
                url,
                expected,
                found,
            },
            source => Error::Fetch {
                image: self.image.clone(),
                source: Box::new(source),
            },
        }
    }
}

impl Store for Repository<'_> {
    fn document(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, Error> {
        let name = format!("blob sha256:{} of {}", descriptor.digest()?, self.image);
        if descriptor.size > limit {
            let size = descriptor.size;
            return Err(Error::TooLarge { name, size, limit });
        }
        let request = self.request(descriptor, name.clone())?;
        let cached = self.client.fetch(&request, self.progress);
        let cached = cached.map_err(|error| self.failed(error))?;
        Blob::new(&cached.file, 0, cached.size, &self.place).bytes(&name, limit)
    }

    fn blob(&self, descriptor: &Descriptor, name: &str, stop: &AtomicBool) -> Result<Blob, Error> {
        let request = self.request(descriptor, format!("{name} of {}", self.image))?;
        let cached = self.client.fetch_unless(&request, self.progress, stop);
        let cached = cached.map_err(|error| self.failed(error))?;
        Ok(Blob::new(&cached.file, 0, cached.size, &self.place))
    }

    fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>, Error> {
        Ok(self.known_referrers(subject)?.manifests)
    }

    /// Whatever comes out of the cache was hashed.
    fn is_checked(&self) -> bool {
        true
    }
}

/// A manifest or index: what it calls itself, else what the server calls it, else what it looks
/// like.
fn describe(bytes: &[u8], content_type: &str, digest: Digest) -> Result<Descriptor, Error> {
    let shape: Shape = parse(bytes, &format!("blob sha256:{digest}"))?;
    let said = content_type.split(';').next().unwrap_or_default().trim();
    let known = [INDEXES, MANIFESTS, super::media_type::SCHEMA1].concat();
    let said = Some(said).filter(|said| known.contains(said));
    let looks = match shape.is() {
        (true, false) => INDEXES.first(),
        _ => MANIFESTS.first(),
    };
    let own = shape.media_type.as_deref();
    let media_type = own.or(said).or(looks.copied()).unwrap_or_default();
    Ok(Descriptor::new(media_type, digest, bytes.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_and_what_is_named() {
        let settings = Settings {
            insecure: vec!["r.lan:5000".to_owned(), "other".to_owned()],
            ..Settings::default()
        };
        for (host, plain) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.9.9.9", true),
            ("[::1]:5000", true),
            ("[::1]", true),
            ("r.lan:5000", true),
            ("other", true),
            ("r.lan", false),
            ("r.lan:5001", false),
            ("other:80", false),
            ("localhost.example", false),
            ("128.0.0.1", false),
            ("[::2]:5000", false),
        ] {
            assert_eq!(is_plain(host, &settings), plain, "{host}");
        }
    }
}
