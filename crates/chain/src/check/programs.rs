//! What else is on a boot partition: programs that firmware could start, and other files.

use contract::esp;
use contract::manifest::ImageName;

use super::{Context, enrolment, uki};
use crate::files::Files;

/// Checks every program besides the UKI, and names what is no part of the release.
pub(super) fn check(context: &mut Context<'_, '_>, files: &mut Files<'_>) {
    let Files::Slot { volume, .. } = files else {
        return;
    };
    let Ok(entries) = volume.walk() else {
        // The directories' row says so already.
        return;
    };
    let ours = release_files();
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
            context
                .report
                .failed(path, "signed by the db certificate", found);
        }
    }
}

/// Every path that a release can have on a boot partition.
fn release_files() -> Vec<String> {
    let mut names = vec![esp::MANIFEST.to_owned(), esp::MANIFEST_SIGNATURE.to_owned()];
    for image in [ImageName::Root, ImageName::Modules, ImageName::Firmware] {
        let name = image.as_str();
        names.push(esp::image_file(name));
        names.push(esp::root_hash_file(name));
        names.push(esp::signature_file(name));
    }
    let mut paths: Vec<String> = (names.iter())
        .map(|name| format!("{}/{name}", esp::RELEASE))
        .collect();
    paths.push(esp::UKI.to_owned());
    paths.extend(enrolment::paths());
    paths
}
