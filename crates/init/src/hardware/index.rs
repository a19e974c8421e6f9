//! depmod's text indexes: which module wants which device, and what must be loaded before it
//! (modules.dep(5); the formats of `modules.alias` and `modules.softdep` are modprobe.d(5)'s).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::alias;

/// The indexes of one kernel's modules. A module's name has `_` where its file may have `-`.
#[derive(Debug, Default)]
pub(super) struct Index {
    folder: PathBuf,
    /// Name → its file, and its dependencies' files: the last must be loaded first.
    modules: BTreeMap<String, (String, Vec<String>)>,
    /// Pattern, module.
    aliases: Vec<(String, String)>,
    /// Name → what should be there before it, and after it: names or aliases.
    soft: BTreeMap<String, (Vec<String>, Vec<String>)>,
    /// Names of what the kernel contains.
    builtin: BTreeSet<String>,
}

/// Why modules cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(super) enum IndexError {
    /// An index cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The index.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A module is neither in the initrd nor in the kernel.
    #[error("the module {name} is neither in {folder} nor built into the kernel")]
    Missing {
        /// Its name.
        name: String,
        /// Where it was looked for.
        folder: String,
    },
}

impl Index {
    /// Reads the indexes in a `lib/modules/<version>`.
    pub(super) fn read(folder: &Path) -> Result<Self, IndexError> {
        let text = |name: &str| match fs::read_to_string(folder.join(name)) {
            // depmod writes all of them, but a kernel without modules has none.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            other => other.map_err(|source| IndexError::Read {
                path: folder.join(name).display().to_string(),
                source,
            }),
        };
        let mut index = Self {
            folder: folder.to_owned(),
            ..Self::default()
        };
        index.read_dependencies(&text("modules.dep")?);
        index.read_aliases(&text("modules.alias")?);
        index.read_soft(&text("modules.softdep")?);
        index.builtin = text("modules.builtin")?.lines().map(name).collect();
        Ok(index)
    }

    /// `kernel/a.ko: kernel/b.ko kernel/c.ko`: c before b before a.
    fn read_dependencies(&mut self, text: &str) {
        for (file, dependencies) in text.lines().filter_map(|line| line.split_once(':')) {
            let dependencies = dependencies
                .split_ascii_whitespace()
                .map(str::to_owned)
                .collect();
            self.modules
                .insert(name(file), (file.to_owned(), dependencies));
        }
    }

    /// `alias pattern module`.
    fn read_aliases(&mut self, text: &str) {
        for line in text.lines() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            if let ["alias", pattern, module] = words.as_slice() {
                self.aliases.push((alias::normalise(pattern), name(module)));
            }
        }
    }

    /// `softdep module pre: a b post: c`.
    fn read_soft(&mut self, text: &str) {
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let (Some("softdep"), Some(module)) = (words.next(), words.next()) else {
                continue;
            };
            let (before, after) = self.soft.entry(name(module)).or_default();
            let mut list = None;
            for word in words {
                match (word, &mut list) {
                    ("pre:", _) => list = Some(&mut *before),
                    ("post:", _) => list = Some(&mut *after),
                    (word, Some(list)) => list.push(word.to_owned()),
                    // A word before the first list belongs to none.
                    (_, None) => {}
                }
            }
        }
    }

    /// Where a module's file is.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// The file of a module, as the indexes name it; nothing when the kernel contains it.
    pub(super) fn file(&self, module: &str) -> Option<&str> {
        self.modules
            .get(&name(module))
            .map(|(file, _)| file.as_str())
    }

    /// Names of the modules that want a device with this modalias.
    pub(super) fn for_alias(&self, modalias: &str) -> BTreeSet<String> {
        let modalias = alias::normalise(modalias);
        let wanted = self
            .aliases
            .iter()
            .filter(|(pattern, _)| alias::matches(pattern, &modalias));
        wanted.map(|(_, module)| module.clone()).collect()
    }

    /// The files to load for a module, in order, with what it depends on: none when the kernel
    /// contains it.
    pub(super) fn order(&self, module: &str) -> Result<Vec<String>, IndexError> {
        let module = name(module);
        let mut order = Vec::new();
        if self.builtin.contains(&module) {
            return Ok(order);
        }
        if !self.modules.contains_key(&module) {
            return Err(IndexError::Missing {
                name: module,
                folder: self.folder.display().to_string(),
            });
        }
        self.visit(&module, &mut BTreeSet::new(), &mut order);
        Ok(order)
    }

    fn visit(&self, module: &str, visited: &mut BTreeSet<String>, order: &mut Vec<String>) {
        let Some((file, dependencies)) = self.modules.get(module) else {
            return;
        };
        if !visited.insert(module.to_owned()) {
            return;
        }
        let soft = self.soft.get(module);
        for word in soft.iter().flat_map(|(before, _)| before) {
            self.visit_soft(word, visited, order);
        }
        for dependency in dependencies.iter().rev() {
            self.visit(&name(dependency), visited, order);
        }
        order.push(file.clone());
        for word in soft.iter().flat_map(|(_, after)| after) {
            self.visit_soft(word, visited, order);
        }
    }

    /// A soft dependency is a module's name or an alias, and may be missing.
    fn visit_soft(&self, word: &str, visited: &mut BTreeSet<String>, order: &mut Vec<String>) {
        let module = name(word);
        if self.modules.contains_key(&module) {
            self.visit(&module, visited, order);
        } else if !self.builtin.contains(&module) {
            for module in self.for_alias(word) {
                self.visit(&module, visited, order);
            }
        }
    }
}

