//! Images that umoci, skopeo and buildah write.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use super::{assert_root, dump, tree, unpacked};

fn run(package: &str, folder: &Path, line: &str) {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap());
    tests::stdout(package, command.args(words).current_dir(folder));
}

/// A folder with most of what a system has.
fn fill(root: &Path) {
    for name in ["etc", "sbin", "var/empty"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    fs::write(root.join("etc/name"), "one").unwrap();
    fs::write(root.join("sbin/init"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(root.join("sbin/init"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::hard_link(root.join("sbin/init"), root.join("sbin/linked")).unwrap();
    symlink("sbin", root.join("bin")).unwrap();
    chown(root.join("var/empty"), Some(70_000), Some(3_000_000)).unwrap();
    let mut setfattr = Command::new("setfattr");
    let setfattr = setfattr.args(["-n", "user.note", "-v", "kept"]);
    tests::stdout("attr", setfattr.arg(root.join("etc/name")));
    settle(root);
}

/// Everything is of one day: what is younger was made on the way.
fn settle(root: &Path) {
    run(
        "findutils",
        root,
        "find . -exec touch -h -d @1700000000 {} +",
    );
}

/// An image of three layers, the last with a whiteout, in the layout `made`, tag `1`.
fn make(folder: &Path) {
    let umoci = |line: &str| run("umoci", folder, &format!("umoci {line}"));
    umoci("init --layout made");
    umoci("new --image made:1");
    umoci("unpack --image made:1 bundle");
    let root = folder.join("bundle/rootfs");
    fill(&root);
    umoci("repack --refresh-bundle --image made:1 bundle");
    fs::remove_file(root.join("etc/name")).unwrap();
    fs::write(root.join("etc/other"), "two").unwrap();
    settle(&root);
    umoci("repack --refresh-bundle --image made:1 bundle");
    fs::remove_file(root.join("bin")).unwrap();
    fs::create_dir(root.join("bin")).unwrap();
    settle(&root);
    umoci("repack --image made:1 bundle");
    umoci("config --image made:1 --config.entrypoint /sbin/init --config.user 7:8");
}

#[test]
fn what_others_write_is_read() {
    assert_root();
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path();
    make(folder);
    let skopeo = |to: &str| {
        let line = format!("skopeo --insecure-policy copy oci:made:1 {to}");
        run("skopeo", folder, &line);
    };
    skopeo("--format oci --dest-compress --dest-compress-format zstd oci:zstd:1");
    skopeo("oci-archive:oci.tar:1");
    skopeo("docker-archive:docker.tar:one.example/system:1");
    let expected = unpacked(&folder.join("made"), "1").unwrap();
    assert!(expected.contains("/sbin/linked = /sbin/init"), "{expected}");
    let at = |name: &str| format!("{}", folder.join(name).display());
    for (prefix, name) in [
        ("oci:", "made"),
        ("oci:", "zstd"),
        ("oci-archive:", "oci.tar"),
        ("docker-archive:", "docker.tar"),
    ] {
        let reference = format!("{prefix}{}:1", at(name));
        assert_eq!(dump(&tree(&reference)), expected, "{reference}");
    }
}

#[test]
fn what_buildah_builds_is_read() {
    assert_root();
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path();
    fs::create_dir(folder.join("root")).unwrap();
    fill(&folder.join("root"));
    fs::write(
        folder.join("Containerfile"),
        "FROM scratch\nCOPY root /\nENTRYPOINT [\"/sbin/init\"]\n",
    )
    .unwrap();
    let policy = r#"{"default":[{"type":"insecureAcceptAnything"}]}"#;
    fs::write(folder.join("policy.json"), policy).unwrap();
    let store = format!(
        "--root {0}/store --runroot {0}/run --storage-driver vfs",
        folder.display()
    );
    let buildah = |line: &str| run("buildah", folder, &format!("buildah {store} {line}"));
    buildah(
        "build --signature-policy policy.json --isolation chroot --layers=false --tag one.example/built:1 .",
    );
    for to in [
        "oci:built:1",
        "oci-archive:built.tar:1",
        "docker-archive:saved.tar:one.example/built:1",
    ] {
        buildah(&format!(
            "push --signature-policy {}/policy.json one.example/built:1 {to}",
            folder.display()
        ));
    }
    let expected = unpacked(&folder.join("built"), "1").unwrap();
    assert!(expected.contains("/sbin/init"), "{expected}");
    for (prefix, name) in [
        ("oci:", "built"),
        ("oci-archive:", "built.tar"),
        ("docker-archive:", "saved.tar"),
    ] {
        let reference = format!("{prefix}{}:1", folder.join(name).display());
        assert_eq!(dump(&tree(&reference)), expected, "{reference}");
    }
}
