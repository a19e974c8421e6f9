//! What the release lets run: boot.json's word, and the signed policy that makes the kernel keep to
//! it.

use contract::esp::POLICY;
use contract::manifest::Manifest;
use contract::policy;
use formats::pkcs7;
use source::keys::verify_attached;

use super::Context;
use super::uki::Settings;
use crate::initrd::Pinned;
use crate::report::Break;

/// Longest line of a policy that is shown, in characters.
const SHOWN: usize = 160;

/// Checks the policy in the initrd of the UKI `name`.
pub(super) fn check(
    context: &mut Context<'_, '_>,
    name: &str,
    settings: &Settings,
    pinned: &Pinned,
    manifest: Option<&Manifest>,
) {
    let what = "execution policy as boot.json says";
    let execute = settings.get("execute").and_then(|word| word.as_str());
    let there = format!("{POLICY} in the initrd");
    let broken =
        |what: &str, expected: &str, found: &str| Break::of(name, what).differs(expected, found);
    match (execute, &pinned.policy) {
        (Some("any"), None) => {
            let detail = "none, execution is not restricted";
            context.report.ok(name, what, detail);
        }
        (Some("any"), Some(_)) => {
            let why = "there is a policy, and init does not load it: execution is not restricted";
            let found = broken(why, &format!("no {there}"), &there);
            context.report.failed(name, what, found);
        }
        (Some("signed"), None) => {
            let why = "there is no policy: init stops";
            let found = broken(why, &there, &format!("no {there}"));
            context.report.failed(name, what, found);
        }
        (Some("signed"), Some(signed)) => {
            signature(context, name, signed);
            text(context, name, signed, manifest);
        }
        _ => {
            let why = "boot.json says nothing of execution that is known here";
            context.report.not_checked(name, what, why);
        }
    }
}

/// The kernel takes the policy when a certificate in db signed it.
fn signature(context: &mut Context<'_, '_>, name: &str, signed: &[u8]) {
    let what = "execution policy signed by the db certificate";
    match verify_attached(&context.owner.db.der, signed) {
        Ok(_) => context.report.ok(name, what, ""),
        Err(error) => {
            let found = Break::of(name, format!("{POLICY} in the initrd: {error}"));
            context.report.failed(name, what, found);
        }
    }
}

/// The policy's lines are those that a build writes for this manifest, whoever signed them.
fn text(context: &mut Context<'_, '_>, name: &str, signed: &[u8], manifest: Option<&Manifest>) {
    let what = "execution policy allows the manifest's images only";
    let Some(manifest) = manifest else {
        let why = "there is no manifest to compare it with";
        context.report.not_checked(name, what, why);
        return;
    };
    let message = pkcs7::read(signed);
    let content = message
        .as_ref()
        .ok()
        .and_then(|message| message.data().ok());
    let Some(content) = content else {
        let found = Break::of(name, format!("{POLICY} in the initrd holds no text"));
        context.report.failed(name, what, found);
        return;
    };
    let expected = policy::text(manifest);
    match first_other_line(&expected, &String::from_utf8_lossy(content)) {
        None => {
            let detail = format!("{} lines", expected.lines().count());
            context.report.ok(name, what, detail);
        }
        Some((line, ours, theirs)) => {
            let why = format!("line {line} of {POLICY} in the initrd");
            let found = Break::of(name, why).differs(ours, theirs);
            context.report.failed(name, what, found);
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
