use super::*;
use crate::debian::package::Origin;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// `name version | field: value | …`, one a line.
fn index(lines: &str) -> Index {
    let mut text = String::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut parts = line.split(" | ");
        let (name, version) = parts.next().unwrap().split_once(' ').unwrap();
        text.push_str(&format!(
            "Package: {name}\nVersion: {version}\nArchitecture: amd64\nFilename: pool/{name}.deb\n\
             Size: 1\nSHA256: {}\n",
            "00".repeat(32)
        ));
        parts.for_each(|part| text.push_str(&format!("{}\n", part.replace(" or ", " | "))));
        text.push('\n');
    }
    let origin = Origin {
        mirror: "http://mirror".to_owned(),
        suite: "trixie".to_owned(),
        component: "main".to_owned(),
    };
    Index::new(Index::read(text.as_bytes(), "amd64", origin).unwrap()).unwrap()
}

fn try_resolve(
    index: &Index,
    wanted: &str,
    follow: Follow,
    exclude: &str,
) -> Result<String, String> {
    let wanted: Vec<Wanted> = wanted
        .split(' ')
        .map(|text| text.parse().unwrap())
        .collect();
    let exclude: Vec<String> = exclude.split(' ').map(str::to_owned).collect();
    let packages = resolve(index, &wanted, follow, &exclude).map_err(|error| error.to_string())?;
    let shown: Vec<String> = packages
        .iter()
        .map(|package| format!("{}={}", package.name, package.version))
        .collect();
    Ok(shown.join(" "))
}

fn resolved(lines: &str, wanted: &str) -> Result<String, String> {
    try_resolve(&index(lines), wanted, Follow::All, "")
}

#[test]
fn closures() {
    let cases: &[(&str, &str, &str, &str)] = &[
        (
            "dependencies come first, each once",
            "aa 1 | Depends: cc, bb
             bb 1 | Depends: dd
             cc 1 | Pre-Depends: dd
             dd 1
             ee 1",
            "aa",
            "dd=1 bb=1 cc=1 aa=1",
        ),
        (
            "circles end",
            "aa 1 | Depends: bb\nbb 1 | Depends: aa",
            "aa",
            "bb=1 aa=1",
        ),
        ("the newest wins", "aa 1\naa 1.10\naa 1.9", "aa", "aa=1.10"),
        (
            "unless a version is asked for",
            "aa 1\naa 2 | Depends: bb\nbb 1",
            "aa=1",
            "aa=1",
        ),
        (
            "or depended on",
            "aa 1 | Depends: bb (<< 3), cc (= 1:1)\nbb 3\nbb 2\nbb 1\ncc 1:1\ncc 1",
            "aa",
            "bb=2 cc=1:1 aa=1",
        ),
        (
            "the first alternative",
            "aa 1 | Depends: bb or cc\nbb 1\ncc 1",
            "aa",
            "bb=1 aa=1",
        ),
        (
            "that there is",
            "aa 1 | Depends: bb (>= 2) or xx or cc\nbb 1\ncc 1",
            "aa",
            "cc=1 aa=1",
        ),
        (
            "unless another is chosen",
            "aa 1 | Depends: bb or cc\nbb 1\ncc 1",
            "aa cc",
            "cc=1 aa=1",
        ),
        (
            "a provider",
            "aa 1 | Depends: vv\nbb 1 | Provides: vv",
            "aa",
            "bb=1 aa=1",
        ),
        (
            "the more important, then the first by name",
            "aa 1 | Depends: vv, ww
             zz 1 | Provides: vv | Priority: important
             bb 1 | Provides: vv, ww
             cc 1 | Provides: ww",
            "aa",
            "bb=1 zz=1 aa=1",
        ),
        (
            "a real package before a provider",
            "aa 1 | Depends: vv\nbb 1 | Provides: vv\nvv 1",
            "aa",
            "vv=1 aa=1",
        ),
        (
            "a provided version counts",
            "aa 1 | Depends: vv (>= 2)\nbb 1 | Provides: vv\ncc 1 | Provides: vv (= 1)\ndd 1 | Provides: vv (= 2)",
            "aa",
            "dd=1 aa=1",
        ),
        (
            "qualifiers",
            "aa 1 | Depends: bb:any, cc:amd64, dd:i386 or ee\nbb 1\ncc 1\ndd 1\nee 1",
            "aa",
            "bb=1 cc=1 ee=1 aa=1",
        ),
        (
            "conflicts with what is not there, and with oneself",
            "aa 1 | Provides: vv | Conflicts: vv, xx, bb (<< 1) | Breaks: aa (<< 1) | Depends: bb\nbb 1",
            "aa",
            "bb=1 aa=1",
        ),
    ];
    for (name, lines, wanted, expected) in cases {
        assert_eq!(
            resolved(lines, wanted),
            Ok((*expected).to_owned()),
            "{name}"
        );
    }
}

