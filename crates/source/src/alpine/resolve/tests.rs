use super::*;
use crate::alpine::fields;
use proptest::prelude::*;
use std::sync::Arc;

/// `name version | letter: value | …`, one a line.
fn index(lines: &str) -> Index {
    let repository = Arc::from("http://mirror");
    let mut text = String::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut parts = line.split(" | ");
        let (name, version) = parts.next().unwrap().split_once(' ').unwrap();
        text.push_str(&format!("P:{name}\nV:{version}\nA:x86_64\n"));
        parts.for_each(|part| text.push_str(&format!("{part}\n")));
        text.push('\n');
    }
    let packages = fields::index(&text)
        .map(|fields| Package::from_fields(fields.unwrap(), &repository).unwrap());
    Index::new(packages.collect())
}

fn try_resolve(
    index: &Index,
    wanted: &str,
    follow: Follow,
    exclude: &str,
) -> Result<String, String> {
    let wanted: Vec<Relation> = wanted
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
    // What it is about, packages, what is wanted, what comes.
    let cases: &[(&str, &str, &str, &str)] = &[
        (
            "dependencies come first, each once",
            "aa 1 | D:cc bb\nbb 1 | D:dd\ncc 1 | D:dd\ndd 1\nee 1",
            "aa",
            "dd=1 bb=1 cc=1 aa=1",
        ),
        ("circles end", "aa 1 | D:bb\nbb 1 | D:aa", "aa", "bb=1 aa=1"),
        (
            "the newest wins",
            "aa 1\naa 1.10\naa 1.9\naa 1.11_rc1",
            "aa",
            "aa=1.11_rc1",
        ),
        (
            "unless a version is asked for",
            "aa 1\naa 2 | D:bb\nbb 1",
            "aa<2",
            "aa=1",
        ),
        (
            "or depended on",
            "aa 1 | D:bb~2.1\nbb 2.2\nbb 2.1.5\nbb 2.1.4",
            "aa",
            "bb=2.1.5 aa=1",
        ),
        (
            "or depended on by something later",
            "aa 1 | D:bb cc\nbb 2\nbb 1\ncc 1 | D:bb<2",
            "aa",
            "bb=1 cc=1 aa=1",
        ),
        (
            "a library",
            "aa 1 | D:so:x.so.1\nbb 1 | p:so:x.so.1=1.2",
            "aa",
            "bb=1 aa=1",
        ),
        (
            "a command, of a version",
            "aa 1 | D:cmd:x>=2\nbb 1 | p:cmd:x=1\ncc 1 | p:cmd:x=2",
            "aa",
            "cc=1 aa=1",
        ),
        (
            "the newest that is provided",
            "aa 1 | D:pc:x\nbb 1 | p:pc:x=1\ncc 1 | p:pc:x=2",
            "aa",
            "cc=1 aa=1",
        ),
        (
            "a package before one that provides its name",
            "aa 1 | D:vv\nbb 1 | p:vv=1\nvv 1",
            "aa",
            "vv=1 aa=1",
        ),
        (
            "the higher priority",
            "aa 1 | D:vv\nbb 1 | p:vv | k:1\ncc 1 | p:vv | k:9",
            "aa",
            "cc=1 aa=1",
        ),
        (
            "the only one there is",
            "aa 1 | D:/bin/sh\nbb 1 | p:/bin/sh",
            "aa",
            "bb=1 aa=1",
        ),
        (
            "one that is there anyway",
            "aa 1 | D:vv cc\nbb 1 | p:vv | k:9\ncc 1 | p:vv",
            "aa",
            "cc=1 aa=1",
        ),
        (
            "one that is wanted",
            "aa 1 | D:vv\nbb 1 | p:vv\ncc 1 | p:vv",
            "aa cc",
            "cc=1 aa=1",
        ),
        (
            "two without versions go together",
            "aa 1 | D:bb cc\nbb 1 | p:vv\ncc 1 | p:vv",
            "aa",
            "bb=1 cc=1 aa=1",
        ),
        (
            "not what is refused",
            "aa 1 | D:cmd:x !bb\nbb 2 | p:cmd:x=2\ncc 1 | p:cmd:x=1",
            "aa",
            "cc=1 aa=1",
        ),
        (
            "nor what is refused later",
            "aa 1 | D:cmd:x dd\nbb 2 | p:cmd:x=2\ncc 1 | p:cmd:x=1\ndd 1 | D:!bb",
            "aa",
            "cc=1 dd=1 aa=1",
        ),
        (
            "nor what is not wanted",
            "aa 1 | D:cmd:x\nbb 2 | p:cmd:x=2\ncc 1 | p:cmd:x=1",
            "aa !bb",
            "cc=1 aa=1",
        ),
        (
            "nor what refuses",
            "aa 1 | D:ee cmd:x\nbb 2 | p:cmd:x=2 | D:!ee\ncc 1 | p:cmd:x=1\nee 1",
            "aa",
            "cc=1 ee=1 aa=1",
        ),
        (
            "a package may refuse what it provides",
            "aa 1 | p:vv=1 | D:!vv\nvv 1",
            "aa",
            "aa=1",
        ),
        (
            "what comes by itself",
            "aa 1\nbb 1\nab 1 | i:aa=1 bb\nax 1 | i:aa=2 bb",
            "aa bb",
            "aa=1 bb=1 ab=1",
        ),
        (
            "and what comes by that",
            "aa 1\nab 1 | i:aa | D:dd\ndd 1\nad 1 | i:ab dd",
            "aa",
            "aa=1 dd=1 ab=1 ad=1",
        ),
        (
            "not when it cannot",
            "aa 1\nab 1 | i:aa | D:missing\nac 1 | i:aa | D:!aa",
            "aa",
            "aa=1",
        ),
        (
            "nor when it is not wanted",
            "aa 1\nab 1 | i:aa",
            "aa !ab",
            "aa=1",
        ),
        (
            "the first repository of equals",
            "aa 1 | D:bb\nbb 1\nbb 1 | D:zz",
            "aa",
            "bb=1 aa=1",
        ),
        (
            "a checksum",
            "aa 1 | D:bb><Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=\nbb 2\nbb 1 | C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=",
            "aa",
            "bb=1 aa=1",
        ),
    ];
    for (case, lines, wanted, expected) in cases {
        assert_eq!(resolved(lines, wanted).as_deref(), Ok(*expected), "{case}");
    }
}

