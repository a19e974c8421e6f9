//! `sealboot-pkcs11`, the only program that is not static: it loads the modules of tokens. Built apart, so
//! that nothing else is built with other flags.

use std::path::PathBuf;

use anyhow::Context;

use crate::process;

/// Builds it to be used, and says where it is.
pub fn run() -> anyhow::Result<()> {
    let program = build("release", &["--release"])?;
    println!(
        "{} is to lie beside sealboot, or in PATH",
        program.display()
    );
    Ok(())
}

/// Builds it for the tests: what it needs is not worth optimizing.
pub fn for_tests() -> anyhow::Result<PathBuf> {
    build("debug", &["--config", "profile.dev.opt-level=0"])
}

fn build(profile: &str, more: &[&str]) -> anyhow::Result<PathBuf> {
    let target = process::target().join("pkcs11");
    let mut cargo = process::cargo();
    cargo.args(["build", "--package", "pkcs11", "--features", "program"]);
    cargo.args(more).arg("--target-dir").arg(&target);
    // These replace the flags of `.cargo/config.toml`.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=-crt-static");
    process::run(&mut cargo)?;
    let program = target
        .join("x86_64-unknown-linux-gnu")
        .join(profile)
        .join("sealboot-pkcs11");
    program
        .canonicalize()
        .with_context(|| format!("{} was not built", program.display()))
}
