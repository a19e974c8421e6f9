//! Dependencies, held against `deny.toml`: which licences, from where, and what must not come in.

use std::path::PathBuf;
use std::process::Command;

use crate::process;

/// The version whose `deny.toml` this is.
const VERSION: &str = "0.20.2";

/// What is checked. Advisories are not: their list is not where every network reaches.
const CHECKS: [&str; 3] = ["bans", "licenses", "sources"];

/// Workspaces, by their manifests.
const WORKSPACES: [&str; 2] = ["Cargo.toml", "fuzz/Cargo.toml"];

/// Checks both, with a cargo-deny of its own that is installed when it is missing.
pub fn run() -> anyhow::Result<()> {
    let program = installed()?;
    for manifest in WORKSPACES {
        println!("{manifest}:");
        let mut command = Command::new(&program);
        command.current_dir(process::root());
        command.args(["--manifest-path", manifest, "--config"]);
        command.arg(process::root().join("deny.toml")).arg("check");
        // What one workspace needs, the other may not.
        for unused in [
            "license-not-encountered",
            "license-exception-not-encountered",
        ] {
            command.args(["--allow", unused]);
        }
        process::run(command.args(CHECKS))?;
    }
    Ok(())
}

fn installed() -> anyhow::Result<PathBuf> {
    let root = process::target().join("tools");
    let program = root.join("bin/cargo-deny");
    let is_it = Command::new(&program).arg("--version").output();
    let wanted = format!("cargo-deny {VERSION}\n");
    if !is_it.is_ok_and(|output| output.stdout == wanted.as_bytes()) {
        let mut install = process::cargo();
        install.args([
            "install",
            "cargo-deny",
            "--locked",
            "--debug",
            "--version",
            VERSION,
        ]);
        install.arg("--root").arg(&root);
        install.arg("--target-dir").arg(root.join("target"));
        // Nobody looks into it.
        install.args(["--config", "profile.dev.debug=false", "--force"]);
        // Static linking is for what the project builds.
        install.env("CARGO_ENCODED_RUSTFLAGS", "");
        process::run(&mut install)?;
        std::fs::remove_dir_all(root.join("target"))?;
    }
    Ok(program)
}
