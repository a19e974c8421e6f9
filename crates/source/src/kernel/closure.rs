//! A choice of modules with everything that they need.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use formats::kmod_index::{self, IndexFile, names};

use super::{Error, Module, ModuleSet};
use crate::tree::Tree;

/// What [`ModuleSet::closure`] chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closure {
    /// Indexes into [`ModuleSet::modules`], each once: what a module needs comes before it.
    pub modules: Vec<usize>,
    /// Names and patterns that are neither modules nor built in.
    pub missing: Vec<String>,
}

impl ModuleSet {
    /// The named modules, with their dependencies and what they ask to be loaded before and
    /// after them (`softdep`).
    ///
    /// A name is a module's (`ext4`, hyphen or underscore), a pattern of names (`nls_*`), or an
    /// alias (`crypto-crc32c`). What is built in needs nothing. A soft dependency that does
    /// not exist is passed over, as modprobe does; a name from `wanted` is reported.
    pub fn closure<S: AsRef<str>>(
        &self,
        wanted: impl IntoIterator<Item = S>,
    ) -> Result<Closure, Error> {
        let lookup = Lookup::new(self)?;
        let mut search = Search {
            set: self,
            lookup: &lookup,
            chosen: BTreeSet::new(),
            order: Vec::new(),
        };
        let mut missing = Vec::new();
        for name in wanted {
            let name = name.as_ref();
            match lookup.find(name) {
                Found::Modules(modules) => modules.into_iter().for_each(|index| search.add(index)),
                Found::BuiltIn => {}
                Found::Nothing => missing.push(name.to_owned()),
            }
        }
        let modules = search.order;
        Ok(Closure { modules, missing })
    }

    /// The index files for a choice of modules, at the paths of uncompressed files.
    pub fn closure_indexes(&self, closure: &Closure) -> Result<Vec<IndexFile>, Error> {
        let modules = self.chosen(closure);
        self.index(modules.map(|module| (names::uncompressed(&module.path), &module.modinfo)))
    }

    /// The uncompressed files of a choice of modules, by uncompressed path: `kernel/fs/ext4/ext4.ko`.
    pub fn closure_files(
        &self,
        tree: &Tree,
        closure: &Closure,
    ) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        let chosen: BTreeSet<&str> = self.chosen(closure).map(|m| m.path.as_str()).collect();
        let wanted = |path: &str| chosen.contains(path);
        let files = self.for_each(tree, wanted, |path, _, bytes| {
            Ok((names::uncompressed(&path).to_owned(), bytes))
        })?;
        Ok(files.into_iter().collect())
    }

    /// The modules of a choice, in its order.
    pub fn chosen<'a>(&'a self, closure: &'a Closure) -> impl Iterator<Item = &'a Module> {
        let indexes = closure.modules.iter();
        indexes.filter_map(|index| self.modules.get(*index))
    }
}

/// What a name leads to.
enum Found {
    Modules(Vec<usize>),
    BuiltIn,
    Nothing,
}

struct Lookup<'a> {
    names: BTreeMap<&'a str, usize>,
    /// Normalized alias → module, in no order.
    aliases: Vec<(String, usize)>,
    builtin: BTreeSet<String>,
    builtin_aliases: Vec<String>,
    /// Symbol → module that exports it.
    symbols: HashMap<&'a str, usize>,
}

