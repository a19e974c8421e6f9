//! What a build will do, as a value that can be read before anything is fetched or written.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use contract::boot;
use contract::recovery::{Console, Networking};

use super::system::System;
use super::toolbox;
use crate::args;
use crate::keys;
use config::{Config, Recovery, Source, SourceKind};

/// Everything a build works from.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The effective configuration, mirrors filled in.
    pub config: Config,
    /// Its systems: one, or as many as have names.
    pub systems: Vec<System>,
    /// Results go here.
    pub out: PathBuf,
    /// Downloads and finished work go here.
    pub cache: PathBuf,
    /// How much finished work is kept there, in bytes; `None` when none is kept or used.
    pub keep: Option<u64>,
    /// The key is on another machine: nothing is signed yet.
    pub unsigned: bool,
    /// Use no network.
    pub offline: bool,
    /// The release's date, seconds since 1970; when not set, that of the newest file.
    pub epoch: Option<u32>,
}

impl Plan {
    /// Settles what configuration and command line leave open.
    pub fn new(mut config: Config, options: &args::Build, epoch: Option<u32>) -> Self {
        if let Some(folder) = &options.keys {
            config.keys.folder = folder.clone();
        }
        if let Some(program) = &options.opening.sign_with {
            config.keys.sign_with = program.0.clone();
        }
        let usual = || cache_folder(&options.out);
        let cache = options.cache.clone().unwrap_or_else(usual);
        Self {
            systems: System::all(&config),
            config,
            out: options.out.clone(),
            cache,
            keep: options.keep.size(),
            unsigned: options.unsigned,
            offline: options.offline,
            epoch,
        }
    }

    /// All sources.
    fn sources(&self) -> impl Iterator<Item = &Source> {
        let config = &self.config;
        let shared = [
            &config.kernel.source,
            &config.firmware.source,
            &config.uki.stub,
        ];
        let roots = self.systems.iter().map(|system| &system.root.source);
        shared.into_iter().chain(roots).flatten()
    }

    /// The sources, and what the recovery is made of where one of them is the recovery.
    fn with_recovery(&self) -> impl Iterator<Item = &Source> {
        let recovery = match self.has_recovery() {
            true => &self.config.recovery.source[..],
            false => &[],
        };
        self.sources().chain(recovery)
    }

    /// Every source that a build asks for, in the order in which they are merged: the toolbox's own among
    /// them, and what the recovery is made of in its place.
    pub fn in_order(&self) -> impl Iterator<Item = &Source> {
        let config = &self.config;
        let base = match self.composes_toolbox() {
            true => &config.toolbox.base[..],
            false => &[],
        };
        let shared = [
            &config.firmware.source[..],
            &config.kernel.source,
            &config.uki.stub,
            base,
        ];
        let roots = self
            .systems
            .iter()
            .map(|system| system.root.source.as_slice());
        let merged = shared.into_iter().chain(roots).flatten();
        merged.flat_map(|source| match source.recovery {
            true => config.recovery.source.as_slice(),
            false => std::slice::from_ref(source),
        })
    }

    /// Whether any source is the toolbox.
    pub fn needs_toolbox(&self) -> bool {
        self.with_recovery().any(|source| source.toolbox)
    }

    /// Whether it is put together here, from this configuration; else this is one.
    pub fn composes_toolbox(&self) -> bool {
        self.needs_toolbox() && !toolbox::is_here()
    }

    /// Whether any source is the recovery system.
    pub fn has_recovery(&self) -> bool {
        self.sources().any(|source| source.recovery)
    }

    /// Whether any source is an image in a registry.
    pub fn needs_registry(&self) -> bool {
        let mut images = self.in_order().filter_map(|source| source.image.as_ref());
        images.any(|image| image.is_remote())
    }

    /// Whether any source needs Debian's archive.
    pub fn needs_debian(&self) -> bool {
        self.in_order().any(Source::needs_debian)
    }

    /// Whether any source needs Alpine's archive.
    pub fn needs_alpine(&self) -> bool {
        self.in_order().any(Source::needs_alpine)
    }
}

/// The folder that the XDG base directory specification names, if it can be used.
pub(crate) fn cache_folder(out: &Path) -> PathBuf {
    let set = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let base = base.or_else(|| set("HOME").map(|home| home.join(".cache")));
    base.map(|base| base.join("sealboot"))
        .filter(|path| usable(path))
        .unwrap_or_else(|| out.join("cache"))
}

