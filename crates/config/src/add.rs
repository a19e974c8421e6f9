//! `[[root.add]]`: what the owner adds to the root, as one more layer.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// `[[root.add]]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Add {
    /// Where in the root: an absolute path. With none of `source`, `content`, `link` a directory
    /// is made there.
    pub path: String,
    /// A file or a directory of this machine, which goes there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
    /// The text of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The target of a symbolic link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Permission bits in octal: `0644`. When not set: those of `source`, else 0644 for a file and
    /// 0755 for a directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Whose it is: `www-data`, `1000:1000`; names as in the root's own etc/passwd and etc/group.
    /// When not set: root's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// Largest mode: permission bits, setuid, setgid and sticky.
const MOST: u16 = 0o7777;

impl Add {
    /// What is impossible in it.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        let set = [
            self.source.is_some(),
            self.content.is_some(),
            self.link.is_some(),
        ];
        if !self.path.starts_with('/') || self.path.contains('\0') {
            return Some("'path' must be an absolute path in the root");
        }
        if set.iter().filter(|set| **set).count() > 1 {
            return Some("one of 'source', 'content' and 'link' is possible at a time");
        }
        match self.mode.as_deref().map(parse_mode) {
            Some(None) => Some("'mode' must be permission bits in octal, such as \"0644\""),
            Some(Some(_)) if self.link.is_some() => Some("a symbolic link has no 'mode'"),
            _ => None,
        }
    }

    /// The permission bits that were asked for.
    pub fn mode(&self) -> Option<u16> {
        self.mode.as_deref().and_then(parse_mode)
    }

    /// Makes a relative path absolute, seen from `folder`.
    pub(super) fn anchor(&mut self, folder: &Path) {
        if let Some(source) = &mut self.source {
            *source = folder.join(&source);
        }
    }
}

fn parse_mode(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mode = u16::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= MOST);
    mode.filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal() {
        assert_eq!(parse_mode("0644"), Some(0o644));
        assert_eq!(parse_mode("4755"), Some(0o4755));
        for text in ["", "+644", "0o644", "888", "17777", "rw"] {
            assert_eq!(parse_mode(text), None, "{text}");
        }
    }
}
