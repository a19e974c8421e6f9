//! EFI variables through efivarfs (kernel: `Documentation/filesystems/efivarfs.rst`).
//!
//! A variable is a file there. What the file is called and what its bytes mean is not this
//! crate's matter.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use rustix::fs::IFlags;
use rustix::io::Errno;

use crate::Error;

/// Where efivarfs is mounted.
pub const FOLDER: &str = "/sys/firmware/efi/efivars";

/// Largest file that is taken, in bytes: 4 of attributes and a value far above any that is asked
/// for.
const LIMIT: usize = 4 + 64 * 1024;

/// The content of a variable's file in the efivarfs at `folder`; `None` when there is no such
/// variable.
pub fn read(folder: &Path, file_name: &str) -> Result<Option<Vec<u8>>, Error> {
    // Each read(2) makes the firmware look again: `fs::read` takes few, of the file's size.
    let result = match std::fs::read(folder.join(file_name)) {
        Ok(bytes) if bytes.len() > LIMIT => Err(io::ErrorKind::FileTooLarge.into()),
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    result
        .map_err(|source: io::Error| Error::new("cannot read the EFI variable", file_name, source))
}

/// Writes a variable's file, in one piece as the firmware takes it: 4 bytes of attributes, then the
/// value. efivarfs must be mounted writable.
pub fn write(folder: &Path, file_name: &str, content: &[u8]) -> Result<(), Error> {
    let path = folder.join(file_name);
    let written = allow_change(&path).and_then(|()| {
        let mut file = File::create(&path)?;
        match file.write(content)? {
            length if length == content.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    });
    written.map_err(|source| Error::new("cannot write the EFI variable", file_name, source))
}

/// Removes a variable. That it is not there is fine. efivarfs must be mounted writable.
pub fn remove(folder: &Path, file_name: &str) -> Result<(), Error> {
    let path = folder.join(file_name);
    let removed = allow_change(&path).and_then(|()| match std::fs::remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    });
    removed.map_err(|source| Error::new("cannot remove the EFI variable", file_name, source))
}

/// efivarfs marks the variables that it does not know as immutable, against `rm -r` by accident
/// (ioctl_iflags(2), `FS_IMMUTABLE_FL`). A file system without such marks needs nothing.
fn allow_change(path: &Path) -> io::Result<()> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    match rustix::fs::ioctl_getflags(&file) {
        Ok(flags) if flags.contains(IFlags::IMMUTABLE) => Ok(rustix::fs::ioctl_setflags(
            &file,
            flags - IFlags::IMMUTABLE,
        )?),
        Ok(_) | Err(Errno::NOTTY | Errno::OPNOTSUPP) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for content in [&b"\x07\0\0\0longer"[..], b"\x07\0\0\0one"] {
            write(folder, "A-1", content).unwrap();
            assert_eq!(read(folder, "A-1").unwrap().as_deref(), Some(content));
        }
        for _ in 0..2 {
            remove(folder, "A-1").unwrap();
            assert_eq!(read(folder, "A-1").unwrap(), None);
        }
        let error = write(&folder.join("nowhere"), "A-1", b"").unwrap_err();
        assert!(error.to_string().contains("A-1"), "{error}");
    }

    #[test]
    fn a_variable_is_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| {
            std::fs::write(folder.path().join(name), content).unwrap();
        };
        write("Text-4a67", b"\x06\0\0\0A\0");
        write("Largest-4a67", &[0; LIMIT]);
        write("Larger-4a67", &[0; LIMIT + 1]);
        let read = |name| read(folder.path(), name);
        let text = read("Text-4a67").unwrap();
        assert_eq!(text.as_deref(), Some(&b"\x06\0\0\0A\0"[..]));
        assert_eq!(read("None-4a67").unwrap(), None);
        assert!(read("Largest-4a67").is_ok());
        let error = read("Larger-4a67").unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::FileTooLarge);
        assert!(error.to_string().contains("Larger"), "{error}");
        std::fs::create_dir(folder.path().join("Folder-4a67")).unwrap();
        assert!(read("Folder-4a67").is_err());
    }
}
