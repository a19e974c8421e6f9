//! Modules, and the indexes that are made of them.

use formats::kmod_index::{Given, Module, generate};
use formats::modinfo::{Export, Import, Modinfo, writer};

use crate::Seed;

pub(crate) fn seeds() -> Vec<Seed> {
    let export = |name: &str, crc| Export {
        name: name.to_owned(),
        crc,
    };
    let import = |name: &str, crc, weak| Import {
        name: name.to_owned(),
        crc,
        weak,
    };
    let string = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let first = Modinfo {
        strings: vec![
            string("license", "GPL"),
            string("alias", "pci:v00008086d[10]*sv*sd*bc*sc*i*"),
            string("alias", "devname:loop-control"),
            string("alias", "char-major-10-237"),
            string("softdep", "pre: b post: c"),
            string("weakdep", "d"),
        ],
        exports: vec![export("one", Some(7)), export("two", Some(8))],
        imports: vec![],
        signed: true,
    };
    let second = Modinfo {
        strings: vec![string("depends", "m_0"), string("name", "m_1")],
        exports: vec![export("three", None)],
        imports: vec![import("one", Some(7), false), import("missing", None, true)],
        signed: false,
    };
    let given = Given {
        order: "kernel/m-1.ko\nkernel/m-0.ko\n",
        builtin: "kernel/fs/ext4/ext4.ko\n",
        builtin_modinfo: b"ext4.alias=fs-ext4\0ext4.license=GPL\0",
    };
    let modules = [("kernel/m-0.ko", &first), ("kernel/m-1.ko", &second)];
    let modules = modules.map(|(path, modinfo)| Module { path, modinfo });
    let (first, second) = (writer::write(&first), writer::write(&second));
    let both = [&first[..], b"\0next module\0", &second].concat();
    let mut seeds = vec![("modinfo", "one", first), ("modinfo", "two", both)];
    for file in generate(&modules, &given).unwrap() {
        if file.name.ends_with(".bin") {
            seeds.push(("module_index", file.name, file.bytes));
        }
    }
    seeds
}
