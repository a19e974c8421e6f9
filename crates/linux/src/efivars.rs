//! EFI variables through efivarfs (kernel: `Documentation/filesystems/efivarfs.rst`).
//!
//! A variable is a file there. What the file is called and what its bytes mean is not this
//! crate's matter.

use std::io;
use std::path::Path;

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

#[cfg(test)]
mod tests {
    use super::*;

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
