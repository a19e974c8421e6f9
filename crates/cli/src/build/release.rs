//! Images, manifest, initrd, UKI and disk: one release, signed, or with what is to be signed.

use std::fs::{self, File};
use std::path::Path;

use artifact::sbom::{self, Bill};
use artifact::signing::ToSign;
use artifact::uki;
use contract::boot::Execute;
use contract::manifest::{ImageName, Manifest};
use contract::out::{DISK, REPORT, SBOM, TO_SIGN, UNSIGNED};
use contract::system::System;
use contract::{esp, out};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::finish::{self, DiskNotes};
use super::parts::Parts;
use super::plan::Plan;
use super::staging::Staging;
use super::system::SystemParts;
use super::work::Work;
use super::{date, images, initrd, report};
use crate::artefact::uki::cannot_be_made;
use crate::exit::WithCode;
use crate::keys::OwnerKeys;
use crate::progress::{self, Progress};

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

impl Release {
    /// One whose files are there.
    pub(crate) fn of(manifests: &[Manifest], files: Vec<ReleaseFile>) -> Self {
        let first = manifests.first();
        let systems = manifests.iter().filter_map(Manifest::system_name);
        Self {
            version: first.map_or_else(String::new, |first| first.version.clone()),
            kernel: first.map_or_else(String::new, |first| first.kernel.clone()),
            systems: systems.map(str::to_owned).collect(),
            files,
        }
    }

    /// Says what is in the folder now.
    pub(crate) fn say(&self, out: &Path, progress: &Progress) {
        let of = match self.systems.as_slice() {
            [] => String::new(),
            names => format!(" of the systems {}", names.join(", ")),
        };
        let (version, out) = (&self.version, out.display());
        progress.say(&format!("Release {version}{of} is in {out}/:"));
        for file in &self.files {
            let size = progress::size(file.size);
            progress.say(&format!("  {:<26} {size:>12}", file.name));
        }
    }
}

/// Every file name that a release of systems with these names can have, and what an earlier release
/// with others left in the folder: what is not written of it is cleared.
pub fn possible_files(names: impl IntoIterator<Item = String>, folder: &Path) -> Vec<String> {
    let earlier = manifests(folder);
    let earlier = earlier.iter().filter_map(Manifest::system_name);
    let names: Vec<String> = names
        .into_iter()
        .chain(earlier.map(str::to_owned))
        .collect();
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
            esp::policy_file(system),
        ]
    };
    let others = [DISK, SBOM, REPORT, UNSIGNED, TO_SIGN].map(str::to_owned);
    (stems.iter().chain(&names).flat_map(of_image))
        .chain(systems.chain([None]).flat_map(of_system))
        .chain(others)
        .collect()
}

/// The manifests in a folder, in the order of the release's systems.
pub fn manifests(folder: &Path) -> Vec<Manifest> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let manifests = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.ends_with(esp::MANIFEST_END).then_some(())?;
        let manifest = Manifest::from_json(&fs::read(entry.path()).ok()?).ok()?;
        (esp::manifest_file(manifest.system_name()) == name).then_some(manifest)
    });
    let mut manifests: Vec<Manifest> = manifests.collect();
    manifests.sort_by_key(|manifest| {
        let system = manifest.system.as_ref()?;
        system.all.iter().position(|name| *name == system.name)
    });
    manifests
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
        shared.push(images::write(image, tree, plan, &parts, staging, work)?);
    }
    let names = parts
        .systems
        .iter()
        .filter_map(|system| system.name.clone());
    let names: Vec<String> = names.collect();
    let mut manifests = Vec::new();
    for system in &parts.systems {
        let image = (ImageName::Root, system.stem());
        let root = images::write(image, &system.root, plan, &parts, staging, work)?;
        let manifest = Manifest {
            version: parts.version.clone(),
            system: system.name.clone().map(|name| System {
                name,
                all: names.clone(),
            }),
            kernel: parts.kernel.version.clone(),
            images: [&shared[..], &[root]].concat(),
            policy: (system.execute == Execute::Signed)
                .then(|| esp::policy_file(system.name.as_deref())),
            sources: system.sources.clone(),
        };
        let file = esp::manifest_file(manifest.system_name());
        staging.write(&file, &manifest.to_json())?;
        manifests.push(manifest);
    }

    if let Some(signer) = keys.db() {
        finish::sign(&manifests, signer, staging)?;
    }
    staging.write(SBOM, &bill(plan, &parts, &manifests)?)?;

    for (system, manifest) in parts.systems.iter().zip(&manifests) {
        let of = |size: u64| match &system.name {
            None => progress::size(size),
            Some(name) => format!("{name}, {}", progress::size(size)),
        };
        let step = progress.step("initrd");
        let initrd = initrd::make(plan, &parts, system, manifest, work)?;
        step.done(&of(initrd.len() as u64));

        let step = progress.step("UKI");
        let mut file = staging.create(&out::uki(manifest.system_name()))?;
        staging.flush(&file);
        let size = uki(plan, &parts, system, &initrd, keys, &mut file)?;
        let signed = match keys.db() {
            Some(_) => "signed",
            None => "not signed yet",
        };
        step.done(&format!("{}, {signed}", of(size)));
    }

    report::write(plan, &parts, &manifests, keys, staging)?;
    let about = DiskNotes::of(&plan.config, parts.epoch);
    match keys.db() {
        Some(_) => finish::disk(&about, &manifests, keys, staging, progress)?,
        None => ask(&about, &manifests, keys, staging)?,
    }
    Ok(Release::of(&manifests, staging.files()?))
}

/// Leaves what is to be signed, and what the release is finished with then.
fn ask(
    about: &DiskNotes,
    manifests: &[Manifest],
    keys: &OwnerKeys,
    staging: &mut Staging,
) -> anyhow::Result<()> {
    let certificate = keys.certificate();
    let what = ToSign::of_release(staging.corner(), manifests, certificate)?;
    for (name, bytes) in what.files() {
        staging.write_in(TO_SIGN, &name, &bytes)?;
    }
    let mut about = serde_json::to_vec_pretty(about)?;
    about.push(b'\n');
    staging.write(UNSIGNED, &about)
}

/// What is in it, beside it, for all systems together: nothing on the machine needs it.
fn bill(plan: &Plan, parts: &Parts, manifests: &[Manifest]) -> anyhow::Result<Vec<u8>> {
    let mut digest = Sha256::new();
    for manifest in manifests {
        digest.update(manifest.to_json());
    }
    Ok(sbom::spdx(&Bill {
        name: &format!("{} {}", plan.config.name, parts.version),
        digest: &formats::hex(&digest.finalize()),
        created: &date::time(parts.epoch)?,
        parts: &parts.components,
    }))
}

/// Stub, kernel, initrd and command line as one file, signed where the key is here.
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
        pcr: keys.pcr().map(|key| uki::PcrSigner {
            key,
            phases: &config.pcr_phases,
        }),
    };
    let made = uki::write(&parts.stub, &sections, keys.db(), file, &mut |_| Ok(()));
    made.map_err(|error| {
        let file = plan.out.join(out::uki(system.name.as_deref()));
        let (stub, kernel) = (&config.stub_path, &parts.kernel.image_path);
        cannot_be_made(error, &file, stub, kernel)
    })
    .input_code()
}
