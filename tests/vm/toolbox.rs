//! The toolbox: a container image that needs nothing else to build releases, and that is the recovery
//! of what it builds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::boots::SCREEN;
use crate::live::Live;
use crate::machine::boot;
use crate::release::{self, AS_READ, Release, downloads, scratch, sealboot, succeed};

/// A toolbox over Alpine's smallest root, as an image and unpacked, and the release that its
/// configuration describes.
struct Toolbox {
    layout: PathBuf,
    root: PathBuf,
    outside: Release,
}

fn toolbox() -> Option<&'static Toolbox> {
    static TOOLBOX: OnceLock<Option<Toolbox>> = OnceLock::new();
    let make = || {
        let base = tests::shared_data("alpine-minirootfs-3.20.3-x86_64.tar.gz")?;
        let config = format!(
            "[toolbox]\nbase = [{{ tar = '{}' }}]\n\
             [recovery]\nsource = [{{ toolbox = true }}]\nnetwork = 'none'\n\
             [firmware]\nsource = [{{ debian = ['firmware-linux-free'] }}]\n\
             {AS_READ}",
            base.canonicalize().unwrap().display()
        );
        let outside = release::build("toolbox-outside", &config);
        let folder = scratch("toolbox");
        let layout = folder.join("layout");
        fs::write(folder.join("sealboot.toml"), config).unwrap();
        let mut build = sealboot();
        build
            .args(["oci", "build"])
            .arg(format!("oci:{}:1", layout.display()));
        build.arg("--cache").arg(downloads()).current_dir(&folder);
        succeed(&mut build);
        let bundle = folder.join("bundle");
        let image = format!("{}:1", layout.display());
        let mut umoci = Command::new("umoci");
        tests::stdout(
            "umoci",
            umoci.args(["unpack", "--image", &image]).arg(&bundle),
        );
        let root = bundle.join("rootfs");
        Some(Toolbox {
            layout,
            root,
            outside,
        })
    };
    TOOLBOX.get_or_init(make).as_ref()
}

/// What a container runtime does, with less around it: a root, no network, an ordinary user.
fn inside(root: &Path, command: &str) -> String {
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "--mount", "--pid", "--fork", "sh", "-c"]);
    unshare.arg(
        "mount -t proc proc \"$0/proc\" && \
         exec chroot --userspec=65534:65534 \"$0\" /usr/bin/env -i PATH=/usr/bin:/bin sh -ec \"$1\"",
    );
    succeed(unshare.arg(root).arg(command))
}

#[test]
fn what_is_built_inside_is_what_is_built_outside() {
    let Some(toolbox) = toolbox() else { return };
    // The image says where: its folder for work, which is anybody's.
    let keys = toolbox.root.join("work/keys");
    succeed(
        Command::new("cp")
            .arg("-r")
            .arg(&toolbox.outside.keys)
            .arg(&keys),
    );
    succeed(Command::new("chown").args(["-R", "65534:65534"]).arg(&keys));
    let said = inside(&toolbox.root, "cd /work; id -u; sealboot build");
    assert_eq!(said.lines().next(), Some("65534"));
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        // Nobody has a home folder inside: finished work is kept beside what came of it.
        let mut names: Vec<_> = names.filter(|name| name != "cache").collect();
        names.sort();
        names
    };
    let built = toolbox.root.join("work/out");
    assert_eq!(names(&built), names(&toolbox.outside.out));
    for name in names(&built) {
        let (inside, outside) = (built.join(&name), toolbox.outside.out.join(&name));
        let same = fs::read(inside).unwrap() == fs::read(outside).unwrap();
        assert!(same, "{} is another one inside", name.display());
    }
}

/// The same bytes as an image, and what others make of it.
#[test]
fn the_image_is_reproducible_and_others_take_it() {
    let Some(toolbox) = toolbox() else { return };
    let folder = scratch("toolbox-again");
    let from = toolbox.layout.parent().unwrap().join("sealboot.toml");
    let mut build = sealboot();
    build
        .args(["oci", "build", "oci:again:1", "--config"])
        .arg(from);
    build.arg("--cache").arg(downloads()).current_dir(&folder);
    succeed(&mut build);
    let index = |layout: &Path| fs::read(layout.join("index.json")).unwrap();
    assert_eq!(index(&folder.join("again")), index(&toolbox.layout));

    let image = format!("oci:{}:1", toolbox.layout.display());
    let mut copy = Command::new("skopeo");
    let copied = format!("oci:{}:1", folder.join("copied").display());
    tests::stdout("skopeo", copy.args(["copy", &image, &copied]));
    let mut inspect = Command::new("skopeo");
    let seen = tests::stdout("skopeo", inspect.args(["inspect", "--config", &copied]));
    let seen: serde_json::Value = serde_json::from_slice(&seen).unwrap();
    assert_eq!(seen["config"]["Entrypoint"][0], "/usr/bin/sealboot");
    assert_eq!(seen["config"]["WorkingDir"], "/work");
}

/// The image as any other container image is taken: as a root it is the recovery once more.
#[test]
fn the_image_is_a_root_that_boots_as_the_recovery() {
    let Some(toolbox) = toolbox() else { return };
    let image = toolbox.layout.display();
    let release = release::build(
        "toolbox-root",
        &format!(
            "[root]\nsource = [{{ image = 'oci:{image}:1' }}]\n\
             [firmware]\nsource = [{{ debian = ['firmware-linux-free'] }}]\n\
             {AS_READ}"
        ),
    );
    let seen = boot(
        &release,
        &release.out.join("disk.img"),
        &["sealboot recovery", SCREEN],
    );
    seen.must(seen.met, "the first screen did not come");
}

/// What was built with the toolbox boots, and its recovery builds the same images once more, of
/// nothing but what is on its disk.
#[test]
fn the_recovery_of_a_release_builds_its_images_again() {
    let Some(toolbox) = toolbox() else { return };
    let mut machine = Live::start(&toolbox.outside, "toolbox-boot");
    machine.wait_for(SCREEN);
    machine.type_text(
        "cd /tmp && sealboot keys create --no-passphrase && sealboot build && \
         grep . out/*.roothash /dev/null && echo built $((6*7))\r",
    );
    machine.wait_for("built 42");
    for image in ["modules", "firmware", "root"] {
        let hash = fs::read_to_string(toolbox.outside.out.join(format!("{image}.roothash")));
        let line = format!("out/{image}.roothash:{}", hash.unwrap());
        machine.must(machine.serial().contains(&line), "another root hash");
    }
}
