//! Alpine packages against apk itself: the one in Alpine's mini root filesystem, started with that
//! root's own program loader. It runs as it is on any x86-64 machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use artifact::toolbox::PACKAGES;
use source::alpine::{Apk, Index, Keyring, List, Relation, Version, compose, resolve};
use source::layer::{LayerKind, TarFile};
use source::resolve::Follow;
use source::tree::{Node, Tree};
use tests::shared_data;

use crate::apk::{Listing, Spec, key};

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

/// What apk writes down of packages is what we write down, and it takes what we made for its own.
#[test]
fn the_database_is_that_of_apk() {
    let Some(apk) = Apk2::new() else { return };
    let root = apk.empty_root();
    let repository = apk.path("tmp/made");
    let folder = repository.join("x86_64");
    fs::create_dir_all(&folder).unwrap();
    let packages = [
        Spec::new("one", "1.0-r0")
            .file("bin/", b"")
            .file("4755:bin/one", b"#!")
            .file("777:bin/link -> one", b"")
            .file("700:root/", b"")
            .file("root/.profile", b"x")
            .file("etc/", b"")
            .file("etc/shared", b"one")
            .info("depend", "two>1")
            .info("provides", "cmd:one=1.0-r0")
            .script("post-install"),
        Spec::new("two", "2-r1")
            .file("etc/", b"")
            .file("etc/shared", b"two")
            .file("usr/", b"")
            .file("usr/share/", b"")
            .file("usr/share/two", b"2")
            .info("replaces", "one")
            .info("replaces_priority", "5"),
    ];
    for spec in &packages {
        fs::write(folder.join(spec.file_name()), spec.apk()).unwrap();
    }
    let index = Listing::default().index(&packages);
    fs::write(folder.join("APKINDEX.tar.gz"), index).unwrap();
    fs::write(root.join("etc/apk/keys").join(key(0).name), &key(0).public).unwrap();
    fs::write(
        root.join("etc/apk/repositories"),
        repository.to_str().unwrap(),
    )
    .unwrap();
    let mut add = apk.command();
    add.arg("--root").arg(&root);
    let (good, said) = tests::answer("apk-tools", add.args(["add", "--no-scripts", "one"]));
    assert!(good, "{said}");

    let mut keyring = Keyring::default();
    keyring.add(key(0).name, &key(0).public).unwrap();
    let open = |spec: &Spec| Apk::open(folder.join(spec.file_name()), &keyring).unwrap();
    let mut tree = Tree::new();
    // As apk installs them: what is needed first.
    let apks = packages.iter().rev().map(open).collect();
    let not_run = compose(&mut tree, &["one".parse().unwrap()], apks).unwrap();
    assert_eq!(not_run.len(), 1);
    let text = |path: &str| String::from_utf8(tree.read(path, 1 << 20).unwrap()).unwrap();
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    assert_eq!(text("etc/apk/world"), read("etc/apk/world"));
    assert_eq!(text("etc/shared"), read("etc/shared"));
    let lines = |text: &str| -> Vec<Vec<String>> {
        let stanzas = text.split("\n\n").filter(|stanza| !stanza.is_empty());
        let sorted = |stanza: &str| {
            let mut lines: Vec<String> = stanza.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let mut all: Vec<_> = stanzas.map(sorted).collect();
        all.sort();
        all
    };
    let (ours, theirs) = (text("lib/apk/db/installed"), read("lib/apk/db/installed"));
    assert_eq!(
        lines(&ours),
        lines(&theirs),
        "ours:\n{ours}\ntheirs:\n{theirs}"
    );

    // apk with our database.
    fs::write(root.join("lib/apk/db/installed"), ours).unwrap();
    let ask = |arguments: &[&str]| {
        let mut command = apk.command();
        command.arg("--root").arg(&root).args(arguments);
        tests::answer("apk-tools", &mut command)
    };
    assert_eq!(
        ask(&["info", "--who-owns", "/etc/shared"]).1,
        "/etc/shared is owned by two-2-r1\n"
    );
    assert_eq!(
        ask(&["info", "-L", "one"]).1,
        "one-1.0-r0 contains:\nbin/link\nbin/one\nroot/.profile\n\n"
    );
    let (good, said) = ask(&["audit", "--system", "--packages"]);
    assert!(good && said.is_empty(), "{said}");
}

/// The links of the mini root filesystem are those that busybox's script made.
#[test]
fn busybox_has_the_links_that_its_script_makes() {
    let Some(path) = shared_data("alpine-minirootfs-3.20.3-x86_64.tar.gz") else {
        return;
    };
    let mut tree = Tree::new();
    tree.add_layer(Arc::new(TarFile::new(path, LayerKind::Archive)))
        .unwrap();
    let links = |tree: &Tree| -> Vec<Vec<u8>> {
        let to_busybox = |node: &Node| node.symlink().is_some_and(|to| to == b"/bin/busybox");
        let all = tree.iter().filter(|(_, _, node)| to_busybox(node));
        all.map(|(path, ..)| path.to_vec()).collect()
    };
    let theirs = links(&tree);
    assert!(theirs.len() > 250, "{}", theirs.len());
    for path in &theirs {
        tree.remove(path);
    }
    compose(&mut tree, &[], Vec::new()).unwrap();
    assert_eq!(links(&tree), theirs);
}

#[test]
fn versions_are_ordered_as_apk_orders_them() {
    let (Some(apk), Some((_, index))) = (Apk2::new(), real_index()) else {
        return;
    };
    let mut versions: Vec<&Version> = index.packages().iter().map(|p| &p.version).collect();
    versions.sort();
    versions.dedup();
    // apk 2 orders `0.02` before `0.016`; apk 3, as we do, the other way round.
    let has_zeros = |version: &&Version| {
        let mut numbers = version.as_str().split('.').skip(1);
        numbers.any(|number| {
            let mut digits = number.bytes();
            digits.next() == Some(b'0') && digits.next().is_some_and(|b| b.is_ascii_digit())
        })
    };
    versions.retain(|version| !has_zeros(version));
    assert!(versions.len() > 1000, "{}", versions.len());
    let mut wrong = Vec::new();
    for pair in versions.windows(2).step_by(7) {
        let (a, b) = (pair[0].as_str(), pair[1].as_str());
        for (a, b, expected) in [(a, b, "<"), (b, a, ">")] {
            let mut command = apk.command();
            let (_, said) = tests::answer("apk-tools", command.args(["version", "-t", a, b]));
            if said.trim() != expected {
                wrong.push(format!("{a} {b}: {said}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_real_package_is_believed() {
    let (Some(apk), Some(path)) = (
        Apk2::new(),
        shared_data("alpine-3.16/alpine-baselayout-3.2.0-r23.apk"),
    ) else {
        return;
    };
    // It is of another architecture, whose key is in the mini root filesystem too.
    let name = "alpine-devel@lists.alpinelinux.org-616ae350.rsa.pub";
    let keyring = Keyring::from_files(&[apk.path("usr/share/apk/keys").join(name)]).unwrap();
    let package = Apk::open(&path, &keyring).unwrap();
    assert_eq!(package.package().to_string(), "alpine-baselayout 3.2.0-r23");
    assert_eq!(package.signer(), name);
    assert_eq!(
        package.scripts(),
        ["pre-install", "pre-upgrade", "post-upgrade", "post-install"]
    );
    let error = Apk::open(&path, &Keyring::alpine().unwrap()).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(
        cause.contains(name) && cause.contains("not among the trusted"),
        "{cause}"
    );
    let mut tree = Tree::new();
    compose(
        &mut tree,
        &["alpine-baselayout".parse().unwrap()],
        vec![package],
    )
    .unwrap();
    let modes =
        ["tmp", "etc/crontabs/root", "etc"].map(|path| tree.get(path).unwrap().metadata.mode);
    assert_eq!(modes, [0o1777, 0o600, 0o755]);
    assert!(tree.get("var/run").unwrap().symlink().is_some());
    // The owner's view: what GNU tar sees in the file.
    let mut tar = Command::new("tar");
    tar.args([
        "--list",
        "--ignore-zeros",
        "--warning=no-unknown-keyword",
        "--file",
    ])
    .arg(&path);
    let listed = String::from_utf8(tests::stdout("tar", &mut tar)).unwrap();
    let files = listed.lines().filter(|line| !line.starts_with('.'));
    let missing = files.filter(|line| tree.get(line.trim_end_matches('/')).is_none());
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<&str>::new());
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
    // What the toolbox is made of where nothing else is said: there, and of one piece.
    let toolbox: Vec<&str> = PACKAGES.iter().map(|(name, _)| *name).collect();
    assert!(ours(&index, &toolbox).unwrap().len() > toolbox.len());
    sets.push(toolbox);
    // For whoever has twenty minutes.
    if std::env::var_os("SEALBOOT_TEST_EVERY_PACKAGE").is_some() {
        all = index
            .packages()
            .iter()
            .map(|package| package.name.clone())
            .collect();
        sets.extend(all.iter().map(|name| vec!["busybox", name.as_str()]));
    }
    let (mut wrong, mut equal, mut refused) = (Vec::new(), 0, 0);
    for set in sets {
        let (ours, theirs) = (ours(&index, &set), theirs(&apk, &root, &set));
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) if ours == theirs => equal += 1,
            (Err(_), Err(_)) => refused += 1,
            (ours, theirs) => {
                wrong.push(format!("{set:?}\n  ours:   {ours:?}\n  theirs: {theirs:?}"))
            }
        }
    }
    println!("{equal} sets are equal, {refused} are refused by both");
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

const SETS: &[&str] = &[
    "busybox",
    "busybox openssh",
    "busybox python3",
    "busybox linux-lts",
    "busybox linux-virt linux-firmware-none",
    "alpine-base openssh python3 linux-lts",
    "alpine-base docs openssh",
    "busybox nginx postgresql14 !postgresql14-openrc",
    "busybox openssh<9",
    "busybox openssh>=9.0_p1 zlib~1.2",
    "busybox openssh>10",
    "busybox postfix ssmtp",
    "busybox no-such-package",
];
