//! From packages to a tree: their files, and what apk would have left behind without a script.

use std::sync::Arc;

use super::apk::Apk;
use super::relation::Relation;
use super::{applets, database, order};
use crate::layer::Layer;
use crate::tree::{Error as TreeError, Tree};

/// Why packages cannot be put into a tree.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// They do not go together.
    #[error(transparent)]
    Overlap(#[from] order::Overlap),
    /// One cannot be merged.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// A package with scripts that apk would have run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotRun {
    /// The package.
    pub package: String,
    /// Its scripts: `pre-install`, `trigger`. Those for upgrades and removals are not named.
    pub scripts: Vec<String>,
}

/// Scripts that an installation from nothing runs.
const AT_INSTALL: [&str; 3] = ["pre-install", "post-install", "trigger"];

/// Merges packages over what is in the tree, adds busybox's links, and writes down what apk
/// writes down. `wanted` is what somebody asked for by name.
///
/// No script is run; the result says which there are.
pub fn compose(tree: &mut Tree, wanted: &[Relation], apks: Vec<Apk>) -> Result<Vec<NotRun>, Error> {
    let apks = order::in_layer_order(apks)?;
    let layers = apks
        .iter()
        .map(|apk| Arc::new(apk.clone()) as Arc<dyn Layer>);
    tree.add_layers(&layers.collect::<Vec<_>>())?;
    let mut not_run = Vec::new();
    for apk in &apks {
        let scripts = apk.scripts().iter();
        let scripts = scripts.filter(|name| AT_INSTALL.contains(&name.as_str()));
        let scripts: Vec<String> = scripts.cloned().collect();
        if !scripts.is_empty() {
            not_run.push(NotRun {
                package: apk.package().to_string(),
                scripts,
            });
        }
    }
    applets::link(tree)?;
    database::record(tree, wanted, &apks)?;
    not_run.sort_by(|a, b| a.package.cmp(&b.package));
    Ok(not_run)
}
