//! The house rules that a program can check.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::process;

/// Which of our crates a crate may use. The builder's side never reaches `linux`; PID 1 never
/// reaches the network, archives or signing.
const LAYERS: &[(&str, &[&str])] = &[
    ("lanes", &[]),
    ("formats", &["lanes"]),
    ("contract", &[]),
    ("linux", &[]),
    ("source", &["lanes", "formats"]),
    ("artifact", &["lanes", "formats", "contract", "source"]),
    ("chain", &["formats", "contract", "source"]),
    ("media", &["formats", "contract", "artifact"]),
    ("machine", &["formats", "contract", "linux", "source"]),
    ("config", &["formats", "contract", "source", "artifact"]),
    ("init", &["formats", "contract", "linux"]),
    (
        "cli",
        &[
            "formats", "contract", "linux", "source", "artifact", "chain", "media", "machine",
            "config",
        ],
    ),
    // Loads code that anybody wrote: it shares nothing with the command.
    ("pkcs11", &[]),
    (
        "readers",
        &[
            "formats", "contract", "source", "artifact", "chain", "config",
        ],
    ),
];

/// Where a crate is that is not in `crates`: no other may use what only tests need.
const ELSEWHERE: &[(&str, &str)] = &[("readers", "tests/readers")];

/// Which crates may have unsafe code: for system calls, and for calling what is compiled for some
/// processors only.
const UNSAFE: &[&str] = &["linux", "lanes"];

/// Longer files want to be two.
const LINES: usize = 400;

/// Tests are tables more often than not: they may be longer.
const TEST_LINES: usize = 700;

/// Longer shell scripts want to be programs.
const SHELL_LINES: usize = 50;

/// Reports every broken rule.
pub fn run() -> anyhow::Result<()> {
    let root = process::root();
    let mut broken = layering(&root)?;
    let mut files = Vec::new();
    list(&root, &mut files)?;
    for path in &files {
        let Ok(text) = fs::read_to_string(path) else {
            continue;
        };
        let name = path
            .strip_prefix(&root)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned();
        broken.extend(file_rules(&name, &text));
    }
    if broken.is_empty() {
        println!(
            "house rules: {} crates, {} files, all kept",
            LAYERS.len(),
            files.len()
        );
        return Ok(());
    }
    bail!("house rules are broken:\n  {}", broken.join("\n  "))
}

fn layering(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut broken = Vec::new();
    for (name, may_use) in LAYERS {
        let elsewhere = ELSEWHERE.iter().find(|(other, _)| other == name);
        let folder = elsewhere.map_or_else(|| format!("crates/{name}"), |row| row.1.to_owned());
        let path = root.join(&folder).join("Cargo.toml");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let manifest: toml::Table = text.parse()?;
        let Some(toml::Value::Table(uses)) = manifest.get("dependencies") else {
            continue;
        };
        for (ours, _) in LAYERS {
            if uses.contains_key(*ours) && !may_use.contains(ours) {
                broken.push(format!("{folder} must not use {ours}"));
            }
        }
    }
    Ok(broken)
}

fn file_rules(name: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let lines = text.lines().count();
    let is_test = name
        .split('/')
        .any(|part| part == "tests" || part == "tests.rs");
    let most = if is_test { TEST_LINES } else { LINES };
    if name.ends_with(".rs") && lines > most {
        broken.push(format!(
            "{name} has {lines} lines; over {most} it wants to be two"
        ));
    }
    if text.starts_with("#!")
        && text.lines().next().is_some_and(|l| l.ends_with("sh"))
        && lines > SHELL_LINES
    {
        broken.push(format!(
            "{name}: a shell script of {lines} lines wants to be a program"
        ));
    }
    let is_code = name.ends_with(".rs") && name.starts_with("crates/");
    let may = UNSAFE
        .iter()
        .any(|of| name.starts_with(&format!("crates/{of}/")));
    let unsafe_block = text
        .lines()
        .any(|l| !l.trim_start().starts_with("//") && l.contains("unsafe {"));
    if is_code && !may && unsafe_block {
        let only = UNSAFE.join(" and ");
        broken.push(format!("{name} has unsafe code; only {only} may"));
    }
    broken
}

/// All files that the project keeps, but for what tools leave.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && !path.is_symlink() {
            if !["target", ".git", "out", "keys"].contains(&name.as_str()) {
                list(&path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_rules_are_named() {
        let long = "//\n".repeat(LINES + 1);
        let unsafe_code = format!("fn f() {{ {} {{}} }}\n", "unsafe");
        let cases = [
            ("crates/cli/src/a.rs", long.as_str(), 1),
            ("crates/cli/src/a.rs", unsafe_code.as_str(), 1),
            ("crates/linux/src/a.rs", unsafe_code.as_str(), 0),
            ("crates/lanes/src/a.rs", unsafe_code.as_str(), 0),
            ("crates/lanes-of-others/src/a.rs", unsafe_code.as_str(), 1),
            ("run", "#!/bin/sh\n", 0),
        ];
        for (name, text, count) in cases {
            assert_eq!(file_rules(name, text).len(), count, "{name}");
        }
        assert_eq!(file_rules("run", &format!("#!/bin/sh\n{long}")).len(), 1);
    }
}
