//! Outcomes as text: a table for the terminal, JSON for programs, a page for the documentation.

use super::machine::Machine;
use super::measure::Sample;
use super::origin;
use super::results::Results;
use super::row::{Outcome, Row};

/// What one contender took, for the table of details.
#[derive(Clone, Debug)]
pub struct Detail {
    /// Of which case.
    pub case: &'static str,
    /// Who.
    pub name: String,
    /// The medians.
    pub medians: Sample,
    /// Over how many runs.
    pub runs: usize,
}

/// Widest line, in columns.
const WIDTH: usize = 80;

/// The table of what was compared, the list of what could not be, and when it was. `current` is the
/// build of the program as it is now.
pub fn table(outcomes: &[Outcome], current: Option<&str>) -> String {
    let head = ["", "ours", "peer", "ratio", "target", "met"];
    let mut text = line(&head.map(str::to_owned));
    for outcome in outcomes.iter().filter(|one| one.ratio.is_some()) {
        let number = |value: Option<f64>| match value {
            Some(value) => format!("{} {}", digits(value), outcome.unit),
            None => "–".to_owned(),
        };
        let ratio = outcome.ratio.map(digits).unwrap_or_default();
        let met = match outcome.met {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "–",
        };
        text.push_str(&line(&[
            outcome.id.to_owned(),
            number(outcome.ours),
            number(outcome.peer),
            ratio,
            outcome.target.clone(),
            met.to_owned(),
        ]));
    }
    let mut missing = outcomes
        .iter()
        .filter_map(|one| Some((one, one.not_measured.as_deref()?)))
        .peekable();
    if missing.peek().is_some() {
        text.push_str("\nNot measured, and so not met:\n");
    }
    for (outcome, why) in missing {
        let tried = outcome
            .run
            .as_ref()
            .map(|run| format!(", tried on {}", run.date));
        let tried = tried.unwrap_or_default();
        let whole = format!("{} ({}){tried}: {why}", outcome.id, outcome.target);
        text.push_str(&wrapped(&whole, "  ", "    "));
    }
    text + &origin::note(outcomes, current)
}

/// Who took how much of what.
pub fn details(details: &[Detail]) -> String {
    let head = ["", "wall s", "CPU s", "peak MiB", "made MB", "runs"];
    let mut text = line(&head.map(str::to_owned));
    let mut case = "";
    for detail in details {
        if detail.case != case {
            case = detail.case;
            text.push_str(&format!("{case}\n"));
        }
        let sample = &detail.medians;
        text.push_str(&line(&[
            format!("  {}", detail.name),
            digits(sample.wall),
            digits(sample.cpu),
            digits(sample.peak / f64::from(1 << 20)),
            digits(sample.size / 1e6),
            detail.runs.to_string(),
        ]));
    }
    text
}

/// One line of six columns: the first to the left, the others to the right.
fn line(cells: &[String; 6]) -> String {
    let [first, ours, peer, ratio, target, met] = cells;
    let text = format!("{first:<31}{ours:>11}{peer:>11}{ratio:>9}{target:>12}{met:>5}");
    text.trim_end().to_owned() + "\n"
}

/// Three digits that count, but whole numbers from 100 on.
pub fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 99.5 => format!("{value:.0}"),
        size if size >= 9.95 => format!("{value:.1}"),
        size if size >= 0.095 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Breaks at spaces.
pub fn wrapped(text: &str, first: &str, others: &str) -> String {
    let mut out = first.to_owned();
    let mut column = first.len();
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > others.len() && column + 1 + length > WIDTH {
            out.push_str(&format!("\n{others}"));
            column = others.len();
        } else if !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out + "\n"
}

/// `docs/performance.md`.
pub fn page(rows: &[&Row], results: &Results, current: Option<&str>, machine: &Machine) -> String {
    let outcomes = &results.outcomes;
    let measured = outcomes.iter().filter(|one| one.ratio.is_some()).count();
    let met = outcomes.iter().filter(|one| one.met == Some(true)).count();
    let wanted = outcomes.iter().filter(|one| one.met.is_some()).count();
    let meanings: String = rows
        .iter()
        .map(|row| wrapped(&format!("- `{}`: {}", row.id, row.meaning), "", "  "))
        .collect();
    let summary = wrapped(
        &format!(
            "Of {} rows {measured} were measured; of {wanted} targets {met} are met. A row that was not \
             measured is never counted as met.",
            outcomes.len()
        ),
        "",
        "",
    );
    format!(
        "{INTRODUCTION}\n## Against its peers\n\n![How many times as fast as its peers sealboot \
         is](images/performance.svg)\n\n{summary}\n```text\n{}```\n\n## Where it was measured\n\n{}\n\
         ## Time, memory and size\n\n{DETAILS}\n```text\n{}```\n\n## What the rows mean\n\n{meanings}\n\
         {AGAIN}",
        table(outcomes, current),
        machine.render(),
        details(&results.details),
    )
}

