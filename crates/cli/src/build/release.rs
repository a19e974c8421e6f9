//! Images, manifest, initrd, UKI and disk: one signed release.

use std::fs::{self, File};
use std::path::Path;

use artifact::sbom::{self, Bill};
use artifact::uki;
use contract::manifest::{ImageName, Manifest};
use contract::out::{DISK, SBOM};
use contract::system::System;
use contract::{esp, out};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::parts::Parts;
use super::plan::Plan;
use super::staging::Staging;
use super::system::SystemParts;
use super::work::Work;
use super::{date, disk, images, initrd, policy};
use crate::artefact::uki::cannot_be_made;
use crate::exit::WithCode;
use crate::keys::OwnerKeys;
use crate::progress;

/// What came out.
#[derive(Debug, Serialize)]
pub struct Release {
    /// Its version.
    pub version: String,
    /// Its kernel.
    pub kernel: String,
    /// The names of its systems, when there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<String>,
    /// Its files.
    pub files: Vec<ReleaseFile>,
}

/// One file of the output folder.
#[derive(Debug, Serialize)]
pub struct ReleaseFile {
    /// Name in the output folder.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

/// Every file name that a release of systems with these names can have, and what an earlier release
/// with others left in the folder: what is not written of it is cleared.
pub fn possible_files(names: impl IntoIterator<Item = String>, folder: &Path) -> Vec<String> {
    let names: Vec<String> = names.into_iter().chain(systems_in(folder)).collect();
    let images = [ImageName::Modules, ImageName::Firmware, ImageName::Root];
    let stems = images.map(|image| image.as_str().to_owned());
    let of_image = |stem: &String| {
        [
            esp::image_file(stem),
            esp::root_hash_file(stem),
            esp::signature_file(stem),
        ]
    };
    let systems = names.iter().map(|name| Some(name.as_str()));
    let of_system = |system| {
        [
            out::uki(system),
            esp::manifest_file(system),
            esp::manifest_signature_file(system),
        ]
    };
    let others = [DISK, SBOM].map(str::to_owned);
    (stems.iter().chain(&names).flat_map(of_image))
        .chain(systems.chain([None]).flat_map(of_system))
        .chain(others)
        .collect()
}

/// The systems whose manifests are in a folder.
fn systems_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let manifests = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let name = name.strip_suffix(esp::MANIFEST_END)?;
        let manifest = Manifest::from_json(&fs::read(entry.path()).ok()?).ok()?;
        (manifest.system_name() == Some(name)).then(|| name.to_owned())
    });
    manifests.collect()
}

/// Makes every file of the release in the staging folder.
pub fn build(
    plan: &Plan,
    parts: Parts,
    keys: &OwnerKeys,
    staging: &mut Staging,
    work: &Work,
) -> anyhow::Result<Release> {
    let progress = work.progress;
    let mut shared = Vec::new();
    for (name, tree) in &parts.images {
        let image = (*name, name.as_str());
        shared.push(images::write(
            image, tree, plan, &parts, keys, staging, work,
        )?);
    }
    let names = parts
        .systems
        .iter()
        .filter_map(|system| system.name.clone());
    let names: Vec<String> = names.collect();
    let mut manifests = Vec::new();
    for system in &parts.systems {
        let image = (ImageName::Root, system.stem());
        let root = images::write(image, &system.root, plan, &parts, keys, staging, work)?;
        let manifest = Manifest {
            version: parts.version.clone(),
            system: system.name.clone().map(|name| System {
                name,
                all: names.clone(),
            }),
            kernel: parts.kernel.version.clone(),
            images: [&shared[..], &[root]].concat(),
            sources: system.sources.clone(),
        };
        let (json, own) = (manifest.to_json(), manifest.system_name());
        staging.write(&esp::manifest_file(own), &json)?;
        let signature = keys.sign_detached(&json)?;
        staging.write(&esp::manifest_signature_file(own), &signature)?;
        manifests.push(manifest);
    }

    staging.write(SBOM, &bill(plan, &parts, &manifests)?)?;

    for (system, manifest) in parts.systems.iter().zip(&manifests) {
        let of = |size: u64| match &system.name {
            None => progress::size(size),
            Some(name) => format!("{name}, {}", progress::size(size)),
        };
        let step = progress.step("initrd");
        let policy = policy::signed(system.execute, manifest, keys)?;
        let initrd = initrd::make(plan, &parts, system, manifest, policy.as_deref(), work)?;
        step.done(&of(initrd.len() as u64));

        let step = progress.step("UKI");
        let mut file = staging.create(&out::uki(manifest.system_name()))?;
        staging.flush(&file);
        let size = uki(plan, &parts, system, &initrd, keys, &mut file)?;
        step.done(&format!("{}, signed", of(size)));
    }

    let step = progress.step("disk");
    let disk = disk::plan(plan, &parts, &manifests, keys, staging)?;
    let (size, total) = (disk.disk_size(), disk.content_size());
    let file = staging.create(DISK)?;
    staging.flush(&file);
    disk.write(&file, &mut |done| step.bytes(done, total))?;
    let (size, total) = (progress::size(size), progress::size(total));
    step.done(&format!("{size}, {total} used"));

    Ok(Release {
        version: parts.version,
        kernel: parts.kernel.version,
        systems: names,
        files: staging.files()?,
    })
}

/// What is in it, beside it, for all systems together: nothing on the machine needs it.
fn bill(plan: &Plan, parts: &Parts, manifests: &[Manifest]) -> anyhow::Result<Vec<u8>> {
    let mut digest = Sha256::new();
    for manifest in manifests {
        digest.update(manifest.to_json());
    }
    Ok(sbom::spdx(&Bill {
        name: &format!("{} {}", plan.config.name, parts.version),
        digest: &images::hex(&digest.finalize()),
        created: &date::time(parts.epoch)?,
        parts: &parts.components,
    }))
}

/// Stub, kernel, initrd and command line as one signed file.
fn uki(
    plan: &Plan,
    parts: &Parts,
    system: &SystemParts,
    initrd: &[u8],
    keys: &OwnerKeys,
    file: &mut File,
) -> anyhow::Result<u64> {
    let config = &plan.config.uki;
    let sections = uki::Parts {
        os_release: &parts.os_release(&plan.config.name, system),
        cmdline: &system.command_line,
        uname: &parts.kernel.version,
        sbat: uki::DEFAULT_SBAT,
        ucode: parts.microcode.as_deref(),
        initrd: initrd.into(),
        linux: &parts.kernel.image,
    };
    let made = uki::write(&parts.stub, &sections, Some(keys.db()), file, &mut |_| {
        Ok(())
    });
    made.map_err(|error| {
        let file = plan.out.join(out::uki(system.name.as_deref()));
        let (stub, kernel) = (&config.stub_path, &parts.kernel.image_path);
        cannot_be_made(error, &file, stub, kernel)
    })
    .input_code()
}
