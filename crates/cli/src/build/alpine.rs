//! The sources `{ alpine = […] }` and `{ apk = […] }`.

use std::path::PathBuf;

use anyhow::Context;
use source::alpine::{self, Apk, Archive, Index, Keyring, NotRun, Relation};
use source::fetch::{Client, Progress as _};
use source::tree::Tree;

use super::inputs::code_of_fetch;
use super::plan::Plan;
use crate::exit::{Code, Failure, WithCode};
use crate::progress::{Progress, Step};
use config::Follow;

/// Whom to believe, and Alpine's archive where it is needed.
pub struct OpenAlpine {
    keyring: Keyring,
    archive: Option<(Client, Index)>,
}

impl OpenAlpine {
    /// Reads the keys; fetches and checks the indexes with a client, which is there if a source
    /// names packages.
    pub fn open(plan: &Plan, client: Option<Client>, progress: &Progress) -> anyhow::Result<Self> {
        let config = &plan.config.alpine;
        let keyring = match config.keys.as_slice() {
            [] => Keyring::alpine(),
            files => Keyring::from_files(files),
        };
        let keyring = keyring
            .context("the keys that alpine.keys names cannot be used")
            .input_code()?;
        let Some(client) = client else {
            let archive = None;
            return Ok(Self { keyring, archive });
        };
        let archive = Archive {
            mirror: config.mirror.clone(),
            branch: config.branch.clone(),
            repositories: config.repositories.clone(),
            architecture: config.architecture.clone(),
            keyring: keyring.clone(),
            allow_older: config.allow_older,
        };
        let step = progress.step("alpine");
        let index = archive.index(&client, &step).map_err(coded)?;
        step.done(&format!("{} packages, signatures good", index.len()));
        Ok(Self {
            keyring,
            archive: Some((client, index)),
        })
    }

    /// Adds packages of the archive with their dependencies, fetched and checked; returns how
    /// many there are.
    pub fn add_packages(
        &self,
        tree: &mut Tree,
        names: &[String],
        follow: Follow,
        without: &[String],
        step: &Step,
    ) -> anyhow::Result<usize> {
        // A plan with such a source has opened the archive.
        let Some((client, index)) = &self.archive else {
            return Ok(0);
        };
        let wanted: Vec<Relation> = names
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_, _>>()
            .code(Code::Usage)?;
        let packages =
            alpine::resolve(index, &wanted, follow.into(), without).code(Code::Missing)?;
        let apks = alpine::download(client, &packages, &self.keyring, step).map_err(coded)?;
        compose(tree, &wanted, apks, step)
    }

    /// Adds local package files; returns how many there are.
    pub fn add_files(
        &self,
        tree: &mut Tree,
        paths: &[PathBuf],
        step: &Step,
    ) -> anyhow::Result<usize> {
        let mut apks = Vec::new();
        for path in paths {
            apks.push(Apk::open(path, &self.keyring).input_code()?);
        }
        let wanted: Vec<Relation> = apks
            .iter()
            .filter_map(|apk| apk.package().name.parse().ok())
            .collect();
        compose(tree, &wanted, apks, step)
    }
}

fn compose(
    tree: &mut Tree,
    wanted: &[Relation],
    apks: Vec<Apk>,
    step: &Step,
) -> anyhow::Result<usize> {
    let layers = apks.len();
    let not_run = alpine::compose(tree, wanted, apks).input_code()?;
    if !not_run.is_empty() {
        let show = |one: &NotRun| format!("{} ({})", one.package, one.scripts.join(" "));
        let list: Vec<String> = not_run.iter().map(show).collect();
        step.note("scripts that are not run", &list.join(", "));
    }
    Ok(layers)
}

/// The exit code that goes with an error of the archive.
fn coded(error: alpine::Error) -> Failure {
    let code = match &error {
        alpine::Error::Fetch(error) => code_of_fetch(error),
        alpine::Error::Resolve(_) | alpine::Error::NoPackages { .. } => Code::Missing,
        _ => Code::Refused,
    };
    Failure::new(code, error)
}
