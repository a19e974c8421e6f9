//! How an image is named.
//!
//! ```text
//! oci://registry[:port]/name[:tag][@sha256:…]   in a registry (distribution-spec)
//! oci:FOLDER[:tag][@sha256:…]                   an OCI layout (image-spec, image-layout.md)
//! oci-archive:FILE[:tag][@sha256:…]             an OCI layout in a tar
//! docker-archive:FILE[:tag][@sha256:…]          what 'docker save' and 'podman save' write
//! ```
//!
//! As with skopeo, the path of a folder or file ends at its first colon. The digest is that of
//! the manifest or index; for a `docker-archive`, which has none, that of the configuration.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::fetch::Digest;

/// Names an image. Which text does, is in the module's description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Reference {
    /// Where it is.
    pub place: Place,
    /// Which of those there; not needed where there is one only, `latest` in a registry.
    pub tag: Option<String>,
    /// What it must be.
    pub digest: Option<Digest>,
}

/// Where images are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A repository in a registry.
    Registry {
        /// Host, with its port when there is one: `registry.example:5000`.
        host: String,
        /// Repository: `team/system`.
        name: String,
    },
    /// A folder that is an OCI layout.
    Layout(PathBuf),
    /// A tar with an OCI layout in it.
    Archive(PathBuf),
    /// A tar with a `manifest.json` in it.
    DockerArchive(PathBuf),
}

/// The text does not name an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} does not name an image: {what}")]
pub struct NotAReference {
    /// The text, as far as it may be repeated.
    pub text: String,
    /// What is wrong with it.
    pub what: &'static str,
}

/// What is in front of an image in a registry.
const REGISTRY: &str = "oci://";

