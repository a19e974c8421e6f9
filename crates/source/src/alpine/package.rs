//! One package, as an index or its own `.PKGINFO` describes it (apk-package(5)).

use std::sync::Arc;

use super::apk::Checksum;
use super::fields::{Fields, NotFields};
use super::relation::{self, Constraint, NotARelation, Operator, Relation, is_package_name};
use super::version::Version;
use crate::package::NotAPackage;

/// A package as its archive describes it.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name: `busybox`.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// `x86_64` or `noarch`.
    pub architecture: String,
    /// Name of the source package that it was built from.
    pub origin: String,
    /// Length of the `.apk` in bytes; 0 when only its `.PKGINFO` was read.
    pub size: u64,
    /// Of the `.apk`'s control part, as its index says; `None` when only its `.PKGINFO` was read.
    pub checksum: Option<Checksum>,
    /// URL of the folder that it lies in, without a final slash; empty for a local file.
    pub repository: Arc<str>,
    /// What must be there for it to work, and with `!` what must not.
    pub depends: Vec<Relation>,
    /// Names that it provides beside its own.
    pub provides: Vec<Provided>,
    /// It comes along by itself where all of these are.
    pub install_if: Vec<Relation>,
    /// Packages whose files its own may take the place of.
    pub replaces: Vec<Relation>,
    /// Which of two packages that replace each other has the file: the higher one.
    pub replaces_priority: u64,
    /// Which of several packages comes first that provide a name without a version; 0: only
    /// when it is asked for by its own name.
    pub provider_priority: u64,
    /// All fields, as they are written into the database of installed packages.
    pub(crate) fields: Fields,
}

/// A name that a package provides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provided {
    /// `cmd:sh`, `so:libz.so.1`, another package's name.
    pub name: String,
    /// Under which version. With one, only one package of that name can be there.
    pub version: Option<Version>,
}

/// Why fields do not describe a package.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// They are not fields.
    #[error(transparent)]
    Fields(#[from] NotFields),
    /// One has a wrong value.
    #[error(transparent)]
    Package(#[from] NotAPackage),
    /// A list of relations cannot be read.
    #[error("the package {package} has {field} that cannot be read")]
    Relation {
        /// The package.
        package: String,
        /// Which list.
        field: &'static str,
        /// Why.
        source: NotARelation,
    },
}

impl Package {
    /// Reads the fields of a package that lies in `repository`.
    pub(crate) fn from_fields(fields: Fields, repository: &Arc<str>) -> Result<Self, Error> {
        let name = fields.get(b'P');
        let wrong =
            |letter, field, expected| NotAPackage::new(name, field, fields.get(letter), expected);
        let number = |letter, field| match fields.get(letter) {
            "" => Ok(0),
            text => text
                .parse::<u64>()
                .map_err(|_| wrong(letter, field, "a number")),
        };
        if !is_package_name(name) {
            return Err(wrong(b'P', "name", "letters, digits and . _ + -").into());
        }
        let version: Version = fields
            .get(b'V')
            .parse()
            .map_err(|_| wrong(b'V', "version", "letters, digits and . _ ~ + -"))?;
        let checksum = match fields.get(b'C') {
            "" => None,
            text => Some(
                text.parse()
                    .map_err(|_| wrong(b'C', "checksum", "Q1 and the base64 of 20 bytes"))?,
            ),
        };
        let relations = |letter, field| {
            relation::parse(fields.get(letter)).map_err(|source| Error::Relation {
                package: format!("{name} {version}"),
                field,
                source,
            })
        };
        let provides = relations(b'p', "provides")?.into_iter().map(|relation| {
            let version = match relation.constraint {
                Constraint::Version(Operator::Equal, version) => Some(version),
                Constraint::Any if !relation.conflict => None,
                _ => {
                    return Err(wrong(
                        b'p',
                        "provides",
                        "names, with = and a version or without",
                    ));
                }
            };
            Ok(Provided {
                name: relation.name,
                version,
            })
        });
        Ok(Self {
            name: name.to_owned(),
            architecture: fields.get(b'A').to_owned(),
            origin: match fields.get(b'o') {
                "" => name.to_owned(),
                origin => origin.to_owned(),
            },
            size: number(b'S', "size")?,
            checksum,
            repository: Arc::clone(repository),
            depends: relations(b'D', "depends")?,
            provides: provides.collect::<Result<_, _>>()?,
            install_if: relations(b'i', "install_if")?,
            replaces: relations(b'r', "replaces")?,
            replaces_priority: number(b'q', "replaces_priority")?,
            provider_priority: number(b'k', "provider_priority")?,
            version,
            fields,
        })
    }

    /// The `.apk`'s file name: `busybox-1.36.1-r29.apk`.
    pub fn file_name(&self) -> String {
        format!("{}-{}.apk", self.name, self.version)
    }

    /// Where to fetch the `.apk`.
    pub fn url(&self) -> String {
        format!("{}/{}", self.repository, self.file_name())
    }

    /// The version under which it provides a name: its own, or one of what it provides.
    pub(crate) fn provides(&self, name: &str) -> Option<Option<&Version>> {
        if self.name == name {
            return Some(Some(&self.version));
        }
        let provided = self.provides.iter().find(|provided| provided.name == name);
        provided.map(|provided| provided.version.as_ref())
    }

    /// Whether it satisfies a relation, `!` left aside.
    pub(crate) fn satisfies(&self, relation: &Relation) -> bool {
        self.provides(&relation.name)
            .is_some_and(|version| relation.allows(version, self.checksum))
    }
}

impl std::fmt::Display for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}
