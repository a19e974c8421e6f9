use std::io::Write;

use formats::modinfo::{Export, Import, Modinfo, writer};

use super::*;
use crate::tree::Node;

const VERSION: &str = "6.12.1-amd64";

fn module(strings: &[(&str, &str)], exports: &[&str], imports: &[&str]) -> Vec<u8> {
    let strings = strings.iter();
    writer::write(&Modinfo {
        strings: strings
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        exports: exports
            .iter()
            .map(|name| Export {
                name: (*name).to_owned(),
                crc: Some(1),
            })
            .collect(),
        imports: imports
            .iter()
            .map(|name| Import {
                name: (*name).to_owned(),
                crc: Some(1),
                weak: false,
            })
            .collect(),
        signed: true,
    })
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn add_kernel(tree: &mut Tree, folder: &str, version: &str) {
    let image = format!("boot/vmlinuz-{version}");
    tree.add_file(image, vmlinuz::example(version), 0o600)
        .unwrap();
    let modules = format!("{folder}/{version}");
    let ext4 = module(
        &[
            ("alias", "fs-ext4"),
            ("softdep", "pre: crypto-crc32c absent"),
        ],
        &[],
        &["jbd2_start"],
    );
    let vfat = module(&[("depends", "fat")], &[], &["printk"]);
    let files = [
        (
            "modules.order",
            b"kernel/jbd2.ko\nkernel/ext4.ko\n".to_vec(),
        ),
        ("modules.builtin", b"kernel/loop.ko\n".to_vec()),
        (
            "modules.builtin.modinfo",
            b"loop.alias=block-major-7-*\0".to_vec(),
        ),
        ("modules.dep", b"left over\n".to_vec()),
        ("kernel/ext4.ko.xz", xz(&ext4)),
        (
            "kernel/jbd2.ko.xz",
            xz(&module(&[("softdep", "post: vfat")], &["jbd2_start"], &[])),
        ),
        (
            "kernel/crc32c-x.ko",
            module(&[("alias", "crypto-crc32c")], &[], &[]),
        ),
        ("kernel/fat.ko", module(&[], &["fat_read"], &[])),
        ("kernel/vfat.ko", vfat),
        ("kernel/other.ko", module(&[], &[], &[])),
    ];
    for (path, bytes) in files {
        tree.add_file(format!("{modules}/{path}"), bytes, 0o644)
            .unwrap();
    }
    tree.add_symlink(format!("{modules}/build"), "/usr/src/x")
        .unwrap();
}

fn tree() -> Tree {
    let mut tree = Tree::new();
    add_kernel(&mut tree, "usr/lib/modules", VERSION);
    tree
}

fn names<'a>(set: &'a ModuleSet, closure: &'a Closure) -> Vec<&'a str> {
    set.chosen(closure)
        .map(|module| module.name.as_str())
        .collect()
}

#[test]
fn a_kernel_is_found_where_distributions_put_it() {
    let config = "CONFIG_DM_VERITY_VERIFY_ROOTHASH_SIG_PLATFORM_KEYRING=y\n";
    for folder in MODULES {
        let mut tree = Tree::new();
        add_kernel(&mut tree, folder, VERSION);
        let kernel = Kernel::find(&tree, None).unwrap();
        assert_eq!(kernel.version, VERSION);
        assert_eq!(kernel.image_path, format!("boot/vmlinuz-{VERSION}"));
        assert_eq!(kernel.modules, format!("{folder}/{VERSION}"));
        assert_eq!(kernel.image, vmlinuz::example(VERSION));
        assert!(!kernel.checks_root_hash_signatures());

        tree.add_file(format!("boot/config-{VERSION}"), config.as_bytes(), 0o644)
            .unwrap();
        assert!(
            Kernel::find(&tree, None)
                .unwrap()
                .checks_root_hash_signatures()
        );
    }
    let mut arch = Tree::new();
    add_kernel(&mut arch, "usr/lib/modules", VERSION);
    arch.remove("boot");
    arch.add_symlink("boot/vmlinuz-linux", "x").unwrap();
    let path = format!("usr/lib/modules/{VERSION}/vmlinuz");
    arch.add_file(&path, vmlinuz::example(VERSION), 0o644)
        .unwrap();
    assert_eq!(Kernel::find(&arch, None).unwrap().image_path, path);
}

#[test]
fn what_is_not_one_kernel_is_refused_with_what_is_there() {
    let fails = |tree: &Tree, version: Option<&str>, expected: &str| {
        let error = Kernel::find(tree, version).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let message = format!("{error}: {}", source.unwrap_or_default());
        assert!(message.contains(expected), "{expected}: {message}");
    };
    fails(&Tree::new(), None, "no kernel in the tree");

    let mut two = tree();
    add_kernel(&mut two, "usr/lib/modules", "6.13.0-amd64");
    fails(&two, None, "6.12.1-amd64, 6.13.0-amd64; name one's version");
    fails(
        &two,
        Some("7"),
        "found only boot/vmlinuz-6.12.1-amd64, boot/vmlinuz-6.13.0-amd64",
    );
    assert_eq!(Kernel::find(&two, Some(VERSION)).unwrap().version, VERSION);

    let mut bare = tree();
    bare.remove("usr");
    fails(&bare, None, "boot/vmlinuz-6.12.1-amd64 without modules");

    let mut wrong = tree();
    let path = format!("boot/vmlinuz-{VERSION}");
    wrong
        .add_file(&path, vmlinuz::example("6.12.2-amd64"), 0o644)
        .unwrap();
    fails(&wrong, None, "Linux 6.12.2-amd64");
    wrong.add_file(&path, b"ELF".to_vec(), 0o644).unwrap();
    fails(&wrong, None, "CONFIG_EFI_STUB=y");
}

#[test]
fn a_closure_has_all_that_is_needed_in_order() {
    let tree = tree();
    let set = ModuleSet::read(&tree, &Kernel::find(&tree, None).unwrap()).unwrap();
    let closure = set
        .closure(["ext4", "loop", "no-such", "block-major-7-3"])
        .unwrap();
    // vfat comes after jbd2 that asks for it, and fat before vfat.
    let expected = ["crc32c_x", "jbd2", "fat", "vfat", "ext4"];
    assert_eq!(names(&set, &closure), expected);
    assert_eq!(closure.missing, ["no-such"]);

    let by_pattern = set.closure(["*fat", "fs-ext4"]).unwrap();
    assert_eq!(names(&set, &by_pattern)[..2], ["fat", "vfat"]);
    assert_eq!(by_pattern.modules.len(), 5);
    assert_eq!(set.closure(["crypto-crc32c"]).unwrap().modules.len(), 1);
}

#[test]
fn a_closure_has_its_files_and_indexes() {
    let tree = tree();
    let set = ModuleSet::read(&tree, &Kernel::find(&tree, None).unwrap()).unwrap();
    let closure = set.closure(["jbd2"]).unwrap();
    let files = set.closure_files(&tree, &closure).unwrap();
    let paths: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(paths, ["kernel/fat.ko", "kernel/jbd2.ko", "kernel/vfat.ko"]);
    for module in set.chosen(&closure) {
        let bytes = &files[formats::kmod_index::names::uncompressed(&module.path)];
        assert_eq!(bytes.len() as u64, module.uncompressed_size);
        assert_eq!(Modinfo::parse(bytes).unwrap(), module.modinfo);
    }
    let indexes = set.closure_indexes(&closure).unwrap();
    assert_eq!(
        indexes[0].bytes,
        b"kernel/jbd2.ko:\nkernel/fat.ko:\nkernel/vfat.ko:\n"
    );
}

#[test]
fn the_modules_image_has_indexes_for_what_is_in_it() {
    let tree = tree();
    let set = ModuleSet::read(&tree, &Kernel::find(&tree, None).unwrap()).unwrap();
    let folder = format!("usr/lib/modules/{VERSION}");
    for (storage, file) in [
        (Storage::AsShipped, "kernel/ext4.ko.xz"),
        (Storage::Uncompressed, "kernel/ext4.ko"),
    ] {
        let image = set.image_tree(&tree, storage).unwrap();
        let dep = String::from_utf8(image.read("modules.dep", 1 << 20).unwrap()).unwrap();
        let needs = if storage == Storage::AsShipped {
            ".xz"
        } else {
            ""
        };
        assert!(
            dep.contains(&format!("{file}: kernel/jbd2.ko{needs}\n")),
            "{dep}"
        );
        assert!(image.get("build").is_none());
        let shipped = tree
            .read(format!("{folder}/kernel/ext4.ko.xz"), 1 << 20)
            .unwrap();
        let expected = match storage {
            Storage::AsShipped => shipped,
            Storage::Uncompressed => decompress("a.ko.xz", &shipped[..]).unwrap(),
        };
        assert_eq!(image.read(file, 1 << 20).unwrap(), expected);
        let paths = image
            .iter()
            .filter(|(path, _, _)| path.starts_with(b"kernel/"));
        assert_eq!(paths.count(), 6);
    }
}

#[test]
fn a_damaged_module_is_named() {
    let path = format!("usr/lib/modules/{VERSION}/kernel/ext4.ko.xz");
    let cases: [(Vec<u8>, &str); 2] = [
        (
            xz(&module(&[], &[], &[]))[..60].to_vec(),
            "cannot be read; is the package damaged?",
        ),
        (xz(b"no module"), "cannot be used"),
    ];
    for (bytes, expected) in cases {
        let mut tree = tree();
        let kernel = Kernel::find(&tree, None).unwrap();
        tree.insert(&path, Node::file(tree::Metadata::root(0o644), bytes))
            .unwrap();
        let error = ModuleSet::read(&tree, &kernel).unwrap_err().to_string();
        assert!(error.contains(&path) && error.contains(expected), "{error}");
    }
}
