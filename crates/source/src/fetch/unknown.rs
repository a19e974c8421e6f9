//! Files that are not known before, such as a release file: short, and kept in memory only.

use super::failure::{Failure, failed, refused};
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
}
