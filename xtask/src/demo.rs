//! From nothing to a machine that boots only what its owner signed, on this machine.

use std::process::Command;
use std::time::Instant;

use anyhow::Context;

use crate::{process, tools};

/// Where the documentation has the first screen.
const SCREENSHOT: &str = "docs/images/first-screen.png";

/// Installs, builds, boots.
pub fn run() -> anyhow::Result<()> {
    boot(&[])
}

/// The same, and saves the first screen for the documentation.
pub fn screenshot() -> anyhow::Result<()> {
    let path = process::root().join(SCREENSHOT);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    boot(&["--screenshot", &path.to_string_lossy()])
}

fn boot(more: &[&str]) -> anyhow::Result<()> {
    tools::install(tools::DEMO)?;
    println!("$ cargo build --release");
    process::run(process::cargo().args(["build", "--release", "--package", "sealboot"]))?;
    let sealboot = process::sealboot("release")?;
    let scratch = process::root().join("target/demo");
    match std::fs::remove_dir_all(&scratch) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).context(format!("{} is in the way", scratch.display()));
        }
        _ => std::fs::create_dir_all(&scratch)?,
    }
    let log = scratch.join("serial.log");
    let log_text = log.to_string_lossy();
    let run = ["run", "--serial-log", &log_text];
    let expect = ["--expect", "Secure Boot", "--expect", SCREEN_END];
    let steps = [
        ["keys", "create", "--no-passphrase"].to_vec(),
        ["build"].to_vec(),
        [&run[..], &expect, more].concat(),
    ];
    for step in steps {
        println!("\n$ sealboot {}", process::typed(&step));
        let started = Instant::now();
        process::run(Command::new(&sealboot).args(&step).current_dir(&scratch))?;
        println!("({:.1} s)", started.elapsed().as_secs_f64());
    }
    println!("\nIt is all in {}.", scratch.canonicalize()?.display());
    Ok(())
}

/// What the first screen ends with.
const SCREEN_END: &str = "What to type:";
