//! Values that TOML allows and a release does not.

use super::Config;
use super::system::{LINE_RULE, Mistake, is_command_line};

/// The most room on the boot partition, in MiB: 1 TiB, half of what FAT32 can have.
const MOST_FREE: u64 = 1 << 20;

/// The first key with an impossible value, and what is wrong with it.
pub(super) fn check(config: &Config) -> Option<Mistake> {
    for (key, list) in [
        ("kernel.source", &config.kernel.source),
        ("firmware.source", &config.firmware.source),
        ("recovery.source", &config.recovery.source),
        ("toolbox.base", &config.toolbox.base),
        ("uki.stub", &config.uki.stub),
    ] {
        for (index, source) in list.iter().enumerate() {
            if let Err(what) = source.kind() {
                let what = format!("entry {} is not one source: {what}", index + 1);
                return Some(Mistake::new(key, what));
            }
        }
    }
    if let Some(mistake) = config.wrong_root() {
        return Some(mistake);
    }
    if let Some(mistake) = config.recovery.mistake() {
        return Some(mistake);
    }
    if let Err(what) = config.image.compression() {
        return Some(Mistake::new("image.level", what));
    }
    let version = config.version.as_deref().unwrap_or("1");
    let block = config.image.block_size;
    let is_address = |text: &str| text.starts_with("http://") || text.starts_with("https://");
    let is_url = |mirror: &Option<String>| mirror.as_deref().is_none_or(is_address);
    let alpine = &config.alpine;
    let url_rule = "an address that starts with http:// or https:// is needed";
    let rows = [
        (
            "name",
            is_os_release_id(&config.name),
            "a-z, 0-9, '.', '_' and '-' are needed, as in os-release(5)",
        ),
        (
            "version",
            contract::manifest::is_word(version),
            contract::manifest::VERSION_RULE,
        ),
        ("debian.mirror", is_url(&config.debian.mirror), url_rule),
        (
            "debian.security_mirror",
            is_url(&config.debian.security_mirror),
            url_rule,
        ),
        ("alpine.mirror", is_address(&alpine.mirror), url_rule),
        (
            "alpine.branch",
            is_branch(&alpine.branch),
            "a branch as on the mirror is needed: 'v3.20', 'edge'",
        ),
        (
            "alpine.repositories",
            !alpine.repositories.is_empty()
                && (alpine.repositories.iter()).all(|name| is_word(name) || is_address(name)),
            "names of the branch's repositories or whole addresses are needed",
        ),
        (
            "alpine.architecture",
            is_word(&alpine.architecture),
            "Alpine's name is needed: 'x86_64'",
        ),
        (
            "disk.free",
            config.disk.free <= MOST_FREE,
            "0 to 1048576 (MiB) is needed",
        ),
        (
            "kernel.source",
            !config.kernel.source.is_empty(),
            "a release needs a kernel",
        ),
        (
            "uki.stub",
            !config.uki.stub.is_empty(),
            "a UKI needs systemd-stub",
        ),
        (
            "initrd.level",
            (1..=19).contains(&config.initrd.level),
            "1 to 19 is needed",
        ),
        (
            "image.block_size",
            block.is_power_of_two() && (4..=1024).contains(&block),
            "a power of two from 4 to 1024 (KiB) is needed",
        ),
        (
            "uki.command_line",
            is_command_line(&config.uki.command_line),
            LINE_RULE,
        ),
        (
            "disk.partition_name",
            config.disk.partition_name.encode_utf16().count() <= 36
                && !config.disk.partition_name.contains('\0'),
            "36 characters or fewer are needed",
        ),
        (
            "disk.volume_label",
            formats::fat::is_label(&config.disk.volume_label),
            "up to 11 of A-Z, 0-9, space and ! # $ % & ' ( ) - @ ^ _ ` { } ~, no space first, \
             are needed",
        ),
    ];
    rows.into_iter()
        .find(|(_, good, _)| !good)
        .map(|(key, _, rule)| Mistake::new(key, rule))
}

/// A branch's folder on a mirror: a version with a `v` in front, or a name.
fn is_branch(name: &str) -> bool {
    is_word(name) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// One part of an address.
fn is_word(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (1..=64).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed)
}

/// os-release(5), `ID`.
fn is_os_release_id(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}
