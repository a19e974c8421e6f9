//! What sealboot is compared with, and how it is had: from Debian's archive, by name.

use std::path::Path;

use super::measure::Pipeline;
use super::{Bench, Contender};
use crate::tools::{self, Row};

/// What every run needs.
pub const ALWAYS: &[Row] = &[("time", "time"), ("sync", "coreutils")];

/// To make roots: inputs, and tools of other releases or that cannot be installed together.
pub const ROOTS: &[Row] = &[
    ("mmdebstrap", "mmdebstrap"),
    (
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "debian-archive-keyring",
    ),
];

pub const MKSQUASHFS: &[Row] = &[("mksquashfs", "squashfs-tools")];
pub const TAR2SQFS: &[Row] = &[("tar2sqfs", "squashfs-tools-ng")];
pub const VERITYSETUP: &[Row] = &[("veritysetup", "cryptsetup-bin")];
pub const UMOCI: &[Row] = &[("umoci", "umoci")];
pub const SBSIGN: &[Row] = &[("sbsign", "sbsigntool")];
pub const DISK: &[Row] = &[
    ("sgdisk", "gdisk"),
    ("mkfs.vfat", "dosfstools"),
    ("mcopy", "mtools"),
];
pub const OPENSSL: &[Row] = &[("openssl", "openssl")];

/// All of them.
const ALL: [&[Row]; 7] = [
    MKSQUASHFS,
    TAR2SQFS,
    VERITYSETUP,
    UMOCI,
    SBSIGN,
    DISK,
    OPENSSL,
];

/// The packages of all peers that are installed here.
pub fn packages() -> Vec<&'static str> {
    let rows = ALL.iter().flat_map(|rows| rows.iter());
    rows.map(|(_, package)| *package).collect()
}

/// sealboot.
pub fn ours(name: &'static str, pipeline: Pipeline) -> Contender {
    Contender {
        name,
        pipeline: Ok(pipeline),
    }
}

/// A peer and the programs it needs. What cannot be had is said, and the others go on.
pub fn peer(
    bench: &Bench,
    name: &'static str,
    needs: &[&[Row]],
    make: impl FnOnce() -> anyhow::Result<Pipeline>,
) -> Contender {
    let ready = match bench.against {
        true => tools::install(&needs.concat()),
        false => Err(anyhow::anyhow!("only --against peers compares")),
    };
    Contender {
        name,
        pipeline: ready.and_then(|()| make()),
    }
}

/// Words of a command line.
pub fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

/// A line for the shell: pipes and redirections.
pub fn shell(line: &str) -> Vec<String> {
    words(&["sh", "-ec", line])
}

/// A path as a word.
pub fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Mounts in a namespace of its own: nothing of it is left.
const ENTER: &str = "mount -t proc proc \"$1/proc\"
mount --rbind /dev \"$1/dev\"
mount --rbind /sys \"$1/sys\"
mkdir -p \"$1/work\"
mount --bind \"$2\" \"$1/work\"
root=$1
shift 2
exec chroot \"$root\" \"$@\"";

/// A program of a root of its own; it sees `work` at `/work`.
pub fn inside(root: &Path, work: &Path, list: &[&str]) -> Vec<String> {
    let enter = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-ec",
        ENTER,
        "sh",
    ];
    let mut whole = words(&enter);
    whole.extend([text(root), text(work)]);
    whole.extend(words(list));
    whole
}
