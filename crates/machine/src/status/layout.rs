//! Rows of a screen: a name and its text, in 80 columns of ASCII.

use std::fmt::Write;

/// Columns that are used: the last stays free, or some consoles start a line of their own.
pub(super) const COLUMNS: usize = 79;

/// Columns of a row's name.
const NAME: usize = 14;

/// A line across the screen.
pub(super) fn rule() -> String {
    format!("{}\n", "-".repeat(COLUMNS))
}

/// A name and its text, which goes on below itself when it is long.
pub(super) fn row(screen: &mut String, name: &str, text: &str) {
    let width = COLUMNS - NAME - 1;
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace() {
        let fits = lines.last().is_some_and(|line| {
            line.is_empty() || line.chars().count() + 1 + word.chars().count() <= width
        });
        if !fits {
            lines.push(String::new());
        }
        let mut rest: Vec<char> = word.chars().collect();
        while let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            let after = rest.split_off(rest.len().min(width));
            line.extend(rest);
            if after.is_empty() {
                break;
            }
            rest = after;
            lines.push(String::new());
        }
    }
    for (number, line) in lines.iter().enumerate() {
        let name = if number == 0 { name } else { "" };
        let _ = writeln!(screen, "{}", format!("{name:<NAME$}{line}").trim_end());
    }
}

/// A size in bytes as people say it: `1.82 TiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(value < 100.0);
    format!("{value:.digits$} {}", UNITS[unit])
}
