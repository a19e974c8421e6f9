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
