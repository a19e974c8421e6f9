//! What else is on a boot partition: programs that firmware could start, and other files.

use contract::esp;
use contract::manifest::ImageName;

use super::{Context, enrolment, uki};
use crate::files::Files;

/// Checks every program besides the UKI, and names what is no part of the release.
pub(super) fn check(
    context: &mut Context<'_, '_>,
    files: &mut Files<'_>,
    systems: &[Option<String>],
) {
    let Files::Slot { volume, .. } = files else {
        return;
    };
    let Ok(entries) = volume.walk() else {
        // The directories' row says so already.
        return;
    };
    let ours = release_files(systems);
    let mut others = Vec::new();
    for (path, entry) in entries {
        if entry.is_directory || ours.iter().any(|name| name.eq_ignore_ascii_case(&path)) {
            continue;
        }
        match is_program(files, &path) {
            true => program(context, files, &path),
            false => others.push(path),
        }
    }
    if !others.is_empty() {
        let what = "no part of the release";
        let shown: Vec<String> = others.iter().take(8).cloned().collect();
        let detail = format!("{} files, such as {}", others.len(), shown.join(", "));
        context.report.not_checked("other files", what, detail);
    }
}

/// Firmware and systemd-stub start or load what is a PE image, or is called one.
fn is_program(files: &mut Files<'_>, path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    if lower.ends_with(".efi") {
        return true;
    }
    let start = files.open(path).and_then(|mut part| part.start(2));
    lower.starts_with("efi/") && start.is_ok_and(|start| start == b"MZ")
}

fn program(context: &mut Context<'_, '_>, files: &mut Files<'_>, path: &str) {
    match files.open(path) {
        Ok(mut part) => {
            uki::signature(context, &mut part);
        }
        Err(error) => {
            let found = super::release::absent(path, &error);
            context.report.failed(path, super::SIGNED, found);
        }
    }
}

/// Every path that a release of these systems can have on a boot partition.
fn release_files(systems: &[Option<String>]) -> Vec<String> {
    let mut stems = vec![ImageName::Modules.as_str(), ImageName::Firmware.as_str()];
    let (mut names, mut paths) = (Vec::new(), vec![esp::UKI.to_owned()]);
    for system in systems.iter().map(Option::as_deref) {
        stems.push(system.unwrap_or(ImageName::Root.as_str()));
        names.push(esp::manifest_file(system));
        names.push(esp::manifest_signature_file(system));
        names.push(esp::policy_file(system));
        paths.push(esp::uki(system));
    }
    for stem in stems {
        names.push(esp::image_file(stem));
        names.push(esp::root_hash_file(stem));
        names.push(esp::signature_file(stem));
    }
    let in_release = |name: &String| format!("{}/{name}", esp::RELEASE);
    paths.extend(names.iter().map(in_release));
    paths.extend(enrolment::paths());
    paths
}
