//! Version numbers and their order (apk-package(5), "Package names and versions").
//!
//! `number{.number}…{letter}{_suffix{number}}…{~hash}{-rnumber}`. Versions compare part by part:
//!
//! 1. the first number, suffix numbers and the revision compare as numbers;
//! 2. the other numbers too, unless one of the two starts with a zero: then both are text;
//! 3. suffixes in the order `alpha beta pre rc`, none, `cvs svn git hg p`;
//! 4. where one has a part of another kind, the kind decides: a pre-release suffix is older than
//!    nothing; else what stands further left in the form above is newer, and the end is oldest.
//!
//! This is apk 3; apk 2 differs in rule 2 (`0.016` is newer than `0.02` there).
//!
//! Alpine's own index has versions that do not fit the form (`0.99f7-r0`, `pc:librtmp=v2.4`). apk
//! takes them: from the first place that does not fit on, all are the same, and older than the end.

use crate::digits::compare_digits;
use std::cmp::Ordering;

/// A package's version, compared as apk does: `1.36.1_git20240101-r29`.
///
/// Two texts can be the same version (`01.2` and `1.2`): they are equal here.
#[derive(Clone)]
pub struct Version(Box<str>);

/// The text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a version number; letters, digits and . _ ~ + - are needed")]
pub struct NotAVersion {
    /// The text.
    pub found: String,
}

/// Suffixes in their order; the empty one is no suffix at all.
const SUFFIXES: &[&str] = &[
    "alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p",
];

/// Place of "no suffix" in [`SUFFIXES`].
const NO_SUFFIX: usize = 4;

/// What a part of a version is. Where two versions differ in it, the one whose kind comes first
/// here is newer, but for suffixes of pre-releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    First,
    Number,
    Letter,
    Suffix,
    SuffixNumber,
    Hash,
    Revision,
    End,
    /// It does not fit.
    Other,
}

/// One part, without what is in front of it (`.`, `_`, `~`, `-r`).
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    kind: Kind,
    text: &'a [u8],
}

impl Version {
    /// The version as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this version is `bound` or starts with all of its parts: `1.2.3` with `1.2`.
    pub fn starts_with(&self, bound: &Self) -> bool {
        self.compare(bound, true).is_eq()
    }

    fn compare(&self, other: &Self, prefix: bool) -> Ordering {
        let (mut a, mut b) = (Parts::new(&self.0), Parts::new(&other.0));
        loop {
            let (a, b) = (a.next(), b.next());
            if a.kind != b.kind {
                return match (a, b) {
                    (_, b) if prefix && b.kind == Kind::End => Ordering::Equal,
                    (a, _) if a.is_pre_release() => Ordering::Less,
                    (_, b) if b.is_pre_release() => Ordering::Greater,
                    _ => b.kind.cmp(&a.kind),
                };
            }
            if matches!(a.kind, Kind::End | Kind::Other) {
                return Ordering::Equal;
            }
            let order = a.compare(b);
            if order.is_ne() {
                return order;
            }
        }
    }
}

impl Part<'_> {
    /// Compares with a part of the same kind.
    fn compare(self, other: Self) -> Ordering {
        let (a, b) = (self.text, other.text);
        match self.kind {
            Kind::Number if a.starts_with(b"0") || b.starts_with(b"0") => a.cmp(b),
            Kind::First | Kind::Number | Kind::SuffixNumber | Kind::Revision => {
                compare_digits(a, b)
            }
            Kind::Suffix => self.rank().cmp(&other.rank()),
            _ => a.cmp(b),
        }
    }

    /// Place in [`SUFFIXES`].
    fn rank(self) -> Option<usize> {
        SUFFIXES
            .iter()
            .position(|suffix| suffix.as_bytes() == self.text)
    }

    fn is_pre_release(self) -> bool {
        self.kind == Kind::Suffix && self.rank() < Some(NO_SUFFIX)
    }
}

/// The parts of a version, one after the other; at the end [`Kind::End`] for ever.
struct Parts<'a> {
    rest: &'a [u8],
    /// Kind of the part before; `None` at the start.
    before: Option<Kind>,
}

impl<'a> Parts<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text.as_bytes(),
            before: None,
        }
    }

    fn next(&mut self) -> Part<'a> {
        let none = Part {
            kind: Kind::Other,
            text: &[],
        };
        let part = self.part().unwrap_or(none);
        self.before = Some(part.kind);
        part
    }

    /// The next part; `None` when what follows does not fit.
    fn part(&mut self) -> Option<Part<'a>> {
        let Some(before) = self.before else {
            return self.digits(Kind::First);
        };
        let Some((first, after)) = self.rest.split_first() else {
            return (before != Kind::Other).then_some(Part {
                kind: Kind::End,
                text: &[],
            });
        };
        match first {
            b'a'..=b'z' if before < Kind::Letter => {
                let (letter, after) = self.rest.split_at_checked(1)?;
                self.rest = after;
                Some(Part {
                    kind: Kind::Letter,
                    text: letter,
                })
            }
            b'.' if before < Kind::Letter => {
                self.rest = after;
                self.digits(Kind::Number)
            }
            b'0'..=b'9' if before == Kind::Suffix => self.digits(Kind::SuffixNumber),
            b'_' if before < Kind::Hash => {
                self.rest = after;
                let suffix = self.run(Kind::Suffix, |b| b.is_ascii_lowercase())?;
                suffix.rank().map(|_| suffix)
            }
            b'~' if before < Kind::Hash => {
                self.rest = after;
                self.run(Kind::Hash, |b| b.is_ascii_hexdigit())
            }
            b'-' if before < Kind::Revision => {
                self.rest = after.strip_prefix(b"r")?;
                self.digits(Kind::Revision)
            }
            _ => None,
        }
    }

    fn digits(&mut self, kind: Kind) -> Option<Part<'a>> {
        self.run(kind, |b| b.is_ascii_digit())
    }

    /// A part of all bytes that fit, at least one.
    fn run(&mut self, kind: Kind, fits: impl Fn(u8) -> bool) -> Option<Part<'a>> {
        let end = self.rest.iter().position(|b| !fits(*b));
        let (text, after) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        self.rest = after;
        (!text.is_empty()).then_some(Part { kind, text })
    }
}

