//! An image built from a tarball: `unsquashfs` unpacks what `tar` packed, though the hash tree
//! is behind it, and `veritysetup` takes the hash tree.
//!
//! Needs Debian's squashfs-tools, cryptsetup-bin, attr and tar, and root: only root may make
//! devices and `security.*` attributes.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use artifact::image::{BuiltImage, Options, build};
use formats::squashfs;
use source::directory::{self, Mounts, Owner};
use source::layer::{LayerKind, TarFile};
use source::tree::Tree;
use source::tree::dump::dump_with_contents;

const EPOCH: u32 = 1_700_000_000;

/// Runs a tool of a Debian package: whether it succeeded.
fn run<S: AsRef<OsStr>>(package: &str, program: &str, arguments: &[S]) -> bool {
    let (good, said) = tests::run(package, program, arguments);
    eprint!("{said}");
    good
}

fn tree_of(tarball: &Path) -> Tree {
    let mut tree = Tree::new();
    tree.add_layer(Arc::new(TarFile::new(tarball, LayerKind::Archive)))
        .unwrap();
    tree.clamp_mtimes(EPOCH.into());
    tree
}

fn image_of(tree: &Tree, path: &Path, threads: usize) -> BuiltImage {
    let options = Options {
        squashfs: squashfs::Options {
            threads: threads.try_into().unwrap(),
            compression: squashfs::Compression::Zstd(3),
            ..squashfs::Options::default()
        },
        source_date_epoch: EPOCH,
        salt: vec![0xab; 32],
        uuid: [0x11; 16],
    };
    let mut file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
        .unwrap();
    build(tree, &mut file, &options, &mut |_| ()).unwrap()
}

/// Files, links, devices, owners and attributes in a folder, by the system's own tools.
fn populate(folder: &Path) {
    let at = |name: &str| folder.join(name);
    let text = |name: &str| at(name).to_str().unwrap().to_owned();
    fs::create_dir_all(at("usr/bin")).unwrap();
    fs::create_dir(at("dev")).unwrap();
    for (name, size) in [
        ("empty", 0),
        ("small", 10),
        ("block", 128 << 10),
        ("large", 1_000_001),
    ] {
        let content: Vec<u8> = (0..size)
            .map(|n: u32| (n.wrapping_mul(n) >> 7) as u8)
            .collect();
        fs::write(at(name), content).unwrap();
    }
    fs::write(at("usr/bin/su"), "su").unwrap();
    fs::set_permissions(at("usr/bin/su"), PermissionsExt::from_mode(0o4711)).unwrap();
    fs::hard_link(at("usr/bin/su"), at("usr/bin/su-again")).unwrap();
    symlink("usr/bin", at("bin")).unwrap();
    let capability = "0x0100000200200000000000000000000000000000";
    let commands: &[(&str, &str, &[&str])] = &[
        ("coreutils", "mknod", &[&text("dev/null"), "c", "1", "3"]),
        (
            "coreutils",
            "mknod",
            &[&text("dev/nvme"), "b", "259", "70000"],
        ),
        ("coreutils", "mkfifo", &[&text("dev/fifo")]),
        ("coreutils", "chown", &["1000:70000", &text("small")]),
        (
            "attr",
            "setfattr",
            &[
                "-n",
                "security.capability",
                "-v",
                capability,
                &text("large"),
            ],
        ),
        (
            "attr",
            "setfattr",
            &["-n", "user.test", "-v", "yes", &text("dev")],
        ),
    ];
    for (package, program, arguments) in commands {
        assert!(run(package, program, arguments), "{program} {arguments:?}");
    }
}

#[test]
fn what_tar_packed_is_what_unsquashfs_unpacks() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    populate(&at("folder"));
    let text = |name: &str| at(name).to_str().unwrap().to_owned();
    let pack = [
        "--xattrs",
        "--xattrs-include=*",
        "-cf",
        &text("tar"),
        "-C",
        &text("folder"),
        ".",
    ];
    assert!(run("tar", "tar", &pack));

    let tree = tree_of(&at("tar"));
    let built = image_of(&tree, &at("image"), 2);
    assert_eq!(fs::metadata(at("image")).unwrap().len(), built.size);

    let unpack = [
        "-quiet",
        "-no-progress",
        "-d",
        &text("root"),
        &text("image"),
    ];
    assert!(
        run("squashfs-tools", "unsquashfs", &unpack),
        "is the test run as root?"
    );
    let options = directory::Options {
        owner: Owner::AsOnDisk,
        mounts: Mounts::Refuse,
    };
    let unpacked = directory::read(at("root"), options).unwrap();
    let (ours, theirs) = (
        dump_with_contents(&tree).unwrap(),
        dump_with_contents(&unpacked).unwrap(),
    );
    assert!(ours.contains("security.capability"), "{ours}");
    assert_eq!(ours, theirs);

    let root: String = built
        .root_hash
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let offset = built.hash_offset.to_string();
    let verify = [
        "verify",
        &text("image"),
        &text("image"),
        &root,
        "--hash-offset",
        &offset,
    ];
    assert!(run("cryptsetup-bin", "veritysetup", &verify));
    let mut bytes = fs::read(at("image")).unwrap();
    bytes[200] ^= 1;
    fs::write(at("image"), bytes).unwrap();
    assert!(!run("cryptsetup-bin", "veritysetup", &verify));
}

#[test]
fn equal_trees_give_equal_images() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    populate(&at("folder"));
    let text = |name: &str| at(name).to_str().unwrap().to_owned();
    let pack = [
        "--sort=name",
        "--xattrs",
        "-cf",
        &text("tar"),
        "-C",
        &text("folder"),
        ".",
    ];
    assert!(run("tar", "tar", &pack));
    fs::copy(at("tar"), at("copy")).unwrap();
    let one = image_of(&tree_of(&at("tar")), &at("one"), 1);
    let two = image_of(&tree_of(&at("copy")), &at("two"), 3);
    assert_eq!(one, two);
    assert!(fs::read(at("one")).unwrap() == fs::read(at("two")).unwrap());
}
