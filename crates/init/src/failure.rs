//! What went wrong, and the one thing that is done about it.

use std::error::Error;
use std::fmt::Write;

use contract::cmdline;

use crate::last_failure;
use crate::machine::{Machine, Progress, printable};

/// Seconds that a failure stays on the screen when the command line does not say.
const PAUSE: u64 = 30;

/// Columns of the narrowest screen.
const COLUMNS: usize = 80;

/// Why a release does not start, in words for the person before the screen.
#[derive(Debug, Default)]
pub(crate) struct Failure {
    /// What is wrong, as a sentence without its full stop.
    what: String,
    /// What should have been.
    expected: Option<String>,
    /// What was there instead.
    found: Option<String>,
    /// What the kernel or a parser said.
    because: Option<String>,
    /// What the person can do.
    next: String,
}

impl Failure {
    /// `what` is wrong; the person can do `next`.
    pub(crate) fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            next: next.into(),
            ..Self::default()
        }
    }

    /// Adds what should have been, and what was.
    pub(crate) fn differs(mut self, expected: impl Into<String>, found: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self.found = Some(found.into());
        self
    }

    /// Adds the error under it, with those under that.
    pub(crate) fn because(mut self, error: &dyn Error) -> Self {
        let mut words = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            let _ = write!(words, ": {error}");
            source = error.source();
        }
        self.because = Some(words);
        self
    }

    /// What is wrong.
    pub(crate) fn problem(&self) -> &str {
        &self.what
    }

    /// What is kept of it for the next boot.
    fn to_keep(&self, progress: &Progress) -> contract::failure::Failure {
        contract::failure::Failure {
            release: progress.release.clone(),
            step: progress.step.clone(),
            problem: self.what.clone(),
            expected: self.expected.clone(),
            found: self.found.clone(),
            reason: self.because.clone(),
            next: self.next.clone(),
            kernel_log: None,
        }
    }

    /// The screen.
    fn render(&self, release: &str, step: &str, pause: u64) -> String {
        let line = "=".repeat(COLUMNS - 1);
        let release = if release.is_empty() {
            "not known yet"
        } else {
            release
        };
        let rows = [
            ("release", Some(release)),
            ("while", Some(step)),
            ("problem", Some(self.what.as_str())),
            ("expected", self.expected.as_deref()),
            ("found", self.found.as_deref()),
            ("reason", self.because.as_deref()),
            ("to do", Some(self.next.as_str())),
        ];
        let mut screen = format!("\n{line}\nsealboot: THIS RELEASE WAS NOT STARTED\n\n");
        for (name, text) in rows {
            for (row, words) in wrap(text.unwrap_or_default(), COLUMNS - 13)
                .into_iter()
                .enumerate()
            {
                let name = if row == 0 { name } else { "" };
                let _ = writeln!(screen, "  {name:<9} {words}");
            }
        }
        let _ = write!(
            screen,
            "\n  The machine restarts in {pause} seconds; Enter restarts it now.\n{line}\n"
        );
        screen
    }
}

/// The end of a boot that failed: says so on every console, keeps it for the next boot, waits,
/// restarts. A machine with more
/// than one slot is given its next one by the firmware then.
pub(crate) fn stop(machine: &Machine, failure: &Failure) -> ! {
    let progress = machine.progress();
    let pause = machine.seconds(cmdline::PAUSE, PAUSE);
    let screen = failure.render(&progress.release, &progress.step, pause.as_secs());
    machine.system.print(&screen);
    if machine.path("/sys/firmware/efi").is_dir() {
        last_failure::keep(machine, &failure.to_keep(&progress));
    }
    machine.is_alive(pause);
    machine.system.pause(pause);
    machine.system.restart()
}

/// Makes a panic, in whatever thread, end like every other failure.
pub(crate) fn stop_on_panic(machine: &'static Machine) {
    std::panic::set_hook(Box::new(move |panic| {
        let words = panic.payload_as_str().unwrap_or("no words");
        let place = panic.location().map(|place| format!(" at {place}"));
        let failure = Failure {
            because: Some(format!("{words}{}", place.unwrap_or_default())),
            ..Failure::new(
                "init itself has a defect",
                "start another release, and report this screen",
            )
        };
        stop(machine, &failure)
    }));
}

/// Breaks `text` into lines of at most `width` characters, between words where it can. What is no
/// printable ASCII becomes `?`.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let mut rest: Vec<char> = word.chars().map(printable).collect();
        if let Some(last) = lines.last_mut()
            && last.chars().count() + 1 + rest.len() <= width
        {
            last.push(' ');
            last.extend(rest);
            continue;
        }
        while !rest.is_empty() {
            let after = rest.split_off(rest.len().min(width));
            lines.push(rest.into_iter().collect());
            rest = after;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_fits_and_says_everything() {
        let error = linux::Error::new(
            "cannot mount",
            "/dev/vda1 at /run/sealboot/boot",
            std::io::Error::from_raw_os_error(5),
        );
        let failure = Failure::new("the boot partition cannot be read", "check the disk")
            .differs("a".repeat(100), "b")
            .because(&error);
        let screen = failure.render("1.4", "mounting", 30);
        for words in [
            "THIS RELEASE WAS NOT STARTED",
            "release   1.4",
            "while     mounting",
            "problem   the boot partition cannot be read",
            "found     b",
            "reason    cannot mount /dev/vda1 at /run/sealboot/boot: Input/output error",
            "to do     check the disk",
            "restarts in 30 seconds",
        ] {
            assert!(screen.contains(words), "{words}\n{screen}");
        }
        assert!(
            screen.lines().all(|line| line.chars().count() < COLUMNS),
            "{screen}"
        );
        assert!(screen.is_ascii());
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let screen = Failure::new("x", "y").render("", "z", 1);
        assert!(screen.contains("not known yet"));
        for absent in ["expected", "found", "reason"] {
            assert!(!screen.contains(absent), "{screen}");
        }
    }

    #[test]
    fn words_are_kept_whole_where_they_fit() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("", 3), [""; 0]);
        assert_eq!(wrap("a\x1b[2J\u{9b}b", 20), ["a?[2J?b"]);
    }
}
