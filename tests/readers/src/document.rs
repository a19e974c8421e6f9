//! JSON between builder and machine, and what people write on one line.

use contract::boot::Boot;
use contract::failure::Failure;
use contract::manifest::{ImageName, Manifest};
use contract::{cmdline, lockdown, policy, recovery};
use formats::kmod_index::names;
use formats::ssh_public_key::PublicKey;
use source::oci::Reference;

pub(crate) fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::from_json(bytes) {
        let again = Manifest::from_json(&manifest.to_json());
        assert_eq!(again.expect("what was just written"), manifest);
        let _ = (manifest.title(), manifest.files(), policy::text(&manifest));
        let _ = manifest
            .image(ImageName::Root)
            .map(|image| image.stem().to_owned());
    }
    if let Ok(boot) = Boot::from_json(bytes) {
        let again = Boot::from_json(&boot.to_json());
        assert_eq!(again.expect("what was just written"), boot);
        let _ = cmdline::value(&boot.command_line, "root");
    }
    if let Ok(settings) = recovery::Settings::from_json(bytes) {
        let again = recovery::Settings::from_json(&settings.to_json());
        assert_eq!(again.expect("what was just written"), settings);
        let _ = settings.services().count();
    }
    if let Ok(failure) = Failure::from_json(bytes) {
        let again = Failure::from_json(&failure.to_json());
        assert_eq!(again.expect("what was just written"), failure);
        let short = failure.to_json_within(600);
        Failure::from_json(&short).expect("what was just shortened");
    }
}

/// `sealboot.toml`: what was read is printed, and reads back to the same.
pub(crate) fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match config::parse(&text) {
        Ok(config) => {
            let printed = config::print(&config).expect("what was read can be printed");
            let again = config::parse(&printed).expect("what was printed can be read");
            assert_eq!(again, config);
        }
        Err(wrong) => _ = wrong.to_string(),
    }
}

/// Lines of a backup, and an SBAT level: what people copy and hand over.
pub(crate) fn lines(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(keys) = source::keys::read_backup(&text) {
        for key in keys {
            let lines: Vec<String> = key.lines().iter().map(|line| line.to_string()).collect();
            let again = source::keys::read_backup(&lines.join("\n")).expect("lines of a key");
            assert!(again.iter().all(|one| one.certificate == key.certificate));
            let _ = key.open(None);
        }
    }
    let _ = chain::SbatLevel::read(&text);
}

/// A pattern in the first line, what may match it in the second; and all else that is text.
pub(crate) fn text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (first, second) = text.split_once('\n').unwrap_or((&text, ""));
    let _ = names::matches(first, second);
    let _ = names::normalize_alias(first);
    let _ = names::module_name(first);
    if let Ok(key) = PublicKey::parse(first) {
        let _ = key.fingerprint();
    }
    if let Ok(reference) = first.parse::<Reference>() {
        let again = reference.to_string().parse();
        assert_eq!(again, Ok(reference));
    }
    let _ = cmdline::list(&text, first).count();
    let _ = cmdline::same(first, second);
    let _ = lockdown::level(&text);
    // Versions are ordered, whatever they are.
    order::<source::debian::Version>(first, second);
    order::<source::alpine::Version>(first, second);
}

fn order<V: Ord + std::str::FromStr>(one: &str, other: &str) {
    if let (Ok(one), Ok(other)) = (one.parse::<V>(), other.parse::<V>()) {
        assert_eq!(one.cmp(&other), other.cmp(&one).reverse());
        assert_eq!(one == other, one.cmp(&other).is_eq());
    }
}
