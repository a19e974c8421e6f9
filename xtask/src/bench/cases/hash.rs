//! A dm-verity hash tree.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::bench::inputs::warm;
use crate::bench::measure::Pipeline;
use crate::bench::peers::{VERITYSETUP, ours, peer, text, words};
use crate::bench::row::{Figure, Row, Target};
use crate::bench::{Bench, Contender};

use super::Case;

pub const TREE: Case = Case {
    id: "hash-tree",
    set_up: tree,
    rows: &[Row {
        id: "hash-tree",
        meaning: "'image hash' of a file of 4 GiB that is in memory, against 'veritysetup format'.",
        figure: Figure::Faster("sealboot", "veritysetup"),
        target: Target::AtLeast(4.3),
    }],
};

fn tree(bench: &Bench) -> anyhow::Result<Vec<Contender>> {
    let size = bench.scaled(4 << 30).next_multiple_of(4096);
    let data = bench.random("data", size)?;
    warm(&data)?;
    let file = text(&data);
    let pipeline =
        |step: Vec<String>| Pipeline::new(vec![step], &[]).after(cut(data.clone(), size));
    let hash = words(&[&bench.sealboot, "image", "hash", &file, "--quiet"]);
    Ok(vec![
        ours("sealboot", pipeline(hash)),
        peer(bench, "veritysetup", &[VERITYSETUP], || {
            let offset = format!("--hash-offset={size}");
            let mut whole = pipeline(words(&["veritysetup", "format", &file, &file, &offset]));
            whole.steps.push(words(&["sync", &file]));
            Ok(whole)
        }),
    ])
}

/// Takes the tree of the last run away, and has the data on the disk: only the tree is left to write.
fn cut(path: PathBuf, size: u64) -> impl Fn(usize) -> anyhow::Result<()> {
    move |_| {
        let file = open(&path)?;
        file.set_len(size)?;
        Ok(file.sync_all()?)
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    File::options().write(true).open(path)
}
