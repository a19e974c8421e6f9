//! Which run a figure is from: figures of one page may be of several days and builds, and say so.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::report::wrapped;
use super::row::Outcome;

/// When something was measured, and which sealboot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// The day on which the run started, in UTC: `2026-11-28`.
    pub date: String,
    /// The first 12 hex digits of the measured program's SHA-256.
    pub build: String,
}

/// Today, in UTC.
pub fn today() -> anyhow::Result<String> {
    first_word(Command::new("date").args(["--utc", "+%F"]))
}

/// What tells a build of a program from another.
pub fn build(program: &Path) -> anyhow::Result<String> {
    let file = File::open(program).with_context(|| program.display().to_string())?;
    let hash = first_word(Command::new("sha256sum").stdin(file))?;
    Ok(hash.chars().take(12).collect())
}

fn first_word(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("{name} cannot be started"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    match said.split_whitespace().next() {
        Some(word) if output.status.success() => Ok(word.to_owned()),
        _ => bail!("{name}: {}", output.status),
    }
}

/// When rows were measured: one sentence when all were at once; else each row is named, the latest
/// first. `current` is the build of the program as it is now, where there is one.
pub fn note(outcomes: &[Outcome], current: Option<&str>) -> String {
    let measured = outcomes.iter().filter(|one| one.ratio.is_some());
    let mut origins: Vec<&Origin> = measured
        .clone()
        .filter_map(|one| one.run.as_ref())
        .collect();
    origins.sort();
    origins.dedup();
    let said = |Origin { date, build }: &Origin| match current {
        Some(current) if current != build => {
            format!("Measured on {date}, with an earlier build ({build})")
        }
        _ => format!("Measured on {date} with build {build}"),
    };
    match origins.as_slice() {
        [] => String::new(),
        [one] => format!("\n{}.\n", said(one)),
        several => {
            let mut text = "\nNot all of it was measured in one run:\n".to_owned();
            for origin in several.iter().rev() {
                let of = measured
                    .clone()
                    .filter(|one| one.run.as_ref() == Some(origin));
                let ids: Vec<&str> = of.map(|one| one.id).collect();
                let whole = format!("{}: {}", said(origin), ids.join(", "));
                text.push_str(&wrapped(&whole, "  ", "    "));
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::ROW;
    use super::super::row::{Found, Row};
    use super::*;

    fn of(id: &'static str, date: &str, build: &str) -> Outcome {
        let run = Some(Origin {
            date: date.to_owned(),
            build: build.to_owned(),
        });
        let found = Found {
            ours: 1.0,
            peer: Some(2.0),
            unit: "s",
            ratio: 2.0,
        };
        let row = Row { id, ..ROW };
        Outcome {
            run,
            ..row.measured(found)
        }
    }

    #[test]
    fn one_run_is_one_sentence() {
        let rows = [
            of("a", "2026-11-28", "aaaa"),
            of("b", "2026-11-28", "aaaa"),
            ROW.not_measured("no earlier run measured it"),
            Outcome {
                run: of("c", "2026-11-27", "bbbb").run,
                ..ROW.not_measured("no peer")
            },
        ];
        let same = "\nMeasured on 2026-11-28 with build aaaa.\n";
        assert_eq!(note(&rows, Some("aaaa")), same);
        assert_eq!(note(&rows, None), same);
        assert_eq!(
            note(&rows, Some("bbbb")),
            "\nMeasured on 2026-11-28, with an earlier build (aaaa).\n"
        );
        assert_eq!(note(&rows[2..], Some("aaaa")), "");
    }

    #[test]
    fn of_several_runs_every_row_is_named() {
        let rows = [
            of("a", "2026-11-27", "bbbb"),
            of("b", "2026-11-28", "aaaa"),
            of("c", "2026-11-27", "bbbb"),
            of("d", "2026-11-27", "aaaa"),
        ];
        assert_eq!(
            note(&rows, Some("aaaa")),
            "\nNot all of it was measured in one run:\n  \
             Measured on 2026-11-28 with build aaaa: b\n  \
             Measured on 2026-11-27, with an earlier build (bbbb): a, c\n  \
             Measured on 2026-11-27 with build aaaa: d\n"
        );
    }

    #[test]
    fn a_build_is_told_from_another() {
        let here = std::env::current_exe().unwrap();
        let hash = build(&here).unwrap();
        assert!(hash.len() == 12 && hash.chars().all(|digit| digit.is_ascii_hexdigit()));
        assert_ne!(hash, build(Path::new("/dev/null")).unwrap());
        assert_eq!(build(Path::new("/dev/null")).unwrap(), "e3b0c44298fc");
        assert!(build(Path::new("/nowhere")).is_err());
    }
}
