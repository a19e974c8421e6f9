//! Starting programs, with the command line in every error.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

/// Runs a command to its end; anything but success is an error.
pub fn run(command: &mut Command) -> anyhow::Result<()> {
    let line = shown(command);
    let status = command
        .status()
        .with_context(|| format!("{line} cannot be started"))?;
    if !status.success() {
        bail!("{line}: {status}");
    }
    Ok(())
}

/// The command line as one would type it.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Cargo, in the project's root.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The project's root.
pub fn root() -> PathBuf {
    // xtask/Cargo.toml is one level below it.
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The program that cargo builds for `profile` ("debug", "release").
pub fn sealboot(profile: &str) -> anyhow::Result<PathBuf> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let path = target
        .join("x86_64-unknown-linux-gnu")
        .join(profile)
        .join("sealboot");
    path.canonicalize()
        .with_context(|| format!("{} was not built", path.display()))
}
