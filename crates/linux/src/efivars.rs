//! EFI variables through efivarfs (kernel: `Documentation/filesystems/efivarfs.rst`).
//!
//! A variable is the file `<name>-<vendor GUID>`: four bytes of attributes, then the value.

use std::io;
use std::path::{Path, PathBuf};

/// Where efivarfs is mounted.
pub const FOLDER: &str = "/sys/firmware/efi/efivars";

/// Vendor of the variables that the UEFI specification itself defines (UEFI 2.10, section 3.3).
pub const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// Vendor of the variables of the Boot Loader Interface, which systemd-stub sets.
pub const LOADER: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/// Largest variable that is read, in bytes: far above any that is read here.
const LIMIT: usize = 64 * 1024;

/// Why a variable gave no value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the EFI variable {name}")]
    Read {
        /// `SecureBoot`.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// It is not what the specification says.
    #[error("the EFI variable {name} holds {found}; expected {expected}")]
    Value {
        /// `SecureBoot`.
        name: String,
        /// What it should hold.
        expected: &'static str,
        /// What it holds.
        found: String,
    },
}

/// The efivarfs mounted at some folder.
#[derive(Clone, Debug)]
pub struct Variables {
    folder: PathBuf,
}

/// What the firmware says about Secure Boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecureBoot {
    /// `SecureBoot`: the firmware checked what it started.
    pub on: bool,
    /// `SetupMode`: no platform key is enrolled; anybody may enrol one.
    pub setup_mode: bool,
}

impl Variables {
    /// The efivarfs mounted at `folder`.
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The value of a variable, without its attributes; `None` when it does not exist.
    pub fn read(&self, name: &str, vendor: &str) -> Result<Option<Vec<u8>>, Error> {
        let bytes = match std::fs::read(self.folder.join(format!("{name}-{vendor}"))) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(Error::Read {
                    name: name.to_owned(),
                    source,
                });
            }
        };
        let value = bytes.get(4..).filter(|value| value.len() <= LIMIT);
        match value {
            Some(value) => Ok(Some(value.to_vec())),
            None => Err(Error::Value {
                name: name.to_owned(),
                expected: "4 bytes of attributes and a value of at most 64 KiB",
                found: format!("{} bytes", bytes.len()),
            }),
        }
    }

    /// A variable that holds text: UTF-16, little-endian, up to its NUL.
    pub fn read_text(&self, name: &str, vendor: &str) -> Result<Option<String>, Error> {
        let Some(value) = self.read(name, vendor)? else {
            return Ok(None);
        };
        let wrong = || Error::Value {
            name: name.to_owned(),
            expected: "UTF-16 text",
            found: format!("{} bytes that are none", value.len()),
        };
        if !value.len().is_multiple_of(2) {
            return Err(wrong());
        }
        let units: Vec<u16> = value
            .chunks_exact(2)
            .map(|pair| u16::from(pair[0]) | u16::from(pair[1]) << 8)
            .take_while(|unit| *unit != 0)
            .collect();
        String::from_utf16(&units).map(Some).map_err(|_| wrong())
    }

    /// `SecureBoot` and `SetupMode` (UEFI 2.10, table 3.1). A variable that is missing or is not
    /// 0 or 1 is an error: what cannot be read counts for nothing.
    pub fn secure_boot(&self) -> Result<SecureBoot, Error> {
        Ok(SecureBoot {
            on: self.flag("SecureBoot")?,
            setup_mode: self.flag("SetupMode")?,
        })
    }

    fn flag(&self, name: &str) -> Result<bool, Error> {
        let value = self.read(name, GLOBAL)?;
        let wrong = |found: String| Error::Value {
            name: name.to_owned(),
            expected: "one byte, 0 or 1",
            found,
        };
        match value.as_deref() {
            Some([0]) => Ok(false),
            Some([1]) => Ok(true),
            Some(other) => Err(wrong(format!(
                "{} bytes {:02x?}",
                other.len(),
                &other[..other.len().min(8)]
            ))),
            None => Err(wrong("nothing: the firmware does not have it".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(files: &[(&str, &str, &[u8])]) -> (tempfile::TempDir, Variables) {
        let folder = tempfile::tempdir().unwrap();
        for (name, vendor, value) in files {
            let bytes = [&[6, 0, 0, 0], *value].concat();
            std::fs::write(folder.path().join(format!("{name}-{vendor}")), bytes).unwrap();
        }
        let variables = Variables::at(folder.path());
        (folder, variables)
    }

    #[test]
    fn secure_boot_is_read() {
        for (on, setup_mode) in [(0, 0), (0, 1), (1, 0)] {
            let (_folder, variables) = variables(&[
                ("SecureBoot", GLOBAL, &[on]),
                ("SetupMode", GLOBAL, &[setup_mode]),
            ]);
            let expected = SecureBoot {
                on: on == 1,
                setup_mode: setup_mode == 1,
            };
            assert_eq!(variables.secure_boot().unwrap(), expected);
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for value in [&[][..], &[2], &[1, 0], &[0, 0, 0]] {
            let (_folder, variables) =
                variables(&[("SecureBoot", GLOBAL, value), ("SetupMode", GLOBAL, &[0])]);
            let error = variables.secure_boot().unwrap_err().to_string();
            assert!(error.contains("SecureBoot"), "{error}");
        }
        let (folder, variables) = variables(&[("SecureBoot", GLOBAL, &[1])]);
        assert!(variables.secure_boot().is_err());
        std::fs::write(folder.path().join(format!("SetupMode-{GLOBAL}")), [6, 0]).unwrap();
        assert!(variables.secure_boot().is_err());
    }

    #[test]
    fn text_ends_at_its_nul() {
        let text: Vec<u8> = "Ab-1\0x"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let (_folder, variables) = variables(&[
            ("Text", LOADER, &text),
            ("Odd", LOADER, &[0x41]),
            ("Half", LOADER, &[0x00, 0xd8]),
        ]);
        assert_eq!(
            variables.read_text("Text", LOADER).unwrap().as_deref(),
            Some("Ab-1")
        );
        assert_eq!(variables.read_text("None", LOADER).unwrap(), None);
        assert!(variables.read_text("Odd", LOADER).is_err());
        assert!(variables.read_text("Half", LOADER).is_err());
    }
}
