//! Tests of the tree without layers.

mod cases;
mod contents;
mod hostile;
mod merge;
mod random;
mod tar;

use std::io::Read;

use super::dump::dump;
use super::*;

#[test]
fn parents_are_made_and_links_followed() {
    let mut tree = Tree::new();
    tree.add_symlink("lib", "usr/lib").unwrap();
    tree.add_file("lib/modules/x.ko", *b"abc", 0o644).unwrap();
    tree.link("lib/modules/x.ko", "y").unwrap();
    tree.add_file("a-b", *b"", 0o4755).unwrap();
    tree.add_file("a/c", *b"", 0o600).unwrap();
    let expected = "\
d 0755 0:0 0 /
d 0755 0:0 0 /a
f 4755 0:0 0 /a-b size=0
f 0600 0:0 0 /a/c size=0
l 0777 0:0 0 /lib -> usr/lib
d 0755 0:0 0 /usr
d 0755 0:0 0 /usr/lib
d 0755 0:0 0 /usr/lib/modules
f 0644 0:0 0 /usr/lib/modules/x.ko size=3
h /y = /usr/lib/modules/x.ko
";
    assert_eq!(dump(&tree), expected);
    let names: Vec<_> = tree.children("").map(|(name, ..)| name.to_vec()).collect();
    assert_eq!(names, [&b"a"[..], b"a-b", b"lib", b"usr", b"y"]);
    assert_eq!(tree.resolve("lib/modules/../modules").ok(), None);
    assert_eq!(tree.resolve("lib/modules").unwrap(), b"usr/lib/modules");
    assert_eq!(tree.read("y", 3).unwrap(), b"abc");
    assert_eq!(tree.totals().files, 3);
}

