//! The source `{ recovery = true }`: what `[recovery]` is made of, made into sealboot's recovery.

use std::fs;

use anyhow::Context;
use artifact::recovery::{self, Parts};
use contract::recovery::NETWORK;
use source::tree::Tree;

use super::root;
use crate::exit::{Code, WithCode};
use config::{Recovery, Source};

/// The tree, and how many layers it has; `add` puts one source over a tree and counts its layers.
pub fn tree(
    config: &Recovery,
    add: impl Fn(&mut Tree, &Source) -> anyhow::Result<usize>,
) -> anyhow::Result<(Tree, usize)> {
    let program = fs::read("/proc/self/exe").context("this program's own file cannot be read")?;
    let parts = Parts {
        program: &program,
        authorized_keys: &config.authorized_keys,
        console: config.console,
        network: config.network,
    };
    let mut tree = Tree::new();
    let mut layers = 0;
    if config.source.iter().any(Source::needs_debian) {
        root::merged_usr(&mut tree)?;
    }
    recovery::base(&mut tree, &parts).input_code()?;
    for (index, source) in config.source.iter().enumerate() {
        let part = || format!("recovery.source, entry {}, cannot be taken in", index + 1);
        layers += add(&mut tree, source).with_context(part)?;
    }
    recovery::complete(&mut tree, &parts).input_code()?;
    if let Some(service) = recovery::missing_service(&tree, &parts) {
        let without = match *service == NETWORK {
            true => "; recovery.network = \"none\" goes without",
            false => "",
        };
        let what = format!(
            "the recovery's service {:?} starts {}, which nothing in recovery.source brings{without}",
            service.name, service.program
        );
        return Err(anyhow::anyhow!(what)).code(Code::Missing);
    }
    Ok((tree, layers))
}
