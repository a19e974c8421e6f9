//! A whole release, and building it again.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::bench::inputs::{fill, warm};
use crate::bench::measure::{Pipeline, measure, remove};
use crate::bench::peers::{
    DISK, MKSQUASHFS, OPENSSL, UMOCI, VERITYSETUP, inside, ours, peer, shell, text, words,
};
use crate::bench::row::{Figure, Row, Target};
use crate::bench::{Bench, Contender};

use super::Case;
use super::container::{hash, unpack};
use super::squashfs::mksquashfs;
use super::uki::{STUB, ukify};

/// What peers are called, all of them together.
const PEERS: &str = "peers";

pub const BUILD: Case = Case {
    id: "build",
    set_up: build,
    rows: &[
        Row {
            id: "build",
            meaning: "'sealboot build' of an OCI archive (1.3 GB) and Debian's kernel at its defaults, \
                      nothing kept from before, against umoci, mksquashfs (zstd), veritysetup, openssl, \
                      mkinitramfs, ukify, sbsign, sgdisk, mkfs.vfat and mcopy at theirs.",
            figure: Figure::Faster("sealboot", PEERS),
            target: Target::AtLeast(5.0),
        },
        Row {
            id: "build-size",
            meaning: "Sizes of the images of these.",
            figure: Figure::Smaller("sealboot", PEERS),
            target: Target::AtMost(1.08),
        },
    ],
};

pub const REBUILD_FILE: Case = Case {
    id: "rebuild-file",
    set_up: rebuild_file,
    rows: &[Row {
        id: "rebuild-file",
        meaning: "The same once more after a file of 1 MB in the root has changed.",
        figure: Figure::Faster("sealboot", PEERS),
        target: Target::AtLeast(20.0),
    }],
};

pub const REBUILD_LINE: Case = Case {
    id: "rebuild-line",
    set_up: rebuild_line,
    rows: &[Row {
        id: "rebuild-line",
        meaning: "The same once more after the kernel's command line has changed, without the time that \
                  writing the disk image takes (dd).",
        figure: Figure::Beyond("sealboot", "dd"),
        target: Target::AtMost(1.5),
    }],
};

/// What a `sealboot.toml` says.
#[derive(Clone, Default)]
pub struct Release {
    /// Sources of the root.
    pub root: String,
    /// zstd level, unless it is the default.
    pub level: Option<u8>,
    /// How much init verifies, unless it is the default.
    pub check: Option<String>,
    /// Beyond what is there anyway.
    pub command_line: Option<String>,
}

impl Release {
    fn write(&self, file: &Path, kernel: &Path, stub: &Path) -> anyhow::Result<()> {
        let mut toml = format!(
            "version = '1'\n[kernel]\nsource = [{{ directory = '{}' }}]\n[firmware]\nsource = []\n\
             [root]\nsource = [{}]\n[uki]\nstub = [{{ directory = '{}' }}]\n\
             stub_path = 'linuxx64.efi.stub'\n",
            text(kernel),
            self.root,
            text(stub)
        );
        if let Some(line) = &self.command_line {
            writeln!(toml, "command_line = '{line}'")?;
        }
        writeln!(toml, "[image]")?;
        if let Some(level) = self.level {
            writeln!(toml, "level = {level}")?;
        }
        if let Some(check) = &self.check {
            writeln!(toml, "check = '{check}'")?;
        }
        Ok(fs::write(file, toml)?)
    }
}

/// `sealboot build` of a release, into `out`; its configuration is `<name>.toml`.
pub fn ours_build(bench: &Bench, name: &str, release: &Release) -> anyhow::Result<Vec<String>> {
    let (kernel, stub) = (bench.kernel()?.0, stub(bench)?);
    let config = bench.work.join(format!("{name}.toml"));
    release.write(&config, &kernel, &stub)?;
    Ok(words(&[
        &bench.sealboot,
        "build",
        "--config",
        &text(&config),
        "--keys",
        &text(&bench.keys()?),
        "--out",
        &text(&bench.work.join("out")),
        "--cache",
        &text(&bench.work.join("cache")),
        "--quiet",
    ]))
}

/// A folder with systemd-stub.
fn stub(bench: &Bench) -> anyhow::Result<PathBuf> {
    let folder = bench.work.join("stub");
    fs::create_dir_all(&folder)?;
    fs::copy(
        bench.tools_root()?.join(STUB),
        folder.join("linuxx64.efi.stub"),
    )?;
    Ok(folder)
}

fn from_container(archive: &Path) -> Release {
    Release {
        root: format!("{{ image = 'oci-archive:{}' }}", text(archive)),
        ..Release::default()
    }
}

fn build(bench: &Bench) -> anyhow::Result<Vec<Contender>> {
    let archive = bench.container()?;
    warm(&archive)?;
    let build = ours_build(bench, "build", &from_container(&archive))?;
    let (out, cache) = (bench.work.join("out"), bench.work.join("cache"));
    let images = [out.join("root.squashfs"), out.join("modules.squashfs")];
    let images: Vec<&Path> = images.iter().map(PathBuf::as_path).collect();
    let cold = Pipeline::new(vec![build], &images);
    let cold = cold.after(move |_| remove(&out).and_then(|()| remove(&cache)));
    Ok(vec![ours("sealboot", cold), peers(bench, &archive, None)])
}

