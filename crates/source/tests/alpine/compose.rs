//! Packages in a tree: whose file it is, what apk would have written down, what is not run.

use source::alpine::{Apk, Keyring, NotRun, Relation, compose};
use source::tree::Tree;

use crate::fixture::{Spec, key};

fn open(spec: &Spec) -> Apk {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(spec.file_name());
    std::fs::write(&path, spec.apk()).unwrap();
    let mut keyring = Keyring::default();
    keyring.add(key(0).name, &key(0).public).unwrap();
    Apk::open(&path, &keyring).unwrap()
}

fn composed(specs: &[Spec], wanted: &str) -> Result<(Tree, Vec<NotRun>), String> {
    let mut tree = Tree::new();
    let not_run = add(&mut tree, specs, wanted)?;
    Ok((tree, not_run))
}

fn add(tree: &mut Tree, specs: &[Spec], wanted: &str) -> Result<Vec<NotRun>, String> {
    let wanted: Vec<Relation> = wanted
        .split(' ')
        .map(|text| text.parse().unwrap())
        .collect();
    let apks = specs.iter().map(open).collect();
    compose(tree, &wanted, apks).map_err(|error| error.to_string())
}

fn text(tree: &Tree, path: &str) -> String {
    String::from_utf8(tree.read(path, 1 << 20).unwrap()).unwrap()
}

fn with_file(name: &'static str, content: &[u8]) -> Spec {
    Spec::new(name, "1-r0")
        .file("etc/", b"")
        .file("etc/shared", content)
}

#[test]
fn whose_file_it_is() {
    // What the two packages say, and whose file stays; nobody's: they do not go together.
    type Lines = &'static [(&'static str, &'static str)];
    let cases: &[(&str, Lines, Lines, &str)] = &[
        ("the replacing one, later", &[], &[("replaces", "aa")], "bb"),
        (
            "the replacing one, earlier",
            &[("replaces", "bb")],
            &[],
            "aa",
        ),
        (
            "both: the later one",
            &[("replaces", "bb")],
            &[("replaces", "aa")],
            "bb",
        ),
        (
            "both: the higher priority",
            &[("replaces", "bb"), ("replaces_priority", "5")],
            &[("replaces", "aa"), ("replaces_priority", "4")],
            "aa",
        ),
        (
            "a version that does not fit",
            &[],
            &[("replaces", "aa<1")],
            "",
        ),
        ("one that does", &[], &[("replaces", "aa<2")], "bb"),
        ("neither", &[], &[("replaces", "cc")], ""),
    ];
    for (case, first, second, expected) in cases {
        let mut specs = [with_file("aa", b"aa"), with_file("bb", b"bb")];
        specs[0].info.extend_from_slice(first);
        specs[1].info.extend_from_slice(second);
        match composed(&specs, "aa bb") {
            Ok((tree, _)) => {
                assert_eq!(text(&tree, "etc/shared"), *expected, "{case}");
                let owners = text(&tree, "lib/apk/db/installed");
                assert_eq!(owners.matches("R:shared\n").count(), 1, "{case}");
            }
            Err(error) => {
                assert_eq!(*expected, "", "{case}: {error}");
                for word in [
                    "\"etc/shared\"",
                    "aa 1-r0",
                    "bb 1-r0",
                    "leave one of them out",
                ] {
                    assert!(error.contains(word), "{case}: {error}");
                }
            }
        }
    }
}

#[test]
fn the_same_file_twice_is_no_conflict() {
    let specs = [with_file("aa", b"same"), with_file("bb", b"same")];
    assert_eq!(
        text(&composed(&specs, "aa").unwrap().0, "etc/shared"),
        "same"
    );
}

#[test]
fn a_circle_of_replacements_is_refused() {
    let spec = |name, path: [&'static str; 2], replaces| {
        Spec::new(name, "1")
            .file(path[0], name.as_bytes())
            .file(path[1], name.as_bytes())
            .info("replaces", replaces)
    };
    let specs = [
        spec("aa", ["ab", "ac"], "bb"),
        spec("bb", ["ab", "bc"], "cc"),
        spec("cc", ["ac", "bc"], "aa"),
    ];
    let error = composed(&specs, "aa").unwrap_err();
    assert!(
        error.contains("circle") && error.contains("cc 1"),
        "{error}"
    );
}

#[test]
fn what_apk_would_have_written_down() {
    let one = Spec::new("one", "1.0-r0")
        .file("bin/", b"")
        .file("755:bin/one", b"#!")
        .file("bin/two -> one", b"")
        .file("700:root/", b"")
        .info("depend", "so:x")
        .info("depend", "/bin/sh")
        .info("provides", "cmd:one=1.0-r0")
        .script("pre-install")
        .script("post-upgrade");
    let two = Spec::new("two", "2")
        .file("etc/", b"")
        .file("etc/two", b"2\n");
    let (mut tree, not_run) = composed(&[two, one], "two one>0").unwrap();
    assert_eq!(text(&tree, "etc/apk/world"), "one>0\ntwo\n");
    // What depends on OpenSSL's signature is looked at apart.
    let found = text(&tree, "lib/apk/db/installed");
    let fixed = |line: &&str| !line.starts_with("C:") && !line.starts_with("S:");
    let fixed: String = found
        .lines()
        .filter(fixed)
        .map(|line| format!("{line}\n"))
        .collect();
    let expected = "\
P:two\nV:2\nA:x86_64\nI:4096\nT:A package\nU:http://u\nL:MIT\no:two\nt:1710000000
F:etc\nR:two\nZ:Q1dEjYeYpDgBYtS1b5tFLi9vniTno=

P:one\nV:1.0-r0\nA:x86_64\nI:4096\nT:A package\nU:http://u\nL:MIT\no:one\nt:1710000000
D:so:x /bin/sh\np:cmd:one=1.0-r0
F:bin\nR:one\na:0:0:755\nZ:Q1LUa8RF/l7vESUijM4nHKY6ArJG0=\nR:two\nZ:Q1/gW83NxJKAEngaXxoqd8u1OY4QY=
F:root\nM:0:0:700\n\n";
    assert_eq!(fixed, expected);
    assert_eq!(found.matches("\nS:").count(), 2);
    assert_eq!(found.matches("C:Q1").count(), 2);
    let ran = NotRun {
        package: "one 1.0-r0".to_owned(),
        scripts: vec!["pre-install".to_owned()],
    };
    assert_eq!(not_run, [ran]);

    // More packages over it: what was there stays, what comes again is replaced.
    let newer = Spec::new("two", "3").file("etc/two", b"3\n");
    add(&mut tree, &[newer], "two").unwrap();
    let found = text(&tree, "lib/apk/db/installed");
    assert_eq!(text(&tree, "etc/apk/world"), "one>0\ntwo\n");
    assert_eq!(found.matches("P:two\n").count(), 1);
    assert!(
        found.contains("V:3\n") && found.contains("P:one\n"),
        "{found}"
    );
}
