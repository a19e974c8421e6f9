//! Starting programs, with the command line in every error.

use std::path::{Path, PathBuf};
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
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    typed(&words)
}

/// Words as one would type them, in quotes where there are spaces in them.
pub fn typed<W: AsRef<str>>(words: &[W]) -> String {
    let quoted = words.iter().map(|word| match word.as_ref() {
        word if word.contains(' ') => format!("'{word}'"),
        word => word.to_owned(),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Cargo, in the project's root.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The project's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The program that cargo builds for `profile` ("debug", "release").
pub fn sealboot(profile: &str) -> anyhow::Result<PathBuf> {
    let path = target()
        .join("x86_64-unknown-linux-gnu")
        .join(profile)
        .join("sealboot");
    path.canonicalize()
        .with_context(|| format!("{} was not built", path.display()))
}
