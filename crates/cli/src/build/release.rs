//! Kernel, images, manifest, initrd, UKI and disk: one signed release.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use artifact::initrd::{ChosenModules, DEFAULT_MODULES, Initrd, InitrdParts};
use artifact::uki;
use contract::boot::{Boot, RootHashSignatures};
use contract::esp;
use contract::manifest::{ImageName, Manifest};
use media::disk::{DiskOptions, DiskPlan, FileOnSlot};
use serde::Serialize;
use sha2::{Digest, Sha256};
use source::kernel::{Kernel, ModuleSet, Storage};

use super::inputs::Inputs;
use super::plan::Plan;
use super::staging::Staging;
use super::{date, images, root};
use crate::exit::{Code, WithCode};
use crate::keys::OwnerKeys;
use crate::progress::{self, Progress};

/// The signed UKI's file name.
const UKI: &str = "kernel.efi";

/// The disk image's file name.
const DISK: &str = "disk.img";

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
    let others = [UKI, DISK, esp::MANIFEST, esp::MANIFEST_SIGNATURE].map(str::to_owned);
    images
        .into_iter()
        .flat_map(of_image)
        .chain(others)
        .collect()
}

/// Makes every file of the release in the staging folder.
pub fn build(
    plan: &Plan,
    mut inputs: Inputs,
    keys: &OwnerKeys,
    staging: &mut Staging,
    progress: &Progress,
) -> anyhow::Result<Release> {
    let config = &plan.config;
    let trees = [
        Some(&inputs.kernel),
        inputs.firmware.as_ref(),
        Some(&inputs.root),
        Some(&inputs.stub),
    ];
    let epoch = date::epoch(trees.into_iter().flatten())?;
    let version = config
        .version
        .clone()
        .map_or_else(|| date::version(epoch), Ok)?;

    let step = progress.step("modules");
    let kernel =
        Kernel::find(&inputs.kernel, config.kernel.version.as_deref()).code(Code::Missing)?;
    let modules = ModuleSet::read(&inputs.kernel, &kernel).code(Code::Refused)?;
    step.done(&format!(
        "kernel {}, {} modules indexed",
        kernel.version,
        modules.modules.len()
    ));
    root::complete(&mut inputs.root, &kernel.version)?;

    let seed = seed(&version, &kernel.version, epoch);
    let settings = images::Settings {
        plan,
        epoch,
        seed: &seed,
    };
    let mut manifest = Manifest {
        version: version.clone(),
        kernel: kernel.version.clone(),
        images: Vec::new(),
    };
    let modules_tree = modules.image_tree(&inputs.kernel, Storage::default())?;
    let firmware_tree = inputs
        .firmware
        .as_ref()
        .map(|tree| {
            let missing = "the firmware sources hold no usr/lib/firmware";
            tree.subtree("usr/lib/firmware")
                .context(missing)
                .code(Code::Missing)
        })
        .transpose()?;
    let rows = [
        (ImageName::Modules, Some(&modules_tree)),
        (ImageName::Firmware, firmware_tree.as_ref()),
        (ImageName::Root, Some(&inputs.root)),
    ];
    for (name, tree) in rows {
        if let Some(tree) = tree {
            let image = images::write(name, tree, &settings, keys, staging, progress)?;
            manifest.images.push(image);
        }
    }
    let manifest_json = manifest.to_json();
    staging.write(esp::MANIFEST, &manifest_json)?;
    staging.write(
        esp::MANIFEST_SIGNATURE,
        &keys.sign_detached(&manifest_json)?,
    )?;

    let boot = Boot {
        root_hash_signatures: match kernel.checks_root_hash_signatures() {
            true => RootHashSignatures::Checked,
            false => RootHashSignatures::Unsupported,
        },
        root: config.root.mode,
        init: config.root.init.clone(),
        init_arguments: config.root.arguments.clone(),
        check: config.image.check,
    };
    let step = progress.step("initrd");
    let more = config.initrd.modules.iter().map(String::as_str);
    let chosen = ChosenModules::choose(&modules, &inputs.kernel, DEFAULT_MODULES, more)?;
    if let Some(name) = config
        .initrd
        .modules
        .iter()
        .find(|name| chosen.missing.contains(name))
    {
        let what = format!(
            "initrd.modules names {name:?}, which kernel {} has not",
            kernel.version
        );
        return Err(anyhow::anyhow!(what)).code(Code::Missing);
    }
    let parts = InitrdParts {
        init: crate::INIT,
        manifest: &manifest_json,
        boot: &boot.to_json(),
        modules: &chosen,
        firmware: &BTreeMap::new(),
        mtime: epoch,
    };
    let initrd = Initrd::build(&parts, config.initrd.level)?;
    step.done(&progress::size(initrd.bytes.len() as u64));

    let step = progress.step("UKI");
    let stub = inputs
        .stub
        .read(&config.uki.stub_path, 16 << 20)
        .code(Code::Missing)?;
    let os_release = match &config.uki.os_release {
        None => os_release(&config.name, &version, &kernel.version),
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| reading(path))
            .code(Code::Missing)?,
    };
    let microcode = config
        .uki
        .microcode
        .as_ref()
        .map(|path| {
            std::fs::read(path)
                .with_context(|| reading(path))
                .code(Code::Missing)
        })
        .transpose()?;
    let uki = uki::build(
        &stub,
        &uki::Parts {
            os_release: &os_release,
            cmdline: &config.uki.command_line,
            uname: &kernel.version,
            sbat: uki::DEFAULT_SBAT,
            ucode: microcode.as_deref(),
            initrd: &initrd.bytes,
            linux: &kernel.image,
        },
        keys.db(),
    )
    .code(Code::Refused)?;
    staging.write(UKI, &uki)?;
    step.done(&format!("{}, signed", progress::size(uki.len() as u64)));

    let step = progress.step("disk");
    let disk = disk(plan, &manifest, keys, &seed, epoch, staging)?;
    let total = disk.content_size();
    let mut file = staging.create(DISK)?;
    disk.write(&mut file, &mut |done| step.bytes(done, total))?;
    step.done(&format!(
        "{}, {} used",
        progress::size(disk.disk_size()),
        progress::size(total)
    ));

    Ok(Release {
        version,
        kernel: kernel.version,
        files: staging.files()?,
    })
}

