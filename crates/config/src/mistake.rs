//! A mistake in `sealboot.toml`: where it is, and what was probably meant.

use std::fmt;

/// What is wrong with the configuration.
#[derive(Debug, PartialEq)]
pub struct Wrong {
    pub(super) file: String,
    /// Counted from 1; 0 when no line can be named.
    pub(super) line: usize,
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

impl std::error::Error for Wrong {}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        write!(f, ": {}", self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  {hint}"),
            None => Ok(()),
        }
    }
}

/// The parser's words, without the names of Rust's types.
pub(super) fn plain(message: &str) -> String {
    let mut message = message.to_owned();
    for integer in ["i32", "u32", "u64"] {
        message = message.replace(&format!("expected {integer}"), "expected a whole number");
    }
    message
}

/// The line of a byte of the text, counted from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes()
        .take(offset)
        .filter(|&byte| byte == b'\n')
        .count()
        + 1
}

/// The line that sets `table.name`, for `system` other than 0 in the part of that `[[system]]` at
/// the soonest; 0 if it is not found.
pub(super) fn line_of_key(text: &str, key: &str, system: usize) -> usize {
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut current = String::new();
    let mut systems = 0;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        systems += usize::from(line.starts_with("[[system]]"));
        if systems < system {
            continue;
        }
        if line.starts_with('[') {
            current = line.trim_matches(['[', ']']).trim().to_owned();
        }
        let left = line.split('=').next().unwrap_or("").trim();
        if (current == table && left == name) || left == key || current == key {
            return index + 1;
        }
    }
    0
}

/// "did you mean" for an unknown name: serde's message quotes the name and the right ones.
pub(super) fn nearest(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message
        .starts_with("unknown ")
        .then(|| quoted.next())
        .flatten()?;
    let distance = |name: &&str| strsim::damerau_levenshtein(unknown, name);
    let best = quoted.min_by_key(distance)?;
    (distance(&best) <= 3).then(|| format!("did you mean '{best}'?"))
}