impl<'a> Lookup<'a> {
    fn new(set: &'a ModuleSet) -> Result<Self, Error> {
        let names = set.by_name();
        let mut aliases = Vec::new();
        let mut symbols = HashMap::new();
        for index in names.values().copied() {
            let Some(module) = set.modules.get(index) else {
                continue;
            };
            let normal = module
                .modinfo
                .values("alias")
                .filter_map(names::normalize_alias);
            aliases.extend(normal.map(|alias| (alias, index)));
            let exports = module.modinfo.exports.iter();
            symbols.extend(exports.map(|export| (export.name.as_str(), index)));
        }
        let builtin = kmod_index::builtin_names(&set.builtin).map_err(|source| Error::Index {
            version: set.version.clone(),
            source,
        })?;
        let builtin_aliases = kmod_index::builtin_aliases(&set.builtin_modinfo).into_iter();
        let builtin_aliases =
            builtin_aliases.filter_map(|(alias, _)| names::normalize_alias(&alias));
        Ok(Self {
            names,
            aliases,
            builtin: builtin.into_iter().collect(),
            builtin_aliases: builtin_aliases.collect(),
            symbols,
        })
    }

    /// By name, by pattern of names, by alias: the first that leads anywhere.
    fn find(&self, wanted: &str) -> Found {
        let Some(wanted) = names::normalize_alias(wanted) else {
            return Found::Nothing;
        };
        if let Some(index) = self.names.get(wanted.as_str()) {
            return Found::Modules(vec![*index]);
        }
        let names = self.names.iter();
        let mut found: Vec<usize> = names
            .filter(|(name, _)| names::matches(&wanted, name))
            .map(|(_, index)| *index)
            .collect();
        if self
            .builtin
            .iter()
            .any(|name| names::matches(&wanted, name))
            && found.is_empty()
        {
            return Found::BuiltIn;
        }
        if found.is_empty() {
            let aliases = self.aliases.iter();
            let matching = aliases.filter(|(alias, _)| names::matches(alias, &wanted));
            found = matching.map(|(_, index)| *index).collect();
        }
        let builtin = || {
            self.builtin_aliases
                .iter()
                .any(|alias| names::matches(alias, &wanted))
        };
        match found.is_empty() {
            false => Found::Modules(found),
            true if builtin() => Found::BuiltIn,
            true => Found::Nothing,
        }
    }
}

struct Search<'a> {
    set: &'a ModuleSet,
    lookup: &'a Lookup<'a>,
    chosen: BTreeSet<usize>,
    order: Vec<usize>,
}

/// A step of the search: what is before a module, then the module, then what is after it.
enum Step {
    Enter(usize),
    Place(usize),
}

impl Search<'_> {
    /// Adds a module and everything it needs. No recursion: chains may be long.
    fn add(&mut self, index: usize) {
        let mut steps = vec![Step::Enter(index)];
        while let Some(step) = steps.pop() {
            match step {
                Step::Place(index) => self.order.push(index),
                Step::Enter(index) => {
                    let Some(module) = self.set.modules.get(index) else {
                        continue;
                    };
                    if !self.chosen.insert(index) {
                        continue;
                    }
                    let (before, after) = self.needs(module);
                    steps.extend(after.into_iter().rev().map(Step::Enter));
                    steps.push(Step::Place(index));
                    steps.extend(before.into_iter().rev().map(Step::Enter));
                }
            }
        }
    }

    /// What is to be loaded before a module and after it.
    fn needs(&self, module: &Module) -> (Vec<usize>, Vec<usize>) {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for softdep in module.modinfo.values("softdep") {
            // `pre: a b post: c`. Names before either word count for nothing, as in kmod.
            let mut to: Option<&mut Vec<usize>> = None;
            for word in softdep.split_ascii_whitespace() {
                match (word, &mut to) {
                    ("pre:", _) => to = Some(&mut before),
                    ("post:", _) => to = Some(&mut after),
                    (name, Some(to)) => {
                        if let Found::Modules(found) = self.lookup.find(name) {
                            to.extend(found);
                        }
                    }
                    (_, None) => {}
                }
            }
        }
        for name in module.modinfo.depends() {
            let name = name.replace('-', "_");
            before.extend(self.lookup.names.get(name.as_str()));
        }
        // `depends` is the build's; what the symbols say is what the kernel will ask for.
        for import in &module.modinfo.imports {
            before.extend(self.lookup.symbols.get(import.name.as_str()));
        }
        (before, after)
    }
}
