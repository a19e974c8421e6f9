//! The images of a release: each a tree, written, hashed and signed.

use anyhow::Context;
use artifact::image;
use contract::esp;
use contract::manifest::{Image, ImageName};
use formats::squashfs;
use media::disk::guid_from;
use sha2::{Digest, Sha256};
use source::tree::Tree;

use super::parts::Parts;
use super::plan::Plan;
use super::staging::Staging;
use crate::exit::WithCode;
use crate::keys::OwnerKeys;
use crate::progress::{self, Progress};

/// Writes `<stem>.squashfs`, `<stem>.roothash` and `<stem>.roothash.p7s`.
pub fn write(
    (name, stem): (ImageName, &str),
    tree: &Tree,
    plan: &Plan,
    parts: &Parts,
    keys: &OwnerKeys,
    staging: &mut Staging,
    progress: &Progress,
) -> anyhow::Result<Image> {
    let step = progress.step(stem);
    let file_name = esp::image_file(stem);
    let mut file = staging.create(&file_name)?;
    let total = tree.totals().bytes;
    let config = &plan.config.image;
    let options = image::Options {
        squashfs: squashfs::Options {
            block_size: config.block_size * 1024,
            compression: config.compression().map_err(anyhow::Error::msg)?,
            ..squashfs::Options::default()
        },
        source_date_epoch: parts.epoch,
        salt: salt(&parts.seed, stem).to_vec(),
        uuid: guid_from(&parts.seed, stem).to_bytes(),
    };
    let built = image::build(tree, &mut file, &options, &mut |at| {
        step.bytes(at.done, at.total)
    })
    .with_context(|| format!("the image {file_name} cannot be made"))
    .input_code()?;
    let root_hash = hex(&built.root_hash);
    staging.write(&esp::root_hash_file(stem), root_hash.as_bytes())?;
    let signature = keys.sign_detached(root_hash.as_bytes())?;
    staging.write(&esp::signature_file(stem), &signature)?;
    let size = progress::size(built.size);
    step.done(&format!(
        "{size} of {}, root hash {}…",
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

/// A salt need not be secret or random, only different for different images.
fn salt(seed: &[u8], stem: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update("salt")
        .chain_update(seed)
        .chain_update(stem)
        .finalize()
        .into()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
