//! An initrd for any machine.

use std::path::PathBuf;

use crate::bench::measure::{Pipeline, measure};
use crate::bench::peers::{inside, ours, peer, text, words};
use crate::bench::row::{Figure, Row, Target};
use crate::bench::{Bench, Contender};

use super::Case;
use super::whole::{Release, ours_build};

pub const MAKE: Case = Case {
    id: "initrd",
    set_up,
    rows: &[
        Row {
            id: "initrd-dracut",
            meaning: "'initrd build' of Debian's kernel, against 'dracut --no-hostonly'.",
            figure: Figure::Faster("sealboot", "dracut"),
            target: Target::AtLeast(20.0),
        },
        Row {
            id: "initrd-dracut-size",
            meaning: "Sizes of these two.",
            figure: Figure::Smaller("sealboot", "dracut"),
            target: Target::AtMost(0.25),
        },
        Row {
            id: "initrd-mkinitramfs",
            meaning: "The same against mkinitramfs with MODULES=most.",
            figure: Figure::Faster("sealboot", "mkinitramfs"),
            target: Target::AtLeast(20.0),
        },
        Row {
            id: "initrd-mkinitramfs-size",
            meaning: "Sizes of these two.",
            figure: Figure::Smaller("sealboot", "mkinitramfs"),
            target: Target::AtMost(0.25),
        },
    ],
};

fn set_up(bench: &Bench) -> anyhow::Result<Vec<Contender>> {
    let (_, version) = bench.kernel()?;
    let root = bench.folder("small-root", 1000)?;
    let release = Release {
        root: format!("{{ directory = '{}' }}", text(&root)),
        level: Some(1),
        ..Release::default()
    };
    // What the initrd pins.
    let build = ours_build(bench, "initrd", &release)?;
    measure(&build, &bench.work)?;
    let file = |name: &str| -> PathBuf { bench.work.join(name) };
    let make = words(&[
        &bench.sealboot,
        "initrd",
        "build",
        "--config",
        &text(&file("initrd.toml")),
        "--release",
        &text(&file("out")),
        "--cache",
        &text(&file("cache")),
        "--output",
        &text(&file("ours.initrd")),
        "--quiet",
    ]);
    let contender =
        |name: &'static str, made: &'static str, root: fn(&Bench) -> _, words: &[&str]| {
            peer(bench, name, &[], || {
                let root: PathBuf = root(bench)?;
                let step = inside(&root, &bench.work, words);
                Ok(Pipeline::new(vec![step], &[&file(made)]).synced())
            })
        };
    let dracut = ["dracut", "--no-hostonly", "--force", "--kver", &version];
    let dracut = [&dracut[..], &["/work/dracut.initrd"]].concat();
    let mkinitramfs = ["mkinitramfs", "-o", "/work/most.initrd", &version];
    Ok(vec![
        ours(
            "sealboot",
            Pipeline::new(vec![make], &[&file("ours.initrd")]),
        ),
        contender("dracut", "dracut.initrd", Bench::dracut_root, &dracut),
        contender(
            "mkinitramfs",
            "most.initrd",
            Bench::initramfs_root,
            &mkinitramfs,
        ),
    ])
}
