//! The release on a disk image.

use anyhow::Context;
use contract::esp;
use contract::manifest::Manifest;
use contract::out::UKI;
use media::disk::{DiskOptions, DiskPlan, FileOnSlot};
use sha2::{Digest, Sha256};

use super::parts::Parts;
use super::plan::Plan;
use super::staging::Staging;
use crate::exit::{Code, WithCode};
use crate::keys::OwnerKeys;

/// One boot partition: the UKI where firmware looks for it, the release, and the owner's public
/// keys for enrolment by hand.
pub fn plan(
    plan: &Plan,
    parts: &Parts,
    manifest: &Manifest,
    keys: &OwnerKeys,
    staging: &Staging,
) -> anyhow::Result<DiskPlan> {
    let mut names = vec![esp::MANIFEST.to_owned(), esp::MANIFEST_SIGNATURE.to_owned()];
    for image in &manifest.images {
        let name = image.name.as_str();
        names.push(image.file.clone());
        names.extend([esp::root_hash_file(name), esp::signature_file(name)]);
    }
    let mut files = vec![staging.on_slot(UKI, esp::UKI)?];
    for name in names {
        files.push(staging.on_slot(&name, &format!("{}/{name}", esp::RELEASE))?);
    }
    for (name, bytes) in keys.for_enrolment() {
        let path = format!("{}/{name}", esp::KEYS);
        files.push(FileOnSlot::from_bytes(path, bytes.clone()));
    }
    // The partition is found by its GUID: only the very same release may have the same one.
    let seed: [u8; 32] = Sha256::digest(manifest.to_json()).into();
    let config = &plan.config.disk;
    DiskPlan::new(DiskOptions {
        free: config.free << 20,
        partition_name: config.partition_name.clone(),
        volume_label: config.volume_label.clone(),
        ..DiskOptions::new(files, &seed, i64::from(parts.epoch))
    })
    .context("the release does not fit on a disk")
    .code(Code::Refused)
}
