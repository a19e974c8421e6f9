//! Files that are not known before, such as a release file: short, and kept in memory only.

use super::failure::Failure;
use super::{Client, Error, Progress};
use std::io::Read;

impl Client {
    /// A file that is not known before, at most `limit` bytes: whoever asks must check a signature.
    pub(crate) fn fetch_unknown(
        &self,
        url: &str,
        limit: u64,
        progress: &dyn Progress,
    ) -> Result<Vec<u8>, Error> {
        let (bytes, _) = self.fetch_document(url, limit, progress)?;
        Ok(bytes)
    }

    /// As [`Client::fetch_unknown`], with the answer's `Content-Type`; empty when it has none.
    pub(crate) fn fetch_document(
        &self,
        url: &str,
        limit: u64,
        progress: &dyn Progress,
    ) -> Result<(Vec<u8>, String), Error> {
        let cut = |tries, source| Error::Connection {
            url: url.to_owned(),
            received: 0,
            expected: None,
            tries,
            source,
        };
        self.try_again(url, progress, cut, || self.read_once(url, limit))
    }

    /// Does `once` as often as the settings allow; `cut` is the error when no connection lasts.
    /// `name` is what progress notes are about.
    pub(crate) fn try_again<T>(
        &self,
        name: &str,
        progress: &dyn Progress,
        cut: impl Fn(u32, Box<ureq::Error>) -> Error,
        once: impl Fn() -> Result<T, Failure>,
    ) -> Result<T, Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (reason, error) = match once() {
                Ok(found) => return Ok(found),
                Err(Failure::Connection(source)) => (source.to_string(), cut(tries, source)),
                Err(Failure::Busy(error)) => (error.to_string(), error),
                Err(Failure::Missing(error) | Failure::Final(error)) => return Err(error),
                Err(Failure::Cut | Failure::StartAgain) => continue,
            };
            if tries >= self.settings.tries {
                return Err(error);
            }
            progress.note(name, &format!("{reason}; trying again"));
            std::thread::sleep(self.pause(tries).max(error.wait()));
        }
    }

    fn read_once(&self, url: &str, limit: u64) -> Result<(Vec<u8>, String), Failure> {
        let (head, body) = self.send(url, 0)?.into_parts();
        if head.status.as_u16() != 200 {
            return Err(self.refused(url, &head));
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
        let kind = head
            .headers
            .get("content-type")
            .and_then(|value| value.to_str().ok());
        Ok((bytes, kind.unwrap_or_default().to_owned()))
    }
}
