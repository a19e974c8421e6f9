//! Reading and printing `sealboot.toml`. What is wrong in it is reported with file, line, and
//! the nearest right name.

use std::path::Path;

use artifact::toolbox::DEFAULTS;
use toml::Table;

use super::check::check;
use super::mistake::{Wrong, line_of, line_of_key, nearest, plain};
use super::system::Mistake;
use super::{Config, Error, Source, defaults};

/// The name looked for when `--config` is not given.
pub const FILE_NAME: &str = "sealboot.toml";

/// The configuration in `path`, or in [`FILE_NAME`] of this folder if that exists, or the
/// built-in one.
pub fn load(path: Option<&Path>) -> Result<Config, Error> {
    let default = Path::new(FILE_NAME);
    // Whatever has the name is meant, even what cannot be read: only nothing is nothing.
    let path = path.or(default.symlink_metadata().is_ok().then_some(default));
    let below = defaults::here()?;
    let Some(path) = path else {
        let name = "the built-in configuration";
        return Ok(parse_over(&below, "", name, Path::new(""))?);
    };
    let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = path.display().to_string();
    Ok(parse_over(&below, &text, &name, folder)?)
}

/// Reads a text that is in no file; what it does not say is built in.
pub fn parse(text: &str) -> Result<Config, Wrong> {
    parse_over(&Table::new(), text, FILE_NAME, Path::new(""))
}

/// Reads `text`; `file` is its name in messages, `folder` where relative paths start. What it
/// does not say is in `below`, and what is not there either is built in.
fn parse_over(below: &Table, text: &str, file: &str, folder: &Path) -> Result<Config, Wrong> {
    let mut config: Config = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| line_of(text, span.start));
        let what = plain(error.message().trim_end());
        Wrong {
            file: file.to_owned(),
            line,
            hint: nearest(&what),
            what,
        }
    })?;
    let own_root = config.root.is_some();
    if !below.is_empty() {
        config = defaults::complete(below, text).map_err(|error| Wrong {
            file: DEFAULTS.to_owned(),
            line: 0,
            what: plain(error.message().trim_end()),
            hint: None,
        })?;
    }
    match config.system.is_empty() {
        true => _ = config.root.get_or_insert_default(),
        // Nobody said anything of it: the defaults' root is for a release of one system.
        false if !own_root => config.root = None,
        false => {}
    }
    for source in sources(&mut config) {
        source.anchor(folder);
    }
    let systems = config.system.iter_mut().filter_map(|one| one.root.as_mut());
    for root in config.root.iter_mut().chain(systems) {
        root.add.iter_mut().for_each(|add| add.anchor(folder));
    }
    let uki = &mut config.uki;
    let paths = [&mut uki.os_release, &mut uki.microcode, &mut uki.pcr_key];
    for path in paths
        .into_iter()
        .flatten()
        .chain(&mut config.debian.keyrings)
        .chain(&mut config.alpine.keys)
    {
        *path = folder.join(&path);
    }
    config.keys.folder = folder.join(&config.keys.folder);
    match check(&config) {
        None => Ok(config),
        Some(Mistake { system, key, what }) => {
            let line = line_of_key(text, &key, system);
            // What stands where a public key should may be a private one: not to be repeated.
            let secret = key == "recovery.authorized_keys";
            let found = text.lines().nth(line.wrapping_sub(1)).map(str::trim);
            let found = found.filter(|_| !secret);
            Err(Wrong {
                file: file.to_owned(),
                line,
                what: format!("{key}: {what}"),
                hint: found.map(|found| format!("found: {found}")),
            })
        }
    }
}

/// The whole effective configuration, as TOML that reads back to the same.
pub fn print(config: &Config) -> Result<String, Error> {
    Ok(toml::to_string_pretty(config)?)
}

