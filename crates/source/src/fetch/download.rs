//! One download: cache, partial file, tries, checks, rename.

use super::digest::Hasher;
use super::failure::Failure;
use super::part::Part;
use super::{CachedFile, Client, Digest, Error, Progress};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// So many bytes in one try count as progress, and the tries are counted anew. Without a lower
/// bound a server could keep a build busy with one byte per connection.
const PROGRESS: u64 = 1 << 20;

/// How often a download is begun again from its first byte.
const MOST_RESTARTS: u32 = 2;

/// A file that is known before it is fetched.
#[derive(Clone, Debug)]
pub struct Request {
    /// What to call it in messages.
    pub name: String,
    /// Where it is: the next one is asked when a server does not have it (404, 410).
    pub urls: Vec<String>,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// What a download needs to know of its file.
pub(super) struct Target<'a> {
    pub(super) name: &'a str,
    pub(super) urls: &'a [String],
    /// `None` when whoever asks checks the bytes.
    pub(super) digest: Option<Digest>,
    pub(super) size: u64,
}

impl<'a> From<&'a Request> for Target<'a> {
    fn from(request: &'a Request) -> Self {
        Self {
            name: &request.name,
            urls: &request.urls,
            digest: Some(request.digest),
            size: request.size,
        }
    }
}

impl Client {
    /// The file, from the cache or the network, checked.
    pub fn fetch(&self, request: &Request, progress: &dyn Progress) -> Result<CachedFile, Error> {
        self.fetch_unless(request, progress, &AtomicBool::new(false))
    }

    /// As [`Client::fetch`], given up as soon as `stop` is true.
    pub(crate) fn fetch_unless(
        &self,
        request: &Request,
        progress: &dyn Progress,
        stop: &AtomicBool,
    ) -> Result<CachedFile, Error> {
        if let Some(file) = self.cached(request, progress)? {
            progress.advance(&request.name, request.size, request.size);
            return Ok(file);
        }
        if self.settings.offline {
            return Err(Error::Offline {
                name: request.name.clone(),
                url: request.urls.first().cloned().unwrap_or_default(),
                cache: self.cache.root().to_owned(),
            });
        }
        let _waiting = self.turns.wait_for_file();
        self.fetch_now(request, progress, stop)
    }

    /// As [`Client::fetch_unless`], for a file that was not in the cache a moment ago.
    pub(super) fn fetch_now(
        &self,
        request: &Request,
        progress: &dyn Progress,
        stop: &AtomicBool,
    ) -> Result<CachedFile, Error> {
        let path = self.cache.path(&request.digest);
        let mut part = Part::open(&path)?;
        // Whoever held the lock before may have finished the file.
        if let Some(file) = self.cached(request, progress)? {
            progress.advance(&request.name, request.size, request.size);
            part.remove()?;
            return Ok(file);
        }
        if let Err(error) = self.fill(&request.into(), &mut part, progress, stop) {
            part.keep()?;
            return Err(error);
        }
        let file = part.finish(&path)?;
        Ok(CachedFile {
            path,
            file: Arc::new(file),
            size: request.size,
        })
    }

    fn cached(
        &self,
        request: &Request,
        progress: &dyn Progress,
    ) -> Result<Option<CachedFile>, Error> {
        let damaged = |path: &Path| {
            let text = format!("{} is damaged and is fetched anew", path.display());
            progress.note(&request.name, &text);
        };
        self.cache.get(&request.digest, request.size, damaged)
    }

    /// Completes the partial file, from any of the request's URLs.
    pub(super) fn fill(
        &self,
        request: &Target<'_>,
        part: &mut Part,
        progress: &dyn Progress,
        stop: &AtomicBool,
    ) -> Result<(), Error> {
        let mut missing = None;
        for url in request.urls {
            match self.fill_from(url, request, part, progress, stop) {
                Ok(()) => return Ok(()),
                Err(Failure::Missing(error)) => missing = missing.or(Some(error)),
                Err(Failure::Final(error) | Failure::Busy(error)) => return Err(error),
                Err(Failure::Connection(_) | Failure::Cut | Failure::StartAgain) => {}
            }
        }
        Err(missing.unwrap_or_else(|| Error::Stopped {
            url: request.name.to_owned(),
        }))
    }

