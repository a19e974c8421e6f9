//! From the kernel's start of the initrd to the root's PID 1, in QEMU without KVM.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::measure::{Pipeline, measure};
use crate::bench::peers::{inside, ours, peer, shell, text, words};
use crate::bench::row::{Figure, Row, Target};
use crate::bench::{Bench, Contender};
use crate::process;
use crate::tools;

use super::Case;
use super::whole::{Release, ours_build};

/// A row.
const fn row(id: &'static str, ours: &'static str, peer: &'static str, target: f64) -> Row {
    Row {
        id,
        meaning: "Time from the kernel's start of the initrd to the root's PID 1, in QEMU without KVM, the same \
                  kernel and root. sealboot checks images on the way; 'as read' leaves it to dm-verity to \
                  check blocks when they are read, as its peers' ext4 checks nothing before that.",
        figure: Figure::Faster(ours, peer),
        target: Target::AtLeast(target),
    }
}

const AS_READ: &str = "sealboot, as read";

pub const BOOT: Case = Case {
    id: "boot",
    set_up,
    rows: &[
        row("boot-mkinitramfs", "sealboot", "mkinitramfs", 4.0),
        row("boot-dracut", "sealboot", "dracut", 10.0),
        row("boot-mkinitramfs-as-read", AS_READ, "mkinitramfs", 4.0),
        row("boot-dracut-as-read", AS_READ, "dracut", 10.0),
    ],
};

/// The root's PID 1: says that it is there, and restarts the machine.
const INIT: &str = "#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>
int main(void) {
    static const char here[] = \"the root is here\\n\";
    int log = open(\"/dev/kmsg\", O_WRONLY);
    if (log < 0 && !mount(\"dev\", \"/dev\", \"devtmpfs\", 0, 0)) log = open(\"/dev/kmsg\", O_WRONLY);
    write(log, here, strlen(here));
    return reboot(RB_AUTOBOOT);
}
";

/// Seconds between two lines of a kernel log.
const BETWEEN: &str = "tr -d '\\r' < console | sed -n \\
    -e 's/^\\[ *\\([0-9.]*\\)\\] Run \\/init as init process.*/\\1/p' \\
    -e 's/^\\[ *\\([0-9.]*\\)\\] the root is here.*/\\1/p' |
    tr '\\n' ' ' | awk 'NF == 2 { print $2 - $1; found = 1 } END { exit !found }' > seconds";

/// A shell line that starts a machine, whose console is in `console` then.
fn boots(bench: &Bench, line: &str) -> Pipeline {
    let whole = Pipeline::new(vec![shell(&format!("{line}\n{BETWEEN}"))], &[]);
    whole.timed_by(&bench.work.join("seconds"))
}

fn set_up(bench: &Bench) -> anyhow::Result<Vec<Contender>> {
    let (kernel, version) = bench.kernel()?;
    tools::install(&[
        ("qemu-system-x86_64", "qemu-system-x86"),
        ("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "ovmf"),
        ("mkfs.ext4", "e2fsprogs"),
        ("cc", "gcc"),
    ])?;
    let root = root(&bench.work)?;
    let disk = |name: &str, check: &str| -> anyhow::Result<PathBuf> {
        let release = Release {
            root: format!("{{ directory = '{}' }}", text(&root)),
            level: Some(1),
            check: Some(check.to_owned()),
            command_line: Some("console=ttyS0".to_owned()),
        };
        measure(&ours_build(bench, name, &release)?, &bench.work)?;
        let disk = bench.work.join(format!("{name}.img"));
        fs::rename(bench.work.join("out/disk.img"), &disk)?;
        Ok(disk)
    };
    let keys = text(&bench.keys()?);
    let run = |disk: &Path| {
        let (sealboot, disk) = (&bench.sealboot, text(disk));
        let line = format!(
            "rm -f console\n'{sealboot}' run '{disk}' --keys '{keys}' --no-kvm --memory 2048 --smp 2 \
             --no-screen --network none --serial-log console --expect 'the root is here'"
        );
        boots(bench, &line)
    };
    let (full, as_read) = (disk("full", "full")?, disk("as-read", "as-read")?);
    let linux = text(&kernel.join(format!("boot/vmlinuz-{version}")));
    let contender = |name: &'static str, root_of: fn(&Bench) -> anyhow::Result<PathBuf>| {
        let initrd = format!("boot-{name}.initrd");
        let (version, linux, root) = (version.clone(), linux.clone(), root.clone());
        peer(bench, name, &[], move || {
            let made = format!("/work/{initrd}");
            let make = match name {
                "dracut" => words(&[
                    "dracut",
                    "--no-hostonly",
                    "--force",
                    "--kver",
                    &version,
                    &made,
                ]),
                _ => words(&["mkinitramfs", "-o", &made, &version]),
            };
            let make: Vec<&str> = make.iter().map(String::as_str).collect();
            measure(&inside(&root_of(bench)?, &bench.work, &make), &bench.work)?;
            let ext4 = text(&bench.work.join("boot.ext4"));
            let make = format!(
                "rm -f '{ext4}'; truncate -s 64M '{ext4}'; mkfs.ext4 -q -d '{}' '{ext4}'",
                text(&root)
            );
            measure(&shell(&make), &bench.work)?;
            Ok(boots(
                bench,
                &format!(
                    "qemu-system-x86_64 -nodefaults -machine q35 -accel tcg,thread=single -cpu max \
                     -m 2048 -smp 2 -device virtio-rng-pci -display none -serial stdio -no-reboot \
                     -drive file='{ext4}',format=raw,if=virtio,snapshot=on \
                     -kernel '{linux}' -initrd '{initrd}' \
                     -append 'console=ttyS0 root=/dev/vda ro' > console < /dev/null"
                ),
            ))
        })
    };
    Ok(vec![
        ours("sealboot", run(&full)),
        ours(AS_READ, run(&as_read)),
        contender("dracut", Bench::dracut_root),
        contender("mkinitramfs", Bench::initramfs_root),
    ])
}

/// A root with nothing but PID 1 in it.
fn root(work: &Path) -> anyhow::Result<PathBuf> {
    let root = work.join("boot-root");
    for folder in ["sbin", "dev", "proc", "sys", "run", "tmp", "usr/lib"] {
        fs::create_dir_all(root.join(folder))?;
    }
    let source = work.join("init.c");
    fs::write(&source, INIT)?;
    let mut compile = Command::new("cc");
    compile.args(["-static", "-O2", "-w", "-o"]);
    process::run(compile.arg(root.join("sbin/init")).arg(source))?;
    Ok(root)
}
