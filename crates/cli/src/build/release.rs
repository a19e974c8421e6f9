//! Images, manifest, initrd, UKI and disk: one signed release.

use std::collections::BTreeMap;

use anyhow::Context;
use artifact::initrd::{Initrd, InitrdParts};
use artifact::sbom::{self, Bill};
use artifact::uki;
use contract::boot::{Boot, RootHashSignatures};
use contract::esp;
use contract::manifest::{ImageName, Manifest};
use contract::out::{DISK, SBOM, UKI};
use serde::Serialize;
use sha2::{Digest, Sha256};
use source::inventory::Component;

use super::parts::Parts;
use super::plan::Plan;
use super::staging::Staging;
use super::{date, disk, images, policy};
use crate::exit::{Code, WithCode};
use crate::keys::OwnerKeys;
use crate::progress::{self, Progress};

/// What came out.
#[derive(Debug, Serialize)]
pub struct Release {
    /// Its version.
    pub version: String,
    /// Its kernel.
    pub kernel: String,
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

/// Every file name that a release can have: what an earlier one left is cleared by these.
pub fn possible_files() -> Vec<String> {
    let images = [ImageName::Modules, ImageName::Firmware, ImageName::Root];
    let of_image = |name: ImageName| {
        let name = name.as_str();
        [
            esp::image_file(name),
            esp::root_hash_file(name),
            esp::signature_file(name),
        ]
    };
    let others = [UKI, DISK, SBOM, esp::MANIFEST, esp::MANIFEST_SIGNATURE].map(str::to_owned);
    images
        .into_iter()
        .flat_map(of_image)
        .chain(others)
        .collect()
}

/// Makes every file of the release in the staging folder.
pub fn build(
    plan: &Plan,
    parts: Parts,
    keys: &OwnerKeys,
    staging: &mut Staging,
    progress: &Progress,
) -> anyhow::Result<Release> {
    let mut manifest = Manifest {
        version: parts.version.clone(),
        system: None,
        kernel: parts.kernel.version.clone(),
        images: Vec::new(),
        sources: parts.sources.clone(),
    };
    for (name, tree) in &parts.images {
        let image = images::write(*name, tree, plan, &parts, keys, staging, progress)?;
        manifest.images.push(image);
    }
    let json = manifest.to_json();
    staging.write(esp::MANIFEST, &json)?;
    staging.write(esp::MANIFEST_SIGNATURE, &keys.sign_detached(&json)?)?;

    staging.write(SBOM, &bill(plan, &parts, &json)?)?;

    let step = progress.step("initrd");
    let policy = policy::signed(&plan.config, &manifest, keys)?;
    let initrd = initrd(plan, &parts, &json, policy.as_deref())?;
    step.done(&progress::size(initrd.len() as u64));

    let step = progress.step("UKI");
    let uki = uki(plan, &parts, &initrd, keys)?;
    staging.write(UKI, &uki)?;
    step.done(&format!("{}, signed", progress::size(uki.len() as u64)));

    let step = progress.step("disk");
    let disk = disk::plan(plan, &parts, &manifest, keys, staging)?;
    let (size, total) = (disk.disk_size(), disk.content_size());
    let mut file = staging.create(DISK)?;
    disk.write(&mut file, &mut |done| step.bytes(done, total))?;
    let (size, total) = (progress::size(size), progress::size(total));
    step.done(&format!("{size}, {total} used"));

    Ok(Release {
        version: manifest.version,
        kernel: manifest.kernel,
        files: staging.files()?,
    })
}

/// What is in it, beside it: nothing on the machine needs it.
fn bill(plan: &Plan, parts: &Parts, manifest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let listed =
        |(name, components): &(&str, Vec<Component>)| ((*name).to_owned(), components.clone());
    Ok(sbom::spdx(&Bill {
        name: &format!("{} {}", plan.config.name, parts.version),
        digest: &images::hex(&Sha256::digest(manifest)),
        created: &date::time(parts.epoch)?,
        parts: &parts.components.iter().map(listed).collect::<Vec<_>>(),
    }))
}

/// One initrd for every machine, with the manifest that this release pins.
fn initrd(
    plan: &Plan,
    parts: &Parts,
    manifest: &[u8],
    policy: Option<&[u8]>,
) -> anyhow::Result<Vec<u8>> {
    let config = &plan.config;
    let boot = Boot {
        root_hash_signatures: match parts.kernel.checks_root_hash_signatures() {
            true => RootHashSignatures::Checked,
            false => RootHashSignatures::Unsupported,
        },
        root: config.root.mode,
        init: parts.program.path.clone(),
        init_arguments: parts.program.arguments.clone(),
        surroundings: parts.program.surroundings.clone(),
        check: config.image.check,
        secure_boot: config.policy.secure_boot,
        execute: config.execute(),
        command_line: parts.command_line.clone(),
    };
    let initrd = InitrdParts {
        init: crate::INIT,
        manifest,
        boot: &boot.to_json(),
        policy,
        modules: &parts.modules,
        firmware: &BTreeMap::new(),
        mtime: parts.epoch,
    };
    Ok(Initrd::build(&initrd, config.initrd.level)?.bytes)
}

/// Stub, kernel, initrd and command line as one signed file.
fn uki(plan: &Plan, parts: &Parts, initrd: &[u8], keys: &OwnerKeys) -> anyhow::Result<Vec<u8>> {
    let config = &plan.config.uki;
    let sections = uki::Parts {
        os_release: &parts.os_release,
        cmdline: &parts.command_line,
        uname: &parts.kernel.version,
        sbat: uki::DEFAULT_SBAT,
        ucode: parts.microcode.as_deref(),
        initrd,
        linux: &parts.kernel.image,
    };
    let what = || {
        let (stub, kernel) = (&config.stub_path, &parts.kernel.image_path);
        format!("the UKI cannot be made of the stub {stub} and the kernel {kernel}")
    };
    uki::build(&parts.stub, &sections, keys.db())
        .with_context(what)
        .code(Code::Refused)
}