    /// Completes the partial file from `url`, in as many tries as the settings allow.
    fn fill_from(
        &self,
        url: &str,
        request: &Target<'_>,
        part: &mut Part,
        progress: &dyn Progress,
        stop: &AtomicBool,
    ) -> Result<(), Failure> {
        let mut tries = 0;
        let mut restarts = 0;
        // Progress is what no try before had: a server that always starts anew makes none.
        let mut most = part.length().map_err(Failure::Final)?;
        loop {
            let (mut hasher, resumed) = part.hash(request.size).map_err(Failure::Final)?;
            progress.advance(request.name, hasher.length(), request.size);
            let result = self.try_once(url, request, part, &mut hasher, progress, stop);
            let received = hasher.length();
            let progressed = received >= most.saturating_add(PROGRESS);
            tries = if progressed { 1 } else { tries + 1 };
            most = most.max(received);
            let result = result.and_then(|()| {
                let (found, _) = hasher.finish();
                let Some(expected) = request.digest.filter(|digest| *digest != found) else {
                    return Ok(());
                };
                // The first bytes may be from an earlier, wrong answer: they get one chance.
                part.truncate().map_err(Failure::Final)?;
                if resumed && restarts == 0 {
                    return Err(Failure::StartAgain);
                }
                let url = url.to_owned();
                Err(Failure::Final(Error::Digest {
                    url,
                    expected,
                    found,
                }))
            });
            let (reason, error) = match result {
                Ok(()) => return Ok(()),
                Err(Failure::StartAgain) if restarts < MOST_RESTARTS => {
                    restarts += 1;
                    progress.note(
                        request.name,
                        "what an earlier try left is of no use; starting again",
                    );
                    continue;
                }
                Err(Failure::Connection(source)) => (
                    source.to_string(),
                    Error::Connection {
                        url: url.to_owned(),
                        received,
                        expected: Some(request.size),
                        tries,
                        source,
                    },
                ),
                Err(Failure::Cut | Failure::StartAgain) => (
                    format!(
                        "the connection ended after {received} of {} bytes",
                        request.size
                    ),
                    Error::Cut {
                        url: url.to_owned(),
                        received,
                        expected: request.size,
                        tries,
                    },
                ),
                Err(Failure::Busy(error)) => (error.to_string(), error),
                Err(other) => return Err(other),
            };
            if tries >= self.settings.tries {
                return Err(Failure::Final(error));
            }
            progress.note(request.name, &format!("{reason}; trying again"));
            std::thread::sleep(self.pause(tries).max(error.wait()));
        }
    }

    /// One request: appends to the partial file until it has its full size.
    fn try_once(
        &self,
        url: &str,
        request: &Target<'_>,
        part: &mut Part,
        hasher: &mut Hasher,
        progress: &dyn Progress,
        stop: &AtomicBool,
    ) -> Result<(), Failure> {
        let have = hasher.length();
        if have == request.size && have > 0 {
            return Ok(());
        }
        let (head, body) = self.send(url, have)?.into_parts();
        let status = head.status.as_u16();
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let sent = match (status, have) {
            (200, 0) => body.content_length(),
            // The server ignores ranges: it sends everything, from the start.
            (200, _) => {
                *hasher = Hasher::default();
                part.truncate().map_err(Failure::Final)?;
                body.content_length()
            }
            (206, 1..) => {
                let range = header("content-range").and_then(content_range);
                match range {
                    Some((start, total)) if start == have => total,
                    // It continues somewhere else: no use.
                    _ => {
                        part.truncate().map_err(Failure::Final)?;
                        return Err(Failure::StartAgain);
                    }
                }
            }
            (416, 1..) => {
                part.truncate().map_err(Failure::Final)?;
                return Err(Failure::StartAgain);
            }
            _ => return Err(self.refused(url, &head)),
        };
        if let Some(found) = sent.filter(|sent| *sent != request.size) {
            part.truncate().map_err(Failure::Final)?;
            return Err(Failure::Final(Error::Size {
                url: url.to_owned(),
                expected: request.size,
                found: found.to_string(),
            }));
        }
        // One byte more than expected is enough to know that it is too long.
        let left = request.size - hasher.length();
        let mut body = Read::take(body.into_reader(), left.saturating_add(1));
        let mut buffer = vec![0; 1 << 16];
        loop {
            if stop.load(Ordering::Relaxed) {
                return Err(Failure::Final(Error::Stopped {
                    url: url.to_owned(),
                }));
            }
            let read = match body.read(&mut buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::Connection(Box::new(error.into()))),
            };
            let bytes = buffer.get(..read).unwrap_or_default();
            if hasher.length() + bytes.len() as u64 > request.size {
                part.truncate().map_err(Failure::Final)?;
                return Err(Failure::Final(Error::Size {
                    url: url.to_owned(),
                    expected: request.size,
                    found: format!("at least {}", request.size.saturating_add(1)),
                }));
            }
            if bytes.is_empty() {
                let whole = hasher.length() == request.size;
                return if whole { Ok(()) } else { Err(Failure::Cut) };
            }
            part.append(bytes).map_err(Failure::Final)?;
            hasher.update(bytes);
            progress.advance(request.name, hasher.length(), request.size);
        }
    }
}

/// `bytes 5-9/10` → (5, Some(10)); the total may be `*` (RFC 9110, section 14.4).
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    let total = if total == "*" {
        None
    } else {
        Some(total.parse().ok()?)
    };
    Some((start.parse().ok()?, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read() {
        let cases = [
            ("bytes 5-9/10", Some((5, Some(10)))),
            ("bytes 5-9/*", Some((5, None))),
            ("bytes */10", None),
            ("items 5-9/10", None),
            ("bytes 5-9", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(content_range(text), expected, "{text}");
        }
    }
}
