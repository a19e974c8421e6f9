//! Sending to a registry (distribution-spec, "Push"): first what a manifest names, then the manifest.
//! Each blob goes as one piece, after a look whether the registry has it.

use std::cell::Cell;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::blob::Blob;
use super::super::copy::{Checked, Wrong};
use super::super::document::Descriptor;
use super::session::{Elsewhere, Intent};
use super::{Error, Repository};
use crate::fetch::{self, Answer, Content, Digest, Exchange, Failure, Method};

/// The most that is read of an answer, in bytes.
const ANSWER_MAX: u64 = 1 << 20;

impl Repository<'_> {
    /// Whether the registry has a blob.
    pub(in super::super) fn has_blob(&self, digest: Digest) -> Result<bool, Error> {
        let url = format!("{}/blobs/sha256:{digest}", self.url);
        Ok(self.head(&url)?.is_some())
    }

    /// Whether the registry has a manifest or index of that digest under a tag or digest.
    pub(in super::super) fn has_document(&self, name: &str, digest: Digest) -> Result<bool, Error> {
        let url = format!("{}/manifests/{name}", self.url);
        let answer = self.head(&url)?;
        let found = answer.as_ref().map(|answer| answer.get(DIGEST));
        // Under its own digest is nothing else.
        let by_digest = name == format!("sha256:{digest}");
        Ok(found.is_some_and(|found| match found {
            Some(found) => found == format!("sha256:{digest}"),
            None => by_digest,
        }))
    }

    /// The answer when something is there.
    fn head(&self, url: &str) -> Result<Option<Answer>, Error> {
        let exchange = Exchange {
            method: Method::HEAD,
            url,
            headers: &[],
            content: None,
            limit: ANSWER_MAX,
        };
        let once = || {
            let answer = self.client.exchange(&exchange)?;
            match answer.status {
                // It is kept elsewhere: nobody redirects to what is not there.
                200 | 301 | 302 | 303 | 307 | 308 => Ok(Some(answer)),
                404 => Ok(None),
                _ => Err(self.client.not_taken(url, &answer)),
            }
        };
        self.tried(url, once)
    }

    /// Sends a blob ("Pushing a blob monolithically", POST then PUT). Given up as soon as `stop` is
    /// true. What is cut is begun again, after another look whether it has arrived.
    pub(in super::super) fn send_blob(
        &self,
        descriptor: &Descriptor,
        blob: &Blob,
        name: &str,
        stop: &AtomicBool,
    ) -> Result<(), Error> {
        let digest = descriptor.digest()?;
        let size = (digest, descriptor.size);
        // What is wrong with what is sent. The connection then breaks off, which stores nothing.
        let wrong = Wrong::default();
        let tell = |done| {
            self.progress.advance(name, done, descriptor.size);
            !stop.load(Ordering::Relaxed)
        };
        let open = || -> Box<dyn Read + '_> { Box::new(Checked::new(blob, size, &tell, &wrong)) };
        let uploads = format!("{}/blobs/uploads/", self.url);
        let tries = Cell::new(0);
        let once = || {
            // The answer may be all that was lost.
            if tries.replace(1) > 0 && matches!(self.has_blob(digest), Ok(true)) {
                return Ok(());
            }
            let place = self.start_upload(&uploads)?;
            let url = with_digest(&place, digest);
            let exchange = Exchange {
                method: Method::PUT,
                url: &url,
                headers: &[("Content-Type", "application/octet-stream")],
                content: Some(Content {
                    size: descriptor.size,
                    open: &open,
                }),
                limit: ANSWER_MAX,
            };
            let client = self.client_for(&url);
            let sent = client.exchange(&exchange);
            if wrong.is_some() || stop.load(Ordering::Relaxed) {
                return Err(Failure::Final(fetch::Error::Stopped { url }));
            }
            let answer = sent?;
            match answer.status {
                201 | 204 => Ok(()),
                _ => Err(client.not_taken(&url, &answer)),
            }
        };
        let sent = self.tried(&uploads, once);
        match wrong.take() {
            Some(error) => Err(error),
            None => sent,
        }
    }

    /// Where a blob is to be sent to.
    fn start_upload(&self, url: &str) -> Result<String, Failure> {
        let exchange = Exchange {
            method: Method::POST,
            url,
            headers: &[],
            content: None,
            limit: ANSWER_MAX,
        };
        let answer = self.client.exchange(&exchange)?;
        match (answer.status, answer.get("location")) {
            (202, Some(place)) => Ok(self.resolve(url, place)),
            _ => Err(self.client.not_taken(url, &answer)),
        }
    }

    /// Sends a manifest or index, under a tag or its digest; whether the registry has put it on the
    /// list of what refers to its subject.
    pub(in super::super) fn send_document(
        &self,
        descriptor: &Descriptor,
        bytes: &[u8],
        name: &str,
    ) -> Result<bool, Error> {
        let url = format!("{}/manifests/{name}", self.url);
        let open = || -> Box<dyn Read + '_> { Box::new(bytes) };
        let exchange = Exchange {
            method: Method::PUT,
            url: &url,
            headers: &[("Content-Type", &descriptor.media_type)],
            content: Some(Content {
                size: bytes.len() as u64,
                open: &open,
            }),
            limit: ANSWER_MAX,
        };
        let once = || {
            let answer = self.client.exchange(&exchange)?;
            match answer.status {
                201 => Ok(answer),
                _ => Err(self.client.not_taken(&url, &answer)),
            }
        };
        let answer = self.tried(&url, once)?;
        let expected = descriptor.digest()?;
        match answer.get(DIGEST) {
            Some(found) if found != format!("sha256:{expected}") => Err(Error::Stored {
                found: found.chars().take(100).collect(),
                url,
                expected,
            }),
            _ => Ok(answer.get("oci-subject").is_some()),
        }
    }

    /// Does `once` as often as the settings allow.
    pub(super) fn tried<T>(
        &self,
        url: &str,
        once: impl Fn() -> Result<T, Failure>,
    ) -> Result<T, Error> {
        let cut = |tries, source| fetch::Error::Unsent {
            url: url.to_owned(),
            tries,
            source,
        };
        let done = self.client.try_again(url, self.progress, cut, once);
        done.map_err(|source| match self.intent {
            Intent::Pull => self.failed(source),
            Intent::Push => Error::Push {
                image: self.image.clone(),
                source: Box::new(source),
            },
        })
    }

    /// What a `Location` or `Link` header names, seen from `url` (RFC 3986, section 5.2).
    pub(super) fn resolve(&self, url: &str, place: &str) -> String {
        let place = place.split('#').next().unwrap_or_default();
        let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
        let host = rest.split('/').next().unwrap_or_default();
        if place.contains("://") {
            place.to_owned()
        } else if let Some(other) = place.strip_prefix("//") {
            format!("{scheme}://{other}")
        } else if place.starts_with('/') {
            format!("{scheme}://{host}{place}")
        } else {
            let path = url.split('?').next().unwrap_or_default();
            let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
            format!("{folder}/{place}")
        }
    }

    /// The client for a place that the registry names: the registry's login stays with it.
    fn client_for(&self, url: &str) -> fetch::Client {
        let host = |url: &str| {
            let rest = url.split_once("://").map(|(_, rest)| rest);
            let host = rest.and_then(|rest| rest.split(['/', '?']).next());
            host.map(str::to_owned)
        };
        match host(url) == host(&self.url) {
            true => self.client.clone(),
            false => {
                let plain = self.url.starts_with("http://");
                self.client.with_access(Arc::new(Elsewhere { plain }))
            }
        }
    }
}

/// The header with the digest of what the registry has.
const DIGEST: &str = "docker-content-digest";

/// The address of an upload, complete.
fn with_digest(place: &str, digest: Digest) -> String {
    let join = match place.contains('?') {
        true => '&',
        false => '?',
    };
    format!("{place}{join}digest=sha256:{digest}")
}
