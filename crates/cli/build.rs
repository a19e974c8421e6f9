//! Builds PID 1 of the initrd, so that the command carries it: one program, nothing to install
//! beside it. `init` stays a program of its own because it must be small and must not reach
//! what the command can do.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// How init is compiled and linked beyond its profile: for size. What each saves is in
/// `docs/design/2026-11-23-size-of-init.md`.
fn flags(crates: &Path) -> [String; 3] {
    let script = crates.join("init/no-unwinding.ld");
    [
        // One static program, as everything here. The flags given here replace those of
        // `.cargo/config.toml`.
        "-Ctarget-feature=+crt-static".to_owned(),
        // The places to adjust to the load address, as a bit map: 1 KB instead of 45. The program
        // reads it itself as it starts; glibc can since 2.36.
        "-Clink-arg=-Wl,-z,pack-relative-relocs".to_owned(),
        // Without the tables for unwinding.
        format!("-Clink-arg=-T{}", script.display()),
    ]
}

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
            // Without what only its tests need.
            "--no-default-features",
            "--profile",
            "init",
        ])
        .args(["--target", TARGET, "--target-dir"])
        .arg(&out)
        // Cargo hands this build script the flags of the build around it; init has its own.
        .env("CARGO_ENCODED_RUSTFLAGS", flags(&crates).join("\x1f"))
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
    check(&program);
    println!("cargo::rustc-env=SEALBOOT_INIT={}", program.display());
}

/// Makes sure that the program starts, so that a C library too old for its [`flags`] is found here
/// and not on the machine. It is not PID 1 now: it explains itself and ends with 2.
fn check(program: &Path) {
    match Command::new(program).output() {
        Ok(output) if output.status.code() == Some(2) => {}
        Ok(output) => fail(&format!(
            "init does not start: {}: glibc 2.36 or later is needed to build it",
            output.status
        )),
        Err(error) => fail(&format!("init cannot be started: {error}")),
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| fail(&format!("cargo did not set {name}")))
}

fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    std::process::exit(1)
}
