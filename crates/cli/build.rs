//! Builds PID 1 of the initrd, so that the command carries it: one program, nothing to install
//! beside it. `init` stays a program of its own because it must be small and must not reach
//! what the command can do.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "x86_64-unknown-linux-gnu";

fn main() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for input in [
        "init",
        "contract",
        "linux",
        "formats/src",
        "../Cargo.toml",
        "../Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={}", crates.join(input).display());
    }
    let out = PathBuf::from(variable("OUT_DIR")).join("init");
    let status = Command::new(variable("CARGO"))
        .current_dir(&crates)
        .args([
            "build",
            "--quiet",
            "--locked",
            "--package",
            "init",
            "--profile",
            "init",
        ])
        .args(["--target", TARGET, "--target-dir"])
        .arg(&out)
        // Cargo hands this build script the flags of the build around it; init has its own.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTC_WRAPPER")
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => fail(&format!("building init: {status}")),
        Err(error) => fail(&format!("building init: cargo cannot be started: {error}")),
    }
    let program = out.join(TARGET).join("init").join("sealboot-init");
    println!("cargo::rustc-env=SEALBOOT_INIT={}", program.display());
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| fail(&format!("cargo did not set {name}")))
}

fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    std::process::exit(1)
}
