//! Fuzzing the readers of untrusted bytes: `fuzz/` has a libFuzzer program for each, `tests/readers`
//! what they do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::process;

/// `cargo xtask fuzz`
#[derive(clap::Args)]
pub struct Options {
    /// One reader; all of them without
    target: Option<String>,
    /// How long each is fuzzed
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// How many at a time
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    jobs: u64,
    /// Make the inputs to start from anew, and fuzz nothing
    #[arg(long)]
    seeds: bool,
}

/// What a reader may use. Memory in MiB, time for one input in seconds, length of one in bytes. What
/// a thread still has when it is waited for no more is taken for a leak: nothing looks for those.
const LIMITS: &[&str] = &[
    "-rss_limit_mb=1024",
    "-timeout=10",
    "-max_len=131072",
    "-detect_leaks=0",
];

/// A quarantine for freed memory as large as the default would count as the reader's.
const SANITIZER: &str = "detect_odr_violation=0:quarantine_size_mb=16";

/// Makes seeds, or builds and runs fuzzers, and says what they found.
pub fn run(options: &Options) -> anyhow::Result<()> {
    if options.seeds {
        return seeds();
    }
    let known = targets()?;
    let chosen: Vec<String> = match &options.target {
        None => known,
        Some(target) if known.contains(target) => vec![target.clone()],
        Some(target) => bail!("{target} is no target; there are {}", known.join(", ")),
    };
    build(&chosen)?;
    let queue = Mutex::new(chosen.into_iter().rev().collect::<Vec<_>>());
    let failed = Mutex::new(Vec::new());
    println!("| Target | Minutes | Executions | Coverage | Inputs | Found |");
    println!("|---|---|---|---|---|---|");
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(|| {
                while let Some(target) = pop(&queue) {
                    match fuzz(&target, options.minutes) {
                        Ok(row) => println!("{row}"),
                        Err(error) => push(&failed, format!("{target}: {error:#}")),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_default();
    if !failed.is_empty() {
        bail!("{}", failed.join("\n"));
    }
    Ok(())
}

fn pop(queue: &Mutex<Vec<String>>) -> Option<String> {
    queue.lock().ok()?.pop()
}

fn push(list: &Mutex<Vec<String>>, line: String) {
    if let Ok(mut list) = list.lock() {
        list.push(line);
    }
}

fn folder() -> PathBuf {
    process::root().join("fuzz")
}

/// By the programs' files; a test holds them against the table of readers.
fn targets() -> anyhow::Result<Vec<String>> {
    let programs = folder().join("fuzz_targets");
    let entries = fs::read_dir(&programs).with_context(|| programs.display().to_string())?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        names.extend(
            path.file_stem()
                .map(|stem| stem.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    Ok(names)
}

/// libFuzzer needs what only a nightly compiler has.
fn build(chosen: &[String]) -> anyhow::Result<()> {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo", "fuzz", "build"]);
    if let [one] = chosen {
        command.arg(one);
    }
    // Of the cargo that runs this program, which is another.
    command.env_remove("CARGO").current_dir(process::root());
    process::run(&mut command).context(
        "rustup toolchain install nightly and cargo install cargo-fuzz --locked bring what is needed",
    )
}

/// Runs one fuzzer; a row of the table, or where the input is that was too much.
fn fuzz(target: &str, minutes: u64) -> anyhow::Result<String> {
    let scratch = folder().join("target");
    let program = scratch
        .join("x86_64-unknown-linux-gnu/release")
        .join(target);
    let [corpus, found] = ["corpus", "artifacts"].map(|name| scratch.join(name).join(target));
    for folder in [&corpus, &found] {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let kept = [
        folder().join("corpus"),
        folder().join("crashes"),
        scratch.join("seeds"),
    ];
    let kept = kept.map(|folder| folder.join(target));
    let log = found.join("log");

    let mut command = Command::new("nice");
    command.args(["-n", "5"]).arg(&program).args(LIMITS);
    command.arg(format!("-max_total_time={}", minutes * 60));
    command.arg(format!("-artifact_prefix={}/", found.display()));
    command.arg("-print_final_stats=1").arg(&corpus);
    command.args(kept.iter().filter(|folder| folder.exists()));
    command.env("ASAN_OPTIONS", SANITIZER).stdout(Stdio::null());
    command.stderr(fs::File::create(&log).with_context(|| log.display().to_string())?);
    let started = Instant::now();
    let status = command.status().with_context(|| process::shown(&command))?;
    let text = fs::read(&log).with_context(|| log.display().to_string())?;
    let text = String::from_utf8_lossy(&text);
    let inputs = fs::read_dir(&corpus).map_or(0, Iterator::count);
    let row = row(target, started.elapsed(), &text, inputs);
    if status.success() {
        return Ok(row);
    }
    let input = text
        .lines()
        .find_map(|line| line.split_once("Test unit written to "));
    let input = input.map_or("no input", |(_, path)| path);
    bail!(
        "{row}\n{}: {status}; {input}, {}",
        program.display(),
        shown(&log)
    );
}

fn shown(log: &Path) -> String {
    format!("its log is {}", log.display())
}

/// Numbers out of libFuzzer's log.
fn row(target: &str, took: Duration, log: &str, inputs: usize) -> String {
    let number = |before: &str| {
        let line = log.lines().rev().find_map(|line| line.split_once(before));
        let rest = line.map_or("?", |(_, rest)| rest.trim_start());
        rest.split_whitespace().next().unwrap_or("?").to_owned()
    };
    let (executions, coverage) = (number("stat::number_of_executed_units:"), number(" cov:"));
    let minutes = took.as_secs_f64() / 60.0;
    let found = match log.contains("Test unit written to ") {
        true => "see below",
        false => "nothing",
    };
    format!("| {target} | {minutes:.1} | {executions} | {coverage} | {inputs} | {found} |")
}

/// Inputs made by sealboot's own writers, into the project; pieces of real packages, where those are,
/// beside it.
fn seeds() -> anyhow::Result<()> {
    let mut command = process::cargo();
    command.args(["run", "--package", "readers", "--example", "seeds", "--"]);
    command.arg(folder().join("corpus"));
    let data = std::env::var_os("SEALBOOT_TEST_DATA").map(PathBuf::from);
    let data = data.unwrap_or_else(|| process::root().join("../shared/data"));
    if data.exists() {
        command.arg(data).arg(folder().join("target/seeds"));
    }
    process::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_out_of_the_log() {
        let log = "#2\tINITED cov: 10 ft: 11 corp: 1/1b\n#9\tDONE   cov: 12 ft: 13 corp: 2/2b\n\
                   stat::number_of_executed_units: 90\n";
        let minute = Duration::from_secs(60);
        assert_eq!(
            row("pe", minute, log, 2),
            "| pe | 1.0 | 90 | 12 | 2 | nothing |"
        );
        let crash = format!("{log}artifact_prefix='x'; Test unit written to x/crash-1\n");
        assert!(row("pe", minute, &crash, 2).ends_with("| see below |"));
        assert_eq!(
            row("pe", minute, "", 0),
            "| pe | 1.0 | ? | ? | 0 | nothing |"
        );
    }

    #[test]
    fn targets_are_the_programs() {
        let targets = targets().unwrap();
        assert!(targets.iter().any(|target| target == "pe"), "{targets:?}");
    }
}
