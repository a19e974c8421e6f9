//! What a case came to, kept as soon as it was measured: an interrupted run loses only the case that
//! it was at, and a report is made of what several runs measured.
//!
//! A record has what the contenders took; ratios, targets and whether they are met come from the
//! rows as they are now. That a case has other inputs than when it was recorded is not seen here:
//! who changes them removes the record, or renames the row.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::cases::Case;
use super::measure::Sample;
use super::origin::Origin;

/// What a contender took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// Who.
    pub name: String,
    /// Over how many runs.
    pub runs: usize,
    /// Or why there are none.
    pub medians: Result<Sample, String>,
}

/// A case, measured in one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    case: String,
    /// When, and which sealboot.
    #[serde(flatten)]
    pub origin: Origin,
    /// Whether peers were measured.
    peers: bool,
    /// Processor, cores and memory.
    machine: String,
    /// What each row compares.
    rows: BTreeMap<String, String>,
    /// What each took.
    pub contenders: Vec<Taken>,
}

/// The records of runs that can be reported together.
pub struct Kept {
    /// Where they are.
    pub folder: PathBuf,
    /// Whether peers are measured.
    pub peers: bool,
    /// Processor, cores and memory.
    pub machine: String,
}

impl Kept {
    /// A record that can be kept here.
    pub fn record(&self, case: &Case, origin: Origin, contenders: Vec<Taken>) -> Record {
        Record {
            case: case.id.to_owned(),
            origin,
            peers: self.peers,
            machine: self.machine.clone(),
            rows: compared(case),
            contenders,
        }
    }

    /// Runs with and without peers do not take each other's place.
    fn path(&self, case: &str) -> PathBuf {
        let set = if self.peers { "" } else { "-alone" };
        self.folder.join(format!("{case}{set}.json"))
    }

    /// Keeps a record, in place of an earlier one.
    pub fn write(&self, record: &Record) -> anyhow::Result<()> {
        let path = self.path(&record.case);
        let new = path.with_extension("new");
        let text = serde_json::to_string_pretty(record)? + "\n";
        let write = || {
            fs::create_dir_all(&self.folder)?;
            let mut file = fs::File::create(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        write().with_context(|| path.display().to_string())
    }

    /// What an earlier run made of a case, or why that cannot be reported.
    pub fn read(&self, case: &Case) -> anyhow::Result<Record> {
        let path = self.path(case.id);
        if !path.exists() {
            let set = if self.peers { "with" } else { "without" };
            bail!("no run {set} peers has measured it");
        }
        let read = || anyhow::Ok(serde_json::from_slice::<Record>(&fs::read(&path)?)?);
        let record = read()
            .with_context(|| format!("{}, of an earlier run, cannot be read", path.display()))?;
        let checks = [
            (record.case == case.id, "is of another case"),
            (record.rows == compared(case), "compares something else"),
            (record.peers == self.peers, "has other contenders"),
            (record.machine == self.machine, "is of another machine"),
        ];
        match checks.into_iter().find(|(same, _)| !same) {
            Some((_, how)) => bail!("this run left it out, and an earlier one {how}"),
            None => Ok(record),
        }
    }
}

/// What the rows of a case compare.
fn compared(case: &Case) -> BTreeMap<String, String> {
    let rows = case.rows.iter();
    let rows = rows.map(|row| (row.id.to_owned(), format!("{:?}", row.figure)));
    rows.collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::row::tests::ROW;
    use super::super::row::{Figure, Row};
    use super::*;

    pub(in super::super) const fn case(id: &'static str, rows: &'static [Row]) -> Case {
        Case {
            id,
            set_up: |_| Ok(Vec::new()),
            rows,
        }
    }

    pub(in super::super) const TREE: Case = case("tree", &[ROW]);

    /// A folder of its own for every test.
    pub(in super::super) fn kept(test: &str) -> Kept {
        let name = format!("sealboot-bench-{test}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        _ = fs::remove_dir_all(&folder);
        Kept {
            folder,
            peers: true,
            machine: "a processor, 4 cores".to_owned(),
        }
    }

    pub(in super::super) fn taken(name: &str, wall: f64) -> Taken {
        let sample = Sample {
            wall,
            cpu: 0.25,
            peak: 4096.0,
            size: 1e9,
        };
        Taken {
            name: name.to_owned(),
            runs: 3,
            medians: Ok(sample),
        }
    }

    pub(in super::super) fn record(kept: &Kept, case: &Case, date: &str, build: &str) -> Record {
        let origin = Origin {
            date: date.to_owned(),
            build: build.to_owned(),
        };
        let failed = Taken {
            name: "other".to_owned(),
            runs: 0,
            medians: Err("no package".to_owned()),
        };
        let contenders = vec![taken("ours", 2.0), taken("peer", 10.5), failed];
        kept.record(case, origin, contenders)
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let kept = kept("round");
        for build in ["aaaa", "bbbb"] {
            let written = record(&kept, &TREE, "2026-11-28", build);
            kept.write(&written).unwrap();
            assert_eq!(kept.read(&TREE).unwrap(), written);
        }
        let files = fs::read_dir(&kept.folder).unwrap();
        let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        assert_eq!(names, ["tree.json"]);
        fs::remove_dir_all(&kept.folder).unwrap();
    }

    #[test]
    fn a_record_that_does_not_fit_is_ignored() {
        const RENAMED: Case = case("tree", &[Row { id: "trees", ..ROW }]);
        const MORE: Case = case("tree", &[ROW, Row { id: "more", ..ROW }]);
        const OTHER: Case = case(
            "tree",
            &[Row {
                figure: Figure::Smaller("ours", "peer"),
                ..ROW
            }],
        );
        let kept = kept("stale");
        let why = |kept: &Kept, case: &Case| kept.read(case).unwrap_err().to_string();
        assert!(why(&kept, &TREE).contains("peers has measured it"));
        let good = record(&kept, &TREE, "2026-11-28", "aaaa");
        kept.write(&good).unwrap();
        for case in [RENAMED, MORE, OTHER] {
            assert!(why(&kept, &case).contains("compares something else"));
        }
        let elsewhere = Kept {
            folder: kept.folder.clone(),
            machine: "another".to_owned(),
            ..kept
        };
        assert!(why(&elsewhere, &TREE).contains("another machine"));
        let alone = Kept {
            peers: false,
            ..elsewhere
        };
        assert!(why(&alone, &TREE).contains("peers has measured it"));
        fs::rename(alone.folder.join("tree.json"), alone.path("tree")).unwrap();
        assert!(why(&alone, &TREE).contains("other contenders"));
        fs::write(alone.path("tree"), "{\"case\": \"tree\"").unwrap();
        assert!(why(&alone, &TREE).contains("cannot be read"));
        fs::remove_dir_all(&alone.folder).unwrap();
    }
}
