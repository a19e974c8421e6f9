//! A UKI: its signature, and what its initrd pins, compared with the sections beside it.

use contract::boot::{self, Boot};
use contract::cmdline;
use contract::manifest::Manifest;
use source::keys::{CertificateSummary, VerifyError, Vouched, verify_image_by_any};

use super::{Context, layout, policy, sbat};
use crate::initrd::{self, Pinned};
use crate::report::{Break, Breaks};
use crate::uki::{Section, Uki, digest};
use crate::{Certificate, Error, Owner, Part};

/// What a UKI pins.
pub(super) struct Pins {
    /// The manifest's bytes.
    pub(super) bytes: Vec<u8>,
    /// Whether init loads the execution policy beside the images.
    pub(super) policy: bool,
}

/// Whose UKI it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    /// A release's: it has to pin one.
    Sealboot,
    /// Anybody's.
    Any,
}

/// Checks all of it; gives what it pins when there is a manifest.
pub(super) fn check(
    context: &mut Context<'_, '_>,
    part: &mut Part<'_>,
    maker: Maker,
) -> Option<Pins> {
    let name = part.name().to_owned();
    let uki = signature(context, part)?;
    layout::check(context, &name, &uki);
    sbat::check(context, part, &uki);
    let what = "pins a manifest and boot settings";
    let section = uki.section(".initrd");
    let unpacked = section.map(|section| (section, initrd::pinned(part, section)));
    if maker == Maker::Any && !is_ours(part, unpacked.as_ref()) {
        let why = "its initrd is not sealboot's: what that starts, and whether it checks what it mounts, is not \
                   known here";
        context.report.not_checked(&name, what, why);
        stranger(context, part, &uki);
        return None;
    }
    let pinned = match unpacked {
        Some((_, Ok(pinned))) => pinned,
        Some((section, Err(error))) => {
            let found = Break::of(&name, error.to_string()).at(part, section.offset);
            context.report.failed(&name, what, found);
            return None;
        }
        None => {
            let found = Break::of(&name, "the UKI has no .initrd section");
            context.report.failed(&name, what, found);
            return None;
        }
    };
    let (manifest, breaks) = contents(&name, &pinned);
    let detail = manifest.as_ref().map_or(String::new(), |manifest| {
        format!("release {}", manifest.title())
    });
    context.report.settle(&name, what, breaks, detail);
    if let Some(manifest) = &manifest {
        kernel(context, part, &uki, &manifest.kernel);
    }
    let settings = pinned.boot.as_deref().and_then(settings);
    if let Some(settings) = &settings {
        command_line(context, part, &uki, settings);
    }
    let (manifest, bytes) = (manifest?, pinned.manifest?);
    let release = format!("release {}: Linux {}", manifest.title(), manifest.kernel);
    context.report.summary.runs(release);
    let line = uki.text(part, ".cmdline").unwrap_or_default();
    context.report.summary.runs(format!("command line: {line}"));
    let policy =
        settings.is_some_and(|settings| policy::asked(context, &name, &settings, &manifest));
    Some(Pins { bytes, policy })
}

/// What a UKI of somebody else says of itself.
fn stranger(context: &mut Context<'_, '_>, part: &mut Part<'_>, uki: &Uki) {
    let summary = &mut context.report.summary;
    let release = uki.text(part, ".osrel").unwrap_or_default();
    // os-release(5)
    let pretty = (release.lines()).find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let release = pretty.map_or(String::new(), |name| {
        format!(", it calls itself {}", name.trim_matches(['"', '\'']))
    });
    let kernel = uki.text(part, ".uname");
    let kernel = kernel.unwrap_or_else(|| "of a version that it does not say".to_owned());
    summary.runs(format!("Linux {kernel}{release}"));
    if let Some(line) = uki.text(part, ".cmdline") {
        summary.runs(format!("command line: {line}"));
    }
}

