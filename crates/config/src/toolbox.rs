//! `[toolbox]`: the container image that holds sealboot and everything that a release is made of.

use artifact::toolbox::PACKAGES;
use serde::{Deserialize, Serialize};

use super::Source;

/// `[toolbox]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Toolbox {
    /// The userland that the toolbox is put over, lowest layer first.
    pub base: Vec<Source>,
}

impl Default for Toolbox {
    fn default() -> Self {
        let names: Vec<&str> = PACKAGES.iter().map(|(name, _)| *name).collect();
        Self {
            base: vec![Source::alpine(&names)],
        }
    }
}