fn disk(
    plan: &Plan,
    manifest: &Manifest,
    keys: &OwnerKeys,
    seed: &[u8],
    epoch: u32,
    staging: &Staging,
) -> anyhow::Result<DiskPlan> {
    let mut files = vec![staging.on_slot(UKI, esp::UKI)?];
    let in_release = |name: &str| staging.on_slot(name, &format!("{}/{name}", esp::RELEASE));
    for name in [esp::MANIFEST, esp::MANIFEST_SIGNATURE] {
        files.push(in_release(name)?);
    }
    for image in &manifest.images {
        let name = image.name.as_str();
        for file in [
            image.file.clone(),
            esp::root_hash_file(name),
            esp::signature_file(name),
        ] {
            files.push(in_release(&file)?);
        }
    }
    for (name, bytes) in keys.for_enrolment()? {
        files.push(FileOnSlot::from_bytes(
            format!("{}/{name}", esp::KEYS),
            bytes,
        ));
    }
    let config = &plan.config.disk;
    Ok(DiskPlan::new(DiskOptions {
        free: config.free << 20,
        partition_name: config.partition_name.clone(),
        volume_label: config.volume_label.clone(),
        ..DiskOptions::new(files, seed, i64::from(epoch))
    })
    .code(Code::Usage)?)
}

/// What GUIDs and salts of this release come from: different for different releases, the same
/// for the same one.
fn seed(version: &str, kernel: &str, epoch: u32) -> [u8; 32] {
    let hash = Sha256::new()
        .chain_update("sealboot release\0")
        .chain_update(version);
    hash.chain_update("\0")
        .chain_update(kernel)
        .chain_update(epoch.to_le_bytes())
        .finalize()
        .into()
}

/// os-release(5) for the UKI, when none is configured.
fn os_release(name: &str, version: &str, kernel: &str) -> String {
    format!(
        "ID=\"{name}\"\nNAME=\"{name}\"\nPRETTY_NAME=\"{name} {version} (kernel {kernel})\"\n\
         VERSION_ID=\"{version}\"\nIMAGE_ID=\"{name}\"\nIMAGE_VERSION=\"{version}\"\n"
    )
}

fn reading(path: &Path) -> String {
    format!("{} cannot be read", path.display())
}
