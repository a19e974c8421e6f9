//! From settings to an index of packages, and from packages to files.

use super::deb::{self, Deb};
use super::error::Error;
use super::index::{self, Index};
use super::keyring::{self, Keyring};
use super::mirror::Mirrors;
use super::package::{Origin, Package};
use super::release::{MOST_IN_RELEASE, Release};
use crate::fetch::{CachedFile, Client, Progress, Request, Signed, in_parallel};
use crate::kept::Kept;
use crate::layer::{Arrival, Layer};
use crate::section::{Limited, Section};
use std::io::BufReader;
use std::sync::Arc;

/// The most that a `Packages` file may take when it is decompressed, in bytes, if its `InRelease`
/// does not say; Debian's largest is 60 MiB.
const MOST_PACKAGES: u64 = 1 << 30;

/// Which packages to look among, and whom to believe.
#[derive(Clone, Debug)]
pub struct Archive {
    /// Where to fetch.
    pub mirrors: Mirrors,
    /// Suites by codename or name: `trixie`, `trixie-security`. Of packages with equal versions,
    /// the one of the suite named first counts.
    pub suites: Vec<String>,
    /// Components: `main`, `non-free-firmware`.
    pub components: Vec<String>,
    /// Debian's name of the architecture: `amd64`.
    pub architecture: String,
    /// Keys whose signatures count, for every suite.
    pub keyring: Keyring,
    /// Take an `InRelease` that is older than one seen before: somebody may hide security updates.
    pub allow_older: bool,
    /// Take an `InRelease` whose `Valid-Until` has passed: somebody may hide security updates.
    pub allow_expired: bool,
}

impl Archive {
    /// Debian 13 with its security updates, `main` and `non-free-firmware`, for `amd64`, signed by
    /// Debian.
    pub fn trixie(mirrors: Mirrors) -> Result<Self, keyring::Error> {
        let list = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        Ok(Self {
            mirrors,
            suites: list(["trixie", "trixie-security"]),
            components: list(["main", "non-free-firmware"]),
            architecture: "amd64".to_owned(),
            keyring: Keyring::debian()?,
            allow_older: false,
            allow_expired: false,
        })
    }

    /// Fetches and verifies the lists of packages; `now` is in seconds since 1970.
    ///
    /// In order: each suite's `InRelease`, its signature, its age and that it is the one asked for;
    /// then each component's `Packages.xz`, by the digest that the `InRelease` gives.
    /// A list that was read before is taken from `kept`, which saves decompressing it.
    pub fn index(
        &self,
        client: &Client,
        now: u64,
        kept: Option<&dyn Kept>,
        progress: &dyn Progress,
    ) -> Result<Index, Error> {
        let releases = in_parallel(&self.suites, |suite, _| {
            self.release(client, suite, now, progress)
        })?;
        let mut lists = Vec::new();
        for (suite, release) in self.suites.iter().zip(&releases) {
            for component in &self.components {
                lists.push(self.list(suite, component, release)?);
            }
        }
        let packages = in_parallel(&lists, |list, stop| {
            let cached = client.fetch_unless(&list.request, progress, stop)?;
            let inputs = [&list.request.digest.0[..], self.architecture.as_bytes()];
            let known = kept.and_then(|kept| kept.find("packages", &inputs));
            if let Some(text) = known {
                let read = Index::read(&text[..], &self.architecture, list.origin.clone());
                return read.map_err(|source| list.error(source));
            }
            let packages = self.read(list, &cached)?;
            let text = || -> Option<String> { packages.iter().map(Package::to_stanza).collect() };
            if let Some(kept) = kept
                && let Some(text) = text()
            {
                kept.keep("packages", &inputs, text.as_bytes());
            }
            Ok(packages)
        })?;
        Index::new(packages.into_iter().flatten().collect()).map_err(|source| Error::Packages {
            url: format!("the package list of {}", self.suites.join(", ")),
            source: Box::new(source),
        })
    }

