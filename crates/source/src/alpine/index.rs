//! The packages of several repositories, by what they provide.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::fields;
use super::keyring::{Keyring, Untrusted};
use super::member;
use super::package::{self, Package};
use super::relation::Relation;
use super::version::Version;

/// The most that an `APKINDEX.tar.gz` may take, in bytes; Alpine's largest has 3 MiB.
pub(crate) const MOST_PACKED: u64 = 64 << 20;

/// The most that it may take when it is unpacked, in bytes.
const MOST_UNPACKED: u64 = 256 << 20;

/// The most packages that one list may have: Alpine's have 25,000.
const MOST_PACKAGES: usize = 1_000_000;

/// One repository's `APKINDEX.tar.gz`, its signature checked.
#[derive(Clone, Debug)]
pub struct List {
    /// Its packages, of all architectures, in the order in which they stand there.
    pub packages: Vec<Package>,
    /// When it was made, in seconds since 1970.
    pub made: u64,
    /// What it says of itself: `v3.20.3-120-gab0c…`.
    pub description: String,
    /// File name of the key that signed it.
    pub signer: String,
}

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its parts cannot be taken apart.
    #[error(transparent)]
    Parts(#[from] member::Error),
    /// No trusted key vouches for it.
    #[error("{0}; use another mirror, or name its key in alpine.keys")]
    Untrusted(Untrusted),
    /// It has no list of packages.
    #[error("it has no APKINDEX")]
    NoList,
    /// Something follows the list.
    #[error("{0} bytes follow the list of packages")]
    Trailing(usize),
    /// An entry is not a package.
    #[error(transparent)]
    Package(#[from] package::Error),
    /// An entry has no checksum, or no size: nothing could be fetched by it.
    #[error("the package {package} has no {what}")]
    Missing {
        /// The package.
        package: String,
        /// What.
        what: &'static str,
    },
    /// It has more packages than any archive.
    #[error("there are more than {MOST_PACKAGES} packages")]
    TooMany,
}

impl List {
    /// Reads an `APKINDEX.tar.gz` that a key of the ring signed; `repository` is the URL of its
    /// folder, without a final slash.
    pub fn verify(bytes: &[u8], keyring: &Keyring, repository: &str) -> Result<Self, Error> {
        let (signatures, signed) = member::signatures(bytes, MOST_UNPACKED)?;
        let signer = keyring
            .verify(&signatures, signed)
            .map_err(Error::Untrusted)?;
        let (entries, rest) = member::first(signed, "list of packages", MOST_UNPACKED)?;
        if !rest.is_empty() {
            return Err(Error::Trailing(rest.len()));
        }
        let find = |name: &str| entries.iter().find(|entry| entry.name == name);
        let list = find("APKINDEX").ok_or(Error::NoList)?;
        let repository: Arc<str> = Arc::from(repository);
        let mut packages = Vec::new();
        for fields in fields::index(&String::from_utf8_lossy(&list.bytes)) {
            let fields = fields.map_err(package::Error::from)?;
            let package = Package::from_fields(fields, &repository)?;
            let missing = |what| Error::Missing {
                package: package.to_string(),
                what,
            };
            if package.checksum.is_none() {
                return Err(missing("checksum (C:)"));
            }
            if package.size == 0 {
                return Err(missing("size (S:)"));
            }
            packages.push(package);
            if packages.len() > MOST_PACKAGES {
                return Err(Error::TooMany);
            }
        }
        let description = find("DESCRIPTION").map_or("", |entry| {
            std::str::from_utf8(&entry.bytes).unwrap_or_default()
        });
        Ok(Self {
            packages,
            made: u64::try_from(list.mtime).unwrap_or(0),
            description: description.trim().chars().take(200).collect(),
            signer,
        })
    }

    /// The release that it says it is of, when it does: `v3.20` of `v3.20.3-120-gab0c…`.
    pub fn release(&self) -> Option<&str> {
        let number = self.description.strip_prefix('v')?;
        let (major, rest) = number.split_once('.')?;
        let minor = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let (minor, _) = rest.split_at_checked(minor)?;
        (digits(major) && digits(minor))
            .then(|| self.description.get(..major.len() + minor.len() + 2))
            .flatten()
    }
}

/// Every package of some repositories.
#[derive(Clone, Debug, Default)]
pub struct Index {
    packages: Vec<Package>,
    /// Name → packages that have it or provide it, best first.
    provided: HashMap<String, Vec<usize>>,
    /// Packages that come along by themselves, by name.
    conditional: Vec<usize>,
}

impl Index {
    /// An index of `packages`: where the same version of a package is there several times, the
    /// first one counts.
    pub fn new(mut packages: Vec<Package>) -> Self {
        let mut seen = HashSet::new();
        packages.retain(|package| {
            seen.insert((package.name.clone(), package.version.as_str().to_owned()))
        });
        let mut provided: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, package) in packages.iter().enumerate() {
            let names = package.provides.iter().map(|provided| &provided.name);
            for name in names.chain([&package.name]) {
                let providers = provided.entry(name.clone()).or_default();
                if providers.last() != Some(&at) {
                    providers.push(at);
                }
            }
        }
        for (name, providers) in &mut provided {
            // What orders providers is worked out once for each.
            let mut ranked: Vec<_> = providers
                .iter()
                .filter_map(|at| Some((Rank::of(packages.get(*at)?, name), *at)))
                .collect();
            ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
            *providers = ranked.into_iter().map(|(_, at)| at).collect();
        }
        let mut conditional: Vec<usize> = packages
            .iter()
            .enumerate()
            .filter(|(_, package)| !package.install_if.is_empty())
            .map(|(at, _)| at)
            .collect();
        conditional.sort_by_key(|at| packages.get(*at).map(|package| &package.name));
        Self {
            provided,
            conditional,
            packages,
        }
    }

    /// How many packages there are.
    pub fn len(&self) -> usize {
        self.packages.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    /// Every package, in the order of the repositories.
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Package> {
        self.packages.get(at)
    }

    /// Packages that have a name or provide it, whatever version: best first.
    pub(crate) fn providers<'a>(
        &'a self,
        name: &str,
    ) -> impl Iterator<Item = (usize, &'a Package)> + use<'a> {
        let providers = self.provided.get(name).into_iter().flatten();
        providers.filter_map(|at| Some((*at, self.packages.get(*at)?)))
    }

    /// What satisfies a relation, `!` left aside: best first.
    pub(crate) fn candidates(&self, relation: &Relation) -> impl Iterator<Item = usize> {
        self.providers(&relation.name)
            .filter(|(_, package)| package.satisfies(relation))
            .map(|(at, _)| at)
    }

    /// Packages with `install_if`, by name.
    pub(crate) fn conditional(&self) -> impl Iterator<Item = (usize, &Package)> {
        let all = self.conditional.iter();
        all.filter_map(|at| Some((*at, self.packages.get(*at)?)))
    }
}

/// Which provider of a name is better: the greater one. Of equals, the repository named first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank<'a> {
    /// None at all is worst.
    version: Option<&'a Version>,
    /// A package with the name itself before one that only provides it.
    itself: bool,
    priority: u64,
}

impl<'a> Rank<'a> {
    fn of(package: &'a Package, name: &str) -> Self {
        Self {
            version: package.provides(name).flatten(),
            itself: package.name == name,
            priority: package.provider_priority,
        }
    }
}
