//! What the release lets run: boot.json's word, and the signed policy beside the images that makes the
//! kernel keep to it.

use contract::esp;
use contract::manifest::Manifest;
use contract::policy;
use formats::pkcs7;
use source::keys::verify_attached;

use super::Context;
use super::release::{SMALL, absent};
use super::uki::Settings;
use crate::files::Files;
use crate::report::Break;

/// Longest line of a policy that is shown, in characters.
const SHOWN: usize = 160;

/// What init asks for, and what there is to load.
const WHAT: &str = "execution policy as boot.json says";

/// Checks that boot.json and manifest of the UKI `name` agree; whether there is a policy.
pub(super) fn asked(
    context: &mut Context<'_, '_>,
    name: &str,
    settings: &Settings,
    manifest: &Manifest,
) -> bool {
    let execute = settings.get("execute").and_then(|word| word.as_str());
    let file = esp::policy_file(manifest.system_name());
    let (there, absent) = (
        format!("{file} in the manifest"),
        "no policy in the manifest",
    );
    let broken = |what: &str| Break::of(name, what);
    match (execute, &manifest.policy) {
        (Some("any"), None) => {
            context.report.summary.runs("any program may be executed");
            let detail = "none, execution is not restricted";
            context.report.ok(name, WHAT, detail);
        }
        (Some("any"), Some(_)) => {
            let why = "there is a policy, and init does not load it: execution is not restricted";
            let found = broken(why).differs(absent, &there);
            context.report.failed(name, WHAT, found);
        }
        (Some("signed"), None) => {
            let found = broken("there is no policy: init stops").differs(&there, absent);
            context.report.failed(name, WHAT, found);
        }
        (Some("signed"), Some(file)) => {
            let what = "only programs of the release's images may be executed";
            context.report.summary.runs(what);
            context.report.ok(name, WHAT, file);
            return true;
        }
        _ => {
            let why = "boot.json says nothing of execution that is known here";
            context.report.not_checked(name, WHAT, why);
        }
    }
    false
}

/// Checks the policy beside the images: its signature, and that it says what a build writes for this
/// manifest, whoever signed it.
pub(super) fn check(context: &mut Context<'_, '_>, files: &mut Files<'_>, manifest: &Manifest) {
    let path = files.release(&esp::policy_file(manifest.system_name()));
    let what = super::SIGNED;
    let signed = match files.read(&path, SMALL) {
        Ok(signed) => signed,
        Err(error) => return context.report.failed(&path, what, absent(&path, &error)),
    };
    // The kernel takes the policy when a certificate in db signed it.
    match context.owner.any(|der| verify_attached(der, &signed)) {
        Ok(by) => context.report.ok(&path, what, by),
        Err(error) => {
            let found = Break::of(&path, error.to_string());
            context.report.failed(&path, what, found);
        }
    }
    let what = "allows the manifest's images only";
    let message = pkcs7::read(&signed);
    let content = message
        .as_ref()
        .ok()
        .and_then(|message| message.data().ok());
    let Some(content) = content else {
        let found = Break::of(&path, "it holds no text");
        context.report.failed(&path, what, found);
        return;
    };
    let expected = policy::text(manifest);
    match first_other_line(&expected, &String::from_utf8_lossy(content)) {
        None => {
            let detail = format!("{} lines", expected.lines().count());
            context.report.ok(&path, what, detail);
        }
        Some((line, ours, theirs)) => {
            let found = Break::of(&path, format!("line {line}")).differs(ours, theirs);
            context.report.failed(&path, what, found);
        }
    }
}

/// The number of the first line that differs, from 1, and what stands there.
fn first_other_line(ours: &str, theirs: &str) -> Option<(usize, String, String)> {
    let (mut ours, mut theirs) = (ours.split('\n'), theirs.split('\n'));
    let shown = |line: Option<&str>| match line {
        None => "the end of the text".to_owned(),
        Some("") => "an empty line".to_owned(),
        Some(line) => line.chars().take(SHOWN).collect(),
    };
    let mut number = 1;
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return None,
            (a, b) if a == b => number += 1,
            (a, b) => return Some((number, shown(a), shown(b))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_named() {
        let at = |theirs| {
            let found = first_other_line("one\ntwo\n", theirs);
            found.map(|(line, ours, theirs)| format!("{line} {ours} {theirs}"))
        };
        let cases = [
            ("one\ntwo\n", None),
            ("one\ntwo", Some("3 an empty line the end of the text")),
            ("one\n", Some("2 two an empty line")),
            ("one", Some("2 two the end of the text")),
            ("one\r\ntwo\n", Some("1 one one\r")),
            ("one\ntwo\nmore\n", Some("3 an empty line more")),
            ("one\ntwo\n\n", Some("4 the end of the text an empty line")),
        ];
        for (theirs, expected) in cases {
            assert_eq!(at(theirs).as_deref(), expected, "{theirs:?}");
        }
    }
}
