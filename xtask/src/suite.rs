//! Every test: unit and golden tests of the crates, differential tests against the reference
//! tools, boots in virtual machines.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, bail};

use crate::{check, pkcs11, process, tools};

/// All that is tested, and the command.
const TESTS: [&str; 3] = ["test", "--workspace", "--all-targets"];

/// Installs what the tests need, checks the house rules, runs the tests, says how many.
pub fn run(filter: Option<&str>) -> anyhow::Result<()> {
    tools::install(tools::TEST)?;
    check::run()?;
    // The tests start the command itself. Built on its own, it would have what it needs built for it alone.
    process::run(process::cargo().args(TESTS).arg("--no-run"))?;
    let mut command = process::cargo();
    command.env("SEALBOOT", process::sealboot("debug")?);
    command.env("SEALBOOT_PKCS11", pkcs11::for_tests()?);
    command.args(TESTS).arg("--no-fail-fast");
    // Two machines at a time are what two processors carry.
    command.arg("--").args(["--test-threads", "2"]).args(filter);

    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo test")?;
    let mut total = Count::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line.context("reading what cargo test prints")?;
            println!("{line}");
            total.add(&line);
        }
    }
    let status = child.wait()?;
    println!("\n{} passed, {} failed", total.passed, total.failed);
    if !status.success() {
        bail!("cargo test: {status}");
    }
    Ok(())
}

/// Tests that ran, summed over all test programs.
#[derive(Debug, Default, PartialEq)]
struct Count {
    passed: u64,
    failed: u64,
}

impl Count {
    /// Takes in libtest's closing line: `test result: ok. 3 passed; 0 failed; …`.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        let words: Vec<&str> = result.split_whitespace().collect();
        for pair in words.windows(2) {
            let number = pair[0].parse().unwrap_or(0);
            match pair[1] {
                "passed;" => self.passed += number,
                "failed;" => self.failed += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_summed() {
        let mut count = Count::default();
        for line in [
            "running 4 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured",
        ] {
            count.add(line);
        }
        assert_eq!(
            count,
            Count {
                passed: 4,
                failed: 2
            }
        );
    }
}
