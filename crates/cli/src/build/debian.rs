//! Debian's archive as a source.

use anyhow::Context;
use source::debian::{self, Archive, Fetched, Index, Keyring, Package, Wanted};
use source::fetch::{self, Client, Request};
use source::layer::Arrival;

use super::inputs::code_of_fetch;
use super::plan::Plan;
use super::work::Work;
use crate::clock;
use crate::exit::{Code, Failure, WithCode};
use config::Follow;

/// Debian's archive with its checked index.
pub(super) struct OpenArchive {
    client: Client,
    index: Index,
}

impl OpenArchive {
    pub(super) fn open(plan: &Plan, client: Client, work: &Work) -> anyhow::Result<Self> {
        let debian = &plan.config.debian;
        let keyring = match debian.keyrings.as_slice() {
            [] => Keyring::debian(),
            files => Keyring::from_files(files),
        };
        let archive = Archive {
            mirrors: debian::Mirrors {
                debian: debian.mirror.clone().unwrap_or_default(),
                security: debian.security_mirror.clone().unwrap_or_default(),
            },
            suites: debian.suites.clone(),
            components: debian.components.clone(),
            architecture: debian.architecture.clone(),
            keyring: keyring
                .context("the keys that debian.keyrings names cannot be used")
                .input_code()?,
            allow_older: debian.allow_older,
            allow_expired: debian.allow_expired,
        };
        let step = work.progress.step("archive");
        let now = clock::now()?;
        let index = archive
            .index(&client, now, work.kept(), &step)
            .map_err(coded)?;
        step.done(&format!("{} packages, signatures good", index.len()));
        Ok(Self { client, index })
    }

    /// Packages with their dependencies, fetched and checked, each with its layer.
    pub(super) fn packages(
        &self,
        names: &[String],
        follow: Follow,
        without: &[String],
        step: &dyn fetch::Progress,
        arrival: &Arrival<'_>,
    ) -> anyhow::Result<Vec<Fetched>> {
        let packages = self.resolve(names, follow, without)?;
        Ok(debian::download(&self.client, &packages, step, arrival).map_err(coded)?)
    }

    /// The packages' files.
    pub(super) fn requests(
        &self,
        names: &[String],
        follow: Follow,
        without: &[String],
    ) -> anyhow::Result<Vec<Request>> {
        let packages = self.resolve(names, follow, without)?;
        Ok(packages.into_iter().map(debian::request).collect())
    }

    fn resolve(
        &self,
        names: &[String],
        follow: Follow,
        without: &[String],
    ) -> anyhow::Result<Vec<&Package>> {
        let wanted: Vec<Wanted> = names
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_, _>>()
            .code(Code::Usage)?;
        debian::resolve(&self.index, &wanted, follow.into(), without).code(Code::Missing)
    }
}

/// The exit code that goes with an error of the archive.
fn coded(error: debian::Error) -> Failure {
    let code = match &error {
        debian::Error::Fetch(error) => code_of_fetch(error),
        debian::Error::Resolve(_) | debian::Error::NoPackages { .. } => Code::Missing,
        _ => Code::Refused,
    };
    Failure::new(code, error)
}
