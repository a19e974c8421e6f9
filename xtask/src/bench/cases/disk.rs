//! A disk image with one EFI partition.

use std::fs;

use crate::bench::inputs::warm;
use crate::bench::measure::Pipeline;
use crate::bench::peers::{DISK, inside, ours, peer, shell, text, words};
use crate::bench::row::{Figure, Row, Target};
use crate::bench::{Bench, Contender};

use super::Case;

pub const SPARSE: Case = Case {
    id: "disk",
    set_up,
    rows: &[
        Row {
            id: "disk",
            meaning: "'disk build' of a sparse disk of 4 GB with 550 MB in it, against sgdisk, mkfs.vfat \
                      and mcopy.",
            figure: Figure::Faster("sealboot", "sgdisk, mkfs.vfat, mcopy"),
            target: Target::AtLeast(4.0),
        },
        Row {
            id: "disk-repart",
            meaning: "The same against 'systemd-repart --offline=yes'.",
            figure: Figure::Faster("sealboot", "systemd-repart"),
            target: Target::AtLeast(2.0),
        },
    ],
};

/// Of the disk, in MiB.
const SIZE: u64 = 4096;

const REPART: &str = "[Partition]
Type=esp
Format=vfat
CopyFiles=/work/uki.in:/EFI/BOOT/BOOTX64.EFI
CopyFiles=/work/root.in:/sealboot/root.squashfs
SizeMinBytes=4000M
";

fn set_up(bench: &Bench) -> anyhow::Result<Vec<Contender>> {
    let inputs = [("uki.in", 150_000_000), ("root.in", 400_000_000)];
    for (name, size) in inputs {
        let made = bench.random(name, bench.scaled(size))?;
        fs::copy(made, bench.work.join(name))?;
        warm(&bench.work.join(name))?;
    }
    let (uki, root) = (bench.work.join("uki.in"), bench.work.join("root.in"));
    let (uki, root) = (text(&uki), text(&root));
    let (out, other) = (bench.work.join("ours.img"), bench.work.join("peer.img"));
    let build = words(&[
        &bench.sealboot,
        "disk",
        "build",
        &format!("{uki}=EFI/BOOT/BOOTX64.EFI"),
        &format!("{root}=sealboot/root.squashfs"),
        "--size",
        &SIZE.to_string(),
        "--output",
        &text(&out),
        "--quiet",
    ]);
    Ok(vec![
        ours("sealboot", Pipeline::new(vec![build], &[&out])),
        peer(bench, "sgdisk, mkfs.vfat, mcopy", &[DISK], || {
            let disk = text(&other);
            // In KiB: all but the first and the last MiB.
            let room = (SIZE - 2) * 1024;
            let step = shell(&format!(
                "truncate -s {SIZE}M '{disk}'\n\
                 sgdisk --new=1:2048:-1M --typecode=1:ef00 '{disk}'\n\
                 mkfs.vfat -F 32 --offset 2048 '{disk}' {room}\n\
                 mmd -i '{disk}@@1M' ::/EFI ::/EFI/BOOT ::/sealboot\n\
                 mcopy -i '{disk}@@1M' '{uki}' ::/EFI/BOOT/BOOTX64.EFI\n\
                 mcopy -i '{disk}@@1M' '{root}' ::/sealboot/root.squashfs"
            ));
            Ok(Pipeline::new(vec![step], &[&other]).synced())
        }),
        peer(bench, "systemd-repart", &[], || {
            let root = bench.tools_root()?;
            let definitions = bench.work.join("repart.d");
            fs::create_dir_all(&definitions)?;
            fs::write(definitions.join("esp.conf"), REPART)?;
            let size = format!("--size={SIZE}M");
            let words = ["systemd-repart", "--empty=create", "--offline=yes", &size];
            let more = [
                "--definitions=/work/repart.d",
                "--dry-run=no",
                "/work/peer.img",
            ];
            let step = inside(&root, &bench.work, &[&words[..], &more].concat());
            Ok(Pipeline::new(vec![step], &[&other]).synced())
        }),
    ])
}