/// A prefix, and the place that a path stands for after it.
type Row = (&'static str, fn(PathBuf) -> Place);

/// What is in front of an image in a file or folder.
const FILES: &[Row] = &[
    ("oci:", Place::Layout),
    ("oci-archive:", Place::Archive),
    ("docker-archive:", Place::DockerArchive),
];

impl FromStr for Reference {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let wrong = |what| {
            // What is in front of an @ may be a password.
            let secret = text
                .split_once('@')
                .is_some_and(|(_, after)| !after.starts_with("sha"));
            let shown = if secret { "…" } else { text };
            NotAReference {
                text: shown.chars().take(200).collect(),
                what,
            }
        };
        let (named, digest) = match text.split_once('@') {
            None => (text, None),
            Some((named, digest)) => {
                let digest = parse_digest(digest);
                let what = "after the @ sha256: and 64 hex digits are needed; user and password \
                            belong into ~/.docker/config.json";
                (named, Some(digest.ok_or_else(|| wrong(what))?))
            }
        };
        if let Some(rest) = named.strip_prefix(REGISTRY) {
            let Some((host, rest)) = rest.split_once('/') else {
                return Err(wrong("registry/name is needed after oci://"));
            };
            if host.is_empty() {
                return Err(wrong("a folder is named without the //: oci:/folder"));
            }
            if !is_host(host) {
                return Err(wrong(
                    "the registry is not a host name, with a port or without",
                ));
            }
            let (name, tag) = match rest.split_once(':') {
                Some((name, tag)) => (name, Some(tag)),
                None => (rest, None),
            };
            if !is_repository(name) {
                return Err(wrong(
                    "a name in a registry is made of a-z 0-9 . _ - and /, a letter or digit first \
                     and last in each part",
                ));
            }
            if !tag.is_none_or(is_tag) {
                return Err(wrong(
                    "a tag is 1 to 128 of a-z A-Z 0-9 _ . -, neither . nor - first",
                ));
            }
            let place = Place::Registry {
                host: host.to_owned(),
                name: name.to_owned(),
            };
            let tag = tag.map(str::to_owned);
            return Ok(Self { place, tag, digest });
        }
        let mut files = FILES.iter();
        let Some((rest, place)) =
            files.find_map(|(prefix, place)| Some((named.strip_prefix(prefix)?, place)))
        else {
            return Err(wrong(
                "it begins with none of oci://, oci:, oci-archive:, docker-archive:",
            ));
        };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        if path.is_empty() {
            return Err(wrong("a folder or file is needed after the colon"));
        }
        if tag.is_some_and(str::is_empty) {
            return Err(wrong(
                "nothing follows the last colon; a tag is needed there",
            ));
        }
        Ok(Self {
            place: place(PathBuf::from(path)),
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

impl Reference {
    /// Makes a relative path start at `folder`.
    pub fn anchor(&mut self, folder: &Path) {
        match &mut self.place {
            Place::Registry { .. } => {}
            Place::Layout(path) | Place::Archive(path) | Place::DockerArchive(path) => {
                *path = folder.join(&path);
            }
        }
    }

    /// Where it says the same on every machine: without digest, and without the folders that a
    /// file or folder lies in.
    pub fn portable(&self) -> Self {
        let mut portable = self.clone();
        portable.digest = None;
        match &mut portable.place {
            Place::Registry { .. } => {}
            Place::Layout(path) | Place::Archive(path) | Place::DockerArchive(path) => {
                let name = path.file_name().unwrap_or_default();
                *path = PathBuf::from(name);
            }
        }
        portable
    }

    /// Whether it is in a registry, so that the network is needed.
    pub fn is_remote(&self) -> bool {
        matches!(self.place, Place::Registry { .. })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Registry { host, name } => write!(f, "{REGISTRY}{host}/{name}")?,
            Place::Layout(path) => write!(f, "oci:{}", path.display())?,
            Place::Archive(path) => write!(f, "oci-archive:{}", path.display())?,
            Place::DockerArchive(path) => write!(f, "docker-archive:{}", path.display())?,
        }
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@sha256:{digest}"),
            None => Ok(()),
        }
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

impl TryFrom<String> for Reference {
    type Error = NotAReference;

    fn try_from(text: String) -> Result<Self, NotAReference> {
        text.parse()
    }
}

/// `sha256:` and 64 lower-case hex digits (image-spec, descriptor.md, "SHA-256").
pub(super) fn parse_digest(text: &str) -> Option<Digest> {
    let hex = text.strip_prefix("sha256:")?;
    let upper = hex.bytes().any(|byte| byte.is_ascii_uppercase());
    hex.parse().ok().filter(|_| !upper)
}

/// A name or address, then a port; IPv6 in brackets.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (text, None),
    };
    let v6 = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let good = match v6 {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.split('.').all(|label| {
            let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            !label.is_empty() && !label.starts_with('-') && label.bytes().all(inside)
        }),
    };
    good && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// distribution-spec, "Pulling manifests": the rule for `<name>`.
fn is_repository(name: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let part = |part: &str| {
        let ends = [part.bytes().next(), part.bytes().next_back()];
        let separators = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        ends.into_iter().all(|end| end.is_some_and(alphanumeric))
            && separators
                .into_iter()
                .all(|s| matches!(s, "" | "." | "_" | "__") || s.bytes().all(|byte| byte == b'-'))
    };
    name.len() <= 255 && name.split('/').all(part)
}

/// distribution-spec, the same place: the rule for a tag.
pub(super) fn is_tag(tag: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=128).contains(&tag.len()) && !tag.starts_with(['.', '-']) && tag.bytes().all(inside)
}

/// Whether an image with the name `found` is meant by `wanted`: the whole name, or its end after
/// a colon or slash (`alpine:3.20` and `3.20` for `docker.example/library/alpine:3.20`).
pub(super) fn names_tag(found: &str, wanted: &str) -> bool {
    let rest = found.strip_suffix(wanted);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with([':', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn names_are_read_and_shown_the_same() {
        let digest = format!("oci://r.example/a@sha256:{HEX}");
        let both = format!("oci:dir:1@sha256:{HEX}");
        for text in [
            "oci://registry.example:5000/team/system:1.0",
            "oci://localhost/a",
            "oci://[::1]:5000/a-b/c__d.e:_x",
            &digest,
            &both,
            "oci:dir",
            "oci:/a/b/dir:localhost/name:latest",
            "oci-archive:a.tar",
            "docker-archive:../a.tar:busybox:1",
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), text);
            assert_eq!(reference.is_remote(), text.starts_with("oci://"), "{text}");
        }
        let reference: Reference = "oci:d:n:t".parse().unwrap();
        assert_eq!(reference.place, Place::Layout("d".into()));
        assert_eq!(reference.tag.as_deref(), Some("n:t"));
    }

    #[test]
    fn other_texts_are_refused_and_say_why() {
        let digest = format!("oci:d@sha256:{}", HEX.to_uppercase());
        let name = format!("oci://r.example/{}", "a".repeat(256));
        for (text, what) in [
            ("alpine:3.20", "begins with none"),
            ("", "begins with none"),
            ("oci:", "folder or file"),
            ("oci:d:", "last colon"),
            ("oci:///d", "without the //"),
            ("oci://host", "registry/name"),
            ("oci://ho st/a", "not a host name"),
            ("oci://host:0/a", "not a host name"),
            ("oci://host:65536/a", "not a host name"),
            ("oci://[::g]/a", "not a host name"),
            ("oci://host/A", "a name in a registry"),
            ("oci://host/a//b", "a name in a registry"),
            ("oci://host/a..b", "a name in a registry"),
            ("oci://host/../b", "a name in a registry"),
            ("oci://host/-a", "a name in a registry"),
            ("oci://host/", "a name in a registry"),
            (&name, "a name in a registry"),
            ("oci://host/a:", "a tag is"),
            ("oci://host/a:.x", "a tag is"),
            ("oci://host/a:b:c", "a tag is"),
            ("oci:d@sha256:12", "64 hex"),
            ("oci:d@sha512:12", "64 hex"),
            (&digest, "64 hex"),
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains(what), "{text}: {error}");
        }
    }

    #[test]
    fn a_password_is_not_repeated() {
        let error = "oci://me:secret@host/a".parse::<Reference>().unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(error.to_string().contains("config.json"), "{error}");
    }

    #[test]
    fn the_end_of_a_name_is_enough() {
        for (found, wanted, expected) in [
            ("localhost/a:1", "localhost/a:1", true),
            ("localhost/a:1", "a:1", true),
            ("localhost/a:1", "1", true),
            ("localhost/a:11", "1", false),
            ("localhost/aa:1", "a:1", false),
        ] {
            assert_eq!(names_tag(found, wanted), expected, "{found} {wanted}");
        }
    }
}