fn rebuild_file(bench: &Bench) -> anyhow::Result<Vec<Contender>> {
    let archive = bench.container()?;
    warm(&archive)?;
    let changed = bench.work.join("changed");
    fs::create_dir_all(changed.join("opt"))?;
    let change = |folder: PathBuf| {
        move |run: usize| {
            // The numbers follow from the name.
            let other = folder.join(format!("run-{run}"));
            fill(&other, 1_000_000, 0xff)?;
            fs::rename(&other, folder.join("opt/changed"))?;
            anyhow::Ok(())
        }
    };
    let mut release = from_container(&archive);
    let _ = write!(release.root, ", {{ directory = '{}' }}", text(&changed));
    let build = ours_build(bench, "changed", &release)?;
    change(changed.clone())(usize::MAX)?;
    measure(&build, &bench.work)?;
    let again = Pipeline::new(vec![build], &[]).after(change(changed.clone()));
    Ok(vec![
        ours("sealboot", again),
        peers(bench, &archive, Some(&changed)),
    ])
}

fn rebuild_line(bench: &Bench) -> anyhow::Result<Vec<Contender>> {
    let archive = bench.container()?;
    warm(&archive)?;
    let (kernel, stub) = (bench.kernel()?.0, stub(bench)?);
    let release = from_container(&archive);
    let build = ours_build(bench, "line", &release)?;
    measure(&build, &bench.work)?;
    let config = bench.work.join("line.toml");
    let change = move |run: usize| {
        let line = Some(format!("console=tty0 run={run}"));
        let release = Release {
            command_line: line,
            ..release.clone()
        };
        release.write(&config, &kernel, &stub)
    };
    let (disk, copy) = (bench.work.join("out/disk.img"), bench.work.join("copy.img"));
    let (from, to) = (format!("if={}", text(&disk)), format!("of={}", text(&copy)));
    let dd = words(&["dd", &from, &to, "bs=1M", "conv=fsync", "status=none"]);
    Ok(vec![
        ours("sealboot", Pipeline::new(vec![build], &[]).after(change)),
        ours("dd", Pipeline::new(vec![dd], &[&copy])),
    ])
}

/// The same release by everybody's tools, each at its defaults; `changed` is laid over the root.
fn peers(bench: &Bench, archive: &Path, changed: Option<&Path>) -> Contender {
    let needs = [UMOCI, MKSQUASHFS, VERITYSETUP, OPENSSL, DISK];
    peer(bench, PEERS, &needs, || {
        let (kernel, version) = bench.kernel()?;
        let (keys, tools) = (bench.keys()?, bench.tools_root()?);
        let work = |name: &str| bench.work.join(name);
        let linux = kernel.join(format!("boot/vmlinuz-{version}"));
        for (from, to) in [
            (&linux, "linux.in"),
            (&tools.join(STUB), "stub.in"),
            (&keys.join("db.key"), "db.key"),
            (&keys.join("db.crt"), "db.crt"),
        ] {
            fs::copy(from, work(to))?;
        }
        let (layout, bundle) = (work("layout"), work("bundle"));
        let images = [work("peer-root.squashfs"), work("peer-modules.squashfs")];
        let [root, modules] = images.each_ref().map(|path| text(path));
        let rootfs = format!("{}/rootfs", text(&bundle));
        let mut steps = unpack(&text(archive), &text(&layout), &text(&bundle));
        if let Some(changed) = changed {
            let from = format!("{}/.", text(changed));
            steps.push(words(&["cp", "-a", &from, &rootfs]));
        }
        steps.push(mksquashfs(&rootfs, &root, None));
        steps.push(mksquashfs(
            &text(&kernel.join("usr/lib/modules")),
            &modules,
            None,
        ));
        for image in [&root, &modules] {
            steps.push(hash(image));
            let sign =
                "openssl smime -sign -binary -noattr -outform der -signer db.crt -inkey db.key";
            steps.push(shell(&format!(
                "{sign} -in '{image}.roothash' -out '{image}.roothash.p7s'"
            )));
        }
        let initramfs = bench.initramfs_root()?;
        let make = ["mkinitramfs", "-o", "/work/peer.initrd", &version];
        steps.push(inside(&initramfs, &bench.work, &make));
        steps.extend(ukify(bench, &tools, "/work/peer.initrd", "/work/peer.efi"));
        steps.push(shell(&format!(
            "size=$(($(stat -c %s '{root}' '{modules}' peer.efi | paste -sd+) + (24 << 20)))\n\
             mib=$((size >> 20)) disk=peer.img\n\
             truncate -s \"${{mib}}M\" \"$disk\"\n\
             sgdisk --new=1:2048:-1M --typecode=1:ef00 \"$disk\"\n\
             mkfs.vfat -F 32 --offset 2048 \"$disk\" $(((mib - 2) * 1024))\n\
             mmd -i \"$disk@@1M\" ::/EFI ::/EFI/BOOT ::/sealboot\n\
             mcopy -i \"$disk@@1M\" peer.efi ::/EFI/BOOT/BOOTX64.EFI\n\
             mcopy -i \"$disk@@1M\" '{root}'* '{modules}'* ::/sealboot/\n\
             sync \"$disk\""
        )));
        let images: Vec<&Path> = images.iter().map(PathBuf::as_path).collect();
        let leftovers = [layout, bundle, work("peer.img")];
        let change = changed.map(Path::to_owned);
        let whole = Pipeline::new(steps, &images).synced();
        Ok(whole.after(move |run| {
            if let Some(folder) = &change {
                fill(
                    &folder.join("opt/changed"),
                    1_000_000,
                    0xff - (run % 2) as u8,
                )?;
            }
            leftovers.iter().try_for_each(|path| remove(path))
        }))
    })
}
