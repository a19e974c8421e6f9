//! What is made of a kernel's modules.

use formats::kmod_index::trie::{self, Trie};
use formats::kmod_index::{self, Given, Module, names};
use formats::modinfo::{Modinfo, writer};

/// What stands between two modules.
const BETWEEN: &[u8] = b"\x00next module\x00";

/// One module, or several with [`BETWEEN`] between them.
pub(crate) fn modinfo(bytes: &[u8]) {
    let _ = source::kernel::image_version(bytes);
    let text = String::from_utf8_lossy(bytes);
    let _ = source::kernel::Config::parse(&text).is_built_in("MODULES");
    let _ = kmod_index::builtin_aliases(bytes);
    let _ = kmod_index::builtin_names(&text);

    let mut modules = Vec::new();
    for (number, file) in split(bytes).into_iter().take(8).enumerate() {
        if let Ok(modinfo) = Modinfo::parse(file) {
            let again = Modinfo::parse(&writer::write(&modinfo)).expect("what was just written");
            assert_eq!(again.exports.len(), modinfo.exports.len());
            modules.push((format!("kernel/m-{number}.ko.xz"), modinfo));
        }
    }
    if modules.is_empty() {
        return;
    }
    for (_, modinfo) in &modules {
        let _ = (modinfo.depends().count(), modinfo.value("license"));
        let aliases = modinfo.values("alias").filter_map(names::normalize_alias);
        let _ = aliases
            .filter(|alias| names::matches(alias, "pci:v00008086d0000100E"))
            .count();
    }
    let modules: Vec<_> = modules
        .iter()
        .map(|(path, modinfo)| Module { path, modinfo })
        .collect();
    let given = Given {
        order: "kernel/m-1.ko\n",
        builtin: "",
        builtin_modinfo: bytes,
    };
    for file in kmod_index::generate(&modules, &given).unwrap_or_default() {
        if file.name.ends_with(".bin") {
            trie::read(&file.bytes).expect("an index that was just written");
        }
    }
}

fn split(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some(at) = bytes
        .windows(BETWEEN.len())
        .position(|window| window == BETWEEN)
    {
        parts.push(&bytes[..at]);
        bytes = &bytes[at + BETWEEN.len()..];
    }
    parts.push(bytes);
    parts
}

pub(crate) fn module_index(bytes: &[u8]) {
    let _ = trie::dump(bytes);
    let Ok(entries) = trie::read(bytes) else {
        return;
    };
    let mut trie = Trie::new();
    for (key, values) in &entries {
        for value in values {
            if trie.insert(key, &value.text, value.priority).is_err() {
                return;
            }
        }
    }
    if let Ok(written) = trie.write() {
        let again = trie::read(&written).expect("what was just written");
        let count = |entries: &[(String, Vec<trie::Value>)]| {
            entries
                .iter()
                .map(|(_, values)| values.len())
                .sum::<usize>()
        };
        assert!(count(&again) <= count(&entries));
    }
}
