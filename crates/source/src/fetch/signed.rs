//! Signed lists, which may only get newer: what is fetched is kept, and what is fetched the next
//! time must not be older.

use std::path::PathBuf;

use super::{Client, Digest, Error, Progress};

/// A file that is not known before, and that a signature vouches for.
pub(crate) struct Signed<'a> {
    /// Where it is.
    pub(crate) url: &'a str,
    /// What to call it in messages.
    pub(crate) name: String,
    /// Folder of the cache in which the newest one is kept.
    pub(crate) folder: &'a str,
    /// The most that it may take, in bytes.
    pub(crate) limit: u64,
}

impl Client {
    /// The file, verified; offline, the newest one seen.
    ///
    /// `verify` reads one and checks its signature; `accept` says whether it may be used, given
    /// the newest one seen before; `made` is when one was made, in seconds since 1970. What is
    /// remembered counts only while its own signature does: a damaged file is none.
    pub(crate) fn fetch_signed<T, E: From<Error>>(
        &self,
        file: &Signed<'_>,
        verify: impl Fn(&[u8]) -> Result<T, E>,
        accept: impl Fn(&T, Option<&T>) -> Result<(), E>,
        made: impl Fn(&T) -> u64,
        progress: &dyn Progress,
    ) -> Result<T, E> {
        let remembered =
            PathBuf::from(file.folder).join(Digest::of(file.url.as_bytes()).to_string());
        let seen = self.cache().read(&remembered, file.limit)?;
        let seen = seen.map(|bytes| verify(&bytes));
        if self.is_offline() {
            let missing = || Error::Offline {
                name: file.name.clone(),
                url: file.url.to_owned(),
                cache: self.cache().root().to_owned(),
            };
            let found = seen.ok_or_else(missing)??;
            accept(&found, None)?;
            return Ok(found);
        }
        let bytes = self.fetch_unknown(file.url, file.limit, progress)?;
        let found = verify(&bytes)?;
        let newest = seen.and_then(Result::ok);
        accept(&found, newest.as_ref())?;
        if newest.is_none_or(|newest| made(&newest) < made(&found)) {
            self.cache().write(&remembered, &bytes)?;
        }
        Ok(found)
    }
}