/// Whether the initrd has any of the files by which sealboot's init goes. One that is of the same form, but
/// cannot be read, may have.
fn is_ours(part: &mut Part<'_>, unpacked: Option<&(Section, Result<Pinned, Error>)>) -> bool {
    match unpacked {
        None => false,
        Some((_, Ok(pinned))) => pinned.manifest.is_some() || pinned.boot.is_some(),
        Some((section, Err(_))) => initrd::is_known(part, *section),
    }
}

/// The Authenticode signature. Gives the headers, so that the rest can be looked at even when
/// the signature does not hold.
pub(super) fn signature(context: &mut Context<'_, '_>, part: &mut Part<'_>) -> Option<Uki> {
    let name = part.name().to_owned();
    let what = super::SIGNED;
    let uki = match Uki::open(part) {
        Ok(uki) => uki,
        Err(error) => {
            let why = error.to_string();
            context.report.summary.refuses(&name, why.as_str());
            let found = Break::of(&name, why).at(part, 0);
            context.report.failed(&name, what, found);
            return None;
        }
    };
    match authentic(context, part, &uki) {
        Ok((digest, accepted)) => {
            context.report.ok(&name, what, accepted.said);
            revoked(context, &name, &digest, &accepted.chain);
        }
        Err(found) => {
            context.report.summary.refuses(&name, found.what.as_str());
            context.report.failed(&name, what, *found);
        }
    }
    Some(uki)
}

/// dbx goes before db (UEFI 2.10, section 32.5.3.3).
fn revoked(context: &mut Context<'_, '_>, name: &str, digest: &[u8; 32], chain: &[Vec<u8>]) {
    let Some(dbx) = &context.owner.dbx else {
        return context.report.summary.starts(name);
    };
    let what = "not revoked by dbx";
    match dbx.why(digest, chain) {
        None => {
            context.report.summary.starts(name);
            context.report.ok(name, what, "");
        }
        Some(why) => {
            context.report.summary.refuses(name, why);
            context.report.failed(name, what, Break::of(name, why));
        }
    }
}

/// Why firmware starts a program.
struct Accepted {
    /// The certificates that vouch for it, from the signer's on, DER; none where its digest is in db.
    chain: Vec<Vec<u8>>,
    /// In words.
    said: String,
}

/// The digest, when a signature that a certificate in db vouches for is for it, or db has it.
fn authentic(
    context: &mut Context<'_, '_>,
    part: &mut Part<'_>,
    uki: &Uki,
) -> Result<([u8; 32], Accepted), Box<Break>> {
    let owner = context.owner;
    let name = part.name().to_owned();
    let wrong = |error: &Error| Box::new(super::release::absent(&name, error));
    let computed = digest(part, &mut |bytes| context.meter.add(bytes));
    let table = uki.headers.certificate_table();
    let table = table.map_or(part.size(), |table| table.start);
    let signatures = uki.signatures(part);
    let (computed, signatures) = match (computed, signatures) {
        (Err(error @ Error::Read { .. }), _) | (_, Err(error @ Error::Read { .. })) => {
            return Err(wrong(&error));
        }
        (Err(error), _) => return Err(Box::new(Break::of(&name, error.to_string()))),
        (_, Err(error)) => {
            return Err(Box::new(
                Break::of(&name, error.to_string()).at(part, table),
            ));
        }
        (Ok(computed), Ok(signatures)) => (computed, signatures),
    };
    let signatures: Vec<&[u8]> = signatures.iter().map(Vec::as_slice).collect();
    if owner.hashes.iter().any(|hash| *hash == computed) {
        let (chain, said) = (Vec::new(), "its digest is in db".to_owned());
        return Ok((computed, Accepted { chain, said }));
    }
    let trusted: Vec<&Certificate> = owner.trusted().collect();
    let anchors: Vec<&[u8]> = trusted.iter().map(|own| own.der.as_slice()).collect();
    match verify_image_by_any(&anchors, &computed, &signatures) {
        Ok(Vouched { by, chain }) => {
            let said = signers(owner, trusted.get(by).copied(), &chain, signatures.len());
            Ok((computed, Accepted { chain, said }))
        }
        Err(VerifyError::Digest { found, signed }) => {
            let what = "the UKI was changed after signing: its Authenticode digest is another one";
            Err(Box::new(Break::of(&name, what).differs(signed, found)))
        }
        Err(error) => Err(Box::new(
            Break::of(&name, error.to_string()).at(part, table),
        )),
    }
}

