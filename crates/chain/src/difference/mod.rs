//! What two releases differ in: packages, files, command line, sizes, who signed, and what a TPM will hold.
//!
//! Both are folders as a build leaves them. Nothing is judged here: whether they hold says [`crate::verify`].

mod files;
mod packages;
mod text;

use std::path::Path;

use contract::manifest::{Image, Manifest};
use contract::{esp, out};
use serde::Serialize;

use crate::facts::{Contents, Program, inspect};
use crate::files::Files;
use crate::{Error, Part, measure};

pub use files::FileChange;
pub use packages::PackageChange;

/// Longest manifest and bill of materials that are read, in bytes.
const LIMIT: usize = 64 << 20;

/// Two releases, side by side.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The older one's folder, as it was named.
    pub old: String,
    /// The newer one's.
    pub new: String,
    /// What is another one: settings, sizes, hashes, signers, registers.
    pub changes: Vec<Change>,
    /// Packages, by part.
    pub packages: Vec<PackageChange>,
    /// Files, by image. Images with the same root hash are not looked into.
    pub files: Vec<FileChange>,
}

/// One value that changed. `None`: one of the releases has no such thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which system, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// What it is of: `version`, `command line`, `root.squashfs, bytes`.
    pub what: String,
    /// Its value in the older one.
    pub old: Option<String>,
    /// Its value in the newer one.
    pub new: Option<String>,
}

impl Difference {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.changes.is_empty() && self.packages.is_empty() && self.files.is_empty()
    }
}

/// Compares two release folders.
pub fn difference(old: &Path, new: &Path) -> Result<Difference, Error> {
    let mut difference = Difference {
        old: old.display().to_string(),
        new: new.display().to_string(),
        changes: Vec::new(),
        packages: packages::compare(old, new)?,
        files: Vec::new(),
    };
    let (one, other) = (manifests(old)?, manifests(new)?);
    let mut names: Vec<Option<&str>> = one
        .iter()
        .chain(&other)
        .map(Manifest::system_name)
        .collect();
    names.sort();
    names.dedup();
    for name in names {
        let of = |folder: &Path, manifests: &[Manifest]| {
            let mut manifests = manifests.iter();
            let own = manifests.find(|manifest| manifest.system_name() == name);
            own.map(|manifest| values(folder, manifest)).transpose()
        };
        let (before, after) = (of(old, &one)?, of(new, &other)?);
        difference.changes.extend(changes(
            name,
            &before.unwrap_or_default(),
            &after.unwrap_or_default(),
        ));
    }
    let before = images(&one);
    for image in images(&other) {
        let before = before.iter().find(|before| before.file == image.file);
        if before.is_some_and(|before| before.root_hash != image.root_hash) {
            let [old, new] = [old, new].map(|folder| folder.join(&image.file));
            let files = files::compare(&image.file, &old, &new)?;
            difference.files.extend(files);
        }
    }
    Ok(difference)
}

/// Names and values of what there is one of.
type Values = Vec<(String, String)>;

fn changes(system: Option<&str>, old: &Values, new: &Values) -> Vec<Change> {
    let value = |values: &Values, what: &str| {
        let found = values.iter().find(|(name, _)| name == what);
        found.map(|(_, value)| value.clone())
    };
    let gone = old.iter().filter(|(name, _)| value(new, name).is_none());
    let all = new.iter().chain(gone).map(|(what, _)| Change {
        system: system.map(str::to_owned),
        what: what.clone(),
        old: value(old, what),
        new: value(new, what),
    });
    all.filter(|change| change.old != change.new).collect()
}

/// The manifests of a release's systems.
fn manifests(folder: &Path) -> Result<Vec<Manifest>, Error> {
    let names = crate::check::systems(&mut Files::Folder(folder.to_owned()));
    let read = |name: &Option<String>| {
        let mut part = Part::open(&folder.join(esp::manifest_file(name.as_deref())))?;
        Ok(Manifest::from_json(&part.all(LIMIT)?)?)
    };
    names.iter().map(read).collect()
}

/// The images of all systems, each once.
fn images(manifests: &[Manifest]) -> Vec<&Image> {
    let mut images: Vec<&Image> = Vec::new();
    for image in manifests.iter().flat_map(|manifest| &manifest.images) {
        if !images.iter().any(|known| known.file == image.file) {
            images.push(image);
        }
    }
    images
}

fn values(folder: &Path, manifest: &Manifest) -> Result<Values, Error> {
    let mut values = vec![
        ("version".to_owned(), manifest.version.clone()),
        ("kernel".to_owned(), manifest.kernel.clone()),
    ];
    for source in &manifest.sources {
        values.push((
            format!("made of {}", source.reference),
            source.digest.clone(),
        ));
    }
    for image in &manifest.images {
        values.push((format!("{}, bytes", image.file), image.size.to_string()));
        values.push((
            format!("{}, root hash", image.file),
            image.root_hash.clone(),
        ));
    }
    let policy = match manifest.policy {
        Some(_) => "what the images hold",
        None => "anything",
    };
    values.push(("may be executed".to_owned(), policy.to_owned()));
    let path = folder.join(out::uki(manifest.system_name()));
    if let Contents::Program(program) = inspect(&path)?.contents {
        of_program(&mut values, &program);
    }
    let measured = measure(&path, None)?;
    values.push(("PCR 4".to_owned(), measured.program.to_string()));
    values.push(("PCR 11".to_owned(), measured.stub.to_string()));
    Ok(values)
}

fn of_program(values: &mut Values, program: &Program) {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    values.push(("command line".to_owned(), text(&program.command_line)));
    values.push(("os-release".to_owned(), text(&program.os_release)));
    values.push(("SBAT".to_owned(), text(&program.sbat)));
    for section in &program.sections {
        let what = format!("UKI section {}, bytes", section.name);
        values.push((what, section.size.to_string()));
    }
    let signers = program.signatures.iter().flat_map(|one| &one.signers);
    let signers = signers.filter_map(|signer| {
        let summary = signer.certificate.as_ref()?.certificate.as_ref()?;
        Some(format!("{} {}", summary.subject, summary.sha256))
    });
    let signers: Vec<String> = signers.collect();
    values.push(("UKI signed by".to_owned(), signers.join("\n")));
    if let Some(boot) = program.boot.as_ref().and_then(|boot| boot.as_object()) {
        for (setting, value) in boot.iter().filter(|(name, _)| *name != "command_line") {
            values.push((format!("boot setting {setting}"), value.to_string()));
        }
    }
}
