//! All modules of a kernel, read once.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use formats::kmod_index::{self, Given, IndexFile, names};
use formats::modinfo::Modinfo;

use super::{Error, Kernel, decompress};
use crate::tree::{NodeId, Tree};

/// How much compressed input waits for the cores at one time, in bytes. What it unfolds to
/// is about five times as large.
const BATCH: usize = 16 << 20;

/// What the kernel's build puts beside the modules.
const GIVEN: [&str; 3] = [
    "modules.order",
    "modules.builtin",
    "modules.builtin.modinfo",
];

/// A module of a [`ModuleSet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Path below the folder of the modules, as shipped: `kernel/fs/ext4/ext4.ko.xz`.
    pub path: String,
    /// Its name for kmod and the kernel: `ext4`, with underscores.
    pub name: String,
    /// What its file says.
    pub modinfo: Modinfo,
    /// Size of the file as shipped, in bytes.
    pub size: u64,
    /// Size of the module uncompressed, with its signature, in bytes.
    pub uncompressed_size: u64,
}

/// A kernel's modules and what its build says about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleSet {
    /// The kernel's version.
    pub version: String,
    /// Folder of the modules in the tree.
    pub folder: String,
    /// By path.
    pub modules: Vec<Module>,
    /// `modules.order`; empty when there is none.
    pub order: String,
    /// `modules.builtin`; empty when there is none.
    pub builtin: String,
    /// `modules.builtin.modinfo`; empty when there is none.
    pub builtin_modinfo: Vec<u8>,
}

/// A module's file on its way to the cores.
struct Waiting {
    paths: Vec<String>,
    bytes: Vec<u8>,
}

impl ModuleSet {
    /// Reads every module below the kernel's folder once, on all cores.
    pub fn read(tree: &Tree, kernel: &Kernel) -> Result<Self, Error> {
        Self::read_folder(tree, &kernel.version, &kernel.modules)
    }

    fn read_folder(tree: &Tree, version: &str, folder: &str) -> Result<Self, Error> {
        let mut set = Self {
            version: version.to_owned(),
            folder: folder.to_owned(),
            modules: Vec::new(),
            order: String::new(),
            builtin: String::new(),
            builtin_modinfo: Vec::new(),
        };
        let given = set.read_given(tree)?;
        let [order, builtin, builtin_modinfo] = given;
        set.order = set.text(GIVEN[0], order)?;
        set.builtin = set.text(GIVEN[1], builtin)?;
        set.builtin_modinfo = builtin_modinfo;
        set.for_each(
            tree,
            |_| true,
            |path, size, bytes| {
                let modinfo = Modinfo::parse(&bytes).map_err(|source| Error::Module {
                    path: format!("{folder}/{path}"),
                    source,
                })?;
                Ok(Module {
                    name: names::module_name(&path),
                    path,
                    modinfo,
                    size,
                    uncompressed_size: bytes.len() as u64,
                })
            },
        )
        .map(|modules| set.modules = modules)?;
        if set.modules.is_empty() {
            let path = folder.to_owned();
            return Err(Error::NoModules { path });
        }
        set.modules.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(set)
    }

    fn read_given(&self, tree: &Tree) -> Result<[Vec<u8>; 3], Error> {
        let paths = GIVEN.map(|name| format!("{}/{name}", self.folder));
        let there = paths.iter().filter(|path| super::is_file(tree, path));
        let there: Vec<&String> = there.collect();
        let mut files = tree.read_many(&there, super::IMAGE_LIMIT)?.into_iter();
        Ok(paths.each_ref().map(|path| match there.contains(&path) {
            true => files.next().unwrap_or_default(),
            false => Vec::new(),
        }))
    }

    fn text(&self, name: &str, bytes: Vec<u8>) -> Result<String, Error> {
        let path = || format!("{}/{name}", self.folder);
        String::from_utf8(bytes).map_err(|_| Error::Text { path: path() })
    }

