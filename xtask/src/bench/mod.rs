//! `cargo xtask bench`: the command against what others use for the same, side by side in one run.
//!
//! A case sets up its inputs and its contenders ([`cases`]); they run in turn ([`measure`]); rows
//! compare their medians with targets ([`row`]). Every case is kept at once ([`record`]); the result
//! of this run and earlier ones is a table, JSON, a page and a chart ([`report`], [`chart`]), which
//! say what is of which run ([`origin`]).

mod cases;
mod chart;
mod inputs;
mod machine;
mod measure;
mod origin;
mod peers;
mod record;
mod report;
mod results;
mod row;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::Args;

use crate::{process, tools};
use cases::{CASES, Case};
use machine::Machine;
use measure::{Pipeline, Sample, alternate, medians};
use origin::Origin;
use record::{Kept, Record, Taken};
use results::Results;
use row::Row;

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
    /// Measure nothing: report what earlier runs measured
    #[arg(long, conflicts_with_all = ["only", "runs", "quick"])]
    report: bool,
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
    /// How often everything is run.
    runs: u16,
    /// The day on which the run started.
    date: String,
}

/// Somebody who does what a case is about.
pub struct Contender {
    name: &'static str,
    pipeline: anyhow::Result<Pipeline>,
}

/// Measures, prints, writes.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let chosen = choose(&options.only)?;
    let machine = Machine::here(&peers::packages());
    let kept = Kept {
        folder: folder().join("results"),
        peers: options.against.is_some(),
        machine: machine.hardware(),
    };
    let bench = match options.report {
        true => None,
        false => Some(prepare(options)?),
    };
    let mut results = Results::default();
    for case in CASES {
        let record = match &bench {
            Some(bench) if chosen(case) => measured(case, bench, &kept),
            Some(bench) if bench.quick => Err(anyhow!("left out of this run (--only)")),
            _ => kept.read(case),
        };
        results.add(case, record);
    }
    report(options, &results)
}

/// Prints results, and writes them where programs and people find them.
fn report(options: &Options, results: &Results) -> anyhow::Result<()> {
    let outcomes = &results.outcomes;
    let current = program().and_then(|path| origin::build(&path)).ok();
    let current = current.as_deref();
    println!(
        "\n{}\n{}",
        report::table(outcomes, current),
        report::details(&results.details)
    );
    let name = if options.quick {
        "quick.json"
    } else {
        "bench.json"
    };
    fs::create_dir_all(folder())?;
    let json = folder().join(name);
    fs::write(&json, serde_json::to_string_pretty(outcomes)? + "\n")?;
    println!("{}", json.display());
    if options.quick {
        println!("Small inputs and one run: it works or not, and no figure counts.");
    }
    if options.publish {
        let docs = process::root().join("docs");
        let rows: Vec<&Row> = CASES.iter().flat_map(|case| case.rows).collect();
        // Once more: by now the peers are installed.
        let machine = Machine::here(&peers::packages());
        let page = report::page(&rows, results, current, &machine);
        fs::write(docs.join("performance.md"), page)?;
        let picture = chart::svg(&rows, outcomes);
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

/// Where everything is that bench makes.
fn folder() -> PathBuf {
    process::root().join("target/bench")
}

/// The program as it is now.
fn program() -> anyhow::Result<PathBuf> {
    match std::env::var_os("SEALBOOT") {
        Some(path) => Ok(PathBuf::from(path)),
        None => process::sealboot("release"),
    }
}

fn prepare(options: &Options) -> anyhow::Result<Bench> {
    tools::install(peers::ALWAYS)?;
    if std::env::var_os("SEALBOOT").is_none() {
        println!("$ cargo build --release --package sealboot");
        process::run(process::cargo().args(["build", "--release", "--package", "sealboot"]))?;
    }
    let folder = folder();
    let kind = if options.quick { "quick" } else { "full" };
    let bench = Bench {
        sealboot: program()?.display().to_string(),
        inputs: folder.join(format!("inputs-{kind}")),
        roots: folder.join("roots"),
        work: folder.join("work"),
        quick: options.quick,
        against: options.against.is_some(),
        runs: if options.quick { 1 } else { options.runs },
        date: origin::today()?,
    };
    measure::remove(&bench.work)?;
    for folder in [&bench.inputs, &bench.roots, &bench.work] {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    Ok(bench)
}

/// Runs a case and keeps what came of it.
fn measured(case: &Case, bench: &Bench, kept: &Kept) -> anyhow::Result<Record> {
    println!("\n{}", case.id);
    let record = compare(case, bench).map(|(build, taken)| {
        let date = bench.date.clone();
        kept.record(case, Origin { date, build }, taken)
    });
    match &record {
        Err(error) => println!("  not measured: {error:#}"),
        Ok(_) if bench.quick => {}
        Ok(record) => {
            // What can still be measured and printed is.
            if let Err(error) = kept.write(record) {
                println!("  not kept: {error:#}");
            }
        }
    }
    record
}

/// Runs a case: which build of sealboot, and what each contender took.
fn compare(case: &Case, bench: &Bench) -> anyhow::Result<(String, Vec<Taken>)> {
    let build = origin::build(Path::new(&bench.sealboot))?;
    let (mut ready, mut results) = (Vec::new(), Vec::new());
    for Contender { name, pipeline } in (case.set_up)(bench)? {
        match pipeline {
            Ok(pipeline) => ready.push((name, pipeline)),
            Err(error) => {
                println!("  {name:<34} not compared: {error:#}");
                results.push((name, Err(error)));
            }
        }
    }
    let names: Vec<&'static str> = ready.iter().map(|(name, _)| *name).collect();
    let samples = alternate(&ready, bench.runs.into(), &bench.work);
    results.extend(names.into_iter().zip(samples));
    if origin::build(Path::new(&bench.sealboot))? != build {
        bail!("sealboot was built anew while it was measured");
    }
    Ok((build, results.into_iter().map(taken).collect()))
}

fn taken((name, samples): (&str, anyhow::Result<Vec<Sample>>)) -> Taken {
    let found = samples.and_then(|samples| {
        let medians = medians(&samples).context("nothing was measured")?;
        Ok((samples.len(), medians))
    });
    Taken {
        name: name.to_owned(),
        runs: found.as_ref().map_or(0, |(runs, _)| *runs),
        medians: match found {
            Ok((_, medians)) => Ok(medians),
            Err(error) => Err(format!("{error:#}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
}
