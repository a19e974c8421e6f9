//! What a release gets last: its signatures, and the disk image with all of it. Where the key is elsewhere,
//! this is done when the signatures have come back.

use contract::manifest::Manifest;
use contract::out::DISK;
use contract::{esp, policy};
use serde::{Deserialize, Serialize};
use source::keys::{self, Signer};

use super::disk;
use super::staging::Staging;
use crate::exit::{Code, WithCode};
use crate::keys::OwnerKeys;
use crate::progress::{self, Progress};
use config::Config;

/// What the disk image is to be: `unsigned.json`, until it is made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskNotes {
    /// The time of all files, in seconds since 1970.
    pub epoch: u32,
    /// Free room on the partition, in MiB.
    pub free: u64,
    /// The partition's name.
    pub partition_name: String,
    /// The FAT volume's label.
    pub volume_label: String,
}

impl DiskNotes {
    /// As the configuration says.
    pub fn of(config: &Config, epoch: u32) -> Self {
        let config = &config.disk;
        Self {
            epoch,
            free: config.free,
            partition_name: config.partition_name.clone(),
            volume_label: config.volume_label.clone(),
        }
    }
}

/// Signs root hashes, manifests and execution policies. What several systems share is signed once.
pub fn sign(
    manifests: &[Manifest],
    signer: &dyn Signer,
    staging: &mut Staging,
) -> anyhow::Result<()> {
    let mut signed: Vec<&str> = Vec::new();
    for manifest in manifests {
        for image in &manifest.images {
            if signed.contains(&image.stem()) {
                continue;
            }
            signed.push(image.stem());
            let signature = keys::sign_detached(signer, image.root_hash.as_bytes());
            staging.write(
                &esp::signature_file(image.stem()),
                &signature.code(Code::Keys)?,
            )?;
        }
        let file = esp::manifest_signature_file(manifest.system_name());
        let signature = keys::sign_detached(signer, &manifest.to_json());
        staging.write(&file, &signature.code(Code::Keys)?)?;
        if let Some(file) = &manifest.policy {
            let text = policy::text(manifest);
            let signed = keys::sign_attached(signer, text.as_bytes());
            staging.write(file, &signed.code(Code::Keys)?)?;
        }
    }
    Ok(())
}

/// The disk image.
pub fn disk(
    about: &DiskNotes,
    manifests: &[Manifest],
    keys: &OwnerKeys,
    staging: &mut Staging,
    progress: &Progress,
) -> anyhow::Result<()> {
    let step = progress.step("disk");
    let disk = disk::plan(about, manifests, keys, staging)?;
    let (size, total) = (disk.disk_size(), disk.content_size());
    let file = staging.create(DISK)?;
    staging.flush(&file);
    disk.write(&file, &mut |done| step.bytes(done, total))?;
    let (size, total) = (progress::size(size), progress::size(total));
    step.done(&format!("{size}, {total} used"));
    Ok(())
}
