//! An image: its size, its superblocks, every block; its root hash and that one's signature.

use std::ops::ControlFlow;

use contract::esp;
use contract::manifest::Image;
use formats::verity::{self, BLOCK_SIZE, Block, Finding, SUPERBLOCK_SIZE, Superblock};

use super::Context;
use super::release::{SMALL, absent, first_difference, signed};
use crate::files::Files;
use crate::image::{Shape, tree_end};
use crate::report::{Break, Breaks};
use crate::{Part, hex};

/// After so many blocks that cannot be read, no more are tried.
const UNREADABLE: u64 = 1024;

/// Checks one image of a manifest and the files that belong to it.
pub(super) fn check(context: &mut Context<'_, '_>, files: &mut Files<'_>, image: &Image) {
    let path = files.release(&image.file);
    match files.open(&path) {
        Ok(mut part) => blocks(context, &mut part, &Shape::of(image)),
        Err(error) => {
            let found = absent(&path, &error);
            context.report.failed(&path, "there", found);
        }
    }
    let stem = image.stem();
    let path = files.release(&esp::root_hash_file(stem));
    let what = "the manifest's root hash";
    match files.read(&path, SMALL) {
        Ok(found) => match first_difference(image.root_hash.as_bytes(), &found) {
            None => context.report.ok(&path, what, ""),
            Some((offset, ..)) => {
                let found = found.escape_ascii();
                let mut found =
                    Break::of(&path, "another root hash").differs(&image.root_hash, found);
                found.offset = Some(offset);
                context.report.failed(&path, what, found);
            }
        },
        Err(error) => context.report.failed(&path, what, absent(&path, &error)),
    }
    let path = files.release(&esp::signature_file(stem));
    signed(context, files, &path, image.root_hash.as_bytes());
}

/// The file itself, by what the manifest says of it: that is what init goes by, too.
pub(super) fn blocks(context: &mut Context<'_, '_>, part: &mut Part<'_>, shape: &Shape) {
    size(context, part, shape);
    superblocks(context, part, shape);
    every_block(context, part, shape);
}

fn size(context: &mut Context<'_, '_>, part: &Part<'_>, shape: &Shape) {
    let (path, what) = (part.name(), "size");
    let mut breaks = Breaks::default();
    let expected_end = tree_end(shape.hash_offset, shape.data_size);
    if expected_end != shape.size {
        let what = "the manifest's size is not that of data and hash tree";
        breaks.push(Break::of(path, what).differs(expected_end, shape.size));
    }
    if part.size() != shape.size {
        let bytes = |size: u64| format!("{size} bytes");
        let what = match part.size() < shape.size {
            true => "the file is cut short",
            false => "the file is too long",
        };
        let found = Break::of(path, what).differs(bytes(shape.size), bytes(part.size()));
        breaks.push(found);
    }
    let detail = format!("{} bytes", shape.size);
    context.report.settle(path, what, breaks, detail);
}

/// What lies between data and tree. init needs neither: the manifest tells it all that they say.
fn superblocks(context: &mut Context<'_, '_>, part: &mut Part<'_>, shape: &Shape) {
    let path = part.name().to_owned();
    let what = "superblock as the manifest says";
    let found = match part.bytes_at(shape.hash_offset, BLOCK_SIZE) {
        Ok(found) => found,
        Err(error) => {
            context.report.failed(&path, what, absent(&path, &error));
            return;
        }
    };
    let mut breaks = Breaks::default();
    if let Err(error) = Superblock::parse(&found) {
        breaks.push(Break::of(&path, error.to_string()).at(part, shape.hash_offset));
    }
    // The UUID is in no manifest; nothing depends on it.
    let uuid = found.get(16..32).and_then(|uuid| uuid.try_into().ok());
    let expected = Superblock {
        uuid: uuid.unwrap_or_default(),
        data_blocks: shape.data_size / BLOCK_SIZE as u64,
        salt: shape.salt.clone(),
    };
    let mut expected = expected.to_bytes().unwrap_or([0; SUPERBLOCK_SIZE]).to_vec();
    expected.resize(BLOCK_SIZE, 0);
    let pairs = expected.iter().zip(&found).enumerate();
    if let Some((offset, (ours, theirs))) = pairs.clone().find(|(_, (a, b))| a != b)
        && breaks.is_empty()
    {
        let found = Break::of(&path, "the superblock's block differs from the manifest")
            .at(part, shape.hash_offset.saturating_add(offset as u64))
            .differs(format!("{ours:#04x}"), format!("{theirs:#04x}"));
        breaks.push(found);
    }
    context.report.settle(&path, what, breaks, "");
}

/// The tree against the root hash, and the data against the tree.
fn every_block(context: &mut Context<'_, '_>, part: &mut Part<'_>, shape: &Shape) {
    let superblock = Superblock {
        uuid: [0; 16],
        data_blocks: shape.data_size / BLOCK_SIZE as u64,
        salt: shape.salt.clone(),
    };
    let path = part.name().to_owned();
    let (mut hashes, mut data) = (Breaks::default(), Breaks::default());
    let (mut unchecked, mut unreadable) = (0, 0);
    // Where on the disk a block is, is known before it is read: `survey` borrows the part.
    let map = part.map().clone();
    let name = &shape.name;
    let visit = &mut |finding: Finding| {
        let (block, offset, found) = match finding {
            Finding::Read(bytes) => {
                context.meter.add(bytes);
                return ControlFlow::Continue(());
            }
            Finding::Unchecked { block, count, .. } => {
                unchecked += if block == Block::Data { count } else { 0 };
                return ControlFlow::Continue(());
            }
            Finding::Damaged {
                block,
                offset,
                found,
                expected,
            } => {
                let found = Break::of(&path, "").differs(hex(&expected), hex(&found));
                (block, offset, found)
            }
            Finding::Unreadable {
                block,
                offset,
                source,
            } => {
                unreadable += 1;
                if unreadable > UNREADABLE {
                    // A manifest can claim any size; what ends early is not read block by block.
                    return ControlFlow::Break(());
                }
                let found = Break::of(&path, "").differs("a block that can be read", source);
                (block, offset, found)
            }
        };
        let number = offset / BLOCK_SIZE as u64;
        let (list, what) = match block {
            Block::Data => (
                &mut data,
                format!("data block {number} of the image {name}"),
            ),
            Block::Hashes => {
                let first = shape.hash_offset / BLOCK_SIZE as u64 + 1;
                let number = number.saturating_sub(first);
                let what = format!("block {number} of the hash tree of the image {name}");
                (&mut hashes, what)
            }
        };
        list.push(Break {
            what,
            offset: Some(offset),
            disk_offset: map.disk_offset(offset),
            ..found
        });
        ControlFlow::Continue(())
    };
    verity::survey(
        part,
        shape.hash_offset,
        &superblock,
        &shape.root_hash,
        verity::processors(),
        visit,
    );
    let blocks = superblock.data_blocks;
    let tree: u64 = verity::hash_levels(blocks).iter().sum();
    let what = "hash tree against the root hash";
    let detail = format!("{tree} blocks");
    context.report.settle(&path, what, hashes, detail);
    let what = super::BLOCKS;
    if unreadable > UNREADABLE {
        let why = format!("it was given up after {UNREADABLE} unreadable blocks");
        context.report.not_checked(&path, what, why);
        return;
    }
    if unchecked > 0 {
        let why = format!("{unchecked} of {blocks} blocks: their hashes are damaged");
        context.report.not_checked(&path, what, why);
    }
    if unchecked < blocks {
        let detail = format!("{} blocks", blocks - unchecked);
        context.report.settle(&path, what, data, detail);
    }
}
