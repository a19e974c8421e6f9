//! Module indexes against depmod, on the whole of Debian's real kernel.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};

use artifact::initrd::{ChosenModules, DEFAULT_MODULES, Initrd, InitrdParts};
use formats::kmod_index::{IndexFile, names, trie};
use source::kernel::{Kernel, ModuleSet, Storage};
use source::layer::{LayerKind, TarBytes};
use source::tree::Tree;

/// Debian 13's kernel; read once for all tests.
fn debian() -> &'static (Tree, Kernel, ModuleSet) {
    static DEBIAN: OnceLock<(Tree, Kernel, ModuleSet)> = OnceLock::new();
    DEBIAN.get_or_init(|| kernel_of("trixie"))
}

/// A suite's kernel: its tree, the kernel found in it, its modules.
fn kernel_of(suite: &str) -> (Tree, Kernel, ModuleSet) {
    let mut tree = Tree::new();
    let layer = TarBytes {
        name: "the kernel's package".to_owned(),
        bytes: tests::deb_tar(&tests::kernel_deb(suite)).into(),
        kind: LayerKind::Archive,
    };
    tree.add_layer(Arc::new(layer)).unwrap();
    let kernel = Kernel::find(&tree, None).unwrap();
    let modules = ModuleSet::read(&tree, &kernel).unwrap();
    (tree, kernel, modules)
}

/// Writes the tree of a modules image below `root/lib/modules/<version>`.
fn write(image: &Tree, root: &Path, version: &str) -> std::path::PathBuf {
    let folder = root.join("lib/modules").join(version);
    fs::create_dir_all(&folder).unwrap();
    let path = |path: &[u8]| folder.join(std::str::from_utf8(path).unwrap());
    let mut files = BTreeMap::new();
    for (below, id, node) in image.iter() {
        if node.is_directory() {
            fs::create_dir_all(path(below)).unwrap();
        } else {
            files.insert(id, path(below));
        }
    }
    image
        .read_contents(&mut |id, _, reader: &mut dyn std::io::Read| {
            let mut file = fs::File::create(&files[&id]).unwrap();
            std::io::copy(reader, &mut file).unwrap();
            Ok::<_, source::tree::Error>(())
        })
        .unwrap();
    folder
}

/// Runs depmod over the folder and compares each file that it makes with ours.
fn compare(root: &Path, folder: &Path, version: &str, ours: &[IndexFile]) {
    for index in ours {
        let _ = fs::remove_file(folder.join(index.name));
    }
    let mut depmod = Command::new("depmod");
    let output = tests::output("kmod", depmod.arg("-b").arg(root).arg(version));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "depmod: {said}");
    assert!(!said.contains("ERROR"), "depmod: {said}");
    let depmod_version = depmod_version();
    let mut made = 0;
    for index in ours {
        let Ok(theirs) = fs::read(folder.join(index.name)) else {
            // modules.weakdep came with kmod 33.
            assert_eq!(index.name, "modules.weakdep");
            assert!(
                depmod_version < 33,
                "depmod {depmod_version} made no modules.weakdep"
            );
            continue;
        };
        made += 1;
        if theirs == index.bytes {
            continue;
        }
        // Before kmod 34 parents came after their children: another layout of the same trie.
        assert!(
            index.name.ends_with(".bin"),
            "{} differs from depmod's",
            index.name
        );
        assert!(
            depmod_version < 34,
            "{} differs from depmod's in its bytes",
            index.name
        );
        assert_eq!(theirs.len(), index.bytes.len(), "size of {}", index.name);
        let same = trie::read(&theirs).unwrap() == trie::read(&index.bytes).unwrap();
        assert!(same, "{} differs from depmod's in its content", index.name);
    }
    assert!(made >= 10, "depmod made {made} files");
}

fn depmod_version() -> u32 {
    let version = tests::stdout("kmod", Command::new("depmod").arg("--version"));
    let version = String::from_utf8(version).unwrap();
    let number = version
        .split_whitespace()
        .nth(2)
        .and_then(|word| word.split('.').next());
    number.and_then(|number| number.parse().ok()).unwrap()
}

#[test]
fn indexes_of_the_whole_package_are_depmods() {
    let (tree, kernel, modules) = debian();
    assert!(
        modules.modules.len() > 4000,
        "{} modules",
        modules.modules.len()
    );
    assert!(modules.modules.iter().all(|module| module.modinfo.signed));
    assert!(kernel.checks_root_hash_signatures());
    assert_eq!(kernel.lacks_for_execution_policy(), Some(Vec::new()));
    let started: Vec<&str> = kernel.security_modules().split(',').collect();
    assert!(started.contains(&"ipe"), "{started:?}");
    let image = modules.image_tree(tree, Storage::AsShipped).unwrap();
    let root = tempfile::tempdir().unwrap();
    let folder = write(&image, root.path(), &kernel.version);
    compare(
        root.path(),
        &folder,
        &kernel.version,
        &modules.indexes().unwrap(),
    );
}

