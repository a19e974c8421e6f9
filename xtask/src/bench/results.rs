//! Results of this run and of earlier ones, case by case: what is reported.

use super::cases::Case;
use super::record::{Record, Taken};
use super::report::Detail;
use super::row::{Outcome, Row};

/// What is reported.
#[derive(Default)]
pub struct Results {
    /// Of every row.
    pub outcomes: Vec<Outcome>,
    /// Of every contender that was measured.
    pub details: Vec<Detail>,
}

impl Results {
    /// Adds a case: its rows, and what each contender took.
    pub fn add(&mut self, case: &Case, record: anyhow::Result<Record>) {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let why = format!("{error:#}");
                let rows = case.rows.iter().map(|row| row.not_measured(&why));
                return self.outcomes.extend(rows);
            }
        };
        let rows = case.rows.iter().map(|row| Outcome {
            run: Some(record.origin.clone()),
            ..outcome(row, &record.contenders)
        });
        self.outcomes.extend(rows);
        let details = record.contenders.into_iter().filter_map(|taken| {
            Some(Detail {
                case: case.id,
                name: taken.name,
                medians: taken.medians.ok()?,
                runs: taken.runs,
            })
        });
        self.details.extend(details);
    }
}

/// A row's figure, or why there is none.
fn outcome(row: &Row, contenders: &[Taken]) -> Outcome {
    let of = |name: &str| contenders.iter().find(|one| one.name == name);
    let found = row
        .figure
        .of(|name| of(name)?.medians.as_ref().ok().copied());
    if let Some(found) = found {
        return row.measured(found);
    }
    let mut reasons = row.figure.needs().into_iter().filter_map(|name| {
        let why = of(name)?.medians.as_ref().err()?;
        Some(format!("{name}: {why}"))
    });
    let why = reasons.next();
    row.not_measured(&why.unwrap_or_else(|| "nothing was measured".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::record::tests::{TREE, case, kept, record, taken};
    use super::super::report::table;
    use super::super::row::Target;
    use super::super::row::tests::ROW;
    use super::*;

    const DISK: Case = case("disk", &[Row { id: "disk", ..ROW }]);

    #[test]
    fn earlier_runs_and_this_one_are_reported_together() {
        const STRICTER: Case = case(
            "tree",
            &[Row {
                target: Target::AtLeast(6.0),
                ..ROW
            }],
        );
        const NEVER: Case = case("boot", &[Row { id: "boot", ..ROW }]);
        let kept = kept("mixed");
        let earlier = record(&kept, &TREE, "2026-11-27", "bbbb");
        kept.write(&earlier).unwrap();
        let mut results = Results::default();
        // The target is the row's, not that of the time when it was measured.
        results.add(&STRICTER, kept.read(&STRICTER));
        results.add(&DISK, Ok(record(&kept, &DISK, "2026-11-28", "aaaa")));
        results.add(&NEVER, kept.read(&NEVER));
        let met: Vec<_> = results.outcomes.iter().map(|one| one.met).collect();
        assert_eq!(met, [Some(false), Some(true), Some(false)]);
        assert_eq!(results.outcomes[0].ratio, Some(5.25));
        let of: Vec<_> = results.details.iter().map(|one| one.case).collect();
        assert_eq!(of, ["tree", "tree", "disk", "disk"]);
        let text = table(&results.outcomes, Some("aaaa"));
        for line in [
            "  Measured on 2026-11-28 with build aaaa: disk\n",
            "  Measured on 2026-11-27, with an earlier build (bbbb): hash-tree\n",
            "  boot (≥ 4x): no run with peers has measured it\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        fs::remove_dir_all(&kept.folder).unwrap();
    }

    #[test]
    fn a_peer_that_is_not_there_is_a_reason() {
        let missing = Taken {
            medians: Err("no package".to_owned()),
            ..taken("peer", 1.0)
        };
        let outcome = outcome(&ROW, &[taken("ours", 1.0), missing]);
        assert_eq!(outcome.not_measured.as_deref(), Some("peer: no package"));
        assert_eq!(outcome.met, Some(false));
        let run = record(&kept("reason"), &TREE, "2026-11-28", "aaaa").origin;
        let outcome = Outcome {
            run: Some(run),
            ..outcome
        };
        let text = table(&[outcome], None);
        let line = "  hash-tree (≥ 4x), tried on 2026-11-28: peer: no package\n";
        assert!(text.ends_with(line), "{text}");
    }
}
