//! What is inside: packages, by the words of the package managers whose archives and databases name
//! them. For a bill of materials.
//!
//! A package's own metadata is asked first ([`Component::of_deb`], [`Component::of_apk`]); what came
//! as a container image or a tarball is known by the database in it ([`installed`]).

mod database;

use serde::{Deserialize, Serialize};

use crate::alpine::Apk;
use crate::alpine::fields::Fields;
use crate::debian::{Deb, Stanza};

pub use database::{Error, databases, installed};

/// One package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Whose package it is.
    pub ecosystem: Ecosystem,
    /// Its name.
    pub name: String,
    /// Its version, as its archive writes it.
    pub version: String,
    /// The architecture it is for, as its archive writes it.
    pub architecture: String,
    /// The source package that it was built from, and its version when that is another one.
    pub source: String,
    /// Its license, when the metadata says: an SPDX expression or what its archive takes for one.
    pub license: Option<String>,
    /// Where its authors are found.
    pub homepage: Option<String>,
}

/// Whose packages they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ecosystem {
    /// Debian and those after it: `.deb`.
    Debian,
    /// Alpine: `.apk`.
    Alpine,
}

impl Component {
    /// A Debian package.
    pub fn of_deb(deb: &Deb) -> Self {
        Self::of_stanza(deb.control()).unwrap_or_else(|| Self {
            ecosystem: Ecosystem::Debian,
            name: deb.package().to_owned(),
            version: deb.version().to_owned(),
            architecture: String::new(),
            source: deb.package().to_owned(),
            license: None,
            homepage: None,
        })
    }

    /// An Alpine package.
    pub fn of_apk(apk: &Apk) -> Self {
        Self::of_fields(&apk.package().fields)
    }

    /// The fields of an `.apk`, or of apk's database.
    fn of_fields(fields: &Fields) -> Self {
        let field = |letter| fields.get(letter).to_owned();
        let optional = |letter| Some(field(letter)).filter(|value| !value.is_empty());
        Self {
            ecosystem: Ecosystem::Alpine,
            name: field(b'P'),
            version: field(b'V'),
            architecture: field(b'A'),
            source: optional(b'o').unwrap_or_else(|| field(b'P')),
            license: optional(b'L'),
            homepage: optional(b'U'),
        }
    }

    /// A paragraph of a `.deb`, or of dpkg's database; `None` without name or version.
    fn of_stanza(stanza: &Stanza) -> Option<Self> {
        let field = |name| stanza.get(name).map(str::to_owned);
        let name = field("Package")?;
        Some(Self {
            ecosystem: Ecosystem::Debian,
            version: field("Version")?,
            architecture: field("Architecture").unwrap_or_default(),
            source: field("Source").unwrap_or_else(|| name.clone()),
            license: None,
            homepage: field("Homepage"),
            name,
        })
    }

    /// Its package URL (<https://github.com/package-url/purl-spec>, types `deb` and `apk`).
    pub fn purl(&self) -> String {
        let (kind, vendor) = match self.ecosystem {
            Ecosystem::Debian => ("deb", "debian"),
            Ecosystem::Alpine => ("apk", "alpine"),
        };
        let (name, version) = (escaped(&self.name), escaped(&self.version));
        match self.architecture.as_str() {
            "" => format!("pkg:{kind}/{vendor}/{name}@{version}"),
            architecture => {
                let architecture = escaped(architecture);
                format!("pkg:{kind}/{vendor}/{name}@{version}?arch={architecture}")
            }
        }
    }
}

/// Percent-encoded (purl-spec: everything but letters, digits and `.-_~:`).
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls_are_escaped() {
        let component = Component {
            ecosystem: Ecosystem::Debian,
            name: "libstdc++6".to_owned(),
            version: "1:14.2.0-19+b1".to_owned(),
            architecture: "amd64".to_owned(),
            source: "gcc-14".to_owned(),
            license: None,
            homepage: None,
        };
        let expected = "pkg:deb/debian/libstdc%2B%2B6@1:14.2.0-19%2Bb1?arch=amd64";
        assert_eq!(component.purl(), expected);
        let bare = Component {
            ecosystem: Ecosystem::Alpine,
            architecture: String::new(),
            ..component
        };
        assert_eq!(
            bare.purl(),
            "pkg:apk/alpine/libstdc%2B%2B6@1:14.2.0-19%2Bb1"
        );
    }
}
