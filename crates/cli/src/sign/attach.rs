//! `sealboot attach`: signatures that were made elsewhere finish a release, byte for byte as if the key had
//! been here.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};
use artifact::signing::{Signatures, ToSign};
use artifact::uki;
use chain::{Certificate, Owner};
use contract::esp;
use contract::manifest::Manifest;
use contract::out::{DISK, REPORT, SBOM, UNSIGNED, uki as uki_file};

use super::coded;
use crate::args;
use crate::build::finish::{self, DiskNotes};
use crate::build::release::{Release, manifests, possible_files};
use crate::build::staging::Staging;
use crate::exit::{Code, WithCode};
use crate::keys;
use crate::output;
use crate::progress::Progress;
use crate::verify::refusal;

/// Does what the command line says.
pub fn verb(options: &args::Attach, json: bool, quiet: bool) -> anyhow::Result<()> {
    let out = options.out.as_path();
    let cannot = || format!("{} cannot be finished", out.display());
    let about = notes(out)?;
    let owner = keys::open_public(&options.keys.folder)?;
    let certificate = owner.certificate();
    let manifests = manifests(out);
    if manifests.is_empty() {
        return Err(anyhow!(
            "{} holds no release: no manifest is in it",
            out.display()
        ))
        .with_context(cannot)
        .code(Code::Missing);
    }
    let what = ToSign::of_release(out, &manifests, certificate);
    let what = what.with_context(cannot).map_err(coded)?;
    let signatures = Signatures::read(&options.signatures, &what);
    let signatures = signatures
        .with_context(|| {
            format!(
                "{} do not finish {}",
                options.signatures.display(),
                out.display()
            )
        })
        .map_err(coded)?;

    let progress = Progress::new(quiet || json);
    let names = manifests.iter().filter_map(Manifest::system_name);
    let possible = possible_files(names.map(str::to_owned), out);
    let mut staging = Staging::open(out, possible)?;
    keep(&manifests, out, &mut staging)?;
    finish::sign(&manifests, &signatures, &mut staging)?;
    for manifest in &manifests {
        let name = uki_file(manifest.system_name());
        let unsigned = fs::read(out.join(&name))
            .with_context(cannot)
            .input_code()?;
        let signed = uki::sign(unsigned, &signatures).code(Code::Refused)?;
        staging.write(&name, &signed)?;
    }
    let owner = owner.signing_with(Box::new(signatures));
    finish::disk(&about, &manifests, &owner, &mut staging, &progress)?;
    verify(&staging.corner().join(DISK), owner.certificate(), &progress).with_context(cannot)?;
    let release = Release::of(&manifests, staging.files()?);
    staging.publish()?;
    if json {
        return output::print_json(&release);
    }
    release.say(out, &progress);
    Ok(())
}

/// What an unsigned build left to finish it with.
fn notes(out: &Path) -> anyhow::Result<DiskNotes> {
    let path = out.join(UNSIGNED);
    let bytes = fs::read(&path)
        .with_context(|| {
            format!(
                "{} cannot be read: no release waits for signatures there; 'sealboot build --unsigned' \
                 makes one",
                path.display()
            )
        })
        .input_code()?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is not as a build leaves it", path.display()))
        .code(Code::Refused)
}

/// What is as it will be.
fn keep(manifests: &[Manifest], out: &Path, staging: &mut Staging) -> anyhow::Result<()> {
    let mut names = vec![SBOM.to_owned(), REPORT.to_owned()];
    for manifest in manifests {
        names.push(esp::manifest_file(manifest.system_name()));
        for image in &manifest.images {
            names.extend([image.file.clone(), esp::root_hash_file(image.stem())]);
        }
    }
    names.sort();
    names.dedup();
    for name in &names {
        let path = out.join(name);
        fs::metadata(&path)
            .with_context(|| format!("{}, a file of the release, is not there", path.display()))
            .input_code()?;
        staging.keep(name);
    }
    Ok(())
}

/// Nothing takes a release's name that a machine would not start.
fn verify(disk: &Path, certificate: &[u8], progress: &Progress) -> anyhow::Result<()> {
    let step = progress.step("verifying");
    let owner = Owner::with(Certificate::read("db.cer", certificate)?);
    let report = chain::verify(disk, &owner, &mut |done, total| step.bytes(done, total))?;
    match report.holds {
        true => {
            step.done("every block, every signature");
            Ok(())
        }
        false => {
            Err(refusal(&report).context(anyhow!("a file of it was changed after it was built")))
                .code(Code::Refused)
        }
    }
}
