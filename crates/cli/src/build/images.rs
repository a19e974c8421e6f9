//! The images of a release: each a tree, written and hashed.

use anyhow::Context;
use artifact::image;
use contract::esp;
use contract::manifest::{Image, ImageName};
use formats::hex;
use formats::squashfs;
use media::disk::guid_from;
use sha2::{Digest, Sha256};
use source::tree::Tree;

use super::date;
use super::parts::Parts;
use super::plan::Plan;
use super::staging::Staging;
use super::work::Work;
use crate::exit::WithCode;
use crate::progress;

/// Writes `<stem>.squashfs` and `<stem>.roothash`.
pub fn write(
    (name, stem): (ImageName, &str),
    tree: &Tree,
    plan: &Plan,
    parts: &Parts,
    staging: &mut Staging,
    work: &Work,
) -> anyhow::Result<Image> {
    let step = work.progress.step(stem);
    let file_name = esp::image_file(stem);
    let place = staging.path(&file_name);
    let total = tree.totals().bytes;
    let config = &plan.config.image;
    let (epoch, seed) = seed(tree, parts.epoch);
    let options = image::Options {
        squashfs: squashfs::Options {
            block_size: config.block_size * 1024,
            compression: config.compression().map_err(anyhow::Error::msg)?,
            ..squashfs::Options::default()
        },
        source_date_epoch: epoch,
        salt: salt(&seed, stem).to_vec(),
        uuid: guid_from(&seed, stem).to_bytes(),
    };
    let built = work.image(tree, &place, &options, &mut |at| {
        step.bytes(at.done, at.total)
    });
    let cached = built
        .with_context(|| format!("the image {file_name} cannot be made"))
        .input_code()?;
    staging.flush(&cached.file);
    let built = cached.image;
    let root_hash = hex(&built.root_hash);
    staging.write(&esp::root_hash_file(stem), root_hash.as_bytes())?;
    let size = progress::size(built.size);
    let from = if cached.found { " as before" } else { "" };
    step.done(&format!(
        "{size} of {}{from}, root hash {}…",
        progress::size(total),
        &root_hash[..16]
    ));
    Ok(Image {
        name,
        file: file_name,
        size: built.size,
        data_size: built.data_size,
        hash_offset: built.hash_offset,
        salt: hex(&options.salt),
        root_hash,
    })
}

/// The date of an image, and what its salt and UUID come from. Both are its tree's alone: a release
/// in which something else changed has the same image. No file is younger than the release.
fn seed(tree: &Tree, release: u32) -> (u32, [u8; 32]) {
    let epoch = release.min(date::newest([tree]));
    let mut dated = tree.clone();
    let ids: Vec<_> = tree.iter().map(|(_, id, _)| id).collect();
    for node in ids {
        if let Some(node) = dated.node_mut(node) {
            let mtime = &mut node.metadata.mtime;
            // As a squashfs has it.
            *mtime = (*mtime).clamp(0, epoch.into());
        }
    }
    (epoch, dated.outline())
}

/// A salt need not be secret or random, only different for different images.
fn salt(seed: &[u8], stem: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update("salt")
        .chain_update(seed)
        .chain_update(stem)
        .finalize()
        .into()
}