const INTRODUCTION: &str = "\
# Performance

Made by `cargo xtask bench`; not written by hand. sealboot and the programs that others use for the
same are run in turn (A B A B …) on the same machine, with the same inputs, block sizes and levels,
and what counts is the median. Everybody's files are on the disk (`fsync`) when the clock stops.
";

const DETAILS: &str = "\
Medians. CPU is user and system time of a program and its children; peak is the memory of the
largest of them.
";

const AGAIN: &str = "\
## How to run it

    cargo xtask bench --against peers                    all of it: an hour or two, 60 GB of disk
    cargo xtask bench --against peers --only hash-tree   one case or row, or several
    cargo xtask bench --against peers --quick            small inputs, one run: does it all work?
    cargo xtask bench --against peers --publish          write this page and its chart
    cargo xtask bench --against peers --report           measure nothing: what is kept of runs

As root, on Debian: the peers are installed from Debian's archive, inputs are made of its packages,
and tools of other releases run in roots of their own. `SEALBOOT_TEST_MIRROR` names another mirror.
Results are in `target/bench/bench.json` as well, and every case is kept in `target/bench/results`
as soon as it was measured: a run that was interrupted goes on with `--only` and the cases that are
left. What a run leaves out is reported from earlier ones on the same machine, with date and build.
";

#[cfg(test)]
mod tests {
    use super::super::row::tests::ROW;
    use super::super::row::{Found, Target};
    use super::*;

    fn outcomes() -> Vec<Outcome> {
        let found = Found {
            ours: 1.234,
            peer: Some(4936.0),
            unit: "MiB",
            ratio: 4000.0,
        };
        let none = Row {
            target: Target::Any,
            ..ROW
        };
        let long = "the package has a name that nobody can find in any archive ".repeat(3);
        vec![
            ROW.measured(found),
            none.measured(found),
            ROW.measured(Found {
                ratio: 0.5,
                ..found
            }),
            ROW.not_measured(&long),
        ]
    }

    fn detail() -> Detail {
        Detail {
            case: "a-case",
            name: "sgdisk, mkfs.vfat, mcopy".to_owned(),
            medians: Sample {
                wall: 1234.5,
                cpu: 0.001,
                peak: 1e10,
                size: 1e10,
            },
            runs: 3,
        }
    }

    #[test]
    fn numbers_have_three_digits() {
        for (value, expected) in [
            (0.0123, "0.012"),
            (0.5, "0.50"),
            (1.0, "1.00"),
            (12.34, "12.3"),
            (123.4, "123"),
            (-1.5, "-1.50"),
        ] {
            assert_eq!(digits(value), expected);
        }
    }

    #[test]
    fn tables_have_80_columns() {
        for text in [table(&outcomes(), None), details(&[detail()])] {
            for line in text.lines() {
                assert!(line.chars().count() <= WIDTH, "{line}");
            }
        }
    }

    #[test]
    fn what_was_not_measured_is_listed_with_its_reason() {
        let text = table(&outcomes(), None);
        let (measured, missing) = text.split_once("Not measured, and so not met:\n").unwrap();
        assert_eq!(measured.matches("hash-tree").count(), 3);
        assert!(
            measured.contains("4936 MiB") && measured.contains(" yes\n"),
            "{text}"
        );
        assert!(measured.contains(" NO\n"), "{text}");
        assert!(
            missing.starts_with("  hash-tree (≥ 4x): the package has"),
            "{text}"
        );
        assert!(!table(&outcomes()[..1], None).contains("Not measured"));
    }

    #[test]
    fn the_page_counts() {
        let results = Results {
            outcomes: outcomes(),
            details: vec![detail()],
        };
        let page = page(&[&ROW], &results, None, &Machine::default());
        assert!(
            page.contains("Of 4 rows 3 were measured; of 3 targets 1 are met."),
            "{page}"
        );
        assert!(
            page.contains("- `hash-tree`: A hash tree of a file."),
            "{page}"
        );
    }
}
