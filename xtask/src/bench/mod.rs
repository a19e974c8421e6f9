//! `cargo xtask bench`: the command against what others use for the same, side by side in one run.
//!
//! A case sets up its inputs and its contenders ([`cases`]); they run in turn ([`measure`]); rows
//! compare their medians with targets ([`row`]); the result is a table, JSON, a page and a chart
//! ([`report`], [`chart`]).

mod cases;
mod chart;
mod inputs;
mod machine;
mod measure;
mod peers;
mod report;
mod row;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;

use crate::{process, tools};
use cases::{CASES, Case};
use machine::Machine;
use measure::{Pipeline, alternate, medians};
use report::Detail;
use row::{Outcome, Row};

/// `cargo xtask bench`
#[derive(Args)]
pub struct Options {
    /// Compare with the peers, too, which are installed from Debian; else only sealboot is measured
    #[arg(long, value_parser = ["peers"])]
    against: Option<String>,
    /// Only these cases or rows
    #[arg(long, value_name = "ID", num_args = 1..)]
    only: Vec<String>,
    /// How often everything is run
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=99))]
    runs: u16,
    /// Small inputs and one run: whether it works at all
    #[arg(long)]
    quick: bool,
    /// Write docs/performance.md and its chart
    #[arg(long, conflicts_with = "quick")]
    publish: bool,
}

/// Where everything is.
pub struct Bench {
    /// The command that is measured.
    pub sealboot: String,
    /// What is made once and kept.
    pub inputs: PathBuf,
    /// Debian's kernel and roots, whose sizes are Debian's: likewise.
    pub roots: PathBuf,
    /// What runs leave.
    pub work: PathBuf,
    /// Small inputs.
    pub quick: bool,
    /// Whether peers are measured.
    pub against: bool,
}

/// Somebody who does what a case is about.
pub struct Contender {
    name: &'static str,
    pipeline: anyhow::Result<Pipeline>,
}

/// Measures, prints, writes.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let chosen = choose(&options.only)?;
    tools::install(peers::ALWAYS)?;
    let bench = prepare(options)?;
    let runs = if options.quick { 1 } else { options.runs };
    let (mut outcomes, mut details) = (Vec::new(), Vec::new());
    for case in CASES {
        if !chosen(case) {
            let why = "left out of this run (--only)";
            outcomes.extend(case.rows.iter().map(|row| row.not_measured(why)));
            continue;
        }
        println!("\n{}", case.id);
        let (of_case, more) = compare(case, &bench, runs.into());
        outcomes.extend(of_case);
        details.extend(more);
    }
    let rows: Vec<&Row> = CASES.iter().flat_map(|case| case.rows).collect();
    println!(
        "\n{}\n{}",
        report::table(&outcomes),
        report::details(&details)
    );
    let name = if options.quick {
        "quick.json"
    } else {
        "bench.json"
    };
    let json = bench.work.with_file_name(name);
    fs::write(&json, serde_json::to_string_pretty(&outcomes)? + "\n")?;
    println!("{}", json.display());
    if options.quick {
        println!("Small inputs and one run: it works or not, and no figure counts.");
    }
    if options.publish {
        let docs = process::root().join("docs");
        let machine = Machine::here(&peers::packages());
        let page = report::page(&rows, &outcomes, &details, &machine);
        fs::write(docs.join("performance.md"), page)?;
        let picture = chart::svg(&rows, &outcomes);
        fs::write(docs.join("images/performance.svg"), picture)?;
    }
    Ok(())
}

/// Which cases a run is about.
fn choose(only: &[String]) -> anyhow::Result<impl Fn(&Case) -> bool> {
    let named = |case: &Case, id: &str| case.id == id || case.rows.iter().any(|row| row.id == id);
    if let Some(id) = only
        .iter()
        .find(|id| !CASES.iter().any(|case| named(case, id)))
    {
        let ids: Vec<&str> = CASES.iter().map(|case| case.id).collect();
        bail!("{id} is no case and no row; cases are: {}", ids.join(", "));
    }
    Ok(move |case: &Case| only.is_empty() || only.iter().any(|id| named(case, id)))
}

