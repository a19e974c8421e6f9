//! Running programs and measuring them: wall time by our own clock; processor time and memory by GNU
//! time, which asks the kernel with wait4(2) and is small itself, so that a program is not charged
//! for its parent's memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// What one run took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Seconds from start to end.
    pub wall: f64,
    /// Seconds of processor time, user and system, of all programs and their children.
    pub cpu: f64,
    /// Memory of the largest program, in bytes.
    pub peak: f64,
    /// Size of what came out, in bytes.
    pub size: f64,
}

/// Done before every run, unmeasured; told which run it is, from 0.
pub type Before = Box<dyn Fn(usize) -> anyhow::Result<()>>;

/// Programs that run one after the other and are measured as one.
pub struct Pipeline {
    /// Their words, with whole paths.
    pub steps: Vec<Vec<String>>,
    /// What they make: removed before every run, sizes summed after it.
    pub outputs: Vec<PathBuf>,
    /// What else must be as it was.
    pub before: Before,
    /// Where the steps write the seconds that count, when these are not those that the steps take.
    pub seconds: Option<PathBuf>,
}

impl Pipeline {
    /// Steps that make files, and nothing to be done before.
    pub fn new(steps: Vec<Vec<String>>, outputs: &[&Path]) -> Self {
        Self {
            steps,
            outputs: outputs.iter().map(|path| path.to_path_buf()).collect(),
            before: Box::new(|_| Ok(())),
            seconds: None,
        }
    }

    /// The same, where the steps write the seconds that count to a file.
    pub fn timed_by(self, seconds: &Path) -> Self {
        Self {
            seconds: Some(seconds.to_owned()),
            ..self
        }
    }

    /// The same with something to be done before every run.
    pub fn after(self, before: impl Fn(usize) -> anyhow::Result<()> + 'static) -> Self {
        Self {
            before: Box::new(before),
            ..self
        }
    }

    /// The same, until what came out is on the disk: as sealboot leaves its files.
    pub fn synced(mut self) -> Self {
        let outputs = self.outputs.iter().map(|path| path.display().to_string());
        let sync = ["sync".to_owned()].into_iter().chain(outputs);
        self.steps.push(sync.collect());
        self
    }

    /// One measured run.
    fn run(&self, run: usize, folder: &Path) -> anyhow::Result<Sample> {
        for output in &self.outputs {
            remove(output)?;
        }
        (self.before)(run)?;
        let mut sum = Sample::default();
        for step in &self.steps {
            let sample = measure(step, folder)?;
            sum.wall += sample.wall;
            sum.cpu += sample.cpu;
            sum.peak = sum.peak.max(sample.peak);
        }
        if let Some(path) = &self.seconds {
            let said = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let number = said.trim().parse();
            sum.wall = number.with_context(|| format!("{said:?} is no number of seconds"))?;
        }
        for output in &self.outputs {
            let made = fs::metadata(output);
            let made = made.with_context(|| format!("{} was not made", output.display()))?;
            sum.size += made.len() as f64;
        }
        Ok(sum)
    }
}

/// Runs all in turn (A B A B …), so that what else the machine does hits all alike. What fails once
/// is not run again.
pub fn alternate(
    pipelines: &[(&str, Pipeline)],
    runs: usize,
    folder: &Path,
) -> Vec<anyhow::Result<Vec<Sample>>> {
    let mut all: Vec<anyhow::Result<Vec<Sample>>> = pipelines.iter().map(|_| Ok(vec![])).collect();
    for run in 0..runs {
        for ((name, pipeline), samples) in pipelines.iter().zip(&mut all) {
            let Ok(list) = samples else { continue };
            match pipeline.run(run, folder) {
                Ok(sample) => {
                    println!(
                        "  {name:<34} {:>9.2} s  {:>9.2} s CPU",
                        sample.wall, sample.cpu
                    );
                    list.push(sample);
                }
                Err(error) => {
                    println!("  {name:<34} failed: {error:#}");
                    *samples = Err(error);
                }
            }
        }
    }
    // What is left is large, and the next case needs the room.
    for (_, pipeline) in pipelines {
        pipeline.outputs.iter().for_each(|path| _ = remove(path));
    }
    all
}