/// Which certificate vouches, where that is a question; how many signatures there are beside.
fn signers(
    owner: &Owner,
    by: Option<&Certificate>,
    chain: &[Vec<u8>],
    signatures: usize,
) -> String {
    let mut parts = vec![by.map_or(String::new(), |own| owner.said(own))];
    if let [own, _, ..] = chain {
        let subject = CertificateSummary::read(own).map(|summary| summary.subject);
        let subject = subject.unwrap_or_else(|_| "another certificate".to_owned());
        parts.push(format!("the signer is {subject}, certified by it"));
    }
    if signatures > 1 {
        parts.push(format!("one of {signatures} signatures"));
    }
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

fn contents(name: &str, pinned: &Pinned) -> (Option<Manifest>, Breaks) {
    let mut breaks = Breaks::default();
    let mut wrong = |what: String| breaks.push(Break::of(name, what));
    let manifest = match pinned.manifest.as_deref().map(Manifest::from_json) {
        Some(Ok(manifest)) => Some(manifest),
        Some(Err(error)) => {
            wrong(format!("the pinned release.json: {error}"));
            None
        }
        None => {
            wrong("the initrd has no release.json".to_owned());
            None
        }
    };
    match pinned.boot.as_deref().map(Boot::from_json) {
        Some(Ok(_)) => {}
        // Read by the init beside it only, which may know other settings than this program.
        Some(Err(boot::Error::Json(_))) if pinned.boot.as_deref().and_then(settings).is_some() => {}
        Some(Err(error)) => wrong(format!("the pinned boot.json: {error}")),
        None => wrong("the initrd has no boot.json".to_owned()),
    }
    (manifest, breaks)
}

/// What boot.json says, setting by setting.
pub(super) type Settings = serde_json::Map<String, serde_json::Value>;

fn settings(boot: &[u8]) -> Option<Settings> {
    serde_json::from_slice(boot).ok()
}

/// init goes on with the command line only that boot.json tells it: another one in the UKI stops
/// every boot.
fn command_line(
    context: &mut Context<'_, '_>,
    part: &mut Part<'_>,
    uki: &Uki,
    settings: &Settings,
) {
    let name = part.name().to_owned();
    let what = "its command line is boot.json's";
    let Some(expected) = settings.get("command_line").and_then(|line| line.as_str()) else {
        let why = "boot.json says none";
        context.report.not_checked(&name, what, why);
        return;
    };
    match uki.text(part, ".cmdline") {
        Some(found) if cmdline::same(expected, &found) => context.report.ok(&name, what, ""),
        found => {
            let found = found.unwrap_or_else(|| "no .cmdline section with text".to_owned());
            let found = Break::of(&name, "another command line").differs(expected, found);
            context.report.failed(&name, what, found);
        }
    }
}

/// `.uname` is what a boot menu shows: it should not tell of another kernel.
fn kernel(context: &mut Context<'_, '_>, part: &mut Part<'_>, uki: &Uki, expected: &str) {
    let name = part.name().to_owned();
    let what = "its kernel version is the manifest's";
    match uki.text(part, ".uname") {
        Some(found) if found == expected => context.report.ok(&name, what, found),
        found => {
            let found = found.unwrap_or_else(|| "no .uname section".to_owned());
            let found = Break::of(&name, "another kernel version").differs(expected, found);
            context.report.failed(&name, what, found);
        }
    }
}
