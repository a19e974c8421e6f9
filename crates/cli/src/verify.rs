//! `sealboot verify`: whether the chain of trust holds, from the owner's certificate on.

use std::fs;

use anyhow::Context;
use chain::report::{Report, State};
use chain::{Certificate, Dbx, Owner};

use crate::exit::{Code, WithCode};
use crate::inspect::unusable;
use crate::progress::Progress;
use crate::{args, output};

/// Checks, prints every check, and fails when one does.
pub fn verb(options: &args::Verify, json: bool, quiet: bool) -> anyhow::Result<()> {
    let owner = match &options.certificate {
        Some(file) => Certificate::open(file).map(Owner::with),
        None => Owner::open(&options.keys.folder),
    };
    let mut owner = owner
        .context(
            "the certificate to verify with cannot be had; --keys names the owner's keys folder, \
             --certificate a certificate",
        )
        .code(Code::Keys)?;
    if let Some(path) = &options.dbx {
        let read = || anyhow::Ok(Dbx::read(&fs::read(path)?)?);
        let cannot = || format!("{} cannot be used as a dbx", path.display());
        owner.dbx = Some(read().with_context(cannot).input_code()?);
    }
    let step = Progress::new(quiet || json).step("verifying");
    let report = chain::verify(&options.file, &owner, &mut |done, total| {
        step.bytes(done, total);
    })
    .with_context(|| unusable(&options.file, "verified"))
    .input_code()?;
    step.clear();
    match json {
        true => output::print_json(&report)?,
        false => output::print(&report.render())?,
    }
    match report.holds {
        true => Ok(()),
        false => Err(refusal(&report)).code(Code::Refused),
    }
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
