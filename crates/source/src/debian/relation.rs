//! Relations between packages: `a (>= 1) | b:any [amd64], c` (Debian Policy, section 7.1).

use super::version::Version;

/// One package name with what it must satisfy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// A package's name, or a virtual one.
    pub name: String,
    /// `any` or an architecture, after the colon.
    pub qualifier: Option<String>,
    /// Operator and version.
    pub constraint: Option<(Operator, Version)>,
    /// Architectures in square brackets; empty: all.
    pub(super) architectures: Vec<String>,
}

/// How versions must compare: the package's on the left, the relation's on the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`
    LaterOrEqual,
    /// `>>`
    Later,
}

/// Operators as they are written, longest first; the single `<` and `>` are long obsolete but
/// still read by dpkg, as `<=` and `>=`.
const OPERATORS: &[(&str, Operator)] = &[
    ("<<", Operator::Earlier),
    ("<=", Operator::EarlierOrEqual),
    (">=", Operator::LaterOrEqual),
    (">>", Operator::Later),
    ("<", Operator::EarlierOrEqual),
    (">", Operator::LaterOrEqual),
    ("=", Operator::Equal),
];

/// Alternatives: one of them is enough.
pub type AnyOf = Vec<Relation>;

/// A relation that is not written as Policy says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a package relation: {reason}")]
pub struct NotARelation {
    /// The text of the relation.
    pub found: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Reads a `Depends`-like field: all of the outer list, any of each inner one. Alternatives that
/// are for other architectures are left out, and so are groups that have none left.
pub(crate) fn parse(field: &str, architecture: &str) -> Result<Vec<AnyOf>, NotARelation> {
    let mut all = Vec::new();
    for group in field
        .split(',')
        .map(str::trim)
        .filter(|group| !group.is_empty())
    {
        let mut any = AnyOf::new();
        for text in group.split('|') {
            let relation: Relation = text.parse()?;
            if relation.is_for(architecture) {
                any.push(relation);
            }
        }
        if !any.is_empty() {
            all.push(any);
        }
    }
    Ok(all)
}

impl Relation {
    /// A relation that any version satisfies.
    pub fn to_name(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            qualifier: None,
            constraint: None,
            architectures: Vec::new(),
        }
    }

    /// Whether `version` satisfies the constraint; `None` is a virtual package without version.
    pub fn allows(&self, version: Option<&Version>) -> bool {
        let Some((operator, bound)) = &self.constraint else {
            return true;
        };
        version.is_some_and(|version| match operator {
            Operator::Earlier => version < bound,
            Operator::EarlierOrEqual => version <= bound,
            Operator::Equal => version == bound,
            Operator::LaterOrEqual => version >= bound,
            Operator::Later => version > bound,
        })
    }

    fn is_for(&self, architecture: &str) -> bool {
        let matches = |name: &str| {
            name == architecture
                || name == "any"
                || name == "linux-any"
                || name == format!("any-{architecture}")
        };
        let mut negated = self
            .architectures
            .iter()
            .filter_map(|a| a.strip_prefix('!'))
            .peekable();
        if negated.peek().is_some() {
            return !negated.any(matches);
        }
        self.architectures.is_empty() || self.architectures.iter().any(|a| matches(a))
    }
}

impl std::str::FromStr for Relation {
    type Err = NotARelation;

