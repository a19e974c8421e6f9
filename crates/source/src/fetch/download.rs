//! One download: cache, partial file, tries, checks, rename.

use super::digest::Hasher;
use super::{Cache, CachedFile, Client, Digest, Error, Progress};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// So many bytes in one try count as progress, and the tries are counted anew. Without a lower
/// bound a server could keep a build busy with one byte per connection.
pub(super) const PROGRESS: u64 = 1 << 20;

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

/// What went wrong in one try, and whether another one makes sense.
enum Failure {
    /// The connection failed or was cut.
    Connection(Box<ureq::Error>),
    /// It ended early, politely.
    Cut,
    /// A server error.
    Busy(Error),
    /// This server does not have the file.
    Missing(Error),
    /// What was continued has become something else: start from the first byte.
    StartAgain,
    /// No further try can help.
    Final(Error),
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
        let damaged = |path: &Path| {
            let text = format!("{} is damaged and is fetched anew", path.display());
            progress.note(&request.name, &text);
        };
        let cached = || self.cache.get(&request.digest, request.size, damaged);
        if let Some(file) = cached()? {
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
        let mut part = Part::open(&self.cache, &request.digest)?;
        // Whoever held the lock before may have finished the file.
        if let Some(file) = cached()? {
            progress.advance(&request.name, request.size, request.size);
            part.remove()?;
            return Ok(file);
        }
        if let Err(error) = self.fill(request, &mut part, progress, stop) {
            part.keep()?;
            return Err(error);
        }
        let path = self.cache.path(&request.digest);
        let file = part.finish(&path)?;
        Ok(CachedFile {
            path,
            file: Arc::new(file),
            size: request.size,
        })
    }

    /// Completes the partial file, from any of the request's URLs.
    fn fill(
        &self,
        request: &Request,
        part: &mut Part,
        progress: &dyn Progress,
        stop: &AtomicBool,
    ) -> Result<(), Error> {
        let mut missing = None;
        for url in &request.urls {
            match self.fill_from(url, request, part, progress, stop) {
                Ok(()) => return Ok(()),
                Err(Failure::Missing(error)) => missing = missing.or(Some(error)),
                Err(Failure::Final(error) | Failure::Busy(error)) => return Err(error),
                Err(Failure::Connection(_) | Failure::Cut | Failure::StartAgain) => {}
            }
        }
        Err(missing.unwrap_or_else(|| Error::Stopped {
            url: request.name.clone(),
        }))
    }

    /// Completes the partial file from `url`, in as many tries as the settings allow.
    fn fill_from(
        &self,
        url: &str,
        request: &Request,
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
            progress.advance(&request.name, hasher.length(), request.size);
            let result = self.try_once(url, request, part, &mut hasher, progress, stop);
            let received = hasher.length();
            let progressed = received >= most.saturating_add(PROGRESS);
            tries = if progressed { 1 } else { tries + 1 };
            most = most.max(received);
            let result = result.and_then(|()| {
                let (found, _) = hasher.finish();
                if found == request.digest {
                    return Ok(());
                }
                // The first bytes may be from an earlier, wrong answer: they get one chance.
                part.truncate().map_err(Failure::Final)?;
                if resumed && restarts == 0 {
                    return Err(Failure::StartAgain);
                }
                let (url, expected) = (url.to_owned(), request.digest);
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
                        &request.name,
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
            progress.note(&request.name, &format!("{reason}; trying again"));
            std::thread::sleep(self.pause(tries));
        }
    }

    /// One request: appends to the partial file until it has its full size.
    fn try_once(
        &self,
        url: &str,
        request: &Request,
        part: &mut Part,
        hasher: &mut Hasher,
        progress: &dyn Progress,
        stop: &AtomicBool,
    ) -> Result<(), Failure> {
        let have = hasher.length();
        if have == request.size && have > 0 {
            return Ok(());
        }
        let mut call = self.agent.get(url);
        if have > 0 {
            call = call.header("Range", format!("bytes={have}-"));
        }
        let response = call.call().map_err(|error| failed(url, error))?;
        let (head, body) = response.into_parts();
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
            _ => return Err(refused(url, head.status)),
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
            progress.advance(&request.name, hasher.length(), request.size);
        }
    }

    /// A file that is not known before, at most `limit` bytes: whoever asks must check a signature.
    pub(crate) fn fetch_unknown(
        &self,
        url: &str,
        limit: u64,
        progress: &dyn Progress,
    ) -> Result<Vec<u8>, Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (reason, error) = match self.read_once(url, limit) {
                Ok(bytes) => return Ok(bytes),
                Err(Failure::Connection(source)) => (
                    source.to_string(),
                    Error::Connection {
                        url: url.to_owned(),
                        received: 0,
                        expected: None,
                        tries,
                        source,
                    },
                ),
                Err(Failure::Busy(error)) => (error.to_string(), error),
                Err(Failure::Missing(error) | Failure::Final(error)) => return Err(error),
                Err(Failure::Cut | Failure::StartAgain) => continue,
            };
            if tries >= self.settings.tries {
                return Err(error);
            }
            progress.note(url, &format!("{reason}; trying again"));
            std::thread::sleep(self.pause(tries));
        }
    }

    fn read_once(&self, url: &str, limit: u64) -> Result<Vec<u8>, Failure> {
        let response = self
            .agent
            .get(url)
            .call()
            .map_err(|error| failed(url, error))?;
        let (head, body) = response.into_parts();
        if head.status.as_u16() != 200 {
            return Err(refused(url, head.status));
        }
        let mut bytes = Vec::new();
        let read = Read::take(body.into_reader(), limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| Failure::Connection(Box::new(error.into())))?;
        if bytes.len() as u64 > limit {
            return Err(Failure::Final(Error::Size {
                url: url.to_owned(),
                expected: limit,
                found: format!("more than {limit}"),
            }));
        }
        Ok(bytes)
    }

    fn pause(&self, tries: u32) -> Duration {
        self.settings
            .pause
            .saturating_mul(1 << tries.saturating_sub(1).min(5))
    }
}

