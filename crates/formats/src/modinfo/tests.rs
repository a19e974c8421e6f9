use proptest::prelude::*;

use super::*;

fn module() -> Modinfo {
    let string = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    Modinfo {
        strings: vec![
            string("alias", "fs-ext4"),
            string("alias", "ext3"),
            string("depends", "jbd2,mbcache"),
            string("softdep", "pre: crypto-crc32c"),
        ],
        exports: vec![Export {
            name: "ext4_read".to_owned(),
            crc: Some(0x1234_5678),
        }],
        imports: vec![
            Import {
                name: "jbd2_start".to_owned(),
                crc: Some(7),
                weak: false,
            },
            Import {
                name: "maybe".to_owned(),
                crc: None,
                weak: true,
            },
        ],
        signed: true,
    }
}

#[test]
fn what_is_written_is_read() {
    assert_eq!(Modinfo::parse(&writer::write(&module())).unwrap(), module());
}

#[test]
fn exports_without_a_checksum_come_from_the_string_table() {
    let mut module = module();
    module.exports[0].crc = None;
    assert_eq!(Modinfo::parse(&writer::write(&module)).unwrap(), module);
}

#[test]
fn a_checksum_that_was_left_out_is_not_needed() {
    let mut module = module();
    let import = |name: &str, crc| Import {
        name: name.to_owned(),
        crc,
        weak: true,
    };
    // In `.symtab` alone, and in `__versions` beside it.
    module.imports.push(import("__crc_ext4_write", None));
    module.imports.push(import("__crc_ext4_sync", Some(9)));
    module.imports.push(import("__crc_", None));
    let parsed = Modinfo::parse(&writer::write(&module)).unwrap();
    let needed: Vec<_> = parsed.imports.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(needed, ["jbd2_start", "maybe"]);
    let offered: Vec<_> = parsed.exports.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(offered, ["ext4_read", "ext4_write", "ext4_sync"]);
    // Read again, it is the same.
    assert_eq!(Modinfo::parse(&writer::write(&parsed)).unwrap(), parsed);
}

#[test]
fn keys_are_found() {
    let module = module();
    assert_eq!(
        module.values("alias").collect::<Vec<_>>(),
        ["fs-ext4", "ext3"]
    );
    assert_eq!(module.depends().collect::<Vec<_>>(), ["jbd2", "mbcache"]);
    assert_eq!(Modinfo::default().depends().count(), 0);
}

#[test]
fn symbols_that_only_versions_name_come_last() {
    let mut object = writer::write(&module());
    // `module_layout` is in `__versions` of real modules and nowhere else.
    let at = object
        .windows(10)
        .position(|window| window == b"jbd2_start")
        .unwrap();
    object[at..at + 10].copy_from_slice(b"module_lay");
    let parsed = Modinfo::parse(&object).unwrap();
    let names: Vec<_> = parsed.imports.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(names, ["jbd2_start", "maybe", "module_lay"]);
}

#[test]
fn wrong_files_are_named() {
    type Break = fn(&mut Vec<u8>);
    let cases: &[(&str, Break)] = &[
        ("not an ELF file", |f| f[0] = 0),
        ("not an ELF file", |f| f.truncate(63)),
        ("class 1", |f| f[4] = 1),
        ("byte order 2", |f| f[5] = 2),
        ("type 2", |f| f[16] = 2),
        ("entries of 64 bytes", |f| f[58] = 40),
        ("lies past the file's end", |f| f[60] = 200),
        ("section of section names", |f| f[62] = 99),
    ];
    for (expected, change) in cases {
        let mut file = writer::write(&module());
        change(&mut file);
        let error = Modinfo::parse(&file).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let _ = Modinfo::parse(&bytes);
    }

    #[test]
    fn damaged_modules_never_panic(at in 0_usize..2000, value: u8, length in 0_usize..2000) {
        let mut file = writer::write(&module());
        if let Some(byte) = file.get_mut(at) {
            *byte = value;
        }
        let _ = Modinfo::parse(&file);
        file.truncate(length);
        let _ = Modinfo::parse(&file);
    }
}
