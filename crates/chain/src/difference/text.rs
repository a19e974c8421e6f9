//! A difference for people.

use super::Difference;
use crate::text::Text;

/// So many files and packages of each kind are told; the others are counted.
const MOST: usize = 200;

impl Difference {
    /// Lines of at most 80 characters.
    pub fn render(&self) -> String {
        let mut text = Text::default();
        if self.is_none() {
            text.line(&format!(
                "{} and {} are the same release.",
                self.old, self.new
            ));
            return text.finish();
        }
        text.line(&format!("{} -> {}", self.old, self.new));
        for change in &self.changes {
            let of = change
                .system
                .as_ref()
                .map_or(String::new(), |name| format!("{name}, "));
            text.gap();
            text.line(&format!("{of}{}", change.what));
            for (sign, value) in [("-", &change.old), ("+", &change.new)] {
                for line in value.iter().flat_map(|value| value.lines()) {
                    text.row(2, sign, 2, line);
                }
            }
        }
        let packages = self.packages.iter().map(|change| {
            let line = match (change.old.as_slice(), change.new.as_slice()) {
                ([], new) => format!("+ {} {}", change.package, new.join(", ")),
                (old, []) => format!("- {} {}", change.package, old.join(", ")),
                (old, new) => format!(
                    "  {} {} -> {}",
                    change.package,
                    old.join(", "),
                    new.join(", ")
                ),
            };
            (change.part.as_str(), line)
        });
        groups(&mut text, "packages of", packages);
        let files = self.files.iter().map(|change| {
            let line = match (&change.old, &change.new) {
                (None, Some(new)) => format!("+ {} ({new})", change.path),
                (Some(old), None) => format!("- {} ({old})", change.path),
                (Some(old), Some(new)) if old == new => {
                    format!("  {} (other content)", change.path)
                }
                (old, new) => {
                    let said = |what: &Option<String>| what.clone().unwrap_or_default();
                    format!("  {} ({} -> {})", change.path, said(old), said(new))
                }
            };
            (change.image.as_str(), line)
        });
        groups(&mut text, "files of", files);
        text.finish()
    }
}

/// Lines below the name of what they belong to.
fn groups<'a>(text: &mut Text, what: &str, lines: impl Iterator<Item = (&'a str, String)>) {
    let lines: Vec<(&str, String)> = lines.collect();
    for group in lines.chunk_by(|(one, _), (other, _)| one == other) {
        let name = group.first().map_or("", |(name, _)| name);
        text.gap();
        text.line(&format!("{what} {name}: {} changed", group.len()));
        for (_, line) in group.iter().take(MOST) {
            let (sign, line) = line.split_at(2.min(line.len()));
            text.row(2, sign.trim_end(), 2, line);
        }
        if group.len() > MOST {
            text.row(
                2,
                "",
                2,
                &format!("and {} more: --json lists all", group.len() - MOST),
            );
        }
    }
}