/// Every source of the configuration.
pub fn sources(config: &mut Config) -> impl Iterator<Item = &mut Source> {
    let Config {
        kernel,
        firmware,
        root,
        system,
        recovery,
        toolbox,
        uki,
        ..
    } = config;
    let shared = [
        &mut kernel.source,
        &mut firmware.source,
        &mut recovery.source,
        &mut toolbox.base,
        &mut uki.stub,
    ];
    let systems = system.iter_mut().filter_map(|one| one.root.as_mut());
    let roots = root.iter_mut().chain(systems).map(|root| &mut root.source);
    shared.into_iter().chain(roots).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, file: &str, folder: &Path) -> Result<Config, Wrong> {
        parse_over(&Table::new(), text, file, folder)
    }

    fn wrong(text: &str) -> String {
        parse(text, "sealboot.toml", Path::new(""))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn nothing_is_the_built_in_release() {
        assert_eq!(parse("", "-", Path::new("")).unwrap(), Config::default());
    }

    #[test]
    fn what_is_printed_reads_back_to_the_same() {
        let text = "version = '7'\n[root]\nsource = [{tar='a.tar'}, {debian=['kmod']}]\n";
        let config = parse(text, "-", Path::new("/etc")).unwrap();
        let again = parse(&print(&config).unwrap(), "-", Path::new("/other")).unwrap();
        assert_eq!(again, config);
    }

    #[test]
    fn execution_is_restricted_by_default_for_the_recovery_root_alone() {
        use contract::boot::Execute::{Any, Signed};
        let own = "[root]\nsource = [{tar='a.tar'}]\n";
        for (text, expected) in [
            (String::new(), Signed),
            ("[root]\nmode = 'overlay'\n".to_owned(), Signed),
            (own.to_owned(), Any),
            (format!("{own}[policy]\nexecute = 'signed'\n"), Signed),
            ("[policy]\nexecute = 'any'\n".to_owned(), Any),
        ] {
            let mut config = parse(&text, "-", Path::new("")).unwrap();
            config.settle();
            assert_eq!(config.policy.execute, Some(expected), "{text}");
        }
    }

    #[test]
    fn relative_paths_start_at_the_files_folder() {
        let text = "[root]\nsource = [{directory='files'}]\n[keys]\nfolder = '/k'\n";
        let config = parse(text, "-", Path::new("/srv/a")).unwrap();
        let files = Path::new("/srv/a/files");
        assert_eq!(
            config.root.unwrap().source[0].kind(),
            Ok(super::super::SourceKind::Directory(files))
        );
        assert_eq!(config.keys.folder, Path::new("/k"));
    }

    #[test]
    fn a_private_key_is_refused_and_not_repeated() {
        let text = "[recovery]\nauthorized_keys = ['-----BEGIN OPENSSH PRIVATE KEY-----\\nAbC']\n";
        for text in [
            text,
            "[recovery]\nauthorized_keys = ['b3BlbnNzaC1rZXktdjEAAAAABG5vbmU']",
        ] {
            let message = wrong(text);
            assert!(
                message.contains("line 2: recovery.authorized_keys: entry 1"),
                "{message}"
            );
            assert!(
                !message.contains("AbC") && !message.contains("b3Blb"),
                "{message}"
            );
        }
        assert!(wrong(text).contains("PRIVATE key"));
    }

    #[test]
    fn mistakes_are_named_with_line_and_remedy() {
        let cases = [
            (
                "[kernal]\n",
                &["line 1", "unknown field `kernal`", "did you mean 'kernel'?"][..],
            ),
            (
                "\n[uki]\ncomand_line = 'a'\n",
                &["line 3", "did you mean 'command_line'?"],
            ),
            (
                "[root]\nmode = 'overlai'\n",
                &["line 2", "did you mean 'overlay'?"],
            ),
            (
                "[image]\n\nlevel = 23\n",
                &["line 3", "image.level", "1 to 22"],
            ),
            (
                "[image]\ncompressor = 'xz'\nlevel = 10\n",
                &["line 3", "image.level", "0 to 9 is needed for xz"],
            ),
            (
                "[image]\ncompressor = 'lz4'\nlevel = 9\n",
                &["line 3", "lz4 has no levels"],
            ),
            (
                "[image]\ncompressor = 'lz5'\n",
                &["line 2", "did you mean 'lz4'?"],
            ),
            ("[image]\nlevel = 'high'\n", &["line 2", "invalid type"]),
            ("version = 'a b'\n", &["line 1", "version"]),
            ("image.block_size = 100\n", &["line 1", "power of two"]),
            (
                "[root]\nsource = [{}]\n",
                &[
                    "line 2",
                    "entry 1",
                    "none of recovery, toolbox, image, debian, deb",
                ],
            ),
            (
                "[[root.source]]\ntar='a'\ndirectory='b'\n",
                &["line 1", "several"],
            ),
            (
                "[root]\nsource = [{tar='a', without=['b']}]\n",
                &["go with 'debian' and 'alpine' only"],
            ),
            ("[root]\nsource = []\n", &["line 2", "needs a root"]),
            ("[uki]\ncommand_line = ' '\n", &["line 2", "not empty"]),
            ("a = \n", &["line 1"]),
            (
                "[recovery]\nauthorized_keys = ['ssh-ed25519 AAAA', '']\n",
                &["line 2", "entry 1", "was the line cut?"],
            ),
        ];
        for (text, expected) in cases {
            let message = wrong(text);
            for part in expected {
                assert!(
                    message.contains(part),
                    "{text:?} gave {message:?}, not {part:?}"
                );
            }
        }
    }
}