#[test]
fn cutting_and_grafting_keep_hard_links() {
    let mut tree = Tree::new();
    tree.add_file("a/b/c", *b"abc", 0o644).unwrap();
    tree.link("a/b/c", "a/b/d/e").unwrap();
    tree.link("a/b/c", "outside").unwrap();
    let cut = tree.subtree("a/b").unwrap();
    let mut other = Tree::new();
    other.add_file("x/d", *b"goes", 0o644).unwrap();
    other.graft("x", &cut).unwrap();
    let expected = "\
d 0755 0:0 0 /
d 0755 0:0 0 /x
f 0644 0:0 0 /x/c size=3
d 0755 0:0 0 /x/d
h /x/d/e = /x/c
";
    assert_eq!(dump(&other), expected);
    let mut read = Vec::new();
    other
        .read_contents(&mut |id, size, reader: &mut dyn Read| {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            read.push((id, size, bytes));
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(read, [(other.id("x/c").unwrap(), 3, b"abc".to_vec())]);
}

#[test]
fn grafting_merges_and_follows_a_link_at_its_place() {
    let mut part = Tree::new();
    part.add_dir("", 0o700).unwrap();
    part.add_file("a", *b"new", 0o644).unwrap();
    part.add_dir("b", 0o711).unwrap();
    let mut tree = Tree::new();
    tree.add_symlink("lib", "usr/lib").unwrap();
    tree.add_file("usr/lib/a/old", *b"", 0o644).unwrap();
    tree.add_file("usr/lib/b/kept", *b"", 0o644).unwrap();
    tree.add_file("file", *b"", 0o644).unwrap();
    tree.graft("lib", &part).unwrap();
    let expected = "\
d 0755 0:0 0 /
f 0644 0:0 0 /file size=0
l 0777 0:0 0 /lib -> usr/lib
d 0755 0:0 0 /usr
d 0700 0:0 0 /usr/lib
f 0644 0:0 0 /usr/lib/a size=3
d 0711 0:0 0 /usr/lib/b
f 0644 0:0 0 /usr/lib/b/kept size=0
";
    assert_eq!(dump(&tree), expected);
    let error = tree.graft("file", &part).unwrap_err().to_string();
    assert_eq!(
        error,
        "\"file\": \"file\" on the way to it is not a directory"
    );
    assert!(tree.subtree("file").is_none());
    assert!(tree.subtree("nothing").is_none());
}

#[test]
fn retaining_keeps_the_directories_above() {
    let mut tree = Tree::new();
    tree.add_file("a/b/keep.ko", *b"1", 0o644).unwrap();
    tree.add_file("a/b/drop", *b"22", 0o644).unwrap();
    tree.add_file("a/c/drop", *b"333", 0o644).unwrap();
    tree.link("a/c/drop", "link.ko").unwrap();
    tree.retain(|path, _| path.ends_with(b".ko"));
    let expected = "\
d 0755 0:0 0 /
d 0755 0:0 0 /a
d 0755 0:0 0 /a/b
f 0644 0:0 0 /a/b/keep.ko size=1
f 0644 0:0 0 /link.ko size=3
";
    assert_eq!(dump(&tree), expected);
    let totals = tree.totals();
    assert_eq!((totals.paths, totals.files, totals.bytes), (5, 2, 4));
}

#[test]
fn removing_and_replacing() {
    let mut tree = Tree::new();
    tree.add_file("a/b", *b"1", 0o644).unwrap();
    tree.add_file("a-b", *b"1", 0o644).unwrap();
    assert!(tree.remove("a"));
    assert!(!tree.remove("a"));
    assert!(tree.get("a/b").is_none());
    assert!(tree.get("a-b").is_some());
    assert!(tree.remove(""));
    assert_eq!(tree.totals().paths, 1);
    let id = tree.add_file("x", *b"1", 0o644).unwrap();
    tree.link("x", "y").unwrap();
    assert_eq!(tree.links(id), 2);
    tree.get_mut("y").unwrap().metadata.mtime = 9;
    tree.clamp_mtimes(5);
    assert_eq!(tree.get("x").unwrap().metadata.mtime, 5);
    for (existing, path, expected) in [
        ("none", "z", "\"none\": there is nothing at this path"),
        ("", "z", "\"\": a directory cannot have hard links"),
        ("x", "", "\"\": the root can only be a directory"),
        (
            "x",
            "x/y",
            "\"x/y\": \"x\" on the way to it is not a directory",
        ),
    ] {
        let error = tree.link(existing, path).unwrap_err().to_string();
        assert_eq!(error, expected);
    }
}

#[test]
fn resolving_stays_inside_and_ends() {
    let mut tree = Tree::new();
    tree.add_file("usr/bin/sh", *b"", 0o755).unwrap();
    for (path, target) in [
        ("bin", "usr/bin"),
        ("usr/abs", "/bin"),
        ("usr/out", "../../../../bin/sh"),
        ("loop", "loop"),
        ("dangling", "nowhere/x"),
    ] {
        tree.add_symlink(path, target).unwrap();
    }
    for number in 0..41 {
        let target = format!("chain{}", number + 1);
        tree.add_symlink(format!("chain{number}"), target).unwrap();
    }
    tree.add_file("chain41", *b"", 0o644).unwrap();
    for (path, expected) in [
        ("/bin/sh", "usr/bin/sh"),
        ("usr/abs/sh", "usr/bin/sh"),
        ("usr/out", "usr/bin/sh"),
        ("", ""),
        ("chain1", "chain41"),
        (
            "chain0",
            "\"chain0\": more than 40 symbolic links lead to it",
        ),
        ("loop", "\"loop\": more than 40 symbolic links lead to it"),
        ("dangling", "\"dangling\": there is nothing at this path"),
        (
            "bin/sh/x",
            "\"bin/sh/x\": \"usr/bin/sh\" on the way to it is not a directory",
        ),
    ] {
        let found = match tree.resolve(path) {
            Ok(real) => String::from_utf8(real).unwrap(),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected);
    }
    for target in [String::new(), "t".repeat(4096), "a\0b".to_owned()] {
        assert!(tree.add_symlink("s", target).is_err());
    }
}
