use proptest::prelude::*;

use super::*;
use crate::modinfo::{Export, Import};

/// path, strings, exports, imports
type Row<'a> = (
    &'a str,
    &'a [(&'a str, &'a str)],
    &'a [&'a str],
    &'a [&'a str],
);

fn make(rows: &[Row<'_>], given: &Given<'_>) -> Result<Vec<IndexFile>, Error> {
    let modinfo = |row: &Row<'_>| Modinfo {
        strings: row
            .1
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        exports: row
            .2
            .iter()
            .map(|name| Export {
                name: (*name).to_owned(),
                crc: None,
            })
            .collect(),
        imports: row
            .3
            .iter()
            .map(|name| Import {
                name: (*name).to_owned(),
                crc: None,
                weak: false,
            })
            .collect(),
        signed: false,
    };
    let modinfos: Vec<Modinfo> = rows.iter().map(modinfo).collect();
    let modules = rows.iter().zip(&modinfos);
    let modules: Vec<_> = modules
        .map(|(row, modinfo)| Module {
            path: row.0,
            modinfo,
        })
        .collect();
    generate(&modules, given)
}

fn file(files: &[IndexFile], name: &str) -> String {
    let file = files.iter().find(|file| file.name == name).unwrap();
    match name.ends_with(".bin") {
        true => trie::dump(&file.bytes).unwrap(),
        false => String::from_utf8(file.bytes.clone()).unwrap(),
    }
}

fn example() -> Vec<IndexFile> {
    let rows: &[Row<'_>] = &[
        (
            "kernel/a.ko.xz",
            &[("alias", "pci:v0*"), ("alias", "fs-a")],
            &["a1"],
            &["b1", "c1", "printk"],
        ),
        (
            "kernel/b-b.ko.xz",
            &[("softdep", "pre: crc32c"), ("weakdep", "a")],
            &["b1"],
            &["c1"],
        ),
        (
            "kernel/c.ko",
            &[("alias", "devname:net/tun"), ("alias", "char-major-10-200")],
            &["c1"],
            &[],
        ),
        ("updates/a.ko", &[("alias", "x-[a-b]-y")], &["a1"], &["b1"]),
    ];
    let given = Given {
        order: "kernel/c.ko\nkernel/b-b.ko\nkernel/a.ko\n",
        builtin: "kernel/fs/fat/fat.ko\nkernel/drivers/loop-x.ko\n",
        builtin_modinfo: b"fat.alias=fs-vfat\0fat.license=GPL\0loop_x.alias=block-major-7-*\0",
    };
    make(rows, &given).unwrap()
}

#[test]
fn files_say_what_the_modules_say() {
    let cases = [
        (
            "modules.dep",
            "kernel/c.ko:\nkernel/b-b.ko.xz: kernel/c.ko\nupdates/a.ko: kernel/b-b.ko.xz kernel/c.ko\n",
        ),
        (
            "modules.alias",
            "# Aliases extracted from modules themselves.\nalias devname:net/tun c\nalias char-major-10-200 c\nalias x-[a-b]-y a\n",
        ),
        (
            "modules.softdep",
            "# Soft dependencies extracted from modules themselves.\nsoftdep b_b pre: crc32c\n",
        ),
        (
            "modules.weakdep",
            "# Weak dependencies extracted from modules themselves.\nweakdep b_b a\n",
        ),
        (
            "modules.devname",
            "# Device nodes to trigger on-demand module loading.\nc net/tun c10:200\n",
        ),
        (
            "modules.dep.bin",
            "a 2 updates/a.ko: kernel/b-b.ko.xz kernel/c.ko\nb_b 1 kernel/b-b.ko.xz: kernel/c.ko\nc 0 kernel/c.ko:\n",
        ),
        (
            "modules.alias.bin",
            "char_major_10_200 0 c\ndevname:net/tun 0 c\nx_[a-b]_y 2 a\n",
        ),
        (
            "modules.symbols.bin",
            "symbol:a1 2 a\nsymbol:b1 1 b_b\nsymbol:c1 0 c\n",
        ),
        ("modules.builtin.bin", "fat 0 \nloop_x 0 \n"),
        (
            "modules.builtin.alias.bin",
            "block_major_7_* 0 loop_x\nfs_vfat 0 fat\n",
        ),
    ];
    let files = example();
    for (name, expected) in cases {
        assert_eq!(file(&files, name), expected, "{name}");
    }
}

