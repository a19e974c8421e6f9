//! Relations between packages: `so:libc.musl-x86_64.so.1`, `busybox>=1.36`, `!uclibc`
//! (apk-package(5), "depends"; apk-world(5)).

use super::apk::Checksum;
use super::version::Version;

/// One package name with what it must satisfy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// `!` in front: nothing that satisfies the rest may be there.
    pub conflict: bool,
    /// A package's name, or what a package provides: `cmd:sh`, `so:libz.so.1`, `/bin/sh`.
    pub name: String,
    /// Which of them will do.
    pub constraint: Constraint,
}

/// Which packages of a name will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// All, also those that are provided without a version.
    Any,
    /// Those whose version compares like that.
    Version(Operator, Version),
    /// The one whose control part has this checksum.
    Checksum(Checksum),
}

/// How versions must compare: the package's on the left, the relation's on the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `~`: equal, or with more parts behind.
    StartsWith,
    /// `>=`
    LaterOrEqual,
    /// `>`
    Later,
}

/// Operators as they are written; the first of each kind is how it is shown.
const OPERATORS: &[(&str, Operator)] = &[
    ("<", Operator::Earlier),
    ("<=", Operator::EarlierOrEqual),
    ("=", Operator::Equal),
    ("~", Operator::StartsWith),
    ("~=", Operator::StartsWith),
    ("=~", Operator::StartsWith),
    (">=", Operator::LaterOrEqual),
    (">", Operator::Later),
];

/// What a checksum stands behind.
const CHECKSUM: &str = "><";

/// A relation that apk would not read either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a package relation: {reason}")]
pub struct NotARelation {
    /// The text of the relation.
    pub found: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Reads relations with spaces between them.
pub(crate) fn parse(field: &str) -> Result<Vec<Relation>, NotARelation> {
    field.split_ascii_whitespace().map(str::parse).collect()
}

impl Relation {
    /// Whether a provider satisfies the constraint: `version` is that under which it provides the
    /// name, if any. Says nothing about `!`.
    pub fn allows(&self, version: Option<&Version>, checksum: Option<Checksum>) -> bool {
        match &self.constraint {
            Constraint::Any => true,
            Constraint::Checksum(bound) => checksum == Some(*bound),
            Constraint::Version(operator, bound) => {
                version.is_some_and(|version| operator.allows(version, bound))
            }
        }
    }
}

impl Operator {
    fn allows(self, version: &Version, bound: &Version) -> bool {
        match self {
            Operator::Earlier => version < bound,
            Operator::EarlierOrEqual => version <= bound,
            Operator::Equal => version == bound,
            Operator::StartsWith => version.starts_with(bound),
            Operator::LaterOrEqual => version >= bound,
            Operator::Later => version > bound,
        }
    }
}

impl std::str::FromStr for Relation {
    type Err = NotARelation;

    fn from_str(text: &str) -> Result<Self, NotARelation> {
        let wrong = |reason| NotARelation {
            found: text.chars().take(80).collect(),
            reason,
        };
        let (conflict, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let is_operator = |c: char| "<>=~".contains(c);
        let end = rest.find(is_operator).unwrap_or(rest.len());
        let (name, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if !is_name(name) {
            return Err(wrong("a package name or what one provides is needed first"));
        }
        let bound = rest.trim_start_matches(is_operator);
        let operator = rest.strip_suffix(bound).unwrap_or(rest);
        let constraint = match OPERATORS.iter().find(|(written, _)| *written == operator) {
            None if rest.is_empty() => Constraint::Any,
            None if operator == CHECKSUM => {
                let checksum = bound.parse();
                Constraint::Checksum(checksum.map_err(|_| wrong("the checksum is not one"))?)
            }
            None => return Err(wrong("the operator before the version is unknown")),
            Some((_, operator)) => {
                let version = bound.parse();
                let version = version.map_err(|_| wrong("the version is not one"))?;
                Constraint::Version(*operator, version)
            }
        };
        Ok(Self {
            conflict,
            name: name.to_owned(),
            constraint,
        })
    }
}

/// Whether `text` can be the name of a package, or of what one provides (apk-package(5)).
fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.+-,[]:/@".contains(&b);
    !text.is_empty() && text.len() <= 1024 && text.bytes().all(allowed)
}

/// Whether `text` can be the name of a package and so a part of a file name.
pub(crate) fn is_package_name(text: &str) -> bool {
    text.len() <= 200
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
}

impl std::fmt::Display for Relation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let conflict = if self.conflict { "!" } else { "" };
        write!(f, "{conflict}{}", self.name)?;
        match &self.constraint {
            Constraint::Any => Ok(()),
            Constraint::Checksum(checksum) => write!(f, "{CHECKSUM}{checksum}"),
            Constraint::Version(operator, version) => {
                let found = OPERATORS.iter().find(|(_, known)| known == operator);
                write!(f, "{}{version}", found.map_or("", |(written, _)| written))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allows(relation: &str, version: Option<&str>) -> bool {
        let relation: Relation = relation.parse().unwrap();
        let version: Option<Version> = version.map(|text| text.parse().unwrap());
        relation.allows(version.as_ref(), None)
    }

    #[test]
    fn operators() {
        let cases = [
            ("a", "1", true),
            ("a=1.0-r1", "1.0-r1", true),
            ("a=1.0", "1.0-r1", false),
            ("a<2", "1.9", true),
            ("a<2", "2", false),
            ("a<=2", "2", true),
            ("a>2", "2-r1", true),
            ("a>2", "2", false),
            ("a>=2", "2", true),
            ("a~1.2", "1.2.3-r4", true),
            ("a~=1.2", "1.20", false),
            ("a=~1.2", "1.2", true),
            ("so:a.so.1>=1.2", "1.10", true),
        ];
        for (relation, version, expected) in cases {
            assert_eq!(
                allows(relation, Some(version)),
                expected,
                "{relation} {version}"
            );
        }
        assert!(allows("a", None));
        assert!(!allows("a>=0", None));
    }

    #[test]
    fn shown_as_they_are_written() {
        for text in [
            "a",
            "!a",
            "so:libz.so.1",
            "/bin/sh",
            "py3.11:nacl=1.5.0-r0",
            "!a<1",
            "a~1.2",
            "a><Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=",
        ] {
            assert_eq!(text.parse::<Relation>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn others_are_refused() {
        let cases = [
            ("", "name"),
            ("!", "name"),
            ("=1", "name"),
            ("a b", "name"),
            ("a=", "version"),
            ("a=1 2", "version"),
            ("a<>1", "operator"),
            ("a==1", "operator"),
            ("a><1", "checksum"),
            ("a><Q1!!!", "checksum"),
        ];
        for (text, word) in cases {
            let error = text.parse::<Relation>().unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*", other in "[!a<>=~1.]*") {
            let _ = text.parse::<Relation>();
            if let Ok(relation) = other.parse::<Relation>() {
                prop_assert_eq!(relation.to_string().parse(), Ok(relation));
            }
        }
    }
}
