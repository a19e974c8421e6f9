//! Every test: unit and golden tests of the crates, differential tests against the reference
//! tools, boots in virtual machines.

use crate::{check, process, tools};

/// Installs what the tests need, checks the house rules, runs the tests.
pub fn run(filter: Option<&str>) -> anyhow::Result<()> {
    tools::install(tools::TEST)?;
    check::run()?;
    // The tests start the command itself; building it first tells them which one.
    process::run(process::cargo().args(["build", "--package", "sealboot"]))?;
    let sealboot = process::sealboot("debug")?;
    let mut command = process::cargo();
    command
        .env("SEALBOOT", sealboot)
        .args(["test", "--workspace", "--no-fail-fast"]);
    // Two machines at a time are what two processors carry.
    command.arg("--").args(["--test-threads", "2"]).args(filter);
    process::run(&mut command)
}
