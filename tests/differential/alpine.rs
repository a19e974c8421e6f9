//! Alpine packages against apk itself: the one in Alpine's mini root filesystem, started with that
//! root's own program loader. It runs as it is on any x86-64 machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use source::alpine::{Index, Keyring, List, Relation, resolve};
use source::resolve::Follow;
use tests::shared_data;

/// Alpine 3.20's apk, and its mini root filesystem.
struct Apk2 {
    folder: tempfile::TempDir,
}

impl Apk2 {
    fn new() -> Option<Self> {
        let archive = shared_data("alpine-minirootfs-3.20.3-x86_64.tar.gz")?;
        let folder = tempfile::tempdir().unwrap();
        let mut tar = Command::new("tar");
        tar.arg("--extract")
            .arg("--no-same-owner")
            .arg("--file")
            .arg(archive);
        tests::stdout("tar", tar.arg("--directory").arg(folder.path()));
        Some(Self { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.path("lib/ld-musl-x86_64.so.1"));
        let libraries = format!(
            "{}:{}",
            self.path("lib").display(),
            self.path("usr/lib").display()
        );
        command.arg("--library-path").arg(libraries);
        command.arg(self.path("sbin/apk"));
        command
    }

    /// A root with nothing in it, for which the real index of 3.16 is the only repository.
    fn empty_root(&self) -> PathBuf {
        let root = self.path("tmp/root");
        for folder in ["etc/apk/keys", "lib/apk/db", "var/cache/apk", "tmp"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for key in fs::read_dir(self.path("etc/apk/keys")).unwrap() {
            let key = key.unwrap();
            fs::copy(key.path(), root.join("etc/apk/keys").join(key.file_name())).unwrap();
        }
        fs::write(root.join("etc/apk/world"), "").unwrap();
        fs::write(root.join("etc/apk/arch"), "x86_64\n").unwrap();
        fs::write(root.join("lib/apk/db/installed"), "").unwrap();
        root
    }
}

fn real_index() -> Option<(PathBuf, Index)> {
    let path = shared_data("alpine-3.16/APKINDEX.tar.gz")?;
    let bytes = fs::read(&path).unwrap();
    let list = List::verify(&bytes, &Keyring::alpine().unwrap(), "http://mirror").unwrap();
    assert_eq!(list.release(), Some("v3.16"));
    assert_eq!(
        list.signer,
        "alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub"
    );
    // Mon, 21 Nov 2022 22:04:25 UTC.
    assert_eq!(list.made / 86_400, 19_317);
    assert_eq!(list.packages.len(), 4929);
    Some((path, Index::new(list.packages)))
}

/// `name version`, sorted, or the error.
fn ours(index: &Index, wanted: &[&str]) -> Result<Vec<String>, String> {
    let wanted: Vec<Relation> = wanted.iter().map(|text| text.parse().unwrap()).collect();
    let found = resolve(index, &wanted, Follow::All, &[]).map_err(|error| error.to_string())?;
    let mut names: Vec<String> = found.iter().map(|package| package.to_string()).collect();
    names.sort();
    Ok(names)
}

/// The same by apk.
fn theirs(apk: &Apk2, root: &Path, wanted: &[&str]) -> Result<Vec<String>, String> {
    let mut command = apk.command();
    command
        .arg("--root")
        .arg(root)
        .args(["--arch", "x86_64", "add", "--simulate"]);
    let (good, said) = tests::answer("apk-tools", command.args(wanted));
    if !good {
        return Err(said);
    }
    // "(3/17) Installing busybox (1.35.0-r17)"
    let installs = said.lines().filter_map(|line| {
        let (name, version) = line.split_once(") Installing ")?.1.split_once(" (")?;
        Some(format!("{name} {}", version.strip_suffix(')')?))
    });
    let mut names: Vec<String> = installs.collect();
    names.sort();
    Ok(names)
}

#[test]
fn closures_are_those_of_apk() {
    let (Some(apk), Some((path, index))) = (Apk2::new(), real_index()) else {
        return;
    };
    let root = apk.empty_root();
    let repository = apk.path("tmp/repository");
    fs::create_dir_all(repository.join("x86_64")).unwrap();
    fs::copy(&path, repository.join("x86_64/APKINDEX.tar.gz")).unwrap();
    fs::write(
        root.join("etc/apk/repositories"),
        repository.to_str().unwrap(),
    )
    .unwrap();
    let all: Vec<String>;
    let mut sets: Vec<Vec<&str>> = SETS.iter().map(|set| set.split(' ').collect()).collect();
    // For whoever has twenty minutes.
    if std::env::var_os("SEALBOOT_TEST_EVERY_PACKAGE").is_some() {
        all = index
            .packages()
            .iter()
            .map(|package| package.name.clone())
            .collect();
        sets.extend(all.iter().map(|name| vec![name.as_str()]));
    }
    let mut wrong = Vec::new();
    for set in sets {
        let (ours, theirs) = (ours(&index, &set), theirs(&apk, &root, &set));
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) if ours == theirs => {}
            (Err(_), Err(_)) => {}
            (ours, theirs) => {
                wrong.push(format!("{set:?}\n  ours:   {ours:?}\n  theirs: {theirs:?}"))
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

const SETS: &[&str] = &[
    "busybox",
    "openssh",
    "python3",
    "linux-lts",
    "alpine-base",
    "openrc openssh",
    "openssh python3 linux-lts",
];