#[test]
fn what_cannot_be_is_named_with_its_chain() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "aa 1",
            "bb",
            &["the package bb is wanted, and no package of these repositories is or provides it"],
        ),
        (
            "aa 1",
            "aa>1",
            &["the package aa>1 is wanted, but there is only aa 1"],
        ),
        (
            "aa 1 | D:bb\nbb 1 | D:so:x>=2\ncc 1 | p:so:x=1",
            "aa",
            &[
                "aa 1, which needs bb 1 needs so:x>=2, but there is only cc 1 (which provides so:x=1)",
            ],
        ),
        (
            "aa 1 | D:xx\nbb 1 | D:yy",
            "aa bb",
            &["aa 1 needs xx", "\nbb 1 needs yy"],
        ),
        (
            "aa 1 | D:vv\nbb 1 | p:vv\ncc 1 | p:vv",
            "aa",
            &[
                "aa 1 needs vv",
                "bb 1 (which provides vv), which has to be wanted by its own name",
                "cc 1",
            ],
        ),
        (
            "aa 1 | D:bb cc\nbb 1 | D:!cc\ncc 1",
            "aa",
            &[
                "bb 1 (aa 1) says that it conflicts with cc, and cc 1 (aa 1) is needed too; leave one of them out",
            ],
        ),
        (
            "aa 1\nbb 1 | D:!aa",
            "aa bb",
            &["bb 1 (wanted) says that it conflicts with aa, and aa 1 (wanted)"],
        ),
        (
            "aa 1 | D:bb>1 cc\nbb 2\ncc 1 | D:bb<2\nbb 1",
            "aa",
            &[
                "needs bb<2, but there is only bb 2, which is already chosen",
                "bb 1, and aa 1 needs bb>1",
            ],
        ),
        (
            "aa 1 | p:so:x=1\nbb 1 | p:so:x=2",
            "aa bb",
            &[
                "the package bb is wanted, but there is only bb 1, and aa 1, which has so:x too, is already chosen",
            ],
        ),
        (
            "aa 1",
            "aa !aa",
            &["the package aa is wanted, but there is only aa 1, and it is wanted !aa"],
        ),
    ];
    for (lines, wanted, words) in cases {
        let error = resolved(lines, wanted).unwrap_err();
        for word in *words {
            assert!(
                error.contains(word),
                "{lines}: {word:?} is not in {error:?}"
            );
        }
    }
}