    fn from_str(text: &str) -> Result<Self, NotARelation> {
        let text = text.trim();
        let wrong = |reason| NotARelation {
            found: text.chars().take(80).collect(),
            reason,
        };
        let end = text
            .find([' ', '\t', '\n', '(', '[', '<'])
            .unwrap_or(text.len());
        let (name, mut rest) = text.split_at_checked(end).unwrap_or((text, ""));
        let (name, qualifier) = match name.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (name, None),
        };
        if !is_name(name) {
            return Err(wrong("a package name is needed first"));
        }
        if qualifier.is_some_and(|q| q.is_empty() || !q.bytes().all(is_architecture)) {
            return Err(wrong("the architecture after the colon is not one"));
        }
        let mut relation = Self {
            qualifier: qualifier.map(str::to_owned),
            ..Self::to_name(name)
        };
        rest = rest.trim_start();
        if let Some(inner) = rest.strip_prefix('(') {
            let (inner, after) = inner
                .split_once(')')
                .ok_or_else(|| wrong("a ) is missing"))?;
            let inner = inner.trim();
            let found = OPERATORS
                .iter()
                .find_map(|(op, o)| Some((*o, inner.strip_prefix(op)?)));
            let (operator, version) =
                found.ok_or_else(|| wrong("the version's operator is unknown"))?;
            let version = version
                .trim()
                .parse()
                .map_err(|_| wrong("the version is not one"))?;
            relation.constraint = Some((operator, version));
            rest = after.trim_start();
        }
        if let Some(inner) = rest.strip_prefix('[') {
            let (inner, after) = inner
                .split_once(']')
                .ok_or_else(|| wrong("a ] is missing"))?;
            relation.architectures = inner.split_ascii_whitespace().map(str::to_owned).collect();
            rest = after.trim_start();
        }
        if !rest.is_empty() {
            return Err(wrong("something follows that is not understood"));
        }
        Ok(relation)
    }
}

/// Whether `text` is a package name (Debian Policy, section 5.6.7); capitals occur outside Debian.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-._".contains(&b))
}

fn is_architecture(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
}

impl std::fmt::Display for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let found = OPERATORS.iter().find(|(_, operator)| operator == self);
        f.write_str(found.map_or("", |(text, _)| text))
    }
}

impl std::fmt::Display for Relation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        if let Some(qualifier) = &self.qualifier {
            write!(f, ":{qualifier}")?;
        }
        if let Some((operator, version)) = &self.constraint {
            write!(f, " ({operator} {version})")?;
        }
        Ok(())
    }
}

/// The alternatives as they are written: `a | b (>= 1)`.
pub(crate) fn show(any: &[Relation]) -> String {
    any.iter()
        .map(Relation::to_string)
        .collect::<Vec<_>>()
        .join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_read() {
        let field = "libc6 (>= 2.38), kmod, python3:any,\n default-mta | mail-transport-agent,
            aa [amd64 i386], bb [!amd64], cc [arm64] | dd (<<1:2-3), ee (= 1) [any], ff[linux-any],";
        let groups = parse(field, "amd64").unwrap();
        let shown: Vec<String> = groups.iter().map(|any| show(any)).collect();
        let expected = [
            "libc6 (>= 2.38)",
            "kmod",
            "python3:any",
            "default-mta | mail-transport-agent",
            "aa",
            "dd (<< 1:2-3)",
            "ee (= 1)",
            "ff",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_is_not_a_relation_is_refused() {
        let cases = [
            "",
            "(>= 1)",
            "-a",
            "libc6 (2.38)",
            "libc6 (>= )",
            "libc6 (>= 1",
            "libc6 [amd64",
            "libc6 libc7",
            "libc6:",
            "libc6:A!",
            "libc6 (>= 1) x",
            "a b",
            "/etc",
        ];
        for text in cases {
            assert!(text.parse::<Relation>().is_err(), "{text}");
        }
    }

    #[test]
    fn versions_are_compared() {
        let cases = [
            ("xx (<< 2)", [true, false, false]),
            ("xx (<= 2)", [true, true, false]),
            ("xx (< 2)", [true, true, false]),
            ("xx (= 2)", [false, true, false]),
            ("xx (>= 2)", [false, true, true]),
            ("xx (> 2)", [false, true, true]),
            ("xx (>> 2)", [false, false, true]),
            ("xx", [true, true, true]),
        ];
        for (text, expected) in cases {
            let relation: Relation = text.parse().unwrap();
            let found = ["1", "2", "3"].map(|v| relation.allows(Some(&v.parse().unwrap())));
            assert_eq!(found, expected, "{text}");
            assert_eq!(relation.allows(None), text == "xx", "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*", likely in "[a1 ,|:()<=>\\[\\]!]{0,40}") {
            let _ = (parse(&text, "amd64"), parse(&likely, "amd64"));
        }
    }
}
