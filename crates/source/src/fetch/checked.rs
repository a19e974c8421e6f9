//! Files whose SHA-256 is not known beforehand: whoever asks for one checks its content, each time
//! that it is used.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::download::Target;
use super::part::Part;
use super::{CachedFile, Client, Error, Progress};

/// A file with a place of its own in the cache.
#[derive(Clone, Debug)]
pub(crate) struct CheckedRequest {
    /// What to call it in messages.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) url: String,
    /// Its length in bytes.
    pub(crate) size: u64,
    /// Where the cache keeps it: a path below the cache's folder, another one for each content.
    pub(crate) place: String,
}

impl Client {
    /// What `check` makes of the file, from the cache or the network; given up as soon as `stop`
    /// is true. A file in the cache that `check` refuses is fetched anew; from the network, it
    /// is thrown away.
    pub(crate) fn fetch_checked<T, E: std::error::Error + Send + Sync + 'static>(
        &self,
        request: &CheckedRequest,
        check: impl Fn(&CachedFile) -> Result<T, E>,
        progress: &dyn Progress,
        stop: &AtomicBool,
    ) -> Result<T, Error> {
        let path = self.cache.root().join(&request.place);
        let (name, size) = (request.name.as_str(), request.size);
        let cached = || -> Result<Option<T>, Error> {
            let Some(file) = open(&path)? else {
                return Ok(None);
            };
            if file.size == size
                && let Ok(checked) = check(&file)
            {
                progress.advance(name, size, size);
                return Ok(Some(checked));
            }
            let text = format!("{} is damaged and is fetched anew", path.display());
            progress.note(name, &text);
            fs::remove_file(&path).map_err(Error::cache("remove the damaged file", &path))?;
            Ok(None)
        };
        if let Some(checked) = cached()? {
            return Ok(checked);
        }
        if self.settings.offline {
            return Err(Error::Offline {
                name: request.name.clone(),
                url: request.url.clone(),
                cache: self.cache.root().to_owned(),
            });
        }
        let _waiting = self.turns.wait_for_file();
        let mut part = Part::open(&path)?;
        // Whoever held the lock before may have finished the file.
        if let Some(checked) = cached()? {
            part.remove()?;
            return Ok(checked);
        }
        let target = Target {
            name,
            urls: std::slice::from_ref(&request.url),
            digest: None,
            size,
        };
        loop {
            let resumed = part.length()? > 0;
            if let Err(error) = self.fill(&target, &mut part, progress, stop) {
                part.keep()?;
                return Err(error);
            }
            let file = CachedFile {
                path: path.clone(),
                file: Arc::new(part.file()?),
                size,
            };
            match check(&file) {
                Ok(checked) => {
                    part.finish(&path)?;
                    return Ok(checked);
                }
                // The first bytes may be from an earlier, wrong answer: they get one chance.
                Err(_) if resumed => part.truncate()?,
                Err(error) => {
                    part.remove()?;
                    return Err(Error::Content {
                        url: request.url.clone(),
                        source: Box::new(error),
                    });
                }
            }
        }
    }
}

/// The file at `path`, when there is one.
fn open(path: &Path) -> Result<Option<CachedFile>, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::cache("open", path)(error)),
    };
    let size = file.metadata().map_err(Error::cache("read", path))?.len();
    Ok(Some(CachedFile {
        path: path.to_owned(),
        file: Arc::new(file),
        size,
    }))
}
