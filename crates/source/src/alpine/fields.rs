//! The two ways in which a package's fields are written: one letter each in an index
//! (`D:so:libc.musl-x86_64.so.1 /bin/sh`), words in a package's `.PKGINFO` (`depend = /bin/sh`,
//! one a line). apk-package(5) has all of them.

use std::collections::BTreeMap;

/// A field: its letter in the index, its word in `.PKGINFO`, whether it is a list.
type Row = (u8, &'static str, bool);

/// In the order in which apk writes them. `C` and `S` describe a package's file: they are in the
/// index only.
pub(crate) const FIELDS: &[Row] = &[
    (b'C', "", false),
    (b'P', "pkgname", false),
    (b'V', "pkgver", false),
    (b'A', "arch", false),
    (b'S', "", false),
    (b'I', "size", false),
    (b'T', "pkgdesc", false),
    (b'U', "url", false),
    (b'L', "license", false),
    (b'o', "origin", false),
    (b'm', "maintainer", false),
    (b't', "builddate", false),
    (b'c', "commit", false),
    (b'k', "provider_priority", false),
    (b'D', "depend", true),
    (b'p', "provides", true),
    (b'i', "install_if", true),
    (b'r', "replaces", true),
    (b'q', "replaces_priority", false),
];

/// Fields that only `.PKGINFO` has, under letters that no index uses.
const INFO_ONLY: &[Row] = &[(b'\x01', "datahash", false), (b'\x02', "triggers", true)];

/// SHA-256 of the data, hex.
pub(crate) const DATA_HASH: u8 = b'\x01';
/// Directories whose change runs the trigger script.
pub(crate) const TRIGGERS: u8 = b'\x02';

/// A package's fields by letter; lists have spaces between their items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(BTreeMap<u8, String>);

/// A text that is not fields.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, {found:?}: {reason}")]
pub struct NotFields {
    /// Counted from 1.
    pub line: usize,
    /// The line, shortened.
    pub found: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Fields {
    /// A field's value; empty when it is not there.
    pub(crate) fn get(&self, letter: u8) -> &str {
        self.0.get(&letter).map(String::as_str).unwrap_or_default()
    }

    /// Sets a field that describes the package's file.
    pub(crate) fn set(&mut self, letter: u8, value: String) {
        self.0.insert(letter, value);
    }

    /// The fields as an index or the database of installed packages has them.
    pub(crate) fn write(&self, into: &mut String) {
        for (letter, ..) in FIELDS {
            if let Some(value) = self.0.get(letter).filter(|value| !value.is_empty()) {
                into.push(char::from(*letter));
                into.push(':');
                into.push_str(value);
                into.push('\n');
            }
        }
    }

    fn add(&mut self, (letter, _, list): Row, value: &str) -> Result<(), &'static str> {
        match self.0.get_mut(&letter) {
            None => drop(self.0.insert(letter, value.to_owned())),
            Some(old) if list => {
                old.push(' ');
                old.push_str(value);
            }
            // Which of two counts, readers would not agree on.
            Some(_) => return Err("the field is there twice"),
        }
        Ok(())
    }
}

/// The packages of an index: fields, one a line, and an empty line behind each package.
pub(crate) fn index(text: &str) -> impl Iterator<Item = Result<Fields, NotFields>> {
    let mut lines = text.lines().enumerate();
    std::iter::from_fn(move || {
        let mut fields = Fields::default();
        for (at, line) in lines.by_ref() {
            if line.is_empty() {
                if fields.0.is_empty() {
                    continue;
                }
                return Some(Ok(fields));
            }
            let Some((name, value)) = line.split_once(':').filter(|(name, _)| name.len() == 1)
            else {
                return Some(Err(wrong(at, line, "a letter and a colon are needed")));
            };
            let known = |row: &&Row| row.0 != 0 && name.as_bytes() == [row.0];
            // Other letters are for others.
            if let Some(row) = FIELDS.iter().find(known)
                && let Err(reason) = fields.add(*row, value)
            {
                return Some(Err(wrong(at, line, reason)));
            }
        }
        (!fields.0.is_empty()).then_some(Ok(fields))
    })
}

/// The fields of a `.PKGINFO`.
pub(crate) fn info(text: &str) -> Result<Fields, NotFields> {
    let mut fields = Fields::default();
    for (at, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once(" = ") else {
            // `url =` with nothing behind it is an empty field.
            if line.ends_with(" =") {
                continue;
            }
            return Err(wrong(at, line, "a word, \" = \" and a value are needed"));
        };
        let row = FIELDS.iter().chain(INFO_ONLY).find(|row| row.1 == name);
        if let Some(row) = row {
            fields
                .add(*row, value)
                .map_err(|reason| wrong(at, line, reason))?;
        }
    }
    Ok(fields)
}

fn wrong(at: usize, line: &str, reason: &'static str) -> NotFields {
    NotFields {
        line: at + 1,
        found: line.chars().take(80).collect(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_ways_of_writing_are_the_same() {
        let text =
            "P:busybox\nV:1.36.1-r29\nD:so:libc.musl-x86_64.so.1 /bin/sh\nX:other\n\n\nP:b\n";
        let mut found = index(text);
        let first = found.next().unwrap().unwrap();
        assert_eq!(found.next().unwrap().unwrap().get(b'P'), "b");
        assert!(found.next().is_none());
        let other = info(
            "# made\npkgname = busybox\nurl =\npkgver = 1.36.1-r29\nmade up = x\n\
             depend = so:libc.musl-x86_64.so.1\ndepend = /bin/sh\n",
        );
        assert_eq!(other.unwrap(), first);
        let mut written = String::new();
        first.write(&mut written);
        assert_eq!(
            written,
            "P:busybox\nV:1.36.1-r29\nD:so:libc.musl-x86_64.so.1 /bin/sh\n"
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, line) in [
            ("P:a\nVV:1\n", 2),
            ("P:a\nP:b\n", 2),
            ("x\n", 1),
            ("P:a\n\nx", 3),
        ] {
            let error = index(text).find_map(Result::err).unwrap();
            assert_eq!(error.line, line, "{error}");
        }
        for (text, line) in [("pkgname\n", 1), ("pkgname = a\npkgname = b", 2)] {
            assert_eq!(info(text).unwrap_err().line, line);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([A-Za-z]:[ a!:=<>~.0-9]{0,8}\n{1,2}|.{0,9}\n){0,9}") {
            let repository = std::sync::Arc::from("http://mirror");
            for fields in index(&text).flatten() {
                let _ = crate::alpine::Package::from_fields(fields, &repository);
            }
            let _ = info(&text);
        }
    }
}
