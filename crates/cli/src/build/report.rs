//! `report.html`: what people want to know of a release, from what it was just made of.

use std::fs::File;
use std::io::Read;

use anyhow::Context;
use artifact::report::{self, Image, Report, System};
use chain::Enrolled;
use contract::boot::{Check, Execute, SecureBoot};
use contract::manifest::{ImageName, Manifest};
use contract::out::{REPORT, uki};
use contract::recovery::Console;
use formats::pe::parse_headers;
use source::fetch::Digest;
use source::keys::CertificateSummary;
use source::tree::Tree;

use super::date;
use super::parts::Parts;
use super::plan::Plan;
use super::staging::Staging;
use crate::keys::OwnerKeys;

/// The headers of a UKI end before this, in bytes.
const HEADERS: u64 = 1 << 20;

/// Writes it. Signatures are no part of it: the release may have none yet.
pub fn write(
    plan: &Plan,
    parts: &Parts,
    manifests: &[Manifest],
    keys: &OwnerKeys,
    staging: &mut Staging,
) -> anyhow::Result<()> {
    let enrolled = enrolled(keys)?;
    let mut systems = Vec::new();
    for (system, manifest) in parts.systems.iter().zip(manifests) {
        let one = started(manifest, &system.command_line, &enrolled, staging);
        systems.push(one.with_context(|| format!("{REPORT} cannot be made"))?);
    }
    let date = date::time(parts.epoch)?;
    let report = Report {
        name: &plan.config.name,
        date: date.split('T').next().unwrap_or_default(),
        systems,
        images: images(parts, manifests),
        certificates: certificates(keys)?,
        packages: &parts.components,
        warnings: warnings(plan, parts),
    };
    staging.write(REPORT, report::html(&report).as_bytes())
}

fn started<'a>(
    manifest: &'a Manifest,
    command_line: &'a str,
    enrolled: &Enrolled,
    staging: &Staging,
) -> anyhow::Result<System<'a>> {
    let name = uki(manifest.system_name());
    let path = staging.corner().join(&name);
    let file = File::open(&path)?;
    let size = file.metadata()?.len();
    let mut start = Vec::new();
    file.take(HEADERS).read_to_end(&mut start)?;
    let headers = parse_headers(&start)?;
    let sections = headers.sections.iter().map(|section| {
        let size = section
            .size_of_raw_data
            .get()
            .min(section.virtual_size.get());
        (section.name(), size.into())
    });
    let measured = chain::measure(&path, Some(enrolled))?;
    let pcr = |register: &str, value: formats::pcr::Pcr| (register.to_owned(), value.to_string());
    let mut pcrs = vec![pcr(
        "PCR 4, the program that firmware starts",
        measured.program,
    )];
    if let Some(value) = measured.secure_boot {
        pcrs.push(pcr("PCR 7, Secure Boot on with these keys", value));
    }
    pcrs.push(pcr("PCR 11, when the kernel starts", measured.stub));
    Ok(System {
        manifest,
        uki: name,
        size: headers
            .certificate_table()
            .map_or(size, |table| table.start),
        authenticode: Digest(measured.digest).to_string(),
        command_line,
        sections: sections.collect(),
        pcrs,
    })
}

/// The images of all systems, each once.
fn images(parts: &Parts, manifests: &[Manifest]) -> Vec<Image> {
    let mut images: Vec<Image> = Vec::new();
    for (system, manifest) in parts.systems.iter().zip(manifests) {
        for image in &manifest.images {
            if images.iter().any(|known| known.file == image.file) {
                continue;
            }
            let shared = parts.images.iter().find(|(name, _)| *name == image.name);
            let tree: Option<&Tree> = match image.name {
                ImageName::Root => Some(&system.root),
                _ => shared.map(|(_, tree)| tree),
            };
            images.push(Image {
                file: image.file.clone(),
                size: image.size,
                root_hash: image.root_hash.clone(),
                content: tree.map_or(0, |tree| tree.totals().bytes),
                folders: tree.map_or_else(Vec::new, report::largest),
            });
        }
    }
    images
}

fn enrolled(keys: &OwnerKeys) -> anyhow::Result<Enrolled> {
    let variables = ["PK.auth", "KEK.auth", "db.auth"].map(|name| keys.public(name));
    let enrolled = Enrolled::by_variables(variables);
    let enrolled = enrolled.context("what the keys' .auth files enrol cannot be read")?;
    Ok(Enrolled {
        signer: Some(keys.certificate().to_vec()),
        ..enrolled
    })
}

fn certificates(keys: &OwnerKeys) -> anyhow::Result<Vec<(&'static str, CertificateSummary)>> {
    let roles = [("PK", "PK.cer"), ("KEK", "KEK.cer"), ("db", "db.cer")];
    let read = |(role, file)| {
        let summary = CertificateSummary::read(keys.public(file));
        Ok((
            role,
            summary.with_context(|| format!("{file} cannot be read"))?,
        ))
    };
    roles.into_iter().map(read).collect()
}

/// What an owner may not have meant.
fn warnings(plan: &Plan, parts: &Parts) -> Vec<String> {
    let config = &plan.config;
    let mut warnings = Vec::new();
    if !parts.kernel.checks_root_hash_signatures() {
        warnings.push(
            "This kernel does not check signatures of root hashes: on the machine, only the hashes that the \
             UKI pins count.",
        );
    }
    if config.image.check == Check::AsRead {
        warnings
            .push("Blocks of images are checked when they are read, not before the system starts.");
    }
    if !parts
        .images
        .iter()
        .any(|(name, _)| *name == ImageName::Firmware)
    {
        warnings.push("There is no firmware image: devices that need a file of it do not work.");
    }
    let any = |of: &dyn Fn(&super::system::SystemParts) -> bool| parts.systems.iter().any(of);
    if any(&|system| system.execute == Execute::Any) {
        warnings
            .push("Execution is not restricted: root can run what nobody signed (policy.execute).");
    }
    if any(&|system| system.secure_boot != SecureBoot::Required) {
        warnings.push(
            "With Secure Boot off it starts as well, and says so: then nothing but the pinned hashes is checked \
             (policy.secure_boot).",
        );
    }
    if plan.has_recovery() && config.recovery.console == Console::Shell {
        warnings.push(
            "The recovery gives a root shell to whoever is at its screen or serial console \
             (recovery.console).",
        );
    }
    warnings.into_iter().map(str::to_owned).collect()
}
