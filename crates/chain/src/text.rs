//! Lines of at most 80 ASCII characters.

use formats::fields::{ascii, wrap};

/// Columns.
const WIDTH: usize = 80;

/// What a person reads, line by line.
#[derive(Default)]
pub(crate) struct Text {
    lines: String,
}

impl Text {
    /// A line of its own, wrapped.
    pub(crate) fn line(&mut self, text: &str) {
        self.row(0, "", 0, text);
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) {
        self.lines.push('\n');
    }

    /// `indent` blanks, a label in a field of `field` characters, and text that is wrapped below
    /// itself.
    pub(crate) fn row(&mut self, indent: usize, label: &str, field: usize, text: &str) {
        let hanging = indent + field;
        let mut start = format!("{}{:field$}", " ".repeat(indent), ascii(label));
        if start.len() > hanging {
            // A label that is too long has a line of its own.
            self.lines.push_str(start.trim_end());
            self.lines.push('\n');
            start = " ".repeat(hanging);
        }
        for line in wrap(&ascii(text), WIDTH.saturating_sub(hanging)) {
            self.lines.push_str(format!("{start}{line}").trim_end());
            self.lines.push('\n');
            start = " ".repeat(hanging);
        }
    }

    /// Like [`Text::row`], with two labels before the text.
    pub(crate) fn columns(
        &mut self,
        indent: usize,
        (first, width): (&str, usize),
        (second, field): (&str, usize),
        text: &str,
    ) {
        let (first, second) = (format!("{first:width$}"), ascii(second));
        match second.len() < field {
            true => self.row(indent, &format!("{first}{second}"), width + field, text),
            // The second label does not fit: the text has the next line.
            false => {
                self.exactly(&format!("{}{first}{second}", " ".repeat(indent)));
                self.row(indent + width + field, "", 0, text);
            }
        }
    }

    /// A line as it is, blanks and all.
    pub(crate) fn exactly(&mut self, line: &str) {
        self.lines.push_str(ascii(line).trim_end());
        self.lines.push('\n');
    }

    pub(crate) fn finish(self) -> String {
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_longer_than_80_characters_and_all_are_ascii() {
        let mut text = Text::default();
        text.line(&"word ".repeat(40));
        text.row(2, "label", 12, &"f".repeat(200));
        text.row(2, "a label that is too long", 12, "T\u{e9}st\n");
        let lines = text.finish();
        assert!(lines.is_ascii());
        assert!(lines.lines().all(|line| line.len() <= WIDTH), "{lines}");
        assert_eq!(lines.matches('f').count(), 200);
        assert!(
            lines.ends_with("\n              T\\u{e9}st\\n\n"),
            "{lines}"
        );
    }

    #[test]
    fn a_hash_fits_on_a_line() {
        assert_eq!(wrap(&"a".repeat(64), 64).len(), 1);
        assert_eq!(wrap("one two  three", 8), ["one two ", "three"]);
    }
}
