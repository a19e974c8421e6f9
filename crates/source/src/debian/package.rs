//! One package of an archive: a stanza of a `Packages` file
//! (<https://wiki.debian.org/DebianRepository/Format>, section "Packages").

use super::deb822::Stanza;
use super::relation::{self, AnyOf, NotARelation, is_name};
use super::version::Version;
use crate::fetch::Digest;
use crate::package::NotAPackage;
use std::sync::Arc;

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The mirror's URL, without a final slash.
    pub mirror: String,
    /// The suite: `trixie-security`.
    pub suite: String,
    /// The component: `non-free-firmware`.
    pub component: String,
}

/// A package as its archive describes it.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name: `kmod`.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// `amd64` or `all`.
    pub architecture: String,
    /// Name of the source package that it was built from.
    pub source: String,
    /// Path of the `.deb` below the mirror's URL.
    pub filename: String,
    /// Length of the `.deb` in bytes.
    pub size: u64,
    /// Digest of the `.deb`.
    pub digest: Digest,
    /// Where it was found.
    pub origin: Arc<Origin>,
    /// `required` is 0, `extra` 4: which provider of a virtual package comes first.
    pub(crate) priority: u8,
    pre_depends: Box<str>,
    depends: Box<str>,
    conflicts: Box<str>,
    breaks: Box<str>,
    provides: Box<str>,
}

const PRIORITIES: &[&str] = &["required", "important", "standard", "optional"];

impl Package {
    /// Reads a stanza of a `Packages` file.
    pub(crate) fn from_stanza(stanza: &Stanza, origin: &Arc<Origin>) -> Result<Self, NotAPackage> {
        let value = |field| stanza.get(field).unwrap_or_default();
        let wrong =
            |field, expected| NotAPackage::new(value("Package"), field, value(field), expected);
        if !is_name(value("Package")) {
            return Err(wrong("Package", "a package name"));
        }
        let version = value("Version")
            .parse()
            .map_err(|_| wrong("Version", "a version number"))?;
        if !is_path(value("Filename")) {
            return Err(wrong("Filename", "a path below the mirror without .."));
        }
        let size = value("Size")
            .parse()
            .map_err(|_| wrong("Size", "a number of bytes"))?;
        let digest = value("SHA256")
            .parse()
            .map_err(|_| wrong("SHA256", "64 hex digits"))?;
        let source = value("Source")
            .split_ascii_whitespace()
            .next()
            .unwrap_or(value("Package"));
        let priority = PRIORITIES
            .iter()
            .position(|name| *name == value("Priority"));
        Ok(Self {
            name: value("Package").to_owned(),
            version,
            architecture: value("Architecture").to_owned(),
            source: source.to_owned(),
            filename: value("Filename").to_owned(),
            size,
            digest,
            origin: Arc::clone(origin),
            priority: priority.unwrap_or(PRIORITIES.len()) as u8,
            pre_depends: value("Pre-Depends").into(),
            depends: value("Depends").into(),
            conflicts: value("Conflicts").into(),
            breaks: value("Breaks").into(),
            provides: value("Provides").into(),
        })
    }

    /// The stanza that [`from_stanza`](Self::from_stanza) makes the same package of, with nothing else
    /// in it; `None` where a value has several lines.
    pub(crate) fn to_stanza(&self) -> Option<String> {
        let priority = PRIORITIES.get(usize::from(self.priority));
        let fields: [(&str, &dyn std::fmt::Display); 13] = [
            ("Package", &self.name),
            ("Version", &self.version),
            ("Architecture", &self.architecture),
            ("Source", &self.source),
            ("Filename", &self.filename),
            ("Size", &self.size),
            ("SHA256", &self.digest),
            ("Priority", priority.unwrap_or(&"extra")),
            ("Pre-Depends", &self.pre_depends),
            ("Depends", &self.depends),
            ("Conflicts", &self.conflicts),
            ("Breaks", &self.breaks),
            ("Provides", &self.provides),
        ];
        let mut stanza = String::new();
        for (name, value) in fields {
            let value = value.to_string();
            if value.contains('\n') {
                return None;
            }
            if !value.is_empty() {
                stanza.extend([name, ": ", &value, "\n"]);
            }
        }
        Some(stanza + "\n")
    }

    /// What must be there for it to work: `Pre-Depends`, then `Depends`.
    pub fn depends(&self) -> Result<Vec<AnyOf>, NotARelation> {
        self.both(&self.pre_depends, &self.depends)
    }

