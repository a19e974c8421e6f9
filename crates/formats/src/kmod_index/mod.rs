//! The index files beside the modules (`lib/modules/<version>/modules.*`), equal to depmod's.
//!
//! kmod, udev and systemd read them to find a module by name, by hardware alias or by symbol. A
//! distribution's package script makes them with `depmod`; here they come from the modules
//! themselves. Formats: `modules.dep(5)`, `depmod(8)`, and kmod's `tools/depmod.c`
//! (<https://github.com/kmod-project/kmod>); the version is kmod 34.
//!
//! | File | Content |
//! |---|---|
//! | `modules.dep`, `.dep.bin` | path → paths of everything it needs |
//! | `modules.alias`, `.alias.bin` | hardware pattern → module |
//! | `modules.softdep`, `modules.weakdep` | what to load before, after or perhaps beside a module |
//! | `modules.symbols`, `.symbols.bin` | `symbol:<name>` → module |
//! | `modules.builtin.bin` | names of what is built in |
//! | `modules.builtin.alias.bin` | aliases of what is built in |
//! | `modules.devname` | device nodes whose opening loads a module |

mod dependencies;
pub mod names;
mod symbol_order;
#[cfg(test)]
mod tests;
pub mod trie;

use std::fmt::Write;

use crate::modinfo::Modinfo;
use dependencies::Dependencies;
use trie::Trie;

/// A module to be indexed.
#[derive(Clone, Copy, Debug)]
pub struct Module<'a> {
    /// Path below `lib/modules/<version>`, as kmod is to open it: `kernel/fs/ext4/ext4.ko.xz`.
    pub path: &'a str,
    /// What the module's file says.
    pub modinfo: &'a Modinfo,
}

/// Files that the kernel's build makes; each may be empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// `modules.order`: paths of the uncompressed modules, one a line, in link order.
    pub order: &'a str,
    /// `modules.builtin`: paths of the modules that are built in, one a line.
    pub builtin: &'a str,
    /// `modules.builtin.modinfo`: NUL-terminated `<module>.<key>=<value>`.
    pub builtin_modinfo: &'a [u8],
}

/// A file to be put beside the modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexFile {
    /// `modules.dep`, …
    pub name: &'static str,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Why an index was not made or not read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Modules that need each other cannot be loaded.
    #[error("modules depend on each other in a circle: {}", modules.join(", "))]
    Cycle {
        /// Names of the modules in circles, and of what only they use.
        modules: Vec<String>,
    },
    /// The binary indexes hold 7-bit characters only.
    #[error("{text:?} cannot be indexed: 7-bit ASCII without NUL is needed")]
    NotAscii {
        /// The alias, path or symbol.
        text: String,
    },
    /// References have 28 bits.
    #[error("an index of more than {size} bytes cannot be written: its format ends at 268435455")]
    TooLarge {
        /// Bytes so far.
        size: usize,
    },
    /// A line of `modules.builtin` that is no path.
    #[error(
        "modules.builtin, line {line}, is {found:?}; a path like kernel/fs/fat/fat.ko is needed"
    )]
    Builtin {
        /// Line number, from 1.
        line: usize,
        /// The line.
        found: String,
    },
    /// An index file that starts with something else.
    #[error("the index has {found:08x} at offset {offset}; {expected:08x} is needed")]
    Header {
        /// In bytes.
        offset: usize,
        /// The word there.
        found: u32,
        /// The word that should be there.
        expected: u32,
    },
    /// An index file that contradicts itself.
    #[error("the index is damaged: {what}, at offset {offset}")]
    Damaged {
        /// What is wrong.
        what: &'static str,
        /// In bytes.
        offset: usize,
    },
}

