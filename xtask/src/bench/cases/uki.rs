//! A UKI of 100 MB, made and signed.

use std::fs;

use crate::bench::inputs::warm;
use crate::bench::measure::Pipeline;
use crate::bench::peers::{inside, ours, peer, text, words};
use crate::bench::row::{Figure, Row, Target};
use crate::bench::{Bench, Contender};

use super::Case;

pub const SIGNED: Case = Case {
    id: "uki",
    set_up,
    rows: &[Row {
        id: "uki",
        meaning: "'uki build --keys' of Debian's kernel and an initrd of 92 MB, against ukify and sbsign.",
        figure: Figure::Faster("sealboot", "ukify, sbsign"),
        target: Target::AtLeast(4.0),
    }],
};

/// Where Debian's systemd-boot-efi has its stub.
pub const STUB: &str = "usr/lib/systemd/boot/efi/linuxx64.efi.stub";

fn set_up(bench: &Bench) -> anyhow::Result<Vec<Contender>> {
    let (kernel, version) = bench.kernel()?;
    let keys = bench.keys()?;
    let tools = bench.tools_root()?;
    let initrd = bench.random("initrd.in", bench.scaled(92_000_000))?;
    let linux = kernel.join(format!("boot/vmlinuz-{version}"));
    for (from, to) in [
        (&linux, "linux.in"),
        (&initrd, "initrd.in"),
        (&tools.join(STUB), "stub.in"),
        (&keys.join("db.key"), "db.key"),
        (&keys.join("db.crt"), "db.crt"),
    ] {
        fs::copy(from, bench.work.join(to))?;
        warm(&bench.work.join(to))?;
    }
    let file = |name: &str| text(&bench.work.join(name));
    let out = bench.work.join("ours.efi");
    let build = words(&[
        &bench.sealboot,
        "uki",
        "build",
        "--kernel",
        &file("linux.in"),
        "--initrd",
        &file("initrd.in"),
        "--stub",
        &file("stub.in"),
        "--command-line",
        "quiet",
        "--keys",
        &text(&keys),
        "--output",
        &text(&out),
    ]);
    let signed = bench.work.join("peer.efi");
    Ok(vec![
        ours("sealboot", Pipeline::new(vec![build], &[&out])),
        peer(bench, "ukify, sbsign", &[], || {
            let steps = ukify(bench, &tools, "/work/initrd.in", "/work/peer.efi");
            Ok(Pipeline::new(steps, &[&signed]).synced())
        }),
    ])
}

/// ukify and sbsign in their own root, of `linux.in`, `stub.in` and the keys in `work`.
pub fn ukify(
    bench: &Bench,
    tools: &std::path::Path,
    initrd: &str,
    output: &str,
) -> Vec<Vec<String>> {
    let initrd = format!("--initrd={initrd}");
    let make = [
        "ukify",
        "build",
        "--linux=/work/linux.in",
        &initrd,
        "--stub=/work/stub.in",
        "--cmdline=quiet",
        "--output=/work/unsigned.efi",
    ];
    let sign = ["sbsign", "--key", "/work/db.key", "--cert", "/work/db.crt"];
    let sign = [&sign[..], &["--output", output, "/work/unsigned.efi"]].concat();
    vec![
        inside(tools, &bench.work, &make),
        inside(tools, &bench.work, &sign),
    ]
}