    /// What must not be there beside it: `Conflicts`, then `Breaks`.
    pub fn conflicts(&self) -> Result<Vec<AnyOf>, NotARelation> {
        self.both(&self.conflicts, &self.breaks)
    }

    /// The virtual packages that it provides, with `=` and a version or without.
    pub fn provides(&self) -> Result<Vec<AnyOf>, NotARelation> {
        relation::parse(&self.provides, &self.architecture)
    }

    fn both(&self, first: &str, second: &str) -> Result<Vec<AnyOf>, NotARelation> {
        let mut all = relation::parse(first, &self.architecture)?;
        all.extend(relation::parse(second, &self.architecture)?);
        Ok(all)
    }

    /// The `.deb`'s file name: `kmod_34.2-2_amd64.deb`.
    pub fn file_name(&self) -> &str {
        self.filename
            .rsplit_once('/')
            .map_or(&self.filename, |(_, name)| name)
    }

    /// Where to fetch the `.deb`.
    pub fn url(&self) -> String {
        format!("{}/{}", self.origin.mirror, escape(&self.filename))
    }
}

impl std::fmt::Display for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// Whether `path` stays below where it is appended to.
fn is_path(path: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.split('/').all(plain) && !path.chars().any(|c| c.is_control() || c == '\\')
}

/// Percent-encodes what may not stand in a URL's path (RFC 3986, section 3.3), and `%` itself.
fn escape(path: &str) -> String {
    let mut url = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debian::deb822::Reader;

    fn read(text: &str) -> Result<Package, NotAPackage> {
        let origin = Origin {
            mirror: "http://mirror/debian".to_owned(),
            suite: "trixie".to_owned(),
            component: "main".to_owned(),
        };
        let stanza = Reader::new(text.as_bytes(), 10_000)
            .next_stanza()
            .unwrap()
            .unwrap();
        Package::from_stanza(&stanza, &Arc::new(origin))
    }

    fn stanza() -> String {
        format!(
            "Package: foo\nVersion: 1:2-3\nArchitecture: amd64\nSource: bar (1)\nPriority: required\n\
             Pre-Depends: aa\nDepends: bb | cc\nFilename: pool/f/foo_2-3 x%.deb\nSize: 5\nSHA256: {}\n",
            "ab".repeat(32)
        )
    }

    #[test]
    fn a_package_becomes_a_stanza_of_the_same_package() {
        let more = "Conflicts: dd (<< 2)\nBreaks: ee\nProvides: ff (= 1)\nDescription: x\n y\n";
        for text in [
            stanza(),
            stanza() + more,
            stanza().replace("required", "odd"),
        ] {
            let package = read(&text).unwrap();
            let written = package.to_stanza().unwrap();
            assert_eq!(
                format!("{:?}", read(&written).unwrap()),
                format!("{package:?}")
            );
            assert!(!written.contains("Description") && written.ends_with("\n\n"));
        }
        let folded = read(&stanza().replace("Depends: bb | cc", "Depends: bb,\n cc")).unwrap();
        assert_eq!(folded.to_stanza(), None);
    }

    #[test]
    fn a_stanza_becomes_a_package() {
        let package = read(&stanza()).unwrap();
        assert_eq!(package.to_string(), "foo 1:2-3");
        assert_eq!(
            (package.source.as_str(), package.priority, package.size),
            ("bar", 0, 5)
        );
        assert_eq!(
            package.url(),
            "http://mirror/debian/pool/f/foo_2-3%20x%25.deb"
        );
        assert_eq!(package.file_name(), "foo_2-3 x%.deb");
        let depends = package.depends().unwrap();
        assert_eq!(
            depends
                .iter()
                .map(|any| relation::show(any))
                .collect::<Vec<_>>(),
            ["aa", "bb | cc"]
        );
    }

    #[test]
    fn impossible_values_are_refused_by_name() {
        let cases = [
            ("Package: foo", "Package: ../foo", "Package"),
            ("Version: 1:2-3", "Version: x", "Version"),
            ("Filename: pool/f", "Filename: pool/../f", "Filename"),
            ("Filename: pool", "Filename: /pool", "Filename"),
            ("Size: 5", "Size: -5", "Size"),
            ("SHA256: ab", "SHA256: a", "SHA256"),
        ];
        for (from, to, field) in cases {
            let error = read(&stanza().replace(from, to)).unwrap_err();
            assert_eq!(error.field, field);
        }
    }
}
