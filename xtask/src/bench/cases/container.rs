//! A container image with gzip layers becomes an image with a hash tree.

use crate::bench::inputs::warm;
use crate::bench::measure::{Pipeline, remove};
use crate::bench::peers::{MKSQUASHFS, UMOCI, VERITYSETUP, ours, peer, shell, text, words};
use crate::bench::row::{Figure, Row, Target};
use crate::bench::{Bench, Contender};

use super::Case;
use super::squashfs::mksquashfs;

/// A case of one row.
macro_rules! case {
    ($name:ident, $id:literal, $level:literal, $what:literal, $target:expr) => {
        pub const $name: Case = Case {
            id: $id,
            set_up: |bench| set_up(bench, $level),
            rows: &[Row {
                id: $id,
                meaning: concat!(
                    "'image build' of ",
                    $what,
                    ", against tar, umoci, mksquashfs and veritysetup."
                ),
                figure: Figure::Faster("sealboot", "umoci, mksquashfs"),
                target: Target::AtLeast($target),
            }],
        };
    };
}

case!(
    LEVEL_3,
    "container-3",
    3,
    "an OCI archive (1.3 GB in gzip layers) at zstd 3",
    8.0
);
case!(LEVEL_9, "container-9", 9, "the same at zstd 9", 3.5);
case!(LEVEL_15, "container-15", 15, "the same at zstd 15", 1.5);

fn set_up(bench: &Bench, level: u8) -> anyhow::Result<Vec<Contender>> {
    let archive = bench.container()?;
    warm(&archive)?;
    let level = level.to_string();
    let (out, cache) = (bench.work.join("ours.squashfs"), bench.work.join("cache"));
    let from = format!("oci-archive:{}", text(&archive));
    let step = words(&[
        &bench.sealboot,
        "image",
        "build",
        &from,
        "--output",
        &text(&out),
        "--level",
        &level,
        "--block-size",
        "128",
        "--cache",
        &text(&cache),
        "--quiet",
    ]);
    let build = Pipeline::new(vec![step], &[&out]).after(move |_| remove(&cache));
    let image = bench.work.join("peer.squashfs");
    let (layout, bundle) = (bench.work.join("layout"), bench.work.join("bundle"));
    Ok(vec![
        ours("sealboot", build),
        peer(
            bench,
            "umoci, mksquashfs",
            &[UMOCI, MKSQUASHFS, VERITYSETUP],
            || {
                let file = text(&image);
                let mut steps = unpack(&text(&archive), &text(&layout), &text(&bundle));
                steps.push(mksquashfs(
                    &format!("{}/rootfs", text(&bundle)),
                    &file,
                    Some(&level),
                ));
                steps.push(hash(&file));
                let whole = Pipeline::new(steps, &[&image]).synced();
                Ok(whole.after(move |_| remove(&layout).and_then(|()| remove(&bundle))))
            },
        ),
    ])
}

/// An archive's root in `bundle/rootfs`: umoci wants a layout.
pub fn unpack(archive: &str, layout: &str, bundle: &str) -> Vec<Vec<String>> {
    vec![
        words(&["mkdir", "-p", layout]),
        words(&["tar", "-xf", archive, "-C", layout]),
        words(&[
            "umoci",
            "unpack",
            "--image",
            &format!("{layout}:root"),
            bundle,
        ]),
    ]
}

/// A hash tree behind an image, and its root hash beside it.
pub fn hash(file: &str) -> Vec<String> {
    shell(&format!(
        "size=$(stat -c %s '{file}')\n\
         veritysetup format '{file}' '{file}' --hash-offset \"$size\" > '{file}.said'\n\
         sed -n 's/^Root hash:[[:space:]]*//p' '{file}.said' | tr -d '\\n' > '{file}.roothash'"
    ))
}
