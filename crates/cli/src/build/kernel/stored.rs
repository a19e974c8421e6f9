//! What is made of a kernel's modules, as files in a store.

use artifact::cache::files::Files;
use artifact::initrd::ChosenModules;

use super::Modules;

/// Names of the files: these, and paths behind a word and a slash.
const COUNT: &str = "count";
const MISSING: &str = "missing";
const FIRMWARE: &str = "firmware";
const CHOSEN: &str = "chosen/";
const INDEX: &str = "index/";

pub(super) fn pack(modules: &Modules) -> Files {
    let Modules {
        count,
        chosen,
        indexes,
    } = modules;
    let firmware: Vec<&str> = chosen.firmware.iter().map(String::as_str).collect();
    let mut files = Files::from([
        (COUNT.to_owned(), count.to_string().into_bytes()),
        // Neither names nor paths have NULs.
        (MISSING.to_owned(), chosen.missing.join("\0").into_bytes()),
        (FIRMWARE.to_owned(), firmware.join("\0").into_bytes()),
    ]);
    for (folder, from) in [(CHOSEN, &chosen.files), (INDEX, indexes)] {
        let placed =
            |(name, bytes): (&String, &Vec<u8>)| (format!("{folder}{name}"), bytes.clone());
        files.extend(from.iter().map(placed));
    }
    files
}

pub(super) fn unpack(version: &str, mut files: Files) -> Option<Modules> {
    let mut text = |name: &str| String::from_utf8(files.remove(name)?).ok();
    let count = text(COUNT)?.parse().ok()?;
    let list = |text: String| -> Vec<String> {
        let words = text.split('\0').filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    let missing = list(text(MISSING)?);
    let firmware = list(text(FIRMWARE)?).into_iter().collect();
    let mut modules = Modules {
        count,
        chosen: ChosenModules {
            version: version.to_owned(),
            files: Default::default(),
            firmware,
            missing,
        },
        indexes: Default::default(),
    };
    for (name, bytes) in files {
        if let Some(name) = name.strip_prefix(CHOSEN) {
            modules.chosen.files.insert(name.to_owned(), bytes);
        } else {
            let name = name.strip_prefix(INDEX)?.to_owned();
            modules.indexes.insert(name, bytes);
        }
    }
    Some(modules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost() {
        let file = |name: &str| (name.to_owned(), name.as_bytes().to_vec());
        let modules = Modules {
            count: 42,
            chosen: ChosenModules {
                version: "6.12".to_owned(),
                files: [file("kernel/a.ko"), file("modules.dep")].into(),
                firmware: ["a/b.bin".to_owned(), "c".to_owned()].into(),
                missing: vec!["d".to_owned()],
            },
            indexes: [file("modules.dep"), file("modules.alias.bin")].into(),
        };
        let mut files = pack(&modules);
        let read = unpack("6.12", files.clone()).unwrap();
        assert_eq!(read.count, modules.count);
        assert_eq!(read.chosen, modules.chosen);
        assert_eq!(read.indexes, modules.indexes);
        files.insert("else".to_owned(), Vec::new());
        assert!(unpack("6.12", files).is_none());
    }
}
