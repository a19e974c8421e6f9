//! The modules' folder of the initrd.

use std::collections::{BTreeMap, BTreeSet};

use source::kernel::{Error, ModuleSet};
use source::tree::Tree;

use super::ModuleGroup;

/// The indexes that the init program reads; the binary ones are for kmod.
const INDEXES: [&str; 3] = ["modules.dep", "modules.alias", "modules.softdep"];

/// Modules with all that they need, and their indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenModules {
    /// The kernel's version.
    pub version: String,
    /// Path below `usr/lib/modules/<version>` → bytes: modules uncompressed, with their signatures,
    /// because the kernel is to read the files itself; `modules.dep`, `.alias` and `.softdep` for
    /// exactly these; `modules.builtin`.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Firmware that these modules may ask for: paths below `usr/lib/firmware`, as their authors
    /// wrote them. Patterns (`*`) occur; most machines need none of it.
    pub firmware: BTreeSet<String>,
    /// Names that this kernel has neither as modules nor built in.
    pub missing: Vec<String>,
}

impl ChosenModules {
    /// The modules of these groups and those named beside them (names, patterns of names,
    /// aliases: see [`ModuleSet::closure`]), read from the tree.
    pub fn choose<'a>(
        set: &ModuleSet,
        tree: &Tree,
        groups: &'a [ModuleGroup],
        more: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Error> {
        let names = groups.iter().flat_map(|group| group.modules).copied();
        let closure = set.closure(names.chain(more))?;
        let modinfos = set.chosen(&closure).map(|module| &module.modinfo);
        let firmware = modinfos.flat_map(|modinfo| modinfo.values("firmware"));
        let firmware = firmware.map(str::to_owned).collect();
        let mut files = set.closure_files(tree, &closure)?;
        let indexes = set.closure_indexes(&closure)?.into_iter();
        let indexes = indexes.filter(|index| INDEXES.contains(&index.name));
        files.extend(indexes.map(|index| (index.name.to_owned(), index.bytes)));
        files.insert(
            "modules.builtin".to_owned(),
            set.builtin.clone().into_bytes(),
        );
        Ok(Self {
            version: set.version.clone(),
            files,
            firmware,
            missing: closure.missing,
        })
    }
}
