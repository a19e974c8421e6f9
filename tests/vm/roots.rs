//! Any root over Debian 13's kernel: other distributions, and an image that is one program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::boot;
use crate::release::{self, AS_READ, scratch, succeed};

/// What getty asks.
const LOGIN: &str = "login:";

/// What Alpine's root says when it is up.
pub const ALPINE_LOGIN: &[&str] = &["Welcome to Alpine Linux 3.20", LOGIN];

/// busybox's init starts a getty: there is no OpenRC to do so.
pub const INITTAB: &str = "ttyS0::respawn:/sbin/getty -L 115200 ttyS0 vt100";

/// What the program says.
pub const PROGRAM_WORDS: &[&str] =
    &["hello from the image, on the machine: process 1, user 1000, group 100, in /srv/data"];

/// The program speaks to the console that is named last.
pub const PROGRAM_LINE: &str = "console=tty0 console=ttyS0,115200 panic=30 oops=panic";

/// systemd needs no help: its generator finds the console that the command line names. What a
/// container image has no reason to have is a name for the machine.
#[test]
fn debian_13_with_systemd() {
    systemd("trixie", "Debian GNU/Linux 13 sealed ttyS0");
}

#[test]
fn debian_12_with_systemd() {
    systemd("bookworm", "Debian GNU/Linux 12 sealed ttyS0");
}

fn systemd(suite: &str, banner: &str) {
    let folder = scratch(&format!("root-{suite}"));
    let image = image(&folder, &tests::debian_root(suite), &[]);
    let release = release::build(
        &format!("release-{suite}"),
        &format!(
            "[root]\nsource = [{{ image = '{image}' }}]\nmode = 'overlay'\n\
             [[root.add]]\npath = '/etc/hostname'\ncontent = 'sealed'\n\
             [firmware]\nsource = []\n{AS_READ}"
        ),
    );
    let seen = boot(&release, &release.out.join("disk.img"), &[banner, LOGIN]);
    seen.must(seen.met, "no login prompt");
}

/// Alpine's smallest root has busybox's init, and expects OpenRC, which it does not have: its
/// inittab is replaced. It stays read-only.
#[test]
fn alpine_with_busybox() {
    let Some(image) = alpine("root-alpine") else {
        return;
    };
    let release = release::build(
        "release-alpine",
        &format!(
            "[root]\nsource = [{{ image = '{image}' }}]\n\
             [[root.add]]\npath = '/etc/inittab'\ncontent = '{INITTAB}'\n\
             [firmware]\nsource = []\n{AS_READ}"
        ),
    );
    let seen = boot(&release, &release.out.join("disk.img"), ALPINE_LOGIN);
    seen.must(seen.met, "no login prompt");
}

/// Nothing but a program, and an image that says how it is started. It speaks to the console that the
/// command line names last.
#[test]
fn one_program() {
    let image = program("root-program");
    let release = release::build(
        "release-program",
        &format!(
            "[root]\nsource = [{{ image = '{image}' }}]\n\
             [uki]\ncommand_line = '{PROGRAM_LINE}'\n\
             [firmware]\nsource = []\n{AS_READ}"
        ),
    );
    let seen = boot(&release, &release.out.join("disk.img"), PROGRAM_WORDS);
    seen.must(seen.met, "the program did not say what it was told to");
}

/// Alpine's mini root filesystem as an image; nothing where it is not at hand.
pub fn alpine(name: &str) -> Option<String> {
    let root = tests::shared_data("alpine-minirootfs-3.20.3-x86_64.tar.gz")?;
    let folder = scratch(name);
    // umoci compresses it once more.
    let tar = folder.join("root.tar");
    let mut unpack = Command::new("gzip");
    let plain = tests::stdout("gzip", unpack.arg("-dc").arg(&root));
    fs::write(&tar, plain).unwrap();
    Some(image(&folder, &tar, &[]))
}

/// The image of one program.
pub fn program(name: &str) -> String {
    let folder = scratch(name);
    let root = folder.join("root");
    fs::create_dir_all(root.join("opt")).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("vm/program.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-static", "-O1", "-Wall", "-Werror", "-o"]);
    tests::stdout("gcc", compiler.arg(root.join("opt/serve")).arg(source));
    fs::set_permissions(root.join("opt/serve"), fs::Permissions::from_mode(0o755)).unwrap();
    let tar = folder.join("root.tar");
    let mut pack = Command::new("tar");
    succeed(pack.arg("-cf").arg(&tar).arg("-C").arg(&root).arg("."));
    let config = [
        "--config.entrypoint=serve",
        "--config.cmd=--greeting",
        "--config.cmd=hello from the image",
        "--config.env=PATH=/opt",
        "--config.env=WHERE=on the machine",
        "--config.workingdir=/srv/data",
        "--config.user=1000:100",
    ];
    image(&folder, &tar, &config)
}

/// An image of one layer in an OCI layout, made by umoci, as sealboot's configuration names it.
fn image(folder: &Path, tar: &Path, config: &[&str]) -> String {
    let layout: PathBuf = folder.join("layout");
    let name = format!("{}:root", layout.display());
    let umoci = |words: &[&str]| {
        let mut umoci = Command::new("umoci");
        tests::stdout("umoci", umoci.args(words));
    };
    umoci(&["init", "--layout", layout.to_str().unwrap()]);
    umoci(&["new", "--image", &name]);
    umoci(&["raw", "add-layer", "--image", &name, tar.to_str().unwrap()]);
    if !config.is_empty() {
        umoci(&[&["config", "--image", &name], config].concat());
    }
    format!("oci:{name}")
}
