//! A release: for each system UKI, manifest, images, and their signatures. What several share is
//! checked once.

use contract::esp;
use contract::manifest::{Image, Manifest};
use source::keys::verify_detached;

use super::{Context, image, policy, systems, uki};
use crate::Error;
use crate::files::Files;
use crate::report::Break;

/// Longest manifest, signature and root hash that are read, in bytes.
pub(super) const SMALL: usize = 1 << 20;

/// Checks all of it; gives the manifests that the UKIs pin, one for each system.
pub(super) fn check(
    context: &mut Context<'_, '_>,
    files: &mut Files<'_>,
    systems: &[Option<String>],
) -> Vec<Vec<u8>> {
    let mut done = Done::default();
    let pinned = systems
        .iter()
        .filter_map(|system| one(context, files, system.as_deref(), &mut done))
        .collect();
    if let Some(first) = systems.iter().flatten().next() {
        systems::started_first(context, files, first);
    }
    pinned
}

/// What need not be done for each system.
#[derive(Default)]
struct Done {
    /// The first manifest that a UKI pins.
    first: Option<Manifest>,
    /// Images that were checked.
    images: Vec<Image>,
}

fn one(
    context: &mut Context<'_, '_>,
    files: &mut Files<'_>,
    system: Option<&str>,
    done: &mut Done,
) -> Option<Vec<u8>> {
    // 1. The UKI and what its initrd pins.
    let path = files.uki(system);
    let pinned = match files.open(&path) {
        Ok(mut part) => uki::check(context, &mut part, uki::Maker::Sealboot),
        Err(error) => {
            context.report.failed(&path, "there", absent(&path, &error));
            None
        }
    };

    // 2. The manifest beside the images: the same bytes, signed.
    let policy = pinned.as_ref().is_some_and(|pins| pins.policy);
    let pinned = pinned.map(|pins| pins.bytes);
    let beside = manifest(context, files, system, pinned.as_deref());

    // 3. The execution policy and the images that the pinned manifest names; without one, those that the other names.
    let bytes = pinned.as_deref().or(beside.as_deref());
    match bytes.map(Manifest::from_json) {
        Some(Ok(manifest)) => {
            let version = &mut context.report.version;
            version.get_or_insert_with(|| manifest.version.clone());
            if pinned.is_none() {
                let file = esp::manifest_file(system);
                let why = format!("no UKI pins a manifest; the images are compared with {file}'s");
                context.report.not_checked("images", "pinned", why);
            } else if let Some(name) = system {
                let first = done.first.get_or_insert_with(|| manifest.clone());
                systems::belongs(context, &path, name, &manifest, first);
            }
            if policy {
                policy::check(context, files, &manifest);
            }
            for row in manifest.images {
                if !done.images.contains(&row) {
                    image::check(context, files, &row);
                    done.images.push(row);
                }
            }
        }
        _ => {
            let why = "no manifest says which images there are";
            context.report.not_checked("images", "as pinned", why);
        }
    }
    pinned
}

fn manifest(
    context: &mut Context<'_, '_>,
    files: &mut Files<'_>,
    system: Option<&str>,
    pinned: Option<&[u8]>,
) -> Option<Vec<u8>> {
    let path = files.release(&esp::manifest_file(system));
    let what = "the copy that the UKI pins";
    let part = files.open(&path).and_then(|mut part| {
        let bytes = part.all(SMALL)?;
        let place = pinned.and_then(|pinned| first_difference(pinned, &bytes));
        let found = place.map(|(offset, ours, theirs)| {
            Break::of(&path, "the manifest was changed")
                .at(&part, offset)
                .differs(ours, theirs)
        });
        Ok((bytes, found))
    });
    let bytes = match part {
        Ok((bytes, found)) => {
            match (pinned, found) {
                (None, _) => context.report.not_checked(&path, what, "no UKI pins one"),
                (Some(_), None) => context.report.ok(&path, what, ""),
                (Some(_), Some(found)) => context.report.failed(&path, what, found),
            }
            bytes
        }
        Err(error) => {
            context.report.failed(&path, what, absent(&path, &error));
            return None;
        }
    };
    let signature = files.release(&esp::manifest_signature_file(system));
    signed(context, files, &signature, &bytes);
    Some(bytes)
}

/// A detached signature by the db certificate over `content`.
pub(super) fn signed(
    context: &mut Context<'_, '_>,
    files: &mut Files<'_>,
    path: &str,
    content: &[u8],
) {
    let owner = context.owner;
    let check = super::SIGNED;
    match files.read(path, SMALL) {
        Ok(signature) => match owner.any(|der| verify_detached(der, &signature, content)) {
            Ok(by) => context.report.ok(path, check, by),
            Err(error) => {
                let found = Break::of(path, error.to_string());
                context.report.failed(path, check, found);
            }
        },
        Err(error) => context.report.failed(path, check, absent(path, &error)),
    }
}

/// A file that cannot be had.
pub(super) fn absent(path: &str, error: &Error) -> Break {
    let because = std::error::Error::source(error).map_or(String::new(), |e| format!(": {e}"));
    match error {
        Error::Missing(_) => Break::of(path, "the file is missing"),
        other => Break::of(path, format!("the file cannot be read: {other}{because}")),
    }
}

/// Where two texts differ first, and what stands there, escaped.
pub(super) fn first_difference(ours: &[u8], theirs: &[u8]) -> Option<(u64, String, String)> {
    let pairs = ours.iter().zip(theirs);
    let index = match pairs.enumerate().find(|(_, (a, b))| a != b) {
        Some((index, _)) => index,
        None if ours.len() == theirs.len() => return None,
        None => ours.len().min(theirs.len()),
    };
    let shown = |bytes: &[u8]| {
        let rest = bytes.get(index..).unwrap_or_default();
        match rest.get(..24).unwrap_or(rest) {
            [] => "the end of the file".to_owned(),
            some => some.escape_ascii().to_string(),
        }
    };
    Some((index as u64, shown(ours), shown(theirs)))
}
