//! Kernel, images, manifest, initrd, UKI and disk: one signed release.

use std::collections::BTreeMap;

use anyhow::Context;
use artifact::initrd::{Initrd, InitrdParts};
use artifact::uki;
use contract::boot::{Boot, RootHashSignatures};
use contract::esp;
use contract::manifest::{ImageName, Manifest};
use media::disk::{DiskOptions, DiskPlan, FileOnSlot};
use serde::Serialize;
use sha2::{Digest, Sha256};
use source::kernel::Storage;
use source::tree::{self, Tree};

use super::inputs::Inputs;
use super::plan::Plan;
use super::staging::Staging;
use super::{date, images, kernel, root};
use crate::exit::{Code, Failure, WithCode};
use crate::keys::OwnerKeys;
use crate::progress::{self, Progress};

/// The signed UKI's file name.
const UKI: &str = "kernel.efi";

/// The disk image's file name.
const DISK: &str = "disk.img";

/// The largest systemd-stub that is read, in bytes; Debian's has 100 KiB.
const MOST_STUB: u64 = 16 << 20;

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
    let epoch = plan.epoch;
    let epoch = epoch.unwrap_or_else(|| date::newest(trees.into_iter().flatten()));
    let version = config
        .version
        .clone()
        .map_or_else(|| date::version(epoch), Ok)?;

    let step = progress.step("modules");
    let kernel = kernel::find(&inputs.kernel, config.kernel.version.as_deref())?;
    let modules = kernel::modules(&inputs.kernel, &kernel, config)?;
    let chosen = kernel::choose(&modules, &inputs.kernel, &config.initrd.modules)?;
    step.done(&format!(
        "kernel {}, {} modules indexed",
        kernel.version,
        modules.modules.len()
    ));
    root::complete(&mut inputs.root, &kernel.version).input_code()?;
    root::check_init(&inputs.root, &config.root.init)?;
    let stub = stub(&inputs.stub, &config.uki.stub_path)?;

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
    let modules_tree = modules
        .image_tree(&inputs.kernel, Storage::default())
        .input_code()?;
    let firmware_tree = inputs
        .firmware
        .as_ref()
        .map(|tree| {
            let missing = "firmware.source has no usr/lib/firmware; \
                           'source = []' in [firmware] makes a release without firmware";
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
    let os_release = inputs.os_release;
    let os_release = os_release.unwrap_or_else(|| os_release_of(&config.name, &version, &kernel.version));
    let uki = uki::build(
        &stub,
        &uki::Parts {
            os_release: &os_release,
            cmdline: &config.uki.command_line,
            uname: &kernel.version,
            sbat: uki::DEFAULT_SBAT,
            ucode: inputs.microcode.as_deref(),
            initrd: &initrd.bytes,
            linux: &kernel.image,
        },
        keys.db(),
    )
    .with_context(|| {
        format!(
            "the UKI cannot be made of the stub {} and the kernel {}",
            config.uki.stub_path, kernel.image_path
        )
    })
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
    for (name, bytes) in keys.for_enrolment() {
        let path = format!("{}/{name}", esp::KEYS);
        files.push(FileOnSlot::from_bytes(path, bytes.clone()));
    }
    let config = &plan.config.disk;
    DiskPlan::new(DiskOptions {
        free: config.free << 20,
        partition_name: config.partition_name.clone(),
        volume_label: config.volume_label.clone(),
        ..DiskOptions::new(files, seed, i64::from(epoch))
    })
    .context("the release does not fit on a disk")
    .code(Code::Refused)
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
fn os_release_of(name: &str, version: &str, kernel: &str) -> String {
    format!(
        "ID=\"{name}\"\nNAME=\"{name}\"\nPRETTY_NAME=\"{name} {version} (kernel {kernel})\"\n\
         VERSION_ID=\"{version}\"\nIMAGE_ID=\"{name}\"\nIMAGE_VERSION=\"{version}\"\n"
    )
}

/// systemd-stub, from its tree.
fn stub(tree: &Tree, path: &str) -> anyhow::Result<Vec<u8>> {
    tree.read(path, MOST_STUB).map_err(|error| {
        let code = match &error {
            tree::Error::Path { .. } => Code::Missing,
            _ => Code::Refused,
        };
        let what = "systemd-stub cannot be read: uki.stub is where, uki.stub_path its path there";
        Failure::new(code, anyhow::Error::from(error).context(what)).into()
    })
}