/// Debian 12's modules lie in `lib/modules`, are not compressed, and name their exports in
/// `__crc_` symbols.
#[test]
fn indexes_of_debian_12s_package_are_depmods() {
    let (tree, kernel, modules) = kernel_of("bookworm");
    assert_eq!(kernel.modules, format!("lib/modules/{}", kernel.version));
    assert!(!kernel.checks_root_hash_signatures());
    let lacking = kernel.lacks_for_execution_policy().unwrap();
    assert!(lacking.contains(&"CONFIG_SECURITY_IPE".to_owned()));
    let image = modules.image_tree(&tree, Storage::AsShipped).unwrap();
    let root = tempfile::tempdir().unwrap();
    let folder = write(&image, root.path(), &kernel.version);
    let indexes = modules.indexes().unwrap();
    compare(root.path(), &folder, &kernel.version, &indexes);
}

#[test]
fn indexes_of_uncompressed_modules_are_depmods() {
    let (tree, kernel, _) = debian();
    // File systems and what they need: uncompressed, all modules have half a gigabyte.
    let mut tree = tree.clone();
    let kept = ["kernel/fs/", "kernel/lib/", "kernel/crypto/", "modules."];
    let prefix = kernel.modules.len() + 1;
    tree.retain(|path, _| {
        let below = path.get(prefix..).unwrap_or_default();
        kept.iter().any(|kept| below.starts_with(kept.as_bytes()))
    });
    let modules = ModuleSet::read(&tree, kernel).unwrap();
    let image = modules.image_tree(&tree, Storage::Uncompressed).unwrap();
    let root = tempfile::tempdir().unwrap();
    let folder = write(&image, root.path(), &kernel.version);
    let indexes = modules.uncompressed_indexes().unwrap();
    compare(root.path(), &folder, &kernel.version, &indexes);

    // The bytes are what xz makes of the shipped file, signature included.
    for module in modules.modules.iter().step_by(25) {
        let shipped = tree
            .read(format!("{}/{}", kernel.modules, module.path), 1 << 30)
            .unwrap();
        let file = root.path().join("shipped.ko.xz");
        fs::write(&file, shipped).unwrap();
        let expected = tests::stdout("xz-utils", Command::new("xz").arg("-dc").arg(&file));
        let ours = fs::read(folder.join(names::uncompressed(&module.path))).unwrap();
        assert!(ours == expected, "{}", module.path);
    }
}

/// A static program of one byte of code, as far as its headers say.
fn init() -> Vec<u8> {
    let mut elf = vec![0; 64];
    elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
    elf
}

fn initrd(modules: &ChosenModules, level: i32) -> Initrd {
    let parts = InitrdParts {
        init: &init(),
        manifest: b"{}\n",
        boot: b"{}\n",
        modules,
        firmware: &BTreeMap::new(),
        mtime: 1_700_000_000,
    };
    Initrd::build(&parts, level, None).unwrap()
}

#[test]
fn the_initrd_unpacks_to_modules_that_depmod_agrees_with() {
    let (tree, kernel, set) = debian();
    let modules = ChosenModules::choose(set, tree, DEFAULT_MODULES, []).unwrap();
    // Other kernels' names for the same things; everything else must be in Debian's.
    let elsewhere = ["sha256_ni", "sha256_generic", "sha256", "i2c_hid_acpi"];
    for name in &modules.missing {
        assert!(
            elsewhere.contains(&name.as_str()),
            "no {name} in {}",
            kernel.version
        );
    }
    let initrd = initrd(&modules, artifact::initrd::DEFAULT_LEVEL);
    let root = tempfile::tempdir().unwrap();
    let archive = root.path().join("initrd");
    fs::write(&archive, &initrd.bytes).unwrap();
    let mut unpack = Command::new("sh");
    unpack.current_dir(root.path()).args([
        "-c",
        // Only root can make the device node.
        "zstd -dc initrd | cpio --quiet -idm --no-absolute-filenames -f dev/console",
    ]);
    tests::stdout("cpio (or zstd)", &mut unpack);

    let folder = root.path().join("lib/modules").join(&kernel.version);
    let ours = ["modules.dep", "modules.alias", "modules.softdep"];
    let ours = ours.map(|name| (name, fs::read(folder.join(name)).unwrap()));
    // Without it depmod would put them in another order.
    fs::write(folder.join("modules.order"), &set.order).unwrap();
    let mut depmod = Command::new("depmod");
    tests::stdout(
        "kmod",
        depmod.arg("-b").arg(root.path()).arg(&kernel.version),
    );
    for (name, bytes) in ours {
        assert!(
            fs::read(folder.join(name)).unwrap() == bytes,
            "{name} differs from depmod's"
        );
    }

    let mut report = String::new();
    for group in DEFAULT_MODULES {
        let closure = set.closure(group.modules).unwrap();
        let size: u64 = set.chosen(&closure).map(|m| m.uncompressed_size).sum();
        let (name, count) = (group.name, closure.modules.len());
        report += &format!("{name:20} {count:3} modules {size:9} bytes\n");
    }
    let uki = kernel.image.len() + initrd.bytes.len();
    println!(
        "{report}missing {:?}\nall {} files, {} bytes, compressed {}; with vmlinuz {uki}",
        modules.missing,
        modules.files.len(),
        initrd.uncompressed_size,
        initrd.bytes.len()
    );
    // The rest of the UKI is the stub, the init program and a few lines of text.
    assert!(
        uki <= 23_500_000,
        "kernel and initrd have {uki} bytes; a UKI of 25 MB is wanted"
    );
}
