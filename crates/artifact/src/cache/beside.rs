//! A large file beside an entry, which holds the file's hashes. It need not be written for that: where
//! the file system can, it shares its bytes with the file that was kept, or is that file.
//!
//! So whoever changes a build's output in its place changes what is kept, too. As with every entry,
//! it is compared with its hashes before it is used.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lanes::{HASH_SIZE, Pieces};
use rayon::prelude::*;
use rustix::fs::{AtFlags, CWD, ioctl_ficlone, linkat};
use source::section::Section;

use super::{Key, Store, named};

/// What has a hash of its own, in bytes.
const PART: u64 = 4 << 20;

/// What its name has behind that of the entry.
const EXTENSION: &str = "file";

/// The hashes of a file's parts, one after the other, computed on all cores.
pub(super) fn hashes(file: &File, size: u64) -> io::Result<Vec<u8>> {
    let hash = |part| {
        let start = part * PART;
        let mut bytes = vec![0; PART.min(size - start) as usize];
        file.read_exact_at(&mut bytes, start)?;
        Ok(Pieces::hash(&bytes))
    };
    let parts = 0..size.div_ceil(PART);
    let hashes: io::Result<Vec<[u8; HASH_SIZE]>> = parts.into_par_iter().map(hash).collect();
    Ok(hashes?.concat())
}

/// Creates a file to write to and to read back. Nobody else may write to it, whatever the umask is: what
/// is kept may be this very file.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true).mode(0o644);
    options.open(path)
}

/// Puts a file at `to`, where there must be none: with its bytes shared, else as a link, else as a
/// copy.
pub(super) fn place(file: &Arc<File>, to: &Path) -> io::Result<()> {
    let new = create(to)?;
    if ioctl_ficlone(&new, file).is_ok() {
        return Ok(());
    }
    // By its descriptor: another name may be on its way.
    let open = format!("/proc/self/fd/{}", file.as_raw_fd());
    fs::remove_file(to)?;
    if linkat(CWD, open, CWD, to, AtFlags::SYMLINK_FOLLOW).is_ok() {
        return Ok(());
    }
    let copied = create(to).and_then(|mut new| {
        // Read from its own places: whoever wrote the file may use it still.
        io::copy(&mut Section::whole(file), &mut new)
    });
    copied.map(drop).inspect_err(|_| drop(fs::remove_file(to)))
}

impl Store {
    /// The file beside an entry.
    pub(super) fn beside(&self, key: &Key) -> PathBuf {
        self.path(key).with_extension(EXTENSION)
    }

    /// The file beside an entry. One that somebody else can write to is none: its bytes might change
    /// after they were compared with their hashes.
    pub(super) fn find_beside(&self, key: &Key) -> Option<Arc<File>> {
        let file = File::open(self.beside(key)).ok()?;
        let found = file.metadata().ok()?;
        let ours = found.uid() == rustix::process::geteuid().as_raw();
        (ours && found.mode() & 0o022 == 0).then(|| Arc::new(file))
    }

    /// Keeps a file beside an entry, in place of an earlier one. The entry comes after it.
    pub(super) fn put_beside(&self, key: &Key, file: &Arc<File>) -> io::Result<()> {
        let to = self.beside(key);
        let folder = to.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)?;
        let new = tempfile::Builder::new().make_in(folder, |path| place(file, path))?;
        named(new.persist(&to))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn every_byte_counts() {
        let mut bytes: Vec<u8> = (0..2 * PART as usize + 5).map(|n| (n / 7) as u8).collect();
        let of = |bytes: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            hashes(&file, bytes.len() as u64).unwrap()
        };
        let whole = of(&bytes);
        assert_eq!(whole.len(), 3 * HASH_SIZE);
        for at in [0, PART as usize - 1, PART as usize, bytes.len() - 1] {
            bytes[at] ^= 1;
            assert_ne!(of(&bytes), whole, "{at}");
            bytes[at] ^= 1;
        }
        assert_ne!(of(&bytes[..bytes.len() - 1]), whole);
        assert_eq!(of(&bytes), whole);
        assert_eq!(of(b""), b"");
        // Shorter than it is said to be.
        assert!(hashes(&tempfile::tempfile().unwrap(), 1).is_err());
    }

    #[test]
    fn a_placed_file_has_the_same_bytes_and_takes_no_place_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("from");
        fs::write(&path, b"content").unwrap();
        let file = Arc::new(File::open(&path).unwrap());
        let to = folder.path().join("to");
        place(&file, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"content");
        let error = place(&file, &to).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        // The first name goes, the file stays.
        fs::remove_file(&path).unwrap();
        let again = folder.path().join("again");
        place(&file, &again).unwrap();
        assert_eq!(fs::read(&again).unwrap(), b"content");
        if fs::metadata(&to).unwrap().ino() == fs::metadata(&again).unwrap().ino() {
            // The last name went: what cannot be linked any more is copied.
            fs::remove_file(&to).unwrap();
            fs::remove_file(&again).unwrap();
            place(&file, &to).unwrap();
            assert_eq!(fs::read(&to).unwrap(), b"content");
        }
    }

    #[test]
    fn another_file_system_has_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
            panic!("/dev/shm is not there");
        };
        fs::write(folder.path().join("from"), b"content").unwrap();
        let file = Arc::new(File::open(folder.path().join("from")).unwrap());
        let to = other.path().join("to");
        place(&file, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"content");
        assert_eq!(fs::metadata(&to).unwrap().nlink(), 1);
    }
}