/// All index files for `modules`, in the order in which depmod makes them.
pub fn generate(modules: &[Module<'_>], given: &Given<'_>) -> Result<Vec<IndexFile>, Error> {
    let dependencies = Dependencies::resolve(modules, given.order)?;
    let files: [(&'static str, Make); 11] = [
        ("modules.dep", |d, _| Ok(dep(d))),
        ("modules.dep.bin", |d, _| dep_bin(d)),
        ("modules.alias", |d, _| Ok(alias(d))),
        ("modules.alias.bin", |d, _| alias_bin(d)),
        ("modules.softdep", |d, _| Ok(soft(d))),
        ("modules.weakdep", |d, _| Ok(weak(d))),
        ("modules.symbols", |d, _| Ok(symbols(d))),
        ("modules.symbols.bin", |d, _| symbols_bin(d)),
        ("modules.builtin.bin", |_, given| builtin_bin(given)),
        ("modules.builtin.alias.bin", |_, given| {
            builtin_alias_bin(given)
        }),
        ("modules.devname", |d, _| Ok(devname(d))),
    ];
    files
        .into_iter()
        .map(|(name, make)| {
            let bytes = make(&dependencies, given)?;
            Ok(IndexFile { name, bytes })
        })
        .collect()
}

type Make = fn(&Dependencies<'_>, &Given<'_>) -> Result<Vec<u8>, Error>;

/// The names of what is built in, from `modules.builtin`.
pub fn builtin_names(builtin: &str) -> Result<Vec<String>, Error> {
    let lines = builtin.lines().enumerate();
    lines
        .map(|(index, line)| {
            if line.starts_with(|first: char| first.is_ascii_alphabetic()) {
                return Ok(names::module_name(line));
            }
            Err(Error::Builtin {
                line: index + 1,
                found: line.to_owned(),
            })
        })
        .collect()
}

/// Aliases of what is built in, from `modules.builtin.modinfo`: alias, module.
pub fn builtin_aliases(modinfo: &[u8]) -> Vec<(String, String)> {
    let strings = modinfo.split(|byte| *byte == 0);
    strings
        .filter_map(|string| {
            let string = String::from_utf8_lossy(string);
            let (module, rest) = string.split_once('.')?;
            let alias = rest.strip_prefix("alias=")?;
            Some((alias.to_owned(), module.to_owned()))
        })
        .collect()
}

/// `path: dependency dependency` for each module.
fn dep_lines(dependencies: &Dependencies<'_>) -> Vec<String> {
    let modules = dependencies.modules.iter().enumerate();
    modules
        .map(|(index, (_, module))| {
            let mut line = format!("{}:", module.path);
            for dependency in dependencies.all(index) {
                if let Some((_, module)) = dependencies.modules.get(dependency) {
                    line.push(' ');
                    line.push_str(module.path);
                }
            }
            line
        })
        .collect()
}

fn dep(dependencies: &Dependencies<'_>) -> Vec<u8> {
    let mut text = dep_lines(dependencies).join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    text.into_bytes()
}

fn dep_bin(dependencies: &Dependencies<'_>) -> Result<Vec<u8>, Error> {
    let mut trie = Trie::new();
    let lines = dep_lines(dependencies).into_iter().enumerate();
    for ((index, line), (name, _)) in lines.zip(&dependencies.modules) {
        trie.insert(name, &line, index as u32)?;
    }
    trie.write()
}

/// A comment, then a line for each value of `key` in each module.
fn lines(
    dependencies: &Dependencies<'_>,
    comment: &str,
    key: &str,
    line: impl Fn(&str, &str) -> String,
) -> Vec<u8> {
    let mut text = format!("# {comment}\n");
    for (name, module) in &dependencies.modules {
        for value in module.modinfo.values(key) {
            text.push_str(&line(name, value));
            text.push('\n');
        }
    }
    text.into_bytes()
}

fn alias(dependencies: &Dependencies<'_>) -> Vec<u8> {
    let comment = "Aliases extracted from modules themselves.";
    lines(dependencies, comment, "alias", |name, alias| {
        format!("alias {alias} {name}")
    })
}

fn soft(dependencies: &Dependencies<'_>) -> Vec<u8> {
    let comment = "Soft dependencies extracted from modules themselves.";
    lines(dependencies, comment, "softdep", |name, value| {
        format!("softdep {name} {value}")
    })
}

fn weak(dependencies: &Dependencies<'_>) -> Vec<u8> {
    let comment = "Weak dependencies extracted from modules themselves.";
    lines(dependencies, comment, "weakdep", |name, value| {
        format!("weakdep {name} {value}")
    })
}

fn alias_bin(dependencies: &Dependencies<'_>) -> Result<Vec<u8>, Error> {
    let mut trie = Trie::new();
    for (index, (name, module)) in dependencies.modules.iter().enumerate() {
        let aliases = module.modinfo.values("alias");
        for alias in aliases.filter_map(names::normalize_alias) {
            trie.insert(&alias, name, index as u32)?;
        }
    }
    trie.write()
}

/// Symbol, index of its module: in the order of depmod's hash table.
fn sorted_symbols<'a>(dependencies: &Dependencies<'a>) -> Vec<(&'a str, usize)> {
    let symbols = dependencies.symbols.iter();
    let mut sorted: Vec<_> = symbols.map(|(name, index)| (*name, *index)).collect();
    sorted.sort_by_cached_key(|(name, _)| symbol_order::place(name));
    sorted
}

fn symbols(dependencies: &Dependencies<'_>) -> Vec<u8> {
    let mut text = "# Aliases for symbols, used by symbol_request().\n".to_owned();
    for (symbol, index) in sorted_symbols(dependencies) {
        if let Some((name, _)) = dependencies.modules.get(index) {
            // Writing into a String has no way to fail.
            let _ = writeln!(text, "alias symbol:{symbol} {name}");
        }
    }
    text.into_bytes()
}

fn symbols_bin(dependencies: &Dependencies<'_>) -> Result<Vec<u8>, Error> {
    let mut trie = Trie::new();
    for (symbol, index) in sorted_symbols(dependencies) {
        if let Some((name, _)) = dependencies.modules.get(index) {
            trie.insert(&format!("symbol:{symbol}"), name, index as u32)?;
        }
    }
    trie.write()
}

fn builtin_bin(given: &Given<'_>) -> Result<Vec<u8>, Error> {
    let mut trie = Trie::new();
    for name in builtin_names(given.builtin)? {
        trie.insert(&name, "", 0)?;
    }
    trie.write()
}

fn builtin_alias_bin(given: &Given<'_>) -> Result<Vec<u8>, Error> {
    let mut trie = Trie::new();
    for (alias, module) in builtin_aliases(given.builtin_modinfo) {
        if let Some(alias) = names::normalize_alias(&alias) {
            trie.insert(&alias, &module, 0)?;
        }
    }
    trie.write()
}

/// `module node c10:237`: for modules with a `devname:` alias and device numbers.
fn devname(dependencies: &Dependencies<'_>) -> Vec<u8> {
    let mut text = "# Device nodes to trigger on-demand module loading.\n".to_owned();
    for (name, module) in &dependencies.modules {
        let (mut node, mut device) = (None, None);
        for alias in module.modinfo.values("alias") {
            if let Some(name) = alias.strip_prefix("devname:") {
                node = Some(name);
            } else if let Some(numbers) = alias.strip_prefix("char-major-") {
                device = numbers_of(numbers).map(|n| ('c', n)).or(device);
            } else if let Some(numbers) = alias.strip_prefix("block-major-") {
                device = numbers_of(numbers).map(|n| ('b', n)).or(device);
            }
            if let (Some(node), Some((kind, (major, minor)))) = (node, device) {
                // Writing into a String has no way to fail.
                let _ = writeln!(text, "{name} {node} {kind}{major}:{minor}");
                break;
            }
        }
    }
    text.into_bytes()
}

/// `10-237` → 10, 237. What follows the digits does not matter; `10-*` has no minor number.
fn numbers_of(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('-')?;
    let digits = minor.bytes().take_while(u8::is_ascii_digit).count();
    Some((major.parse().ok()?, minor.get(..digits)?.parse().ok()?))
}
