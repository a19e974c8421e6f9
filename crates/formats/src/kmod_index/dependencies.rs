//! Which module needs which: from the symbols that they export and import.
//!
//! The order of everything is depmod's, because its output, and so the order in which modules
//! are loaded, follows from it:
//!
//! 1. One module for each name: a path in `updates/` wins, else the first path.
//! 2. Modules stand as in `modules.order`; those it does not list come after, by path.
//! 3. A symbol belongs to the last module that exports it.
//! 4. A module's direct dependencies are sorted topologically over the whole set, users first.
//! 5. A line of `modules.dep` names all dependencies, direct or not, in that order; they are to
//!    be loaded from the line's end to its start.

use std::collections::HashMap;

use super::names::{module_name, uncompressed};
use super::{Error, Module};

/// Modules in order, with their dependencies.
pub(super) struct Dependencies<'a> {
    /// Chosen modules, with their names, in order.
    pub(super) modules: Vec<(String, &'a Module<'a>)>,
    /// Symbol → index of the module that exports it.
    pub(super) symbols: HashMap<&'a str, usize>,
    /// Direct dependencies of each module, sorted.
    direct: Vec<Vec<usize>>,
    /// Topological rank of each module: users before what they use.
    rank: Vec<usize>,
}

impl<'a> Dependencies<'a> {
    pub(super) fn resolve(modules: &'a [Module<'a>], order: &str) -> Result<Self, Error> {
        let modules = sort(choose(modules), order);
        let mut symbols = HashMap::new();
        for (index, (_, module)) in modules.iter().enumerate() {
            for export in &module.modinfo.exports {
                symbols.insert(export.name.as_str(), index);
            }
        }
        let direct = modules.iter().map(|(_, module)| owners(module, &symbols));
        let mut direct: Vec<Vec<usize>> = direct.collect();
        let rank = rank(&direct);
        let looped = |(index, rank): (usize, &Option<usize>)| rank.is_none().then_some(index);
        let cycle: Vec<_> = rank.iter().enumerate().filter_map(looped).collect();
        if !cycle.is_empty() {
            let names = cycle.into_iter().filter_map(|index| modules.get(index));
            let modules = names.map(|(name, _)| name.clone()).collect();
            return Err(Error::Cycle { modules });
        }
        let rank: Vec<usize> = rank.into_iter().flatten().collect();
        for dependencies in &mut direct {
            dependencies.sort_by_key(|index| rank.get(*index));
        }
        Ok(Self {
            modules,
            symbols,
            direct,
            rank,
        })
    }

    /// All dependencies of the module at `index`, sorted.
    pub(super) fn all(&self, index: usize) -> Vec<usize> {
        let mut found = vec![false; self.modules.len()];
        let mut waiting = vec![index];
        let mut all = Vec::new();
        while let Some(index) = waiting.pop() {
            for dependency in self.direct.get(index).into_iter().flatten() {
                if let Some(found) = found.get_mut(*dependency)
                    && !std::mem::replace(found, true)
                {
                    all.push(*dependency);
                    waiting.push(*dependency);
                }
            }
        }
        all.sort_by_key(|index| self.rank.get(*index));
        all
    }
}

fn choose<'a>(modules: &'a [Module<'a>]) -> HashMap<String, &'a Module<'a>> {
    // Lower wins; the same name twice in one place is a mistake of whoever made the tree.
    let priority = |module: &Module<'a>| (!module.path.starts_with("updates/"), module.path);
    let mut chosen: HashMap<String, &Module<'a>> = HashMap::new();
    for module in modules {
        let entry = chosen.entry(module_name(module.path)).or_insert(module);
        if priority(module) < priority(entry) {
            *entry = module;
        }
    }
    chosen
}

fn sort<'a>(
    modules: HashMap<String, &'a Module<'a>>,
    order: &str,
) -> Vec<(String, &'a Module<'a>)> {
    let lines = order.lines().enumerate();
    let places: HashMap<&str, usize> = lines.map(|(place, path)| (path, place)).collect();
    let mut sorted: Vec<_> = modules.into_iter().collect();
    sorted.sort_by_key(|(_, module)| {
        let place = places.get(uncompressed(module.path));
        (place.is_none(), place.copied(), module.path)
    });
    sorted
}

/// The modules that export what `module` imports, each once, in the order of its imports.
fn owners(module: &Module<'_>, symbols: &HashMap<&str, usize>) -> Vec<usize> {
    let mut owners = Vec::new();
    for import in &module.modinfo.imports {
        // PowerPC: `.foo` is the code of `foo`.
        let name = import.name.strip_prefix('.').unwrap_or(&import.name);
        if let Some(owner) = symbols.get(name)
            && !owners.contains(owner)
        {
            owners.push(*owner);
        }
    }
    owners
}

/// Topological rank, users first (Kahn's algorithm with a stack); none for members of cycles
/// and what only they use.
fn rank(direct: &[Vec<usize>]) -> Vec<Option<usize>> {
    let mut users = vec![0_usize; direct.len()];
    for index in direct.iter().flatten() {
        if let Some(users) = users.get_mut(*index) {
            *users += 1;
        }
    }
    let unused = users.iter().enumerate().filter(|(_, users)| **users == 0);
    let mut ready: Vec<usize> = unused.map(|(index, _)| index).collect();
    let mut rank = vec![None; direct.len()];
    let mut next = 0;
    while let Some(index) = ready.pop() {
        if let Some(rank) = rank.get_mut(index) {
            *rank = Some(next);
            next += 1;
        }
        for dependency in direct.get(index).into_iter().flatten() {
            let Some(users) = users.get_mut(*dependency) else {
                continue;
            };
            *users -= 1;
            if *users == 0 {
                ready.push(*dependency);
            }
        }
    }
    rank
}