#[test]
fn what_is_followed() {
    let index = index(
        "linux 6 | o:linux | D:mkinitfs linux-modules\nlinux-modules 6 | o:linux | D:kmod
         mkinitfs 1 | D:busybox\nbusybox 1\nkmod 1\nlinux-doc 6 | i:linux",
    );
    let cases = [
        (Follow::SameSource, "", "linux-modules=6 linux=6"),
        (Follow::Nothing, "", "linux=6"),
        (
            Follow::All,
            "busybox kmod linux-doc",
            "linux-modules=6 mkinitfs=1 linux=6",
        ),
    ];
    for (follow, exclude, expected) in cases {
        let found = try_resolve(&index, "linux", follow, exclude);
        assert_eq!(found.as_deref(), Ok(expected), "{follow:?}");
    }
}

proptest! {
    /// Whatever the packages say: it ends, what comes is consistent, and each run gives the same.
    #[test]
    fn any_archive_ends(
        packages in proptest::collection::vec(
            (
                "[a-e]",
                "[1-3]",
                proptest::collection::vec("!?[a-ev](>1|<3|=2|~2)?", 0..4),
                proptest::collection::vec("[a-ev](=[1-3])?", 0..2),
                proptest::collection::vec("[a-e](=[1-3])?", 0..2),
                0..3_u8,
            ),
            1..14,
        ),
        wanted in proptest::collection::vec("!?[a-e](>1|<3)?", 1..4),
    ) {
        let mut lines = String::new();
        for (name, version, depends, provides, install_if, priority) in &packages {
            let join = |list: &[String]| list.join(" ");
            lines.push_str(&format!("{name} {version} | k:{priority}"));
            let fields = [("D", depends), ("p", provides), ("i", install_if)];
            for (letter, list) in fields.iter().filter(|(_, list)| !list.is_empty()) {
                lines.push_str(&format!(" | {letter}:{}", join(list)));
            }
            lines.push('\n');
        }
        let index = index(&lines);
        let wanted: Vec<Relation> = wanted.iter().map(|text| text.parse().unwrap()).collect();
        let found = resolve(&index, &wanted, Follow::All, &[]);
        if let Ok(found) = &found {
            let satisfied = |relation: &Relation, by: Option<&Package>| {
                let mut others = found.iter().filter(|package| {
                    !relation.conflict || by.is_none_or(|by| !std::ptr::eq(by, **package))
                });
                others.any(|package| package.satisfies(relation)) != relation.conflict
            };
            prop_assert!(wanted.iter().all(|relation| satisfied(relation, None)), "{lines}");
            for package in found {
                for relation in &package.depends {
                    prop_assert!(satisfied(relation, Some(package)), "{package}: {relation} in\n{lines}");
                }
            }
            let mut names: Vec<&str> = found.iter().map(|package| package.name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            prop_assert_eq!(names.len(), found.len());
        }
        let again = resolve(&index, &wanted, Follow::All, &[]);
        let show = |found: Result<Vec<&Package>, Error>| match found {
            Ok(found) => found.iter().map(|package| package.to_string()).collect(),
            Err(error) => error.to_string(),
        };
        let (found, again): (String, String) = (show(found), show(again));
        prop_assert_eq!(found, again);
    }
}
