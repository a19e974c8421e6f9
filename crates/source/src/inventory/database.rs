//! The databases that package managers keep in a root.

use std::io::BufReader;

use super::Component;
use crate::alpine::fields::{self, NotFields};
use crate::debian;
use crate::debian::deb822::{MOST_STANZA, Reader};
use crate::tree::{self, Tree};

/// Largest database that is read, in bytes: dpkg's of a full desktop is near 10 MB.
const MOST: u64 = 256 << 20;

/// dpkg's database, and the folder of those who keep a file for each package.
const DPKG: &str = "var/lib/dpkg/status";
const DPKG_FOLDER: &str = "var/lib/dpkg/status.d";

/// apk's database, today and since its version 3.
const APK: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

/// What a package manager says of a package that is there.
const INSTALLED: &str = "installed";

/// Why a root's databases cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("the package database {path} cannot be read")]
    Read {
        /// Which.
        path: String,
        /// Why.
        source: Box<tree::Error>,
    },
    /// It is none of dpkg's.
    #[error("the package database {path} is damaged")]
    Dpkg {
        /// Which.
        path: String,
        /// Where, and what is wrong.
        source: debian::Deb822Error,
    },
    /// It is none of apk's.
    #[error("the package database {path} is damaged")]
    Apk {
        /// Which.
        path: String,
        /// Where, and what is wrong.
        source: NotFields,
    },
}

/// The files that [`installed`] reads, where they are there.
pub fn databases(root: &Tree) -> Vec<String> {
    let mut paths = dpkg(root);
    paths.extend(APK.map(str::to_owned));
    paths
}

fn dpkg(root: &Tree) -> Vec<String> {
    let mut paths = vec![DPKG.to_owned()];
    if let Ok(folder) = root.resolve(DPKG_FOLDER) {
        let files = root.children(&folder).map(|(name, _, _)| name);
        let files = files.filter(|name| !name.ends_with(b".md5sums"));
        paths.extend(files.map(|name| format!("{DPKG_FOLDER}/{}", String::from_utf8_lossy(name))));
    }
    paths
}

/// The packages that the root's own databases list, sorted, each once. A root without any has none.
pub fn installed(root: &Tree) -> Result<Vec<Component>, Error> {
    let mut found = Vec::new();
    for path in dpkg(root) {
        if let Some(bytes) = read(root, &path)? {
            add_dpkg(&bytes, &path, &mut found)?;
        }
    }
    for path in APK {
        if let Some(bytes) = read(root, path)? {
            let text = String::from_utf8_lossy(&bytes);
            for fields in fields::index(&text) {
                let fields = fields.map_err(|source| Error::Apk {
                    path: path.to_owned(),
                    source,
                })?;
                found.push(Component::of_fields(&fields));
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn read(root: &Tree, path: &str) -> Result<Option<Vec<u8>>, Error> {
    let Ok(real) = root.resolve(path) else {
        return Ok(None);
    };
    if root.get(&real).is_none_or(|node| node.content().is_none()) {
        return Ok(None);
    }
    let bytes = root.read(real, MOST).map_err(|source| Error::Read {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    Ok(Some(bytes))
}

fn add_dpkg(bytes: &[u8], path: &str, found: &mut Vec<Component>) -> Result<(), Error> {
    let mut reader = Reader::new(BufReader::new(bytes), MOST_STANZA);
    let wrong = |source| Error::Dpkg {
        path: path.to_owned(),
        source,
    };
    while let Some(stanza) = reader.next_stanza().map_err(wrong)? {
        // A file for each package says nothing of a status: the package is there.
        let status = stanza.get("Status").unwrap_or(INSTALLED);
        if status.split_ascii_whitespace().last() == Some(INSTALLED) {
            found.extend(Component::of_stanza(&stanza));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(root: &Tree) -> Vec<String> {
        let found = installed(root).unwrap();
        found.iter().map(Component::purl).collect()
    }

    #[test]
    fn dpkg_and_apk_are_read() {
        let mut root = Tree::new();
        let status = "Package: kmod\nStatus: install ok installed\nArchitecture: amd64\nVersion: 34.2-2\n\n\
                      Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n";
        root.add_file(DPKG, status.as_bytes(), 0o644).unwrap();
        let file = format!("{DPKG_FOLDER}/tzdata");
        let tzdata =
            "Package: tzdata\nVersion: 2025b-4\nSource: tz (1)\nHomepage: https://www.iana.org\n";
        root.add_file(&file, tzdata.as_bytes(), 0o644).unwrap();
        let sums = format!("{DPKG_FOLDER}/tzdata.md5sums");
        root.add_file(&sums, &b"no stanza"[..], 0o644).unwrap();
        let apk = "C:Q1xx=\nP:musl\nV:1.2.5-r0\nA:x86_64\no:musl\nL:MIT\nF:lib\nR:ld.so\n\n";
        root.add_file("usr/lib/apk/db/installed", apk.as_bytes(), 0o644)
            .unwrap();
        assert_eq!(
            names(&root),
            [
                "pkg:deb/debian/kmod@34.2-2?arch=amd64",
                "pkg:deb/debian/tzdata@2025b-4",
                "pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64"
            ]
        );
        let found = installed(&root).unwrap();
        assert_eq!(found[1].source, "tz (1)");
        assert_eq!(found[2].license.as_deref(), Some("MIT"));
    }

    #[test]
    fn a_root_without_a_database_has_none_and_a_damaged_one_is_named() {
        let mut root = Tree::new();
        assert_eq!(installed(&root).unwrap(), []);
        root.add_file(APK[0], &b"nonsense\n"[..], 0o644).unwrap();
        let error = installed(&root).unwrap_err().to_string();
        assert!(error.contains("lib/apk/db/installed is damaged"), "{error}");
        root.add_file(DPKG, &b"nonsense\n"[..], 0o644).unwrap();
        let error = installed(&root).unwrap_err().to_string();
        assert!(error.contains("var/lib/dpkg/status is damaged"), "{error}");
    }
}
