//! `sealboot verify`: whether the chain of trust holds, from the owner's certificate on.

use std::fs;
use std::path::Path;

use anyhow::Context;
use chain::report::{Report, State};
use chain::{Certificate, Dbx, Owner, SbatLevel};
use formats::efivars::{DB, DBX, Variable};
use linux::efivars;
use tempfile::TempDir;

use crate::exit::{Code, WithCode};
use crate::inspect::unusable;
use crate::progress::Progress;
use crate::{args, oci, output};

/// Checks, prints what came of it, and fails when something does not hold.
pub fn verb(options: &args::Verify, json: bool, quiet: bool) -> anyhow::Result<()> {
    let mut owner = trusted(options).code(Code::Keys)?;
    if let Some(path) = &options.dbx {
        owner.dbx = Some(read_as("a dbx", path, Dbx::read).input_code()?);
    }
    if let Some(path) = &options.sbat_level {
        let read = |bytes: &[u8]| SbatLevel::read(&String::from_utf8_lossy(bytes));
        owner.sbat_level = Some(read_as("an SBAT level", path, read).input_code()?);
    }
    let progress = Progress::new(quiet || json);
    let borrowed = match oci::elsewhere(&options.file)? {
        Some(reference) => Some(oci::release::borrow(&reference, &progress)?),
        None => None,
    };
    let file = borrowed
        .as_ref()
        .map_or(options.file.as_path(), TempDir::path);
    let step = progress.step("verifying");
    let mut report = chain::verify(file, &owner, &mut |done, total| step.bytes(done, total))
        .with_context(|| unusable(&options.file, "verified"))
        .input_code()?;
    step.clear();
    report.path = options.file.display().to_string();
    match (json, options.explain) {
        (true, _) => output::print_json(&report)?,
        (false, true) => output::print(&report.explain())?,
        (false, false) => output::print(&report.render())?,
    }
    match report.holds {
        true => Ok(()),
        false => Err(refusal(&report)).code(Code::Refused),
    }
}

/// A file of this machine, read as what it was named for.
fn read_as<T>(
    what: &str,
    path: &Path,
    read: impl FnOnce(&[u8]) -> Result<T, chain::Error>,
) -> anyhow::Result<T> {
    let value = || anyhow::Ok(read(&fs::read(path)?)?);
    value().with_context(|| format!("{} cannot be used as {what}", path.display()))
}

/// What signatures count by.
fn trusted(options: &args::Verify) -> anyhow::Result<Owner> {
    if options.firmware {
        return firmware();
    }
    if let Some(file) = &options.db {
        let name = file.display().to_string();
        return read_as("a db", file, |lists| Owner::of_db(&name, lists));
    }
    let owner = match &options.certificate {
        Some(file) => Certificate::open(file).map(Owner::with),
        None => Owner::open(&options.keys.folder),
    };
    owner.context(
        "the certificate to verify with cannot be had; --keys names the owner's keys folder, \
         --certificate a certificate, --db a firmware's whole list",
    )
}

/// db and dbx of the machine that this runs on.
fn firmware() -> anyhow::Result<Owner> {
    let folder = Path::new(efivars::FOLDER);
    let read = |variable: Variable| {
        let found = efivars::read(folder, &variable.file_name())?;
        // Four bytes of attributes go before the value.
        anyhow::Ok(found.map(|bytes| bytes.get(4..).unwrap_or_default().to_vec()))
    };
    let cannot = "this machine's firmware does not say what it trusts";
    let db = read(DB).context(cannot)?.with_context(|| {
        format!(
            "{cannot}: there is no db in {}; is it a machine with UEFI, and are keys enrolled?",
            folder.display()
        )
    })?;
    let mut owner = Owner::of_db("db of this machine", &db).context(cannot)?;
    let dbx = read(DBX).context(cannot)?.unwrap_or_default();
    owner.dbx = Some(Dbx::read(&dbx).context("this machine's dbx cannot be read")?);
    Ok(owner)
}

/// How much does not hold, and the first thing of it.
pub(crate) fn refusal(report: &Report) -> anyhow::Error {
    let (failed, all) = (report.count(State::Failed), report.checks.len());
    let (state, how_much) = match failed {
        0 => (
            State::NotChecked,
            "nothing of it could be checked".to_owned(),
        ),
        _ => (State::Failed, format!("{failed} of {all} checks failed")),
    };
    let headline = format!("{} does not hold: {how_much}", report.path);
    let Some(first) = report.checks.iter().find(|check| check.state == state) else {
        return anyhow::anyhow!(headline);
    };
    let found = first
        .breaks
        .first()
        .map_or(&first.detail, |found| &found.what);
    let parts = [&first.within, &first.object, &first.check, found];
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    let first: Vec<&str> = parts.map(String::as_str).collect();
    anyhow::anyhow!(first.join(": ")).context(headline)
}