#[test]
fn what_cannot_be_is_named_with_its_chain() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("bb 1", "aa", &["the package aa is wanted", "no package"]),
        (
            "aa 1",
            "aa=2",
            &["the package aa (= 2) is wanted", "only aa 1"],
        ),
        (
            "aa 1 | Depends: bb\nbb 1 | Depends: cc (>= 5) or dd\ncc 4",
            "aa",
            &["aa 1, which needs bb 1 needs cc (>= 5) | dd", "only cc 4"],
        ),
        (
            "aa 1 | Depends: bb (>= 2)\nbb 1\nbb 2",
            "bb=1 aa",
            &["aa 1 needs bb (>= 2)", "bb 1, which is already chosen"],
        ),
        (
            "aa 1 | Depends: bb\nbb 1 | Depends: cc\ncc 1 | Breaks: dd (<< 2)\ndd 1",
            "aa dd",
            &[
                "cc 1 (aa 1, which needs bb 1) says that it conflicts with dd (<< 2), and dd 1 (wanted)",
            ],
        ),
        (
            "aa 1 | Conflicts: vv\nbb 1 | Provides: vv",
            "aa bb",
            &["aa 1 (wanted) says that it conflicts with vv, and bb 1 (wanted)"],
        ),
        (
            "aa 1 | Depends: bb (2)\nbb 1",
            "aa",
            &["the relations of aa 1 cannot be read"],
        ),
    ];
    for (lines, wanted, expected) in cases {
        let error = resolved(lines, wanted).unwrap_err();
        for text in *expected {
            assert!(error.contains(text), "{text}: {error}");
        }
    }
}

#[test]
fn every_problem_is_named_at_once() {
    let error = resolved("aa 1 | Depends: xx, yy, bb\nbb 1 | Depends: zz", "aa").unwrap_err();
    assert_eq!(error.lines().count(), 3, "{error}");
}

#[test]
fn dependencies_can_be_left_out() {
    let index = index(
        "linux-image-amd64 2 | Source: linux-signed (2+1) | Depends: linux-image-6
         linux-image-6 2 | Source: linux-signed (2+1) | Depends: kmod, initramfs-tools or linux-initramfs-tool | Conflicts: kmod
         kmod 1 | Depends: libc6
         libc6 1
         initramfs-tools 1",
    );
    let cases = [
        (Follow::Nothing, "", "linux-image-amd64=2"),
        (
            Follow::SameSource,
            "",
            "linux-image-6=2 linux-image-amd64=2",
        ),
        (
            Follow::All,
            "kmod linux-initramfs-tool",
            "linux-image-6=2 linux-image-amd64=2",
        ),
    ];
    for (follow, exclude, expected) in cases {
        let found = try_resolve(&index, "linux-image-amd64", follow, exclude);
        assert_eq!(found.as_deref(), Ok(expected), "{follow:?}");
    }
    assert!(try_resolve(&index, "linux-image-amd64", Follow::All, "").is_err());
}

proptest! {
    /// Whatever the archive is, a result satisfies every dependency and names each package once.
    #[test]
    fn a_result_satisfies_every_dependency(
        edges in proptest::collection::vec(proptest::collection::vec(0usize..12, 0..4), 10)
    ) {
        let mut lines = String::new();
        for (at, needs) in edges.iter().enumerate() {
            let depends: Vec<String> = needs.iter().map(|n| format!("p{n} or p{}", n + 1)).collect();
            let depends = if depends.is_empty() { String::new() } else { format!(" | Depends: {}", depends.join(", ")) };
            lines.push_str(&format!("p{at} 1{depends}\n"));
        }
        if let Ok(found) = resolved(&lines, "p0 p3") {
            let names: Vec<usize> = found.split(' ').map(|p| p[1..p.len() - 2].parse().unwrap()).collect();
            prop_assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
            for at in &names {
                for need in &edges[*at] {
                    prop_assert!(names.contains(need) || names.contains(&(need + 1)));
                }
            }
        }
    }
}
