//! The source `{ recovery = true }`: packages of the archive, made into sealboot's recovery.

use std::fs;
use std::sync::Arc;

use anyhow::Context;
use artifact::recovery::{self, Parts, WITHOUT};
use source::inventory::Component;
use source::tree::Tree;

use super::debian::OpenArchive;
use super::root;
use crate::config::{Follow, Recovery};
use crate::exit::{Code, WithCode};
use crate::progress::Step;

/// The tree, and the packages that it is made of.
pub fn tree(
    config: &Recovery,
    archive: &OpenArchive,
    step: &Step,
) -> anyhow::Result<(Tree, Vec<Component>)> {
    let program = fs::read("/proc/self/exe").context("this program's own file cannot be read")?;
    let parts = Parts {
        program: &program,
        authorized_keys: &config.authorized_keys,
        console: config.console,
    };
    let without: Vec<String> = WITHOUT.iter().map(|name| (*name).to_owned()).collect();
    let debs = archive.packages(&config.packages, Follow::All, &without, step)?;
    let packages = debs.iter().map(Component::of_deb).collect();
    let mut tree = Tree::new();
    root::merged_usr(&mut tree)?;
    recovery::base(&mut tree, &parts).input_code()?;
    for deb in debs {
        tree.add_layer(Arc::new(deb)).input_code()?;
    }
    recovery::complete(&mut tree, &parts).input_code()?;
    if let Some(service) = recovery::missing_service(&tree, &parts) {
        let what = format!(
            "the recovery's service {:?} starts {}, which no package of recovery.packages brings",
            service.name, service.program
        );
        return Err(anyhow::anyhow!(what)).code(Code::Missing);
    }
    Ok((tree, packages))
}
