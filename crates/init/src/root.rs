//! Step 8: one file system out of the images.

use std::path::{Path, PathBuf};

use contract::boot;
use contract::manifest::ImageName;
use contract::root as places;
use linux::mount::{Flags, READ_ONLY_DATA};
use linux::rooted::{self, Place};

use crate::failure::Failure;
use crate::images::Mapped;
use crate::machine::Machine;
use crate::release::Release;

/// Where the new root is put together.
const ROOT: &str = "/sysroot";

/// What the root image is mounted at when it is the lower layer of an overlay.
const LOWER: &str = "/run/sealboot/root";

/// Memory for an overlay's changes.
const CHANGES: &str = "/run/sealboot/changes";

/// The new root.
pub(crate) struct Root {
    /// Where it is mounted.
    pub(crate) path: PathBuf,
    overlay: bool,
}

/// Mounts root, then the images that belong inside it.
pub(crate) fn assemble(
    machine: &Machine,
    release: &Release,
    images: &[Mapped],
) -> Result<Root, Failure> {
    let Some(image) = images.iter().find(|image| image.name == ImageName::Root) else {
        return Err(Failure::new(
            "the release has no root image",
            "build the release again",
        ));
    };
    machine.step("mounting root");
    let root = Root {
        path: machine.path(ROOT),
        overlay: release.boot.root == boot::Root::Overlay,
    };
    if root.overlay {
        mount_image(machine, image, &machine.path(LOWER), Flags::RDONLY)?;
        mount_overlay(machine, &root.path)?;
    } else {
        mount_image(machine, image, &root.path, Flags::RDONLY)?;
    }
    for image in images {
        let inside = match image.name {
            ImageName::Root => continue,
            ImageName::Modules => places::modules(&release.manifest.kernel),
            ImageName::Firmware => places::FIRMWARE.to_owned(),
        };
        machine.step(format!("mounting {} at {inside}", image.name));
        let place = root.place(&inside)?;
        mount_image(machine, image, &place.path(), READ_ONLY_DATA)?;
    }
    Ok(root)
}

impl Root {
    /// The directory `inside` the root to mount at: made when missing and the root is an overlay.
    pub(crate) fn place(&self, inside: &str) -> Result<Place, Failure> {
        let found = match self.overlay {
            true => rooted::make_directory(&self.path, Path::new(inside)).map(Some),
            false => rooted::find(&self.path, Path::new(inside)),
        };
        let next = "build root with sealboot, which makes the folders that images are mounted at";
        match found {
            Ok(Some(place)) if place.is_directory() => Ok(place),
            Ok(_) => Err(Failure::new(
                format!("the root image has no folder {inside}"),
                next,
            )),
            Err(error) => Err(Failure::new(
                format!("the root image's {inside} cannot be used"),
                next,
            )
            .because(&error)),
        }
    }
}

fn mount_image(
    machine: &Machine,
    image: &Mapped,
    target: &Path,
    flags: Flags,
) -> Result<(), Failure> {
    if target.starts_with(machine.path("/")) && !target.starts_with("/proc/self") {
        make(machine, target)?;
    }
    machine.system.mount(&image.device, target, "squashfs", flags, "").map_err(|error| {
        let what = format!("the image of {} cannot be mounted: its content does not match its hash, or is no squashfs", image.name);
        Failure::new(what, "write the release to this disk again").because(&error)
    })
}

/// An overlay at `target`: the root image under a layer in memory.
fn mount_overlay(machine: &Machine, target: &Path) -> Result<(), Failure> {
    let changes = machine.path(CHANGES);
    make(machine, &changes)?;
    let trouble = |error: linux::Error| {
        Failure::new(
            "memory cannot be laid over the root image",
            "check the machine's memory",
        )
        .because(&error)
    };
    machine
        .system
        .mount("tmpfs", &changes, "tmpfs", Flags::empty(), "mode=0755")
        .map_err(trouble)?;
    let (upper, work) = (changes.join("upper"), changes.join("work"));
    make(machine, &upper)?;
    make(machine, &work)?;
    make(machine, target)?;
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        machine.path(LOWER).display(),
        upper.display(),
        work.display()
    );
    machine
        .system
        .mount("overlay", target, "overlay", Flags::empty(), &options)
        .map_err(trouble)
}

fn make(machine: &Machine, folder: &Path) -> Result<(), Failure> {
    machine.system.make_directory(folder).map_err(|error| {
        let what = format!("{} cannot be made", machine.name(folder));
        Failure::new(what, "check the machine's memory").because(&error)
    })
}
