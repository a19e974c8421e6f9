//! The content-addressed cache: `sha256/ab/abcd…`, each file named by the hash of its bytes.
//!
//! A file under its final name is complete: it got there by rename. It is still hashed each time
//! it is opened, so a damaged disk or another program cannot put bytes into a build. Partial
//! downloads are `abcd….part` beside it, held with a lock by whoever writes them.

use super::digest::Digest;
use super::error::Error;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of files named by their hash; several programs may use it at once.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

/// A file whose bytes have been checked, held open: what happens to its name no longer matters.
#[derive(Clone, Debug)]
pub struct CachedFile {
    /// Where it lies.
    pub path: PathBuf,
    /// The open file that was checked.
    pub file: Arc<File>,
    /// Its length in bytes.
    pub size: u64,
}

impl Cache {
    /// Uses the folder `root`, which is created when it is not there.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, Error> {
        let root = root.into();
        fs::create_dir_all(&root).map_err(Error::cache("create the cache folder", &root))?;
        Ok(Self { root })
    }

    /// The cache's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a file with that digest lies or would lie.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.root.join(self.name(digest))
    }

    /// The same, seen from the cache's folder.
    fn name(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        let folder = name.get(..2).unwrap_or_default();
        Path::new("sha256").join(folder).join(&name)
    }

    /// Opens and hashes the file with that digest and size (bytes); `None` when there is none.
    ///
    /// A file with other bytes than its name says is taken away and counts as none: `damaged` is
    /// told its path.
    pub fn get(
        &self,
        digest: &Digest,
        size: u64,
        damaged: impl FnOnce(&Path),
    ) -> Result<Option<CachedFile>, Error> {
        let path = self.path(digest);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::cache("open", &path)(error)),
        };
        // One byte more than expected is enough to know that it is too long.
        let mut bounded = Read::take(&mut file, size.saturating_add(1));
        let found = Digest::of_reader(&mut bounded).map_err(Error::cache("read", &path))?;
        if found == (*digest, size) {
            return Ok(Some(CachedFile {
                path,
                file: Arc::new(file),
                size,
            }));
        }
        damaged(&path);
        fs::remove_file(&path).map_err(Error::cache("remove the damaged file", &path))?;
        Ok(None)
    }

    /// Reads a small file that is not named by its hash, at most `limit` bytes of it.
    ///
    /// Whoever reads it must check it: it is only as good as the disk.
    pub(crate) fn read(&self, name: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let path = self.root.join(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::cache("open", &path)(error)),
        };
        let mut bytes = Vec::new();
        file.take(limit)
            .read_to_end(&mut bytes)
            .map_err(Error::cache("read", &path))?;
        Ok(Some(bytes))
    }

    /// Reads a small file that is named by its hash, at most `limit` bytes; `None` when there is
    /// none, or another one.
    pub(crate) fn document(&self, digest: &Digest, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let bytes = self.read(&self.name(digest), limit)?;
        Ok(bytes.filter(|bytes| Digest::of(bytes) == *digest))
    }

    /// Keeps a small file under its hash.
    pub(crate) fn keep(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digest::of(bytes);
        self.write(&self.name(&digest), bytes)?;
        Ok(digest)
    }

    /// Writes a small file that is not named by its hash: the old one or the new one, never a mix.
    pub(crate) fn write(&self, name: &Path, bytes: &[u8]) -> Result<(), Error> {
        let path = self.root.join(name);
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(Error::cache("create", folder))?;
        let write = || -> std::io::Result<()> {
            let mut new = tempfile::NamedTempFile::new_in(folder)?;
            new.write_all(bytes)?;
            new.as_file().sync_all()?;
            new.persist(&path)?;
            Ok(())
        };
        write().map_err(Error::cache("write", &path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(cache: &Cache, digest: &Digest, bytes: &[u8]) -> PathBuf {
        let path = cache.path(digest);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn an_entry_is_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().join("new/cache")).unwrap();
        let digest = Digest::of(b"content");
        assert!(
            cache
                .get(&digest, 7, |_| panic!("nothing is there"))
                .unwrap()
                .is_none()
        );
        put(&cache, &digest, b"content");
        let found = cache
            .get(&digest, 7, |_| panic!("it is good"))
            .unwrap()
            .unwrap();
        assert_eq!(found.size, 7);
    }

    #[test]
    fn a_damaged_entry_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let digest = Digest::of(b"content");
        for damage in [&b"c0ntent"[..], b"conten", b"content!", b""] {
            let path = put(&cache, &digest, damage);
            let mut told = None;
            let found = cache
                .get(&digest, 7, |path| told = Some(path.to_owned()))
                .unwrap();
            assert!(found.is_none());
            assert_eq!(told.as_deref(), Some(path.as_path()));
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = Cache::open(file.join("cache")).unwrap_err().to_string();
        assert!(error.contains("file/cache"), "{error}");
        assert!(error.contains("create the cache folder"), "{error}");
    }
}
