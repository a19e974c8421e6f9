//! `sealboot verify`: whether the chain of trust holds, from the owner's certificate on.

use anyhow::Context;
use chain::report::State;
use chain::{Certificate, Owner};

use crate::exit::{Code, WithCode};
use crate::progress::Progress;
use crate::{args, output};

/// Checks, prints every check, and fails when one does.
pub fn verb(options: &args::Verify, json: bool, quiet: bool) -> anyhow::Result<()> {
    let owner = match &options.certificate {
        Some(file) => Certificate::open(file).map(Owner::with),
        None => Owner::open(&options.keys.folder),
    };
    let owner = owner
        .context(
            "the certificate to verify with cannot be had; --keys names the owner's keys folder, \
             --certificate a certificate",
        )
        .code(Code::Keys)?;
    let path = options.file.display();
    let step = Progress::new(quiet || json).step("verifying");
    let report = chain::verify(&options.file, &owner, &mut |done, total| {
        step.bytes(done, total);
    })
    .with_context(|| format!("{path} cannot be verified"))
    .input_code()?;
    step.clear();
    match json {
        true => output::print_json(&report)?,
        false => output::print(&report.render())?,
    }
    let (failed, all) = (report.count(State::Failed), report.checks.len());
    if !report.holds {
        let what = format!("{path} does not hold: {failed} of {all} checks failed");
        return Err(anyhow::anyhow!(what)).code(Code::Refused);
    }
    Ok(())
}
