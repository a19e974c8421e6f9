//! Several systems over one kernel: a release that holds more than one has a manifest, a UKI and a
//! root for each, and one modules and one firmware image for all.

use serde::{Deserialize, Serialize};

/// Which of a release's systems a manifest is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Its name: see [`is_name`].
    pub name: String,
    /// The names of all systems of the release. The first is what a machine starts that was told
    /// nothing else.
    pub all: Vec<String>,
}

/// The rule for a system's name.
pub const NAME_RULE: &str = "1 to 32 of a-z 0-9 - are needed, a letter first, and none of \
                             disk, firmware, kernel, modules, release, root, sbom, stub";

/// Names that files of every release have: a system's files would take their place, or seem to.
const TAKEN: &[&str] = &[
    "disk", "firmware", "kernel", "modules", "release", "root", "sbom", "stub",
];

/// Whether `text` can be a system's name: it becomes part of file names on FAT, where capital letters
/// are no others, and of a boot entry's.
pub fn is_name(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !TAKEN.contains(&text)
}

impl System {
    /// What is impossible in it.
    pub(crate) fn mistake(&self) -> Option<&'static str> {
        let twice =
            |(index, name): (usize, &String)| self.all.iter().skip(index + 1).any(|n| n == name);
        if !self.all.iter().all(|name| is_name(name)) {
            Some(NAME_RULE)
        } else if self.all.iter().enumerate().any(twice) {
            Some("each system is named once")
        } else if !self.all.contains(&self.name) {
            Some("a system is one of all")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_words_that_no_other_file_has() {
        for name in ["a", "alpine", "debian-13", "recovery"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "", "1a", "-a", "Alpine", "a.b", "a_b", "a/b", "a b", "ä", "root", "modules",
            "release", "kernel",
        ] {
            assert!(!is_name(name), "{name}");
        }
        assert!(!is_name(&"a".repeat(33)));
        assert!(TAKEN.iter().all(|name| NAME_RULE.contains(name)));
    }

    #[test]
    fn a_system_is_one_of_several_that_differ() {
        let mistake = |name: &str, all: &[&str]| {
            let all = all.iter().map(|name| (*name).to_owned()).collect();
            System {
                name: name.to_owned(),
                all,
            }
            .mistake()
        };
        assert_eq!(mistake("a", &["b", "a"]), None);
        assert_eq!(
            mistake("a", &["b", "a", "b"]),
            Some("each system is named once")
        );
        assert_eq!(mistake("a", &["b"]), Some("a system is one of all"));
        assert_eq!(mistake("a", &["a", "root"]), Some(NAME_RULE));
    }
}