#[test]
fn circles_are_named() {
    let rows: &[Row<'_>] = &[("a.ko", &[], &["a"], &["b"]), ("b.ko", &[], &["b"], &["a"])];
    let error = make(rows, &Given::default()).unwrap_err();
    let modules = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(error, Error::Cycle { modules });
}

#[test]
fn a_wrong_line_of_builtin_is_named() {
    let given = Given {
        builtin: "kernel/a.ko\n\n",
        ..Given::default()
    };
    assert!(
        make(&[], &given)
            .unwrap_err()
            .to_string()
            .contains("line 2")
    );
}

#[test]
fn no_modules_make_valid_files() {
    let files = make(&[], &Given::default()).unwrap();
    assert_eq!(file(&files, "modules.dep"), "");
    assert_eq!(file(&files, "modules.dep.bin"), "");
}

proptest! {
    /// Modules that only need earlier ones: whatever the order of their names, every line of
    /// modules.dep, read from its end, loads what is needed before what needs it.
    #[test]
    fn every_line_of_modules_dep_is_an_order_to_load_in(
        needs in proptest::collection::vec(proptest::collection::vec(0_usize..20, 0..4), 1..20),
        shuffle in any::<u64>(),
    ) {
        let name = |index: usize| format!("m{:02}_{index}", (shuffle >> (index % 60)) & 15);
        let symbol = |index: usize| format!("s{index}");
        let paths: Vec<_> = (0..needs.len()).map(|index| format!("{}.ko", name(index))).collect();
        let modinfos: Vec<_> = needs.iter().enumerate().map(|(index, needs)| {
            let earlier = needs.iter().filter(|need| **need < index);
            let import = |need: &usize| Import { name: symbol(*need), crc: None, weak: false };
            Modinfo {
                exports: vec![Export { name: symbol(index), crc: None }],
                imports: earlier.map(import).collect(),
                ..Modinfo::default()
            }
        }).collect();
        let modules = paths.iter().zip(&modinfos);
        let modules: Vec<_> = modules.map(|(path, modinfo)| Module { path, modinfo }).collect();
        let dep = file(&generate(&modules, &Given::default()).unwrap(), "modules.dep");
        prop_assert_eq!(dep.lines().count(), needs.len());
        for line in dep.lines() {
            let (path, rest) = line.split_once(':').unwrap();
            let mut loaded = std::collections::BTreeSet::new();
            for path in rest.split_whitespace().rev().chain([path]) {
                let index = paths.iter().position(|other| other == path).unwrap();
                for import in &modinfos[index].imports {
                    prop_assert!(loaded.contains(&import.name), "{line}");
                }
                loaded.insert(symbol(index));
            }
        }
    }

    #[test]
    fn arbitrary_modules_never_panic(
        path in ".{0,8}",
        strings in proptest::collection::vec(("alias|softdep|devname", "[ -~]{0,12}|.{0,4}"), 0..6),
        order in ".{0,20}",
        builtin_modinfo: Vec<u8>,
    ) {
        let modinfo = Modinfo { strings, ..Modinfo::default() };
        let modules = [Module { path: &path, modinfo: &modinfo }];
        let given = Given { order: &order, builtin: "", builtin_modinfo: &builtin_modinfo };
        let _ = generate(&modules, &given);
    }

    #[test]
    fn arbitrary_patterns_never_panic(pattern in "[a-c*?\\[\\]!-]{0,12}", name in "[a-c-]{0,8}") {
        let _ = names::matches(&pattern, &name);
        let _ = names::normalize_alias(&pattern);
        prop_assert!(names::matches(&name, &name));
    }
}