/// `kernel/drivers/md/dm-verity.ko` or `dm-verity` → `dm_verity`.
pub(super) fn name(file: &str) -> String {
    let base = file.rsplit('/').next().unwrap_or(file);
    let stem = base.split_once(".ko").map_or(base, |(stem, _)| stem);
    stem.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> (tempfile::TempDir, Index) {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            (
                "modules.dep",
                "kernel/drivers/md/dm-verity.ko: kernel/drivers/md/dm-bufio.ko kernel/drivers/md/dm-mod.ko\n\
                 kernel/drivers/md/dm-bufio.ko: kernel/drivers/md/dm-mod.ko\n\
                 kernel/drivers/md/dm-mod.ko:\n\
                 kernel/fs/btrfs/btrfs.ko: kernel/lib/xor.ko\n\
                 kernel/lib/xor.ko:\n\
                 kernel/crypto/crc32c-intel.ko:\n\
                 kernel/a.ko:\n\
                 kernel/b.ko:\n\
                 kernel/c.ko: kernel/a.ko kernel/xor.ko\n",
            ),
            (
                "modules.alias",
                "# Aliases extracted from modules themselves.\n\
                 alias crypto-crc32c crc32c_intel\n\
                 alias crc32c crc32c-intel\n\
                 alias pci:v00001AF4d*sv*sd*bc*sc*i* a\n\
                 alias pci:v00001AF4d00001001sv*sd*bc*sc*i* b\n\
                 alias broken\n",
            ),
            (
                "modules.softdep",
                "# Soft dependencies extracted from modules themselves.\n\
                 softdep btrfs pre: crc32c nowhere ext4 post: a\n\
                 softdep a pre: b\n\
                 softdep b pre: a\n",
            ),
            ("modules.builtin", "kernel/fs/ext4/ext4.ko\n"),
        ];
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let index = Index::read(folder.path()).unwrap();
        (folder, index)
    }

    #[test]
    fn dependencies_come_first() {
        let (_folder, index) = index();
        assert_eq!(
            index.order("dm-verity").unwrap(),
            [
                "kernel/drivers/md/dm-mod.ko",
                "kernel/drivers/md/dm-bufio.ko",
                "kernel/drivers/md/dm-verity.ko"
            ]
        );
    }

    #[test]
    fn the_last_of_a_line_is_loaded_first() {
        let (_folder, index) = index();
        assert_eq!(
            index.order("c").unwrap(),
            [
                "kernel/lib/xor.ko",
                "kernel/b.ko",
                "kernel/a.ko",
                "kernel/c.ko"
            ]
        );
    }

    #[test]
    fn soft_dependencies_go_before_and_after_and_in_circles() {
        let (_folder, index) = index();
        assert_eq!(
            index.order("btrfs").unwrap(),
            [
                "kernel/crypto/crc32c-intel.ko",
                "kernel/lib/xor.ko",
                "kernel/fs/btrfs/btrfs.ko",
                "kernel/b.ko",
                "kernel/a.ko"
            ]
        );
    }

    #[test]
    fn built_in_modules_need_no_file_and_missing_ones_are_named() {
        let (_folder, index) = index();
        assert_eq!(index.order("ext4").unwrap(), [""; 0]);
        let error = index.order("zfs").unwrap_err().to_string();
        assert!(error.contains("zfs"), "{error}");
    }

    #[test]
    fn every_module_that_wants_a_device_is_found() {
        let (_folder, index) = index();
        let wanted = index.for_alias("pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00");
        assert_eq!(wanted.into_iter().collect::<Vec<_>>(), ["a", "b"]);
        assert!(index.for_alias("pci:v00008086").is_empty());
    }

    #[test]
    fn a_kernel_without_modules_has_an_empty_index() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Index::read(folder.path()).unwrap().order("loop").is_err());
    }
}
