//! A squashfs of a tree, without hash tree.

use std::path::Path;

use crate::bench::inputs::warm;
use crate::bench::measure::{Pipeline, remove};
use crate::bench::peers::{MKSQUASHFS, TAR2SQFS, ours, peer, shell, text, words};
use crate::bench::row::{Figure, Row, Target};
use crate::bench::{Bench, Contender};

use super::Case;

/// A case with its rows: tree, level, and what is to be reached.
macro_rules! case {
    ($name:ident, $id:literal, $set_up:expr, $what:literal,
     $faster:expr, $smaller:expr, $than_tar:expr) => {
        pub const $name: Case = Case {
            id: $id,
            set_up: $set_up,
            rows: &[
                Row {
                    id: concat!($id, "-time"),
                    meaning: concat!(
                        "'image build' of ",
                        $what,
                        ", against mksquashfs on the folder."
                    ),
                    figure: Figure::Faster("sealboot", "mksquashfs"),
                    target: $faster,
                },
                Row {
                    id: concat!($id, "-size"),
                    meaning: "Sizes of these two.",
                    figure: Figure::Smaller("sealboot", "mksquashfs"),
                    target: $smaller,
                },
                Row {
                    id: concat!($id, "-tar"),
                    meaning: "'image build' of a tar of it, against tar2sqfs of the same tar.",
                    figure: Figure::Faster("sealboot, tar", "tar2sqfs, tar"),
                    target: $than_tar,
                },
            ],
        };
    };
}

case!(
    MODULES_15,
    "squashfs-modules-15",
    |bench| set_up(bench, Kind::Modules, 15),
    "a tree of Debian's kernel modules (390 MB) at zstd 15",
    Target::AtLeast(1.0),
    Target::AtMost(1.0),
    Target::Any
);
case!(
    MODULES_3,
    "squashfs-modules-3",
    |bench| set_up(bench, Kind::Modules, 3),
    "the same at zstd 3",
    Target::AtLeast(1.25),
    Target::Any,
    Target::AtLeast(1.1)
);
case!(
    ROOT_15,
    "squashfs-root-15",
    |bench| set_up(bench, Kind::Root, 15),
    "a Debian root (1.3 GB) at zstd 15",
    Target::AtLeast(1.0),
    Target::AtMost(1.0),
    Target::Any
);
case!(
    ROOT_3,
    "squashfs-root-3",
    |bench| set_up(bench, Kind::Root, 3),
    "the same at zstd 3",
    Target::AtLeast(1.25),
    Target::Any,
    Target::AtLeast(1.1)
);

enum Kind {
    Modules,
    Root,
}

fn set_up(bench: &Bench, kind: Kind, level: u8) -> anyhow::Result<Vec<Contender>> {
    let (folder, tar) = match kind {
        Kind::Modules => bench.modules()?,
        Kind::Root => bench.root()?,
    };
    warm(&tar)?;
    let level = level.to_string();
    let out = bench.work.join("peer.squashfs");
    let (file, folder, tar) = (text(&out), text(&folder), text(&tar));
    Ok(vec![
        ours("sealboot", build(bench, &folder, &level)),
        ours("sealboot, tar", build(bench, &tar, &level)),
        peer(bench, "mksquashfs", &[MKSQUASHFS], || {
            let step = mksquashfs(&folder, &file, Some(&level));
            Ok(Pipeline::new(vec![step], &[&out]).synced())
        }),
        peer(bench, "tar2sqfs, tar", &[TAR2SQFS], || {
            let step = shell(&format!(
                "tar2sqfs --quiet --force --compressor zstd --comp-extra level={level} \
                 --block-size 131072 '{file}' < '{tar}'"
            ));
            Ok(Pipeline::new(vec![step], &[&out]).synced())
        }),
    ])
}

/// `sealboot image build`, nothing kept from the run before.
fn build(bench: &Bench, from: &str, level: &str) -> Pipeline {
    let (out, cache) = (bench.work.join("ours.squashfs"), bench.work.join("cache"));
    let step = words(&[
        &bench.sealboot,
        "image",
        "build",
        from,
        "--output",
        &text(&out),
        "--no-verity",
        "--level",
        level,
        "--block-size",
        "128",
        "--cache",
        &text(&cache),
        "--quiet",
    ]);
    Pipeline::new(vec![step], &[&out]).after(move |_| remove(Path::new(&cache)))
}

/// mksquashfs with blocks of 128 KiB, at a level or at its own.
pub fn mksquashfs(folder: &str, file: &str, level: Option<&str>) -> Vec<String> {
    let mut step = words(&[
        "mksquashfs",
        folder,
        file,
        "-noappend",
        "-no-progress",
        "-quiet",
    ]);
    step.extend(words(&["-comp", "zstd", "-b", "131072"]));
    if let Some(level) = level {
        step.extend(words(&["-Xcompression-level", level]));
    }
    step
}