    /// Calls `work` for each wanted module with its path, its size as shipped and its
    /// uncompressed bytes, on all cores. Results come in the order of the tree's streams.
    pub(super) fn for_each<T: Send>(
        &self,
        tree: &Tree,
        wanted: impl Fn(&str) -> bool,
        work: impl Fn(String, u64, Vec<u8>) -> Result<T, Error> + Sync,
    ) -> Result<Vec<T>, Error> {
        let Some(mut folder) = tree.subtree(&self.folder) else {
            return Ok(Vec::new());
        };
        folder.retain(|path, node| {
            let path = std::str::from_utf8(path);
            node.content().is_some()
                && path.is_ok_and(|path| names::is_module(path) && wanted(path))
        });
        let mut paths: HashMap<NodeId, Vec<String>> = HashMap::new();
        for (path, id, node) in folder.iter() {
            if node.content().is_some() {
                let path = String::from_utf8_lossy(path).into_owned();
                paths.entry(id).or_default().push(path);
            }
        }
        let mut results = Vec::new();
        let mut waiting: Vec<Waiting> = Vec::new();
        let mut size = 0;
        let work_off = |waiting: &mut Vec<Waiting>, results: &mut Vec<T>| {
            use rayon::prelude::*;
            let batch: Result<Vec<Vec<T>>, Error> = std::mem::take(waiting)
                .into_par_iter()
                .map(|file| self.work_on(file, &work))
                .collect();
            results.extend(batch?.into_iter().flatten());
            Ok::<_, Error>(())
        };
        folder.read_contents(&mut |id, _, reader: &mut dyn Read| {
            let Some(paths) = paths.remove(&id) else {
                return Ok::<_, Error>(());
            };
            let mut bytes = Vec::new();
            let mut limited = reader.take(super::SIZE_LIMIT + 1);
            limited
                .read_to_end(&mut bytes)
                .map_err(|error| Error::Tree(crate::tree::Error::from_read(error)))?;
            size += bytes.len();
            waiting.push(Waiting { paths, bytes });
            if size >= BATCH {
                size = 0;
                work_off(&mut waiting, &mut results)?;
            }
            Ok(())
        })?;
        work_off(&mut waiting, &mut results)?;
        Ok(results)
    }

    fn work_on<T>(
        &self,
        file: Waiting,
        work: &(impl Fn(String, u64, Vec<u8>) -> Result<T, Error> + Sync),
    ) -> Result<Vec<T>, Error> {
        let size = file.bytes.len() as u64;
        let paths = file.paths.into_iter();
        paths
            .map(|path| {
                let bytes = decompress(&path, &file.bytes[..]).map_err(|source| Error::Read {
                    path: format!("{}/{path}", self.folder),
                    source,
                })?;
                work(path, size, bytes)
            })
            .collect()
    }

    /// The index files for all modules, at the paths as shipped.
    pub fn indexes(&self) -> Result<Vec<IndexFile>, Error> {
        let modules = self.modules.iter();
        self.index(modules.map(|module| (module.path.as_str(), &module.modinfo)))
    }

    /// The index files for all modules, at the paths of uncompressed files.
    pub fn uncompressed_indexes(&self) -> Result<Vec<IndexFile>, Error> {
        let modules = self.modules.iter();
        self.index(modules.map(|module| (names::uncompressed(&module.path), &module.modinfo)))
    }

    pub(super) fn index<'a>(
        &self,
        modules: impl Iterator<Item = (&'a str, &'a Modinfo)>,
    ) -> Result<Vec<IndexFile>, Error> {
        let modules: Vec<_> = modules
            .map(|(path, modinfo)| kmod_index::Module { path, modinfo })
            .collect();
        let given = Given {
            order: &self.order,
            builtin: &self.builtin,
            builtin_modinfo: &self.builtin_modinfo,
        };
        kmod_index::generate(&modules, &given).map_err(|source| Error::Index {
            version: self.version.clone(),
            source,
        })
    }

    /// Name → index into [`ModuleSet::modules`]; where a name is there twice, the module that
    /// kmod would choose.
    pub(super) fn by_name(&self) -> BTreeMap<&str, usize> {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, module) in self.modules.iter().enumerate() {
            let entry = names.entry(&module.name).or_insert(index);
            if module.path.starts_with("updates/") {
                *entry = index;
            }
        }
        names
    }
}
