//! Which systems a release has, by what lies there. Nothing of it is believed: it says where to
//! look, and what is found there must then agree.

use contract::esp;
use contract::manifest::Manifest;

use super::Context;
use super::release::{SMALL, absent};
use crate::files::Files;
use crate::initrd;
use crate::report::Break;
use crate::uki::Uki;

/// Bytes compared at once.
const CHUNK: usize = 1 << 16;

/// The systems' names, in the release's order; `None` stands for a release of one system.
pub(super) fn names(files: &mut Files<'_>) -> Vec<Option<String>> {
    let mut found = Found::default();
    for path in files.manifests() {
        if let Ok(bytes) = files.read(&path, SMALL) {
            found.add(&bytes);
        }
    }
    // Where no manifest can be read, the UKIs still say what there should be.
    if !found.single && found.names.is_empty() {
        for path in files.ukis() {
            if let Some(bytes) = pinned(files, &path) {
                found.add(&bytes);
            }
        }
    }
    let single = found.single || found.names.is_empty();
    let names = found.names.into_iter().map(Some);
    single.then_some(None).into_iter().chain(names).collect()
}

#[derive(Default)]
struct Found {
    /// Whether anything is of a release of one system.
    single: bool,
    names: Vec<String>,
}

impl Found {
    fn add(&mut self, manifest: &[u8]) {
        let Ok(manifest) = Manifest::from_json(manifest) else {
            return;
        };
        self.single |= manifest.system.is_none();
        for name in manifest.system.into_iter().flat_map(|system| system.all) {
            if !self.names.contains(&name) {
                self.names.push(name);
            }
        }
    }
}

fn pinned(files: &mut Files<'_>, path: &str) -> Option<Vec<u8>> {
    let mut part = files.open(path).ok()?;
    let section = Uki::open(&mut part).ok()?.section(".initrd")?;
    initrd::pinned(&mut part, section).ok()?.manifest
}

/// What a UKI pins is of the system that its name says, and of the same release as the `first`.
pub(super) fn belongs(
    context: &mut Context<'_, '_>,
    path: &str,
    name: &str,
    manifest: &Manifest,
    first: &Manifest,
) {
    let what = "of the system that its name says, and of one release with the others";
    let said = |manifest: &Manifest, name: &str| {
        let all = manifest.system.as_ref().map(|system| system.all.join(", "));
        let all = all.unwrap_or_else(|| "no several systems".to_owned());
        format!("release {}, system {name} of {all}", manifest.version)
    };
    let expected = said(first, name);
    let found = said(manifest, manifest.system_name().unwrap_or("none"));
    match expected == found {
        true => context.report.ok(path, what, ""),
        false => {
            let found = Break::of(path, "it pins another one").differs(expected, found);
            context.report.failed(path, what, found);
        }
    }
}

/// What firmware starts by itself is the first system.
pub(super) fn started_first(context: &mut Context<'_, '_>, files: &mut Files<'_>, first: &str) {
    if matches!(files, Files::Folder(_)) {
        return;
    }
    let first = esp::uki(Some(first));
    let what = format!("a copy of {first}");
    let found = match difference(files, esp::UKI, &first) {
        Ok(None) => return context.report.ok(esp::UKI, &what, ""),
        Ok(Some(found)) => *found,
        Err(error) => absent(esp::UKI, &error),
    };
    context.report.failed(esp::UKI, &what, found);
}

/// Where the file `one` is not as the file `other`.
fn difference(
    files: &mut Files<'_>,
    one: &str,
    other: &str,
) -> Result<Option<Box<Break>>, crate::Error> {
    let size = files.open(other)?.size();
    let of_one = files.open(one)?.size();
    if size != of_one {
        let found = Break::of(one, "another size")
            .differs(format!("{size} bytes"), format!("{of_one} bytes"));
        return Ok(Some(Box::new(found)));
    }
    let mut at = 0;
    while at < size {
        let length = usize::try_from(size - at).unwrap_or(CHUNK).min(CHUNK);
        let expected = files.open(other)?.bytes_at(at, length)?;
        let mut part = files.open(one)?;
        let found = part.bytes_at(at, length)?;
        let pairs = expected.iter().zip(&found).enumerate();
        if let Some((index, (ours, theirs))) = pairs.into_iter().find(|(_, (a, b))| a != b) {
            let found = Break::of(one, "it is another program")
                .at(&part, at.saturating_add(index as u64))
                .differs(format!("{ours:#04x}"), format!("{theirs:#04x}"));
            return Ok(Some(Box::new(found)));
        }
        at += length as u64;
    }
    Ok(None)
}
