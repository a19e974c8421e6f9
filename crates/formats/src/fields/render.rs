//! Fields → lines of at most 80 ASCII characters.

use std::fmt::{self, Display};

use super::Field;

/// Columns.
const WIDTH: usize = 80;
/// Blanks for each structure that a field is in.
const INDENT: usize = 2;
/// Most structures that are told apart by blanks.
const DEPTH: usize = 14;
/// Columns that a value has at least.
const VALUE: usize = 16;
/// A longer name does not push the values of its neighbours to the right.
const NAME: usize = 28;

/// Fields as a person reads them: a line each, longer values wrapped.
pub struct Lines<'a>(pub &'a [Field]);

impl Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut end, mut size) = (0, 0);
        measure(self.0, &mut end, &mut size);
        let widths = Widths {
            // With "0x" before it.
            offset: 2 + format!("{end:x}").len().max(4),
            size: size.to_string().len().max(4),
        };
        let (offset, size) = (widths.offset, widths.size);
        writeln!(f, "{:offset$}  {:>size$}  field", "offset", "size")?;
        widths.write(f, self.0, 0)
    }
}

/// The largest offset and size.
fn measure(fields: &[Field], end: &mut u64, size: &mut u64) {
    for field in fields {
        *end = field.offset.max(*end);
        *size = field.size.max(*size);
        measure(&field.fields, end, size);
    }
}

struct Widths {
    offset: usize,
    size: usize,
}

impl Widths {
    fn write(&self, f: &mut fmt::Formatter<'_>, fields: &[Field], depth: usize) -> fmt::Result {
        let names = fields.iter().map(|field| field.name.len());
        let name = names.filter(|length| *length <= NAME).max().unwrap_or(0);
        for field in fields {
            let indent = INDENT * depth.min(DEPTH);
            let value = match field.specification {
                Some(specification) if field.value.is_empty() => format!("({specification})"),
                Some(specification) => format!("{} ({specification})", field.value),
                None => field.value.clone(),
            };
            self.line(f, field, indent, name, &ascii(&value))?;
            self.write(f, &field.fields, depth + 1)?;
        }
        Ok(())
    }

    fn line(
        &self,
        f: &mut fmt::Formatter<'_>,
        field: &Field,
        indent: usize,
        name: usize,
        value: &str,
    ) -> fmt::Result {
        let digits = self.offset - 2;
        let offset = match field.unpacked {
            true => format!("+{:0width$x}", field.offset, width = digits + 1),
            false => format!("0x{:0digits$x}", field.offset),
        };
        let before = format!(
            "{offset}  {:>1$}  {2:3$}",
            field.size, self.size, "", indent
        );
        let mut label = ascii(&field.name);
        let room = WIDTH.saturating_sub(before.len());
        if label.len() > room {
            let mut lines = wrap(&label, room);
            label = lines.pop().unwrap_or_default();
            for line in lines {
                writeln!(f, "{before}{line}")?;
            }
        }
        // Where the value's column is, unless the name is longer.
        let column = before.len() + label.len().max(name) + 2;
        // Below the name, where its longest word would be cut otherwise.
        let below = before.len() + INDENT;
        let longest = value.split(' ').map(str::len).max().unwrap_or(0);
        let hanging = match WIDTH.checked_sub(column) {
            Some(left) if left < VALUE => below,
            Some(left) if longest > left && longest <= WIDTH.saturating_sub(below) => below,
            Some(_) => column,
            None => below,
        };
        let mut start = format!("{before}{label:name$}  ");
        if start.len() > hanging && !value.is_empty() {
            // The value has the next line.
            writeln!(f, "{}", start.trim_end())?;
            start = " ".repeat(hanging);
        }
        for line in wrap(value, WIDTH.saturating_sub(hanging)) {
            writeln!(f, "{}", format!("{start}{line}").trim_end())?;
            start = " ".repeat(hanging);
        }
        Ok(())
    }
}

/// Printable ASCII as it is, anything else escaped.
pub fn ascii(text: &str) -> String {
    let escape = |c: char| match c {
        ' '..='~' => c.to_string(),
        other => other.escape_default().to_string(),
    };
    text.chars().map(escape).collect()
}

/// ASCII text in lines of `width` characters, cut at blanks, and where there is none, anywhere; at least
/// one line.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word = word;
        while let Some(line) = lines.last_mut() {
            let blank = usize::from(!line.is_empty());
            let left = width.saturating_sub(line.len() + blank);
            if word.len() <= left {
                line.push_str(if blank == 1 { " " } else { "" });
                line.push_str(word);
                break;
            }
            if line.is_empty() {
                // ASCII: every byte is a character.
                let (now, later) = word.split_at(left.min(word.len()));
                line.push_str(now);
                word = later;
            }
            lines.push(String::new());
        }
    }
    lines
}
