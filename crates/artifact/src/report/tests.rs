use contract::manifest::Manifest;
use source::tree::Tree;

use super::*;

fn manifest(version: &str) -> Manifest {
    Manifest {
        version: version.to_owned(),
        system: None,
        kernel: "6.12".to_owned(),
        images: Vec::new(),
        policy: None,
        sources: Vec::new(),
    }
}

#[test]
fn nothing_from_outside_becomes_markup() {
    let hostile = "<script>alert('&\"')</script>";
    let manifest = manifest("1");
    let report = Report {
        name: hostile,
        date: hostile,
        systems: vec![System {
            manifest: &manifest,
            uki: hostile.to_owned(),
            size: 1,
            authenticode: hostile.to_owned(),
            command_line: hostile,
            sections: vec![(hostile.to_owned(), 1)],
            pcrs: vec![(hostile.to_owned(), hostile.to_owned())],
        }],
        images: vec![Image {
            file: hostile.to_owned(),
            size: 1,
            root_hash: hostile.to_owned(),
            content: 1,
            folders: vec![Folder {
                path: hostile.to_owned(),
                bytes: 1,
                files: 1,
            }],
        }],
        certificates: Vec::new(),
        packages: &[],
        warnings: vec![hostile.to_owned()],
    };
    let page = html(&report);
    assert!(
        !page.contains("<script") && !page.contains("'&\""),
        "{page}"
    );
    // What a browser would fetch.
    for from_elsewhere in ["http:", "https:", "src=", "@import", "url(h"] {
        assert!(!page.contains(from_elsewhere), "{from_elsewhere}");
    }
    assert_eq!(page, html(&report));
}

#[test]
fn the_largest_folders_are_told_where_their_files_are() {
    let mut tree = Tree::new();
    for (path, length) in [
        ("usr/lib/firmware/wifi/big.bin", 9000),
        ("usr/lib/firmware/wifi/other.bin", 900),
        ("usr/bin/tool", 2000),
        ("etc/name", 10),
    ] {
        tree.add_file(path, vec![0; length], 0o644).unwrap();
    }
    let told = largest(&tree);
    let told: Vec<(&str, u64, u64)> = told
        .iter()
        .map(|folder| (folder.path.as_str(), folder.bytes, folder.files))
        .collect();
    assert_eq!(
        told,
        [
            ("usr", 11_900, 3),
            ("usr/lib/firmware/wifi", 9_900, 2),
            ("usr/bin", 2_000, 1),
            ("etc", 10, 1),
        ]
    );
}
