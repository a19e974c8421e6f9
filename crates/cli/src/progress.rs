//! What a person sees while a long step runs: a bar on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::output;

/// Where progress goes.
pub struct Progress {
    terminal: bool,
    quiet: bool,
}

/// One running step. Dropping it without [`Step::done`] leaves it unfinished on the screen.
pub struct Step {
    name: String,
    quiet: bool,
    bar: Option<ProgressBar>,
    started: Instant,
    last_line: Mutex<Instant>,
    /// Downloads of this step: done and total bytes.
    files: Mutex<BTreeMap<String, (u64, u64)>>,
}

/// Between two plain lines of the same step.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl Progress {
    /// Bars when standard error is a terminal; nothing at all when `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            quiet,
        }
    }

    /// A line that is not part of any step.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            output::tell(line);
        }
    }

    /// Starts a step.
    pub fn step(&self, name: &str) -> Step {
        let bar = (self.terminal && !self.quiet).then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(style("{spinner} {prefix:12} {msg}"));
            bar.set_prefix(name.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let now = Instant::now();
        let (name, quiet) = (name.to_owned(), self.quiet);
        Step {
            name,
            quiet,
            bar,
            started: now,
            last_line: Mutex::new(now),
            files: Mutex::default(),
        }
    }
}

impl Step {
    /// `done` of `total` bytes; a `total` of 0 means that it is not known.
    pub fn bytes(&self, done: u64, total: u64) {
        match &self.bar {
            Some(bar) if total > 0 => {
                if bar.length() != Some(total) {
                    bar.set_style(style(
                        "{spinner} {prefix:12} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
                    ));
                    bar.set_length(total);
                }
                bar.set_position(done);
            }
            Some(bar) => bar.set_message(HumanBytes(done).to_string()),
            None => self.line(done, total),
        }
    }

    fn line(&self, done: u64, total: u64) {
        let Ok(mut last) = self.last_line.lock() else {
            return;
        };
        if self.quiet || last.elapsed() < LINE_EVERY {
            return;
        }
        *last = Instant::now();
        let of = if total > 0 {
            format!(" of {}", HumanBytes(total))
        } else {
            String::new()
        };
        output::tell(&format!("  {:12} {}{of} …", self.name, HumanBytes(done)));
    }

    /// Ends the step without a word: what came of it is printed as the result.
    pub fn clear(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Ends the step with what came of it.
    pub fn done(self, outcome: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if !self.quiet {
            let seconds = self.started.elapsed().as_secs_f64();
            output::tell(&format!("  {:12} {outcome}  ({seconds:.1} s)", self.name));
        }
    }
}

/// A size for a person: `12.3 MiB`.
pub fn size(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// Downloads tell of themselves file by file; the step shows their sum.
impl source::fetch::Progress for Step {
    fn advance(&self, name: &str, done: u64, total: u64) {
        let Ok(mut files) = self.files.lock() else {
            return;
        };
        files.insert(name.to_owned(), (done, total));
        let (done, total) = files
            .values()
            .fold((0, 0), |(d, t), file| (d + file.0, t + file.1));
        drop(files);
        self.bytes(done, total);
    }

    fn note(&self, name: &str, text: &str) {
        let line = format!("  {:12} {name}: {text}", self.name);
        match &self.bar {
            Some(bar) => bar.println(line),
            None if self.quiet => {}
            None => output::tell(&line),
        }
    }
}
