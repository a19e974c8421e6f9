//! What becomes of memory and time as inputs grow.

use std::fs;

use crate::bench::inputs::warm;
use crate::bench::measure::{Pipeline, remove};
use crate::bench::peers::{ours, text, words};
use crate::bench::row::{Figure, Row, Target};
use crate::bench::{Bench, Contender};

use super::Case;
use super::whole::{Release, ours_build};

/// A row of one size.
const fn peak(id: &'static str, meaning: &'static str, name: &'static str) -> Row {
    Row {
        id,
        meaning,
        figure: Figure::Peak(name),
        target: Target::AtMost(256.0),
    }
}

pub const MEMORY: Case = Case {
    id: "memory",
    set_up: memory,
    rows: &[
        peak(
            "memory-100-mb",
            "Memory of 'sealboot build' for a root of 100 MB.",
            "root of 100 MB",
        ),
        peak(
            "memory-1-gb",
            "The same for a root of 1 GB.",
            "root of 1 GB",
        ),
        peak(
            "memory-8-gb",
            "The same for a root of 8 GB.",
            "root of 8 GB",
        ),
        Row {
            id: "memory-flat",
            meaning: "The largest of these over the smallest.",
            figure: Figure::Flat(&["root of 100 MB", "root of 1 GB", "root of 8 GB"]),
            target: Target::AtMost(1.5),
        },
    ],
};

fn memory(bench: &Bench) -> anyhow::Result<Vec<Contender>> {
    let sizes = [
        ("root of 100 MB", "root-100-mb", 100_000_000),
        ("root of 1 GB", "root-1-gb", 1_000_000_000),
        ("root of 8 GB", "root-8-gb", 8_000_000_000),
    ];
    let mut all = Vec::new();
    for (name, folder, size) in sizes {
        let root = bench.folder(folder, bench.scaled(size))?;
        let release = Release {
            root: format!("{{ directory = '{}' }}", text(&root)),
            // Time does not count here.
            level: Some(1),
            ..Release::default()
        };
        let build = ours_build(bench, folder, &release)?;
        let (out, cache) = (bench.work.join("out"), bench.work.join("cache"));
        let fresh = move |_| remove(&out).and_then(|()| remove(&cache));
        all.push(ours(name, Pipeline::new(vec![build], &[]).after(fresh)));
    }
    Ok(all)
}

pub const FILES: Case = Case {
    id: "files",
    set_up: files,
    rows: &[
        Row {
            id: "files-linear",
            meaning: "'image build' of a tar of a million small files, time for each; the peer is the \
                      same with ten thousand.",
            figure: Figure::Each(("1000000 files", 1e6), ("10000 files", 1e4)),
            target: Target::AtMost(2.0),
        },
        Row {
            id: "files-100000",
            meaning: "The same with a hundred thousand.",
            figure: Figure::Each(("100000 files", 1e5), ("10000 files", 1e4)),
            target: Target::AtMost(2.0),
        },
        Row {
            id: "files-1000",
            meaning: "The same with ten thousand, over a thousand.",
            figure: Figure::Each(("10000 files", 1e4), ("1000 files", 1e3)),
            target: Target::Any,
        },
    ],
};

fn files(bench: &Bench) -> anyhow::Result<Vec<Contender>> {
    let mut all = Vec::new();
    for (name, count) in [
        ("1000 files", 1_000),
        ("10000 files", 10_000),
        ("100000 files", 100_000),
        ("1000000 files", 1_000_000),
    ] {
        let tar = bench.tar_of(bench.scaled(count))?;
        warm(&tar)?;
        let (out, cache) = (bench.work.join("ours.squashfs"), bench.work.join("cache"));
        fs::create_dir_all(&cache)?;
        let build = words(&[
            &bench.sealboot,
            "image",
            "build",
            &text(&tar),
            "--output",
            &text(&out),
            "--level",
            "1",
            "--cache",
            &text(&cache),
            "--quiet",
        ]);
        let fresh = Pipeline::new(vec![build], &[&out]).after(move |_| remove(&cache));
        all.push(ours(name, fresh));
    }
    Ok(all)
}
