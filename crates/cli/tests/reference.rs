//! The reference in `docs/reference` is what the command itself says. `UPDATE_REFERENCE=1` with
//! this test writes it anew.

use std::path::Path;
use std::process::Command;

fn said(arguments: &[&str]) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealboot"));
    // Help is wrapped at the terminal's width; here there is none but this.
    command
        .args(arguments)
        .current_dir(folder)
        .env("COLUMNS", "80");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn compare(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/reference")
        .join(file);
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "docs/reference/{file} has drifted; run UPDATE_REFERENCE=1 cargo test -p sealboot --test reference"
    );
}

#[test]
fn every_verbs_help() {
    let verbs: &[&[&str]] = &[
        &[],
        &["keys"],
        &["keys", "create"],
        &["keys", "show"],
        &["build"],
        &["write"],
        &["run"],
        &["status"],
    ];
    let mut text = String::new();
    for verb in verbs {
        let arguments = [*verb, &["--help"]].concat();
        text.push_str(&format!(
            "$ sealboot {}\n{}\n",
            arguments.join(" "),
            said(&arguments)
        ));
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    compare("help.txt", &text);
}

#[test]
fn the_default_configuration() {
    let printed = said(&["build", "--print-config"]);
    // Which mirror it is depends on the machine.
    let lines = printed.lines().filter(|line| !line.contains("mirror = "));
    let text = lines.fold(String::new(), |text, line| text + line + "\n");
    compare("sealboot.toml", &text);
}