impl std::str::FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._~+-".contains(&b);
        if text.is_empty() || text.len() > 256 || !text.bytes().all(allowed) {
            return Err(NotAVersion {
                found: text.chars().take(80).collect(),
            });
        }
        Ok(Self(text.into()))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(other, false)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::check_order;
    use proptest::prelude::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn versions_are_ordered_as_apk_orders_them() {
        let lists: &[&[&str]] = &[
            // Numbers; a zero in front makes text of all but the first.
            &[
                "0", "0.1", "0.9", "0.10", "1", "1.0", "1.0.0", "1.0.1", "1.00", "1.1", "1.10",
                "2", "10",
            ],
            &["1.001", "1.01", "1.010", "1.02", "1.1", "1.2", "1.10"],
            // Letters.
            &["0.9.8", "0.9.8a", "0.9.8c-r1", "0.9.8d", "0.9.8.1"],
            // Suffixes, on both sides of none.
            &[
                "1.0_alpha",
                "1.0_alpha1",
                "1.0_alpha2",
                "1.0_alpha10",
                "1.0_beta",
                "1.0_pre",
                "1.0_pre1",
                "1.0_rc",
                "1.0_rc1-r3",
                "1.0",
                "1.0-r0",
                "1.0-r1",
                "1.0_cvs",
                "1.0_svn",
                "1.0_git",
                "1.0_hg",
                "1.0_p",
                "1.0_p0",
                "1.0_p1",
                "1.0_p9-r9",
                "1.0_p10",
                "1.0a_alpha",
                "1.0a",
                "1.0.0_alpha",
                "1.0.0",
            ],
            // Suffixes of suffixes.
            &["0.1.0_alpha_pre2", "0.1.0_alpha", "0.1.0_alpha_p1"],
            &[
                "1.3_git20190101_rc1",
                "1.3_git20190101",
                "1.3_git20190101_p1",
                "1.3_git20190102",
            ],
            // Hashes.
            &["1.0", "1.0-r5", "1.0~ab", "1.0~ab-r1", "1.0~ac", "1.0_p1"],
            // Longer than any integer.
            &[
                "99999999999999999999998",
                "99999999999999999999999",
                "100000000000000000000000",
            ],
            // What does not fit the form is older than the end.
            &["1.0f7-r0", "1.0f", "1.0g"],
            &["1.0_foo", "1.0", "1.0.1"],
            &["v2.4", "2.3", "2.4"],
            &["1.0-1", "1.0", "1.0-r1"],
        ];
        check_order::<Version>(lists);
    }

    #[test]
    fn different_texts_can_be_the_same_version() {
        let same = [
            ("01.2", "1.2"),
            ("006", "6"),
            ("1.0_p01", "1.0_p1"),
            ("1.0-r00", "1.0-r0"),
            ("1.0_foo", "1.0_bar"),
            ("v2.4", "v2.5"),
        ];
        for (a, b) in same {
            assert_eq!(version(a), version(b), "{a} {b}");
        }
    }

    #[test]
    fn prefixes() {
        let cases = [
            ("1.2.3-r4", "1.2", true),
            ("1.2.3-r4", "1.2.3", true),
            ("1.2", "1.2", true),
            ("1.20", "1.2", false),
            ("1.2", "1.2.3", false),
            ("1.2_rc1", "1.2", true),
            ("1.2a", "1.2", true),
            ("1.3", "1.2", false),
        ];
        for (text, bound, expected) in cases {
            let found = version(text).starts_with(&version(bound));
            assert_eq!(found, expected, "{text} {bound}");
        }
    }

    #[test]
    fn what_is_not_a_version_is_refused() {
        for text in [
            "",
            "1 0",
            "1/2",
            "../1",
            "1=2",
            "é",
            "1é",
            "1:2",
            &"1".repeat(257),
        ] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_order_is_total(texts in proptest::collection::vec("[01][0-2._~apr-]{0,7}", 3)) {
            let [a, b, c] = [version(&texts[0]), version(&texts[1]), version(&texts[2])];
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            prop_assert_eq!(a.cmp(&a), Ordering::Equal);
            if a <= b && b <= c {
                prop_assert!(a <= c, "{} {} {}", a, b, c);
            }
        }

        #[test]
        fn no_text_makes_it_panic(a in ".*", b in "[0-9_~a-]*") {
            for (a, b) in a.parse::<Version>().iter().zip(b.parse::<Version>().iter()) {
                let _ = (a.cmp(b), a.starts_with(b));
            }
        }
    }
}