fn prepare(options: &Options) -> anyhow::Result<Bench> {
    let sealboot = match std::env::var_os("SEALBOOT") {
        Some(path) => PathBuf::from(path),
        None => {
            println!("$ cargo build --release --package sealboot");
            process::run(process::cargo().args(["build", "--release", "--package", "sealboot"]))?;
            process::sealboot("release")?
        }
    };
    let folder = process::root().join("target/bench");
    let kind = if options.quick { "quick" } else { "full" };
    let bench = Bench {
        sealboot: sealboot.display().to_string(),
        inputs: folder.join(format!("inputs-{kind}")),
        roots: folder.join("roots"),
        work: folder.join("work"),
        quick: options.quick,
        against: options.against.is_some(),
    };
    measure::remove(&bench.work)?;
    for folder in [&bench.inputs, &bench.roots, &bench.work] {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    Ok(bench)
}

/// Runs a case: its rows, and what each contender took.
fn compare(case: &Case, bench: &Bench, runs: usize) -> (Vec<Outcome>, Vec<Detail>) {
    let contenders = match (case.set_up)(bench) {
        Ok(contenders) => contenders,
        Err(error) => {
            let why = format!("{error:#}");
            println!("  not measured: {why}");
            let rows = case.rows.iter().map(|row| row.not_measured(&why));
            return (rows.collect(), Vec::new());
        }
    };
    let (mut ready, mut results) = (Vec::new(), Vec::new());
    for Contender { name, pipeline } in contenders {
        match pipeline {
            Ok(pipeline) => ready.push((name, pipeline)),
            Err(error) => {
                println!("  {name:<34} not compared: {error:#}");
                results.push((name, Err(error)));
            }
        }
    }
    let names: Vec<&'static str> = ready.iter().map(|(name, _)| *name).collect();
    let samples = alternate(&ready, runs, &bench.work);
    results.extend(names.into_iter().zip(samples));
    let details = results.iter().filter_map(|(name, samples)| {
        let samples = samples.as_ref().ok()?;
        Some(Detail {
            case: case.id,
            name,
            medians: medians(samples)?,
            runs: samples.len(),
        })
    });
    let rows = case.rows.iter().map(|row| outcome(row, &results));
    (rows.collect(), details.collect())
}

/// A row's figure, or why there is none.
fn outcome(row: &Row, results: &[(&'static str, anyhow::Result<Vec<measure::Sample>>)]) -> Outcome {
    let of = |name: &str| results.iter().find(|(one, _)| *one == name);
    let found = row.figure.of(|name| medians(of(name)?.1.as_ref().ok()?));
    if let Some(found) = found {
        return row.measured(found);
    }
    let mut reasons = row.figure.needs().into_iter().filter_map(|name| {
        let error = of(name)?.1.as_ref().err()?;
        Some(format!("{name}: {error:#}"))
    });
    let why = reasons.next();
    row.not_measured(&why.unwrap_or_else(|| "nothing was measured".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::measure::Sample;
    use super::row::tests::ROW;
    use super::*;

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let rows = || CASES.iter().flat_map(|case| case.rows);
        let names: BTreeSet<&str> = rows().map(|row| row.id).collect();
        assert_eq!(names.len(), rows().count());
        for row in rows() {
            assert!(
                row.id.len() < 31 && row.meaning.ends_with('.'),
                "{}",
                row.id
            );
        }
    }

    #[test]
    fn cases_are_chosen_by_their_id_or_a_rows() {
        let chosen = |only: &[&str]| {
            let only: Vec<String> = only.iter().map(|id| (*id).to_owned()).collect();
            let chosen = choose(&only)?;
            let ids = CASES.iter().filter(|case| chosen(case)).map(|case| case.id);
            anyhow::Ok(ids.collect::<Vec<_>>())
        };
        assert_eq!(chosen(&[]).unwrap().len(), CASES.len());
        assert_eq!(chosen(&["hash-tree", "uki"]).unwrap(), ["hash-tree", "uki"]);
        assert_eq!(chosen(&["initrd-dracut-size"]).unwrap(), ["initrd"]);
        let error = chosen(&["hash-trees"]).unwrap_err().to_string();
        assert!(error.contains("hash-trees is no case"), "{error}");
    }

    #[test]
    fn a_peer_that_is_not_there_is_a_reason() {
        let sample = Sample {
            wall: 1.0,
            ..Sample::default()
        };
        let missing = || Err(anyhow::anyhow!("no package"));
        let results = [("ours", Ok(vec![sample])), ("peer", missing())];
        let outcome = outcome(&ROW, &results);
        assert_eq!(outcome.not_measured.as_deref(), Some("peer: no package"));
        assert_eq!(outcome.met, Some(false));
    }
}