/// Whether a folder can be written to, or made. A plan makes nothing, so the nearest folder that
/// is there tells.
fn usable(folder: &Path) -> bool {
    use rustix::fs::{Access, access};
    let there = folder.ancestors().find(|path| path.exists());
    there.is_some_and(|path| {
        path.is_dir() && access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok()
    })
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.config;
        let mut row = |name: &str, value: &str| {
            writeln!(f, "  {name:<9} {}", wrapped(value, 66, "\n            "))
        };
        if self.needs_debian() {
            let debian = &config.debian;
            let mirror = debian.mirror.as_deref().unwrap_or("no mirror");
            let suites = debian.suites.join(" ");
            row(
                "archive",
                &format!("{mirror} {suites} ({})", debian.components.join(" ")),
            )?;
        }
        if self.needs_alpine() {
            let alpine = &config.alpine;
            let repositories = alpine.repositories.join(" ");
            row(
                "alpine",
                &format!("{} {} ({repositories})", alpine.mirror, alpine.branch),
            )?;
        }
        row("kernel", &list(&config.kernel.source))?;
        row("firmware", &list(&config.firmware.source))?;
        let only = self.systems.iter().find(|system| system.name.is_none());
        if let Some(system) = only {
            row("root", &list(&system.root.source))?;
        }
        row("stub", &list(&config.uki.stub))?;
        if self.composes_toolbox() {
            row("toolbox", &format!("over {}", list(&config.toolbox.base)))?;
        }
        if self.has_recovery() {
            let recovery = &config.recovery;
            row("recovery", &offers(recovery))?;
            if recovery.source != Recovery::default().source {
                row("", &format!("made of {}", list(&recovery.source)))?;
            }
        }
        let image = &config.image;
        // A configuration that was loaded has a level that there is.
        let compression = match image.compression() {
            Ok(compression) => {
                let level = compression.level().map(|level| format!(" {level}"));
                compression.name().to_owned() + &level.unwrap_or_default()
            }
            Err(wrong) => wrong,
        };
        let format = format!(
            "squashfs {compression}, {} KiB blocks, dm-verity SHA-256",
            image.block_size
        );
        let mode = |system: &System| match system.root.mode {
            boot::Root::ReadOnly => "root read-only",
            boot::Root::Overlay => "changes to root kept in memory",
        };
        match only {
            Some(system) => row("images", &format!("{format}; {}", mode(system)))?,
            None => row("images", &format)?,
        }
        for (index, system) in self.systems.iter().enumerate() {
            if let Some(name) = &system.name {
                let first = if index == 0 { ", started first" } else { "" };
                row("system", &format!("{name}{first}; {}", mode(system)))?;
                row("root", &list(&system.root.source))?;
            }
            let execute = match system.execute {
                boot::Execute::Signed => "signed: only what the images hold, for root too",
                boot::Execute::Any => "any: the kernel restricts nothing",
            };
            row("execute", execute)?;
            row("line", &system.command_line)?;
        }
        let folder = config.keys.folder.display();
        row(
            "keys",
            &match config.keys.sign_with.first() {
                _ if self.unsigned => format!("db of {folder}/ signs later, elsewhere"),
                None => format!("db in {folder}/"),
                Some(uri) if keys::is_token(uri) => format!("db in {folder}/; a token signs"),
                Some(program) => format!("db in {folder}/; {program} signs"),
            },
        )?;
        row("cache", &self.cache.display().to_string())?;
        row("out", &format!("{}/", self.out.display()))
    }
}

/// A list of sources.
fn list(sources: &[Source]) -> String {
    let list: Vec<String> = sources.iter().map(describe).collect();
    match list.is_empty() {
        true => "none".to_owned(),
        false => list.join(", then "),
    }
}

/// What the recovery system lets people do.
fn offers(recovery: &Recovery) -> String {
    let console = match recovery.console {
        Console::Shell => "a shell on screen and serial lines",
        Console::None => "no shell on any console",
    };
    let ssh = match recovery.authorized_keys.len() {
        0 => "no SSH server".to_owned(),
        1 => "SSH for one key".to_owned(),
        many => format!("SSH for {many} keys"),
    };
    let network = match recovery.network {
        Networking::Automatic => "",
        Networking::None => ", no network",
    };
    format!("{console}, {ssh}{network}")
}

fn describe(source: &Source) -> String {
    let packages = |archive: &str, names: &[String], without: &[String]| {
        let without = match without {
            [] => String::new(),
            [..] => format!(" without {}", without.join(" ")),
        };
        format!("{archive} {}{without}", names.join(" "))
    };
    let files = |paths: &[PathBuf]| {
        paths
            .iter()
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    match source.kind() {
        Ok(SourceKind::Recovery) => "sealboot's recovery system".to_owned(),
        Ok(SourceKind::Toolbox) => "sealboot's toolbox".to_owned(),
        Ok(SourceKind::Image(image)) => image.to_string(),
        Ok(SourceKind::Debian(names, _, without)) => packages("Debian", names, without),
        Ok(SourceKind::Alpine(names, _, without)) => packages("Alpine", names, without),
        Ok(SourceKind::Debs(paths) | SourceKind::Apks(paths)) => files(paths),
        Ok(SourceKind::Tar(path)) => path.display().to_string(),
        Ok(SourceKind::Directory(path)) => format!("{}/", path.display()),
        Err(what) => what,
    }
}

/// Breaks `text` at spaces into lines of at most `width`, where a single word allows it.
fn wrapped(text: &str, width: usize, newline: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push_str(newline);
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_fits_a_terminal_of_80_columns() {
        let config = Config::default();
        let plan = Plan {
            systems: System::all(&config),
            config,
            out: PathBuf::from("out"),
            cache: PathBuf::from("/home/owner/.cache/sealboot"),
            keep: None,
            unsigned: false,
            offline: false,
            epoch: None,
        };
        let text = plan.to_string();
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        assert!(text.contains("Debian linux-image-amd64"), "{text}");
    }
}