const TLS_ADVICE: &str = "check the mirror's name and this machine's clock, and that the package \
                          ca-certificates is installed";

/// Sorts what ureq reports: a bad URL or certificate stays bad, a broken connection may not.
fn failed(url: &str, error: ureq::Error) -> Failure {
    use ureq::Error as E;
    // rustls' own errors come wrapped, as from a socket.
    let is_tls = |io: &std::io::Error| {
        io.get_ref()
            .is_some_and(|inner| inner.is::<rustls::Error>())
    };
    let advice = match &error {
        E::TooManyRedirects | E::RedirectFailed => {
            "the mirror redirects in circles: choose another mirror"
        }
        E::BadUri(_) | E::Http(_) => "check the mirror's URL",
        E::Rustls(_) | E::Tls(_) | E::TlsRequired => TLS_ADVICE,
        E::Io(io) if is_tls(io) => TLS_ADVICE,
        E::InvalidProxyUrl => "check http_proxy and https_proxy in the environment",
        E::LargeResponseHeader(..) => "what answers is not a mirror: choose another mirror",
        // What looks like bad HTTP can be a connection that was cut inside the head.
        _ => return Failure::Connection(Box::new(error)),
    };
    Failure::Final(Error::Refused {
        url: url.to_owned(),
        advice,
        source: Box::new(error),
    })
}

/// Sorts HTTP statuses (RFC 9110, section 15) that are not the file.
fn refused(url: &str, status: ureq::http::StatusCode) -> Failure {
    let sort: (fn(Error) -> Failure, &str) = match status.as_u16() {
        404 | 410 => (
            Failure::Missing,
            "check the mirror, suite and component, or choose another mirror",
        ),
        408 | 425 | 429 | 500..=599 => (Failure::Busy, "try later, or choose another mirror"),
        401 | 403 | 407 => (
            Failure::Final,
            "the mirror or a proxy does not let this machine in",
        ),
        _ => (Failure::Final, "choose another mirror"),
    };
    let (failure, advice) = sort;
    failure(Error::Status {
        url: url.to_owned(),
        status: status.as_u16(),
        reason: status.canonical_reason().unwrap_or(""),
        advice,
    })
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

/// The partial file of one digest, locked: two builds that want the same file take turns.
struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    fn open(cache: &Cache, digest: &Digest) -> Result<Self, Error> {
        let path = cache.path(digest).with_extension("part");
        let folder = path.parent().unwrap_or(cache.root());
        fs::create_dir_all(folder).map_err(Error::cache("create", folder))?;
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(Error::cache("write", &path))?;
            file.lock().map_err(Error::cache("lock", &path))?;
            // While this one waited, the lock's last owner may have renamed or removed the file.
            let ours = file.metadata().map_err(Error::cache("read", &path))?;
            let same = fs::symlink_metadata(&path)
                .is_ok_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino()));
            if same {
                return Ok(Self { path, file });
            }
        }
    }

    /// Hashes what is there, at most `size` bytes; whether that is anything.
    fn hash(&mut self, size: u64) -> Result<(Hasher, bool), Error> {
        if self.length()? > size {
            self.truncate()?;
        }
        let mut hasher = Hasher::default();
        let mut read = || -> std::io::Result<()> {
            self.file.seek(SeekFrom::Start(0))?;
            hasher.read_all(&mut self.file)
        };
        read().map_err(Error::cache("read", &self.path))?;
        let resumed = hasher.length() > 0;
        Ok((hasher, resumed))
    }

    fn length(&self) -> Result<u64, Error> {
        let metadata = self.file.metadata();
        metadata
            .map(|found| found.len())
            .map_err(Error::cache("read", &self.path))
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file
            .write_all(bytes)
            .map_err(Error::cache("write", &self.path))
    }

    fn truncate(&mut self) -> Result<(), Error> {
        let mut cut = || {
            self.file.set_len(0)?;
            self.file.seek(SeekFrom::Start(0)).map(drop)
        };
        cut().map_err(Error::cache("truncate", &self.path))
    }

    /// Leaves what is there for the next run; an empty file is of no use to it.
    fn keep(&mut self) -> Result<(), Error> {
        if self.length()? == 0 {
            self.remove()
        } else {
            Ok(())
        }
    }

    fn remove(&mut self) -> Result<(), Error> {
        fs::remove_file(&self.path).map_err(Error::cache("remove", &self.path))
    }

    /// Puts the complete file under its final name; it stays readable by this process.
    fn finish(self, to: &Path) -> Result<File, Error> {
        self.file
            .sync_all()
            .map_err(Error::cache("write", &self.path))?;
        fs::rename(&self.path, to).map_err(Error::cache("rename to", to))?;
        self.file.unlock().map_err(Error::cache("unlock", to))?;
        Ok(self.file)
    }
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
