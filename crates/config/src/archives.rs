//! Where sources are fetched from: Debian's and Alpine's archives, container registries.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::strings;

/// `[debian]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Debian {
    /// Mirror of the main archive. When not set: what this machine's apt sources name, else
    /// Debian's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
    /// Mirror of the security archive: the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_mirror: Option<String>,
    /// Suites; the newest version among them wins. `*-security` comes from the security mirror.
    pub suites: Vec<String>,
    /// Archive components.
    pub components: Vec<String>,
    /// Debian's name for the processor architecture.
    pub architecture: String,
    /// OpenPGP keyring files to check the archive with. When empty: Debian's own archive keys.
    pub keyrings: Vec<PathBuf>,
    /// Take an archive index although a newer one was seen before: a mirror may hide updates.
    pub allow_older: bool,
    /// Take an archive index after its last day: the same.
    pub allow_expired: bool,
}

/// `[alpine]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alpine {
    /// Mirror: below it are the branches.
    pub mirror: String,
    /// Branch: `v3.20` for Alpine 3.20, or `edge`.
    pub branch: String,
    /// Repositories of the branch; or the address of any other, below which is a folder for each
    /// architecture. The newest version among them wins.
    pub repositories: Vec<String>,
    /// Alpine's name for the processor architecture.
    pub architecture: String,
    /// Public keys (`*.rsa.pub`) to check indexes and packages with. When empty: Alpine's own.
    pub keys: Vec<PathBuf>,
    /// Take an index although a newer one was seen before: a mirror may hide updates.
    pub allow_older: bool,
}

/// `[oci]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Oci {
    /// Registries (`registry.lan:5000`) that are asked without TLS: anybody on the way can then
    /// read logins, and give another image for a tag. This machine's own always are.
    pub insecure: Vec<String>,
}

impl Default for Debian {
    fn default() -> Self {
        Self {
            mirror: None,
            security_mirror: None,
            suites: strings(&["trixie", "trixie-security"]),
            components: strings(&["main", "non-free-firmware"]),
            architecture: "amd64".to_owned(),
            keyrings: Vec::new(),
            allow_older: false,
            allow_expired: false,
        }
    }
}

impl Default for Alpine {
    fn default() -> Self {
        Self {
            mirror: ::source::alpine::PRIMARY.to_owned(),
            branch: "v3.20".to_owned(),
            repositories: strings(&["main", "community"]),
            architecture: "x86_64".to_owned(),
            keys: Vec::new(),
            allow_older: false,
        }
    }
}
