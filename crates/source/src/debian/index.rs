//! The packages of several suites, by name.

use super::deb822::{self, MOST_STANZA};
use super::package::{Origin, Package};
use super::relation::{NotARelation, Relation};
use super::version::Version;
use crate::package::NotAPackage;
use std::collections::HashMap;
use std::io::BufRead;
use std::sync::Arc;

/// The most packages that one `Packages` file may have: Debian's has some 70,000.
const MOST_PACKAGES: usize = 1_000_000;

/// Every package of some suites, and which virtual packages they provide.
#[derive(Clone, Debug, Default)]
pub struct Index {
    packages: Vec<Package>,
    /// Name → indices, newest version first; of equal ones, the first added.
    named: HashMap<String, Vec<usize>>,
    /// Virtual name → providers, in the order in which to prefer them.
    provided: HashMap<String, Vec<Provider>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Provider {
    pub(crate) package: usize,
    pub(crate) version: Option<Version>,
}

/// Why a `Packages` file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not deb822.
    #[error(transparent)]
    Text(#[from] deb822::Error),
    /// A stanza is not a package.
    #[error(transparent)]
    Package(#[from] NotAPackage),
    /// What a package provides cannot be read.
    #[error("the package {package} provides what cannot be read")]
    Provides {
        /// The package.
        package: String,
        /// Why.
        source: NotARelation,
    },
    /// It has more packages than any archive.
    #[error("there are more than {MOST_PACKAGES} packages")]
    TooMany,
}

impl Index {
    /// Reads an uncompressed `Packages` file: the packages of `architecture` and `all`.
    pub fn read(
        packages: impl BufRead,
        architecture: &str,
        origin: Origin,
    ) -> Result<Vec<Package>, Error> {
        let origin = Arc::new(origin);
        let mut reader = deb822::Reader::new(packages, MOST_STANZA);
        let mut found = Vec::new();
        while let Some(stanza) = reader.next_stanza()? {
            let package = Package::from_stanza(&stanza, &origin)?;
            if package.architecture == architecture || package.architecture == "all" {
                found.push(package);
            }
            if found.len() > MOST_PACKAGES {
                return Err(Error::TooMany);
            }
        }
        Ok(found)
    }

    /// An index of `packages`; of equal versions of a package, the first one counts.
    pub fn new(packages: Vec<Package>) -> Result<Self, Error> {
        let mut index = Self {
            packages,
            ..Self::default()
        };
        for (at, package) in index.packages.iter().enumerate() {
            index
                .named
                .entry(package.name.clone())
                .or_default()
                .push(at);
        }
        for indices in index.named.values_mut() {
            let version = |at: &usize| index.packages.get(*at).map(|package| &package.version);
            indices.sort_by(|a, b| version(b).cmp(&version(a)));
        }
        // Only the newest version of a package provides anything: another one is only taken when
        // somebody asks for it by name.
        for package in index.named.values().filter_map(|indices| indices.first()) {
            let Some(found) = index.packages.get(*package) else {
                continue;
            };
            let provides = found.provides().map_err(|source| Error::Provides {
                package: found.to_string(),
                source,
            })?;
            for relation in provides.into_iter().flatten() {
                let version = relation.constraint.map(|(_, version)| version);
                let provider = Provider {
                    package: *package,
                    version,
                };
                index
                    .provided
                    .entry(relation.name)
                    .or_default()
                    .push(provider);
            }
        }
        for providers in index.provided.values_mut() {
            let key = |provider: &Provider| {
                index
                    .packages
                    .get(provider.package)
                    .map(|found| (found.priority, &found.name))
            };
            providers.sort_by(|a, b| key(a).cmp(&key(b)));
        }
        Ok(index)
    }

    /// How many packages there are.
    pub fn len(&self) -> usize {
        self.packages.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    /// All versions of a package, newest first.
    pub fn versions(&self, name: &str) -> impl Iterator<Item = &Package> {
        self.named(name).filter_map(|at| self.packages.get(at))
    }

    /// The newest version of a package.
    pub fn newest(&self, name: &str) -> Option<&Package> {
        self.versions(name).next()
    }

    /// Every package name, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.named.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Package> {
        self.packages.get(at)
    }

    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = usize> {
        self.named.get(name).into_iter().flatten().copied()
    }

    pub(crate) fn providers(&self, name: &str) -> &[Provider] {
        self.provided
            .get(name)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// What satisfies a relation, best first: packages of that name, newest first, then providers.
    pub(crate) fn candidates(&self, relation: &Relation) -> Vec<usize> {
        if relation
            .qualifier
            .as_deref()
            .is_some_and(|q| q != "any" && q != "native" && !self.has_architecture(q))
        {
            return Vec::new();
        }
        let version = |at: &usize| self.packages.get(*at).map(|package| &package.version);
        let real = self
            .named(&relation.name)
            .filter(|at| relation.allows(version(at)));
        let providers = self.providers(&relation.name).iter();
        let provided = providers
            .filter(|p| relation.allows(p.version.as_ref()))
            .map(|p| p.package);
        let mut all = Vec::new();
        for at in real.chain(provided) {
            if !all.contains(&at) {
                all.push(at);
            }
        }
        all
    }

    fn has_architecture(&self, name: &str) -> bool {
        self.packages
            .iter()
            .any(|package| package.architecture == name)
    }
}
