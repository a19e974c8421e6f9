//! From settings to an index of packages, and from packages to files.

use std::sync::Arc;

use super::apk::Apk;
use super::error::Error;
use super::index::{Index, List, MOST_PACKED};
use super::keyring::{self, Keyring};
use super::package::Package;
use crate::date;
use crate::fetch::{CachedFile, CheckedRequest, Client, Progress, Signed, in_parallel};

/// Alpine's primary mirror.
pub const PRIMARY: &str = "https://dl-cdn.alpinelinux.org/alpine";

/// Which packages to look among, and whom to believe.
#[derive(Clone, Debug)]
pub struct Archive {
    /// URL of the mirror: below it are the branches.
    pub mirror: String,
    /// `v3.20`, `edge`.
    pub branch: String,
    /// `main`, `community`; or the address of any repository, below which is a folder for each
    /// architecture. Of packages with equal versions, the one of the repository named first
    /// counts.
    pub repositories: Vec<String>,
    /// Alpine's name of the architecture: `x86_64`.
    pub architecture: String,
    /// Keys whose signatures count, for every repository and every package.
    pub keyring: Keyring,
    /// Take an index that is older than one seen before: somebody may hide security updates.
    pub allow_older: bool,
}

impl Archive {
    /// Alpine 3.20's `main` and `community`, for `x86_64`, signed by Alpine.
    pub fn alpine() -> Result<Self, keyring::Error> {
        Ok(Self {
            mirror: PRIMARY.to_owned(),
            branch: "v3.20".to_owned(),
            repositories: ["main", "community"].map(str::to_owned).to_vec(),
            architecture: "x86_64".to_owned(),
            keyring: Keyring::alpine()?,
            allow_older: false,
        })
    }

    /// Fetches and verifies the lists of packages: each repository's `APKINDEX.tar.gz`, its
    /// signature, the release that it is of, and that none seen before was newer.
    pub fn index(&self, client: &Client, progress: &dyn Progress) -> Result<Index, Error> {
        let lists = in_parallel(&self.repositories, |repository, _| {
            self.list(client, repository, progress)
        })?;
        Ok(Index::new(lists.into_iter().flatten().collect()))
    }

    /// One repository's packages for the architecture.
    fn list(
        &self,
        client: &Client,
        repository: &str,
        progress: &dyn Progress,
    ) -> Result<Vec<Package>, Error> {
        let folder = self.folder(repository);
        let url = format!("{folder}/APKINDEX.tar.gz");
        let file = Signed {
            url: &url,
            name: format!("the index of {repository}"),
            folder: "apkindex",
            limit: MOST_PACKED,
        };
        let list = client.fetch_signed(
            &file,
            |bytes| {
                List::verify(bytes, &self.keyring, &folder).map_err(|source| Error::Index {
                    url: url.clone(),
                    source: Box::new(source),
                })
            },
            |list, newest| self.accept(&url, repository, list, newest),
            |list| list.made,
            progress,
        )?;
        let mut packages = list.packages;
        packages.retain(|package| {
            package.architecture == self.architecture || package.architecture == "noarch"
        });
        if packages.is_empty() {
            return Err(Error::NoPackages {
                url,
                architecture: self.architecture.clone(),
            });
        }
        Ok(packages)
    }

    /// Whether a list may be used: the same keys sign all releases, and an index has no last day.
    fn accept(
        &self,
        url: &str,
        repository: &str,
        list: &List,
        newest: Option<&List>,
    ) -> Result<(), Error> {
        let other = list.release().filter(|release| *release != self.branch);
        let numbered = self.branch.starts_with('v') && !is_address(repository);
        if let Some(found) = other.filter(|_| numbered) {
            return Err(Error::OtherRelease {
                url: url.to_owned(),
                found: found.to_owned(),
                expected: self.branch.clone(),
            });
        }
        match newest {
            Some(newest) if newest.made > list.made && !self.allow_older => Err(Error::Older {
                url: url.to_owned(),
                found: date::show(list.made),
                seen: date::show(newest.made),
            }),
            _ => Ok(()),
        }
    }

    /// URL of a repository's folder for the architecture, without a final slash.
    fn folder(&self, repository: &str) -> String {
        let repository = repository.trim_end_matches('/');
        let architecture = &self.architecture;
        if is_address(repository) {
            return format!("{repository}/{architecture}");
        }
        let mirror = self.mirror.trim_end_matches('/');
        format!("{mirror}/{}/{repository}/{architecture}", self.branch)
    }
}

fn is_address(repository: &str) -> bool {
    repository.contains("://")
}

/// Fetches the packages' files, a few at once, and checks them; the result is in the order of
/// `packages`.
pub fn download(
    client: &Client,
    packages: &[&Package],
    keyring: &Keyring,
    progress: &dyn Progress,
) -> Result<Vec<Apk>, Error> {
    in_parallel(packages, |package, stop| {
        let name = package.file_name();
        let checksum = package.checksum.map(|checksum| checksum.hex());
        let request = CheckedRequest {
            name: name.clone(),
            url: package.url(),
            size: package.size,
            place: format!("apk/{}-{}.apk", checksum.unwrap_or_default(), package.size),
        };
        let check = |file: &CachedFile| {
            let file = Arc::clone(&file.file);
            Apk::read(name.clone(), file, package.size, keyring, Some(package))
        };
        Ok(client.fetch_checked(&request, check, progress, stop)?)
    })
}
