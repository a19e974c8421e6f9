//! Tests of the tree without layers.

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
