//! `boot.json`: how init is to start this release. It lies in the initrd only, so the UKI's
//! signature covers it.

use serde::{Deserialize, Serialize};

/// What init does once the images are mapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boot {
    /// Whether the kernel can check root-hash signatures against the firmware's db.
    pub root_hash_signatures: RootHashSignatures,
    /// Whether the root may be written to.
    pub root: Root,
    /// The program that becomes the root's PID 1: an absolute path inside the root.
    pub init: String,
    /// Arguments for it, after its own name.
    pub init_arguments: Vec<String>,
    /// Where it starts, with what in its environment, and as whom.
    #[serde(default)]
    pub surroundings: Surroundings,
    /// How much of the images is read and checked before the root's init starts.
    pub check: Check,
    /// Whether the release starts while the firmware checks nothing.
    pub secure_boot: SecureBoot,
    /// Which programs the kernel lets run.
    pub execute: Execute,
    /// The kernel's command line, as the UKI holds it: see [`crate::cmdline::same`].
    pub command_line: String,
}

/// What the root's PID 1 finds around it. The default is what every init expects; a container image
/// whose own command becomes PID 1 says something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surroundings {
    /// All of its environment, `NAME=value`; when empty, it has the kernel's.
    pub environment: Vec<String>,
    /// The directory it starts in: an absolute path inside the root.
    pub directory: String,
    /// Its user.
    pub user: u32,
    /// Its group.
    pub group: u32,
    /// The other groups that it is in.
    pub groups: Vec<u32>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            environment: Vec::new(),
            directory: "/".to_owned(),
            user: 0,
            group: 0,
            groups: Vec::new(),
        }
    }
}

/// What is done when Secure Boot is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecureBoot {
    /// The release does not start: the screen says why.
    Required,
    /// It starts; init and the first screen say that nothing vouches for it.
    Optional,
}

/// What may be executed once the root's init runs, by root too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Execute {
    /// Anything.
    Any,
    /// Files of the initrd and of images whose root hash the kernel accepted: a signed policy of
    /// the kernel's IPE security module says so, and init enforces it.
    Signed,
}

/// When a byte that does not match its hash is noticed.
///
/// Such a byte is never handed to anybody: dm-verity answers with an I/O error instead. So this
/// is about *when* the owner learns of it, and from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// init reads every block of every image first, and does not start a release of which one
    /// byte is wrong: the screen says which image, and where.
    Full,
    /// Each block when it is first read. Starts faster; a damaged disk shows as I/O errors in
    /// whatever needs the block.
    AsRead,
}

/// Why `boot.json` was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not the JSON that it must be.
    #[error("boot.json cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// The program's path is impossible.
    #[error("boot.json's init is {0:?}; an absolute path inside the root is needed")]
    Init(String),
    /// The directory's path is impossible.
    #[error("boot.json's directory is {0:?}; an absolute path inside the root is needed")]
    Directory(String),
}

impl Boot {
    /// Reads and checks `boot.json`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        let boot: Self = serde_json::from_slice(bytes)?;
        if !boot.init.starts_with('/') || boot.init.ends_with('/') || boot.init.contains('\0') {
            return Err(Error::Init(boot.init));
        }
        let directory = &boot.surroundings.directory;
        if !directory.starts_with('/') || directory.contains('\0') {
            return Err(Error::Directory(boot.surroundings.directory));
        }
        Ok(boot)
    }

    /// The bytes of `boot.json`: indented JSON with a final newline, fields in a fixed order.
    pub fn to_json(&self) -> Vec<u8> {
        // Serialising strings and names into memory has no way to fail.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

/// Known at build time from the kernel's configuration
/// (`CONFIG_DM_VERITY_VERIFY_ROOTHASH_SIG_PLATFORM_KEYRING`): a kernel that has the option must
/// take every signature while Secure Boot is on; one without it relies on the pinned root hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RootHashSignatures {
    /// Hand the signature to the kernel; if it refuses, so does init.
    Checked,
    /// The kernel has no way to check it against db.
    Unsupported,
}

/// How the root filesystem is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Root {
    /// The squashfs as it is.
    ReadOnly,
    /// An overlay whose upper layer is memory: changes are gone after a reboot.
    Overlay,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(init: &str) -> Boot {
        Boot {
            root_hash_signatures: RootHashSignatures::Checked,
            root: Root::ReadOnly,
            init: init.to_owned(),
            init_arguments: vec!["--quiet".to_owned()],
            surroundings: Surroundings {
                environment: vec!["PATH=/bin".to_owned()],
                directory: "/srv".to_owned(),
                user: 1000,
                group: 100,
                groups: vec![4, 7],
            },
            check: Check::Full,
            secure_boot: SecureBoot::Required,
            execute: Execute::Signed,
            command_line: "quiet".to_owned(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let boot = boot("/sbin/init");
        assert_eq!(Boot::from_json(&boot.to_json()).unwrap(), boot);
    }

    #[test]
    fn surroundings_need_not_be_said() {
        let mut plain = boot("/sbin/init");
        plain.surroundings = Surroundings::default();
        let mut json: serde_json::Value = serde_json::from_slice(&plain.to_json()).unwrap();
        json.as_object_mut().unwrap().remove("surroundings");
        let read = Boot::from_json(json.to_string().as_bytes()).unwrap();
        assert_eq!(read, plain);
        plain.surroundings.directory = "srv".to_owned();
        let error = Boot::from_json(&plain.to_json()).unwrap_err().to_string();
        assert!(error.contains("directory is \"srv\""), "{error}");
    }

    #[test]
    fn a_path_that_is_none_is_refused() {
        for init in ["", "sbin/init", "/sbin/", "/sbin/\0init"] {
            let error = Boot::from_json(&boot(init).to_json())
                .unwrap_err()
                .to_string();
            assert!(error.contains("absolute path"), "{error}");
        }
    }
}
