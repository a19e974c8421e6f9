//! Every verb's help, and the reference in `docs/reference` that is made of it.
//! `UPDATE_REFERENCE=1` with this test writes the reference anew.

use std::path::Path;

use crate::place::Place;

/// Standard output of the command, at 80 columns.
fn said(place: &Place, arguments: &[&str]) -> String {
    let ran = place.sealboot(arguments);
    ran.check(&arguments.join(" "), 0, &[]);
    ran.stdout
}

/// The words of every verb that the help lists, none first: `[]`, `["keys"]`, `["keys", "create"]`.
fn verbs(place: &Place) -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    let mut next = 0;
    while let Some(verb) = found.get(next).cloned() {
        let mut words: Vec<&str> = verb.iter().map(String::as_str).collect();
        words.push("--help");
        let help = said(place, &words);
        let list = help.split("\nCommands:\n").nth(1).unwrap_or_default();
        let rows = list.lines().take_while(|line| !line.is_empty());
        // A description that goes on stands further to the right.
        let names = rows.filter_map(|row| row.strip_prefix("  ")?.split(' ').next());
        let names = names.filter(|name| !["", "help"].contains(name));
        let below: Vec<Vec<String>> = names
            .map(|name| [&verb[..], &[name.to_owned()]].concat())
            .collect();
        next += 1;
        found.splice(next..next, below);
    }
    found
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
        "docs/reference/{file} has drifted; run UPDATE_REFERENCE=1 cargo test -p sealboot --test command reference"
    );
}

#[test]
fn every_verbs_help() {
    let place = Place::empty();
    let verbs = verbs(&place);
    for known in [&[][..], &["keys", "create"], &["verify"]] {
        assert!(verbs.iter().any(|verb| verb == known), "{known:?}");
    }
    let mut text = String::new();
    for verb in verbs {
        let words = |flag| verb.iter().map(String::as_str).chain([flag]).collect();
        let (long, short): (Vec<&str>, Vec<&str>) = (words("--help"), words("-h"));
        let help = said(&place, &long);
        for line in help.lines().chain(said(&place, &short).lines()) {
            assert!(line.chars().count() <= 80, "{verb:?}: {line}");
        }
        text.push_str(&format!("$ sealboot {}\n{help}\n", long.join(" ")));
    }
    for code in 0..=7 {
        let row = format!("\n   {code}  ");
        assert!(text.contains(&row), "{code} is not in {text}");
    }
    compare("help.txt", &text);
}

#[test]
fn the_default_configuration() {
    let printed = said(&Place::empty(), &["build", "--print-config"]);
    // Which mirror it is depends on the machine.
    let lines = printed.lines().filter(|line| !line.contains("mirror = "));
    let text = lines.fold(String::new(), |text, line| text + line + "\n");
    compare("sealboot.toml", &text);
}

const SETTINGS: &str = "\
# Settings

Everything that `sealboot.toml` may say, made from the source code's own descriptions. All of it has
defaults: [sealboot.toml](sealboot.toml) holds them (`sealboot build --print-config`). Paths are
relative to the folder of the file.
";

const WORDS: &str = "
## Words on the kernel's command line

`uki.command_line` is signed; the kernel's own words are in its documentation, and these are read by
sealboot's init:
";

/// Made from the descriptions in the source: a setting without one is a defect.
#[test]
fn every_setting() {
    let mut text = SETTINGS.to_owned();
    for file in configuration() {
        let source = source(&format!("../config/src/{file}"));
        let mut description = String::new();
        let (mut read, mut section) = (false, false);
        for line in source.lines() {
            let line = line.trim();
            if let Some(words) = line.strip_prefix("///") {
                description.push_str(words);
            } else if line.starts_with("#[serde(deny_unknown_fields") {
                read = true;
            } else if line.starts_with("pub struct ") && read {
                (read, section) = (false, true);
                let title = description.trim();
                // The others are what a section is made of.
                match title.starts_with("`[") {
                    true => text.push_str(&format!("\n## {title}\n\n")),
                    false => text.push_str(&format!("\n## {}\n\n{title}\n\n", titled(line))),
                }
                description.clear();
            } else if line == "}" {
                section = false;
                description.clear();
            } else if let Some(field) = line.strip_prefix("pub ").filter(|_| section) {
                let (name, _) = field.split_once(':').expect(field);
                assert!(!description.is_empty(), "{name} in {file}");
                text.push_str(&format!("- `{name}`:{description}\n"));
                description.clear();
            } else if !line.starts_with("#[") {
                description.clear();
            }
        }
    }
    text.push_str(WORDS);
    text.push('\n');
    let mut description = String::new();
    for line in source("../contract/src/cmdline.rs").lines() {
        if let Some(words) = line.strip_prefix("///") {
            description.push_str(words);
        } else if line.starts_with("pub const ") {
            text.push_str(&format!("-{description}\n"));
            description.clear();
        } else {
            description.clear();
        }
    }
    for setting in [
        "command_line",
        "authorized_keys",
        "directory",
        "sealboot.patience=300",
    ] {
        assert!(text.contains(setting), "{setting}: {text}");
    }
    compare("settings.md", &text);
}

/// What stands above the table of a release's files in a registry.
const RELEASE: &str = "\
# A release in a registry

`sealboot oci push out/ oci://registry/name:tag` sends a release as an OCI artifact (image-spec 1.1,
manifest.md); `sealboot oci pull oci://registry/name:tag out/` makes the folder of it again, byte for
byte. Written from the source code.

The manifest (`application/vnd.oci.image.manifest.v1+json`) has

- `artifactType`: `ARTIFACT`
- `config`: the empty descriptor, `application/vnd.oci.empty.v1+json`
- `annotations`: `org.opencontainers.image.version`, the release's version
- `layers`: the files, sorted by name, each as it is and with its name as annotation
  `org.opencontainers.image.title`, which tools such as oras take for the name of a file

The bill of materials also refers to the artifact: a manifest with `artifactType`
`application/spdx+json` and the artifact as `subject`, for tools that look for one.

| File name ends with | Media type of the layer | What it is |
|---|---|---|
";

/// What stands below it.
const RELEASE_RULES: &str = "
A name is 1 to 128 letters, digits and `-_.+`, no `.` first; each is there once. Each `.json` with a
signature is a manifest of the release, and names its images; its UKI is `kernel.efi`, or `NAME.efi`
beside `NAME.json`. `pull` refuses an artifact with any other file, or without one of these.
";

#[test]
fn every_file_of_a_release_in_a_registry() {
    use artifact::oci::release::{ARTIFACT, ROLES};
    let mut text = RELEASE.replace("ARTIFACT", ARTIFACT);
    for role in ROLES {
        let (end, media_type, what) = (role.end, role.media_type, role.what);
        text += &format!("| `{end}` | `{media_type}` | {what} |\n");
    }
    compare("release-artifact.md", &(text + RELEASE_RULES));
}

/// What the reader calls a struct that is no section.
fn titled(line: &str) -> &'static str {
    match line.split([' ', '{']).nth(2) {
        Some("Config") => "At the top",
        Some("Source") => "An entry of a `source` list",
        other => panic!("{other:?} has no title"),
    }
}

/// The source files that describe it, the file's own first.
fn configuration() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/src");
    let files = std::fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort_by_key(|name| (name != "lib.rs", name.clone()));
    names
}

fn source(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(path).unwrap()
}
