//! `[[system]]`: one of several systems over the same kernel, and what is the same for all of
//! them.

use contract::boot;
use contract::system::{NAME_RULE, is_name};
use serde::{Deserialize, Serialize};

use super::{Config, Root};

/// `[[system]]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct System {
    /// Its name, in file names and in its boot entry: a-z, 0-9 and '-'. The first system is what a
    /// machine starts that was told nothing else.
    pub name: String,
    /// Its root: all that `[root]` may say, which then is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<Root>,
    /// What is different for it in `[policy]`.
    pub policy: OwnPolicy,
    /// What is different for it in `[uki]`.
    pub uki: OwnUki,
}

/// `[system.policy]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnPolicy {
    /// As in `[policy]`. When not set: what is said there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secure_boot: Option<boot::SecureBoot>,
    /// As in `[policy]`. When not set: what is said there, else by the kind of root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execute: Option<boot::Execute>,
}

/// `[system.uki]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnUki {
    /// As in `[uki]`. When not set: what is said there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_line: Option<String>,
}

/// What is impossible in the configuration.
pub(super) struct Mistake {
    /// Which `[[system]]`, from 1; 0 for what is said for all.
    pub(super) system: usize,
    /// Which key: `system.root.init`.
    pub(super) key: String,
    /// What is wrong with it.
    pub(super) what: String,
}

impl Mistake {
    /// Of a key that is not of one system.
    pub(super) fn new(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            system: 0,
            key: key.into(),
            what: what.into(),
        }
    }
}

/// What systemd-stub takes as a command line: for an empty section it takes one from elsewhere.
pub(super) fn is_command_line(line: &str) -> bool {
    !line.trim().is_empty() && !line.contains(['\n', '\0'])
}

/// The rule for a command line.
pub(super) const LINE_RULE: &str = "one line that is not empty is needed";

impl Config {
    /// What is impossible in the roots: in `[root]`, or in those of the systems.
    pub(super) fn wrong_root(&self) -> Option<Mistake> {
        if self.system.is_empty() {
            let (key, what) = self.root.as_ref()?.mistake()?;
            return Some(Mistake::new(format!("root.{key}"), what));
        }
        if self.root.is_some() {
            let what =
                "each [[system]] has a root of its own, [system.root]: [root] would be nobody's";
            return Some(Mistake::new("root", what));
        }
        self.system.iter().enumerate().find_map(|(index, system)| {
            let (key, what) = self.wrong_system(index, system)?;
            Some(Mistake {
                system: index + 1,
                key: match key.as_str() {
                    "" => "system".to_owned(),
                    key => format!("system.{key}"),
                },
                what,
            })
        })
    }

    fn wrong_system(&self, index: usize, system: &System) -> Option<(String, String)> {
        let name = &system.name;
        let wrong = |key: &str, what: String| Some((key.to_owned(), what));
        if !is_name(name) {
            let key = if name.is_empty() { "" } else { "name" };
            return wrong(key, format!("{name:?} is no name: {NAME_RULE}"));
        }
        if self
            .system
            .iter()
            .take(index)
            .any(|other| other.name == *name)
        {
            return wrong("name", format!("another system is called {name:?}, too"));
        }
        let Some(root) = &system.root else {
            let what = format!("{name:?} needs a root: [system.root] with a source");
            return wrong("", what);
        };
        if let Some((key, what)) = root.mistake() {
            return wrong(&format!("root.{key}"), what);
        }
        let line = system.uki.command_line.as_deref();
        match line.is_none_or(is_command_line) {
            true => None,
            false => wrong("uki.command_line", LINE_RULE.to_owned()),
        }
    }

    /// Fills in what is not set and follows from the rest.
    pub fn settle(&mut self) {
        let compression = self.image.compression();
        self.image.level = compression.map_or(self.image.level, |one| one.level());
        let shared = self.policy.clone();
        if let Some(root) = &self.root {
            self.policy.execute = Some(shared.execute.unwrap_or(root.execute()));
        }
        for system in &mut self.system {
            let by_root = system.root.as_ref().map(Root::execute);
            let own = &mut system.policy;
            own.secure_boot.get_or_insert(shared.secure_boot);
            own.execute = own.execute.or(shared.execute).or(by_root);
            let line = &mut system.uki.command_line;
            line.get_or_insert_with(|| self.uki.command_line.clone());
        }
    }
}

impl Root {
    /// What may be executed, when nothing is said of it.
    fn execute(&self) -> boot::Execute {
        match self.source.iter().any(|source| source.recovery) {
            true => boot::Execute::Signed,
            false => boot::Execute::Any,
        }
    }

    /// The first key with an impossible value, and what is wrong with it.
    fn mistake(&self) -> Option<(&'static str, String)> {
        for (index, source) in self.source.iter().enumerate() {
            if let Err(what) = source.kind() {
                let what = format!("entry {} is not one source: {what}", index + 1);
                return Some(("source", what));
            }
        }
        for (index, add) in self.add.iter().enumerate() {
            if let Some(what) = add.mistake() {
                return Some(("add", format!("entry {}: {what}", index + 1)));
            }
        }
        let is_absolute =
            |path: &Option<String>| path.as_ref().is_none_or(|path| path.starts_with('/'));
        let is_variable =
            |word: &String| word.find('=').is_some_and(|at| at > 0) && !word.contains('\0');
        let rows = [
            ("source", !self.source.is_empty(), "a release needs a root"),
            (
                "init",
                is_absolute(&self.init),
                "an absolute path is needed",
            ),
            (
                "directory",
                is_absolute(&self.directory),
                "an absolute path is needed",
            ),
            (
                "environment",
                self.environment.iter().all(is_variable),
                "each entry must be NAME=value",
            ),
        ];
        let wrong = rows.into_iter().find(|(_, good, _)| !good);
        wrong.map(|(key, _, rule)| (key, rule.to_owned()))
    }
}
