//! The release on a disk image.

use anyhow::Context;
use contract::manifest::Manifest;
use contract::{esp, out};
use media::disk::{DiskOptions, DiskPlan, FileOnSlot};
use sha2::{Digest, Sha256};

use super::finish::DiskNotes;
use super::staging::Staging;
use crate::exit::{Code, WithCode};
use crate::keys::OwnerKeys;

/// One boot partition: the UKIs where firmware looks for them, the release, and the owner's public
/// keys for enrolment by hand. The first of several systems is where firmware looks by itself, too:
/// FAT has no links, so its UKI is there twice.
pub fn plan(
    about: &DiskNotes,
    manifests: &[Manifest],
    keys: &OwnerKeys,
    staging: &Staging,
) -> anyhow::Result<DiskPlan> {
    let systems = || manifests.iter().map(Manifest::system_name);
    let mut places: Vec<(String, String)> = systems()
        .take(1)
        .map(|system| (out::uki(system), esp::UKI.to_owned()))
        .chain(
            systems()
                .filter(Option::is_some)
                .map(|system| (out::uki(system), esp::uki(system))),
        )
        .collect();
    for name in manifests.iter().flat_map(Manifest::files) {
        let place = format!("{}/{name}", esp::RELEASE);
        if !places.iter().any(|(_, other)| *other == place) {
            places.push((name, place));
        }
    }
    let files = places
        .iter()
        .map(|(name, place)| staging.on_slot(name, place));
    let mut files = files.collect::<anyhow::Result<Vec<_>>>()?;
    for (name, bytes) in keys.for_enrolment() {
        let path = format!("{}/{name}", esp::KEYS);
        files.push(FileOnSlot::from_bytes(path, bytes.clone()));
    }
    // The partition is found by its GUID: only the very same release may have the same one.
    let mut seed = Sha256::new();
    for manifest in manifests {
        seed.update(manifest.to_json());
    }
    let seed: [u8; 32] = seed.finalize().into();
    DiskPlan::new(DiskOptions {
        free: about.free << 20,
        partition_name: about.partition_name.clone(),
        volume_label: about.volume_label.clone(),
        ..DiskOptions::new(files, &seed, i64::from(about.epoch))
    })
    .context("the release does not fit on a disk")
    .code(Code::Refused)
}