    fn read(&self, list: &List, file: &CachedFile) -> Result<Vec<Package>, Error> {
        let unreadable =
            |source| index::Error::Text(super::deb822::Error::Read { line: 0, source });
        let file = BufReader::with_capacity(1 << 17, Section::whole(&file.file));
        let xz =
            deb::xz(file, list.request.size).map_err(|source| list.error(unreadable(source)))?;
        let text = BufReader::with_capacity(
            1 << 16,
            Limited::new(xz, list.unpacked, "its InRelease says"),
        );
        Index::read(text, &self.architecture, list.origin.clone())
            .map_err(|source| list.error(source))
    }

    /// The suite's `InRelease`, verified, at least as new as any seen before.
    pub fn release(
        &self,
        client: &Client,
        suite: &str,
        now: u64,
        progress: &dyn Progress,
    ) -> Result<Release, Error> {
        let url = format!("{}/InRelease", self.folder(suite));
        let refused = |source| Error::Release {
            url: url.clone(),
            source: Box::new(source),
        };
        let file = Signed {
            url: &url,
            name: format!("the InRelease of {suite}"),
            folder: "in-release",
            limit: MOST_IN_RELEASE,
        };
        client.fetch_signed(
            &file,
            |bytes| Release::verify(bytes, &self.keyring, now).map_err(refused),
            |release, newest| {
                let checked = release.check(suite, now, self.allow_expired);
                checked.map_err(refused)?;
                match newest.filter(|_| !self.allow_older) {
                    Some(newest) => release.check_not_older(newest).map_err(refused),
                    None => Ok(()),
                }
            },
            |release| release.date,
            progress,
        )
    }

    fn folder(&self, suite: &str) -> String {
        format!(
            "{}/dists/{suite}",
            self.mirrors.of(suite).trim_end_matches('/')
        )
    }

    /// What to fetch for one component of a suite.
    fn list(&self, suite: &str, component: &str, release: &Release) -> Result<List, Error> {
        let folder = self.folder(suite);
        let within = format!("{component}/binary-{}", self.architecture);
        let path = format!("{within}/Packages.xz");
        let Some(&(digest, size)) = release.files.get(&path) else {
            return Err(Error::NoPackages {
                url: format!("{folder}/InRelease"),
                path,
                components: release.components.clone(),
                architectures: release.architectures.clone(),
            });
        };
        let unpacked = release
            .files
            .get(&format!("{within}/Packages"))
            .map(|(_, size)| *size);
        // By hash, a mirror in the middle of an update still has the old file.
        let by_hash = release
            .by_hash
            .then(|| format!("{folder}/{within}/by-hash/SHA256/{digest}"));
        let urls = by_hash
            .into_iter()
            .chain([format!("{folder}/{path}")])
            .collect();
        Ok(List {
            request: Request {
                name: format!("packages of {suite} {component}"),
                urls,
                digest,
                size,
            },
            unpacked: unpacked.unwrap_or(MOST_PACKAGES),
            origin: Origin {
                mirror: self.mirrors.of(suite).trim_end_matches('/').to_owned(),
                suite: suite.to_owned(),
                component: component.to_owned(),
            },
        })
    }
}

/// A `Packages.xz` to fetch.
struct List {
    request: Request,
    /// Length when decompressed, in bytes.
    unpacked: u64,
    origin: Origin,
}

impl List {
    fn error(&self, source: index::Error) -> Error {
        Error::Packages {
            url: self.request.urls.last().cloned().unwrap_or_default(),
            source: Box::new(source),
        }
    }
}

/// A package's file that is on this machine.
pub struct Fetched {
    /// The package.
    pub deb: Deb,
    /// What its arrival made of it.
    pub layer: Arc<dyn Layer>,
}

/// Fetches the packages' files, a few at once; the result is in the order of `packages`.
pub fn download(
    client: &Client,
    packages: &[&Package],
    progress: &dyn Progress,
    arrival: &Arrival<'_>,
) -> Result<Vec<Fetched>, Error> {
    in_parallel(packages, |package, stop| {
        let cached = client.fetch_unless(&request(package), progress, stop)?;
        let deb = Deb::from_cache(package.file_name(), cached, package.digest)?;
        let layer = arrival(Arc::new(deb.clone()), stop);
        Ok(Fetched { deb, layer })
    })
}

/// What [`download`] fetches.
pub fn request(package: &Package) -> Request {
    Request {
        name: package.file_name().to_owned(),
        urls: vec![package.url()],
        digest: package.digest,
        size: package.size,
    }
}
