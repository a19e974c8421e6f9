//! The command line and the configuration.

use super::*;

#[test]
fn every_row() {
    check("Configuration", ROWS);
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("unknown option", nothing, "sealboot build --ofline", USAGE, &["--ofline", "--offline"]),
    ("no such configuration", nothing, "sealboot build --config absent.toml", USAGE,
        &["configuration absent.toml cannot be read", "No such file"]),
    ("a configuration that is a folder", |p| { p.remove("sealboot.toml"); p.write("sealboot.toml/x", ""); }, "sealboot build", USAGE,
        &["configuration sealboot.toml cannot be read", "Is a directory"]),
    ("a configuration that leads nowhere", |p| { p.remove("sealboot.toml"); symlink("absent", p.path("sealboot.toml")).unwrap(); }, "sealboot build", USAGE,
        &["configuration sealboot.toml cannot be read", "No such file"]),
    ("a configuration that is no text", |p| p.write("sealboot.toml", [0xff, 0xfe]), "sealboot build", USAGE,
        &["configuration sealboot.toml cannot be read", "UTF-8"]),
    ("unknown key", |p| p.configure("[initrd]", "[initrd]\nlevl = 1"), "sealboot build", USAGE,
        &["sealboot.toml, line 9", "unknown field `levl`", "did you mean 'level'?"]),
    ("wrong value", |p| p.configure("[image]\nlevel = 1", "[image]\nlevel = 99"), "sealboot build", USAGE,
        &["sealboot.toml, line 14", "image.level", "1 to 22", "found: level = 99"]),
    ("wrong type", |p| p.configure("level = 1", "level = 'high'"), "sealboot build", USAGE,
        &["sealboot.toml, line 9", "invalid type", "a whole number"]),
    ("a mirror that is no address", |p| p.configure("version", "debian.mirror = 'ftp.example'\nversion"), "sealboot build", USAGE,
        &["sealboot.toml, line 1", "debian.mirror", "http://"]),
    ("a disk larger than any", |p| p.configure("[image]", "[disk]\nfree = 18014398509481984\n[image]"), "sealboot build", USAGE,
        &["sealboot.toml, line 14", "disk.free", "MiB"]),
    ("a command line of two lines", |p| p.configure("[uki]", "[uki]\ncommand_line = \"\"\"a\nb\"\"\""), "sealboot build", USAGE,
        &["uki.command_line", "one line"]),
    ("owner is no GUID", nothing, "sealboot keys create --keys new --no-passphrase --owner me", USAGE,
        &["--owner \"me\" is not a GUID", "8-4-4-4-12"]),
    ("a name of nothing", |p| { p.write("n", ""); }, "sealboot keys create --keys new --no-passphrase --name=", USAGE,
        &["common name", "1 to 60 characters"]),
    ("no such verb", nothing, "sealboot biuld", USAGE, &["'biuld'", "'build'"]),
    ("a configuration that is cut", |p| { let half = crate::place::CONFIG.len() / 2 + 3; cut(p, "sealboot.toml", half as u64); }, "sealboot build", USAGE,
        &["sealboot.toml, line"]),
    ("a value twice", |p| p.configure("version = '1'", "version = '1'\nversion = '2'"), "sealboot build", USAGE,
        &["sealboot.toml, line 2", "duplicate key"]),
    ("a version too long", |p| p.configure("version = '1'", &format!("version = '{}'", "1".repeat(129))), "sealboot build", USAGE,
        &["sealboot.toml, line 1", "version", "1 to 128"]),
    ("a partition name too long", |p| p.configure("[image]", &format!("[disk]\npartition_name = '{}'\n[image]", "n".repeat(37))), "sealboot build", USAGE,
        &["sealboot.toml, line 14", "disk.partition_name", "36"]),
    ("a volume label too long", |p| p.configure("[image]", "[disk]\nvolume_label = 'TWELVE-CHARS'\n[image]"), "sealboot build", USAGE,
        &["sealboot.toml, line 14", "disk.volume_label", "11"]),
    ("a size of key that firmware does not take", nothing, "sealboot keys create --keys new --no-passphrase --bits 1024", USAGE,
        &["--bits", "2048"]),
    ("a date that is none", |p| p.remove("root"), "SOURCE_DATE_EPOCH=yesterday sealboot build", USAGE,
        &["SOURCE_DATE_EPOCH", "\"yesterday\"", "seconds since 1970"]),
    ("a date that is empty", |p| p.remove("root"), "SOURCE_DATE_EPOCH= sealboot build", USAGE,
        &["SOURCE_DATE_EPOCH", "\"\"", "seconds since 1970"]),
    ("a date before 1970", |p| p.remove("root"), "SOURCE_DATE_EPOCH=-1 sealboot build", USAGE,
        &["SOURCE_DATE_EPOCH", "\"-1\"", "seconds since 1970"]),
    ("a date of parts of a second", |p| p.remove("root"), "SOURCE_DATE_EPOCH=1.5 sealboot build", USAGE,
        &["SOURCE_DATE_EPOCH", "\"1.5\"", "seconds since 1970"]),
    ("a date after 2106", |p| p.remove("root"), "SOURCE_DATE_EPOCH=99999999999 sealboot build", USAGE,
        &["SOURCE_DATE_EPOCH", "\"99999999999\"", "0 to 4294967295"]),
    ("a private key where SSH's public keys go", |p| p.configure("version", "recovery.authorized_keys = ['-----BEGIN OPENSSH PRIVATE KEY-----']\nversion"), "sealboot build", USAGE,
        &["sealboot.toml, line 1", "recovery.authorized_keys", "PRIVATE key", "make a new key"]),
    ("a public key that was cut", |p| p.configure("version", "recovery.authorized_keys = ['ssh-ed25519 AAAAC3NzaC1lZDI1']\nversion"), "sealboot build", USAGE,
        &["sealboot.toml, line 1", "recovery.authorized_keys", "not whole", "was the line cut?"]),
];