/// Runs a program to its end and says what it took.
pub fn measure(words: &[String], folder: &Path) -> anyhow::Result<Sample> {
    let (report, said) = (folder.join("time"), folder.join("said"));
    let log = fs::File::create(&said).with_context(|| said.display().to_string())?;
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("time");
    command
        .args(["--format", "%U %S %M", "--output"])
        .arg(&report)
        .arg("--")
        .args(words)
        .current_dir(folder)
        // Disk tools are where only root's PATH leads.
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .env("LC_ALL", "C.UTF-8")
        .env("MTOOLS_SKIP_CHECK", "1")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    let started = Instant::now();
    let status = command.status().context("time cannot be started")?;
    let wall = started.elapsed().as_secs_f64();
    if !status.success() {
        let said = fs::read(&said).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let last: Vec<&str> = said.lines().rev().take(3).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        bail!("{}: {status}: {}", called(words), last.join(" / "));
    }
    let report = fs::read_to_string(&report)?;
    let (cpu, peak) = parse(&report).with_context(|| format!("time said {report:?}"))?;
    Ok(Sample {
        wall,
        cpu,
        peak,
        size: 0.0,
    })
}

/// A program and what it was first told: enough to know which one it was.
fn called(words: &[String]) -> String {
    let mut first = words.iter().take(2);
    let program = first.next().map(Path::new).and_then(Path::file_name);
    let program = program.unwrap_or_default().to_string_lossy();
    first.fold(program.into_owned(), |program, word| {
        let line = word.lines().next().unwrap_or_default();
        format!("{program} {line}")
    })
}

/// Processor time in seconds and memory in bytes, of `%U %S %M` on the last line.
fn parse(report: &str) -> Option<(f64, f64)> {
    let words = report.trim_end().lines().last()?.split_whitespace();
    let numbers: Vec<f64> = words.map(str::parse).collect::<Result<_, _>>().ok()?;
    match numbers.as_slice() {
        [user, system, kib] => Some((user + system, kib * 1024.0)),
        _ => None,
    }
}

/// Takes a file or folder away, if it is there.
pub fn remove(path: &Path) -> anyhow::Result<()> {
    let removed = match path.symlink_metadata() {
        Err(_) => return Ok(()),
        Ok(is) if is.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    removed.with_context(|| format!("{} cannot be removed", path.display()))
}

/// The middle one; between the middle two of an even number.
pub fn median(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = numbers.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    match sorted.len() % 2 {
        1 => Some(upper),
        _ => Some((upper + sorted.get(sorted.len() / 2 - 1)?) / 2.0),
    }
}

/// The medians of every measure.
pub fn medians(samples: &[Sample]) -> Option<Sample> {
    let of = |measure: fn(&Sample) -> f64| median(samples.iter().map(measure));
    Some(Sample {
        wall: of(|sample| sample.wall)?,
        cpu: of(|sample| sample.cpu)?,
        peak: of(|sample| sample.peak)?,
        size: of(|sample| sample.size)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        for (numbers, expected) in [
            (&[][..], None),
            (&[3.0], Some(3.0)),
            (&[9.0, 1.0], Some(5.0)),
            (&[5.0, 100.0, 1.0], Some(5.0)),
            (&[4.0, 1.0, 3.0, 2.0], Some(2.5)),
        ] {
            assert_eq!(median(numbers.iter().copied()), expected, "{numbers:?}");
        }
        let sample = |wall, size| Sample {
            wall,
            size,
            ..Sample::default()
        };
        let samples = [sample(1.0, 9.0), sample(2.0, 7.0), sample(9.0, 8.0)];
        assert_eq!(medians(&samples), Some(sample(2.0, 8.0)));
        assert_eq!(medians(&[]), None);
    }

    #[test]
    fn a_program_that_failed_is_named() {
        let words =
            |list: &[&str]| -> Vec<String> { list.iter().map(|w| (*w).to_owned()).collect() };
        assert_eq!(called(&words(&["/usr/bin/tar", "-xf", "a"])), "tar -xf");
        assert_eq!(called(&words(&["sync"])), "sync");
        assert_eq!(called(&[]), "");
    }

    #[test]
    fn what_time_says_is_read() {
        assert_eq!(parse("0.25 0.5 2\n"), Some((0.75, 2048.0)));
        let failed = "Command exited with non-zero status 1\n1 2 3\n";
        assert_eq!(parse(failed), Some((3.0, 3072.0)));
        for wrong in ["", "1 2\n", "1 2 x\n", "1 2 3 4\n"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
