//! The machine that is being started: where its files are, what may be done to it, what was said.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use contract::cmdline;

use crate::system::System;
use crate::watchdog;

/// See the module. One exists, for the whole life of the program.
pub(crate) struct Machine {
    root: PathBuf,
    /// What can be done to it.
    pub(crate) system: Box<dyn System>,
    progress: Mutex<Progress>,
}

/// What the screen needs to know when something fails.
#[derive(Clone, Default)]
pub(crate) struct Progress {
    /// Which release, once it is known.
    pub(crate) release: String,
    /// What is being done.
    pub(crate) step: String,
    /// Every line said so far.
    pub(crate) log: String,
    /// Until when the watchdog is fed without another sign of life.
    lively: Duration,
}

impl Machine {
    /// A machine whose `/` is the folder `root`.
    pub(crate) fn new(root: PathBuf, system: Box<dyn System>) -> Self {
        Self {
            root,
            system,
            progress: Mutex::default(),
        }
    }

    /// Where the machine's `path` is: `/sys` → `<root>/sys`.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The machine's name for a path: the opposite of [`Machine::path`].
    pub(crate) fn name<'a>(&self, path: &'a Path) -> std::borrow::Cow<'a, str> {
        path.strip_prefix(&self.root)
            .map_or(path, |inside| inside)
            .to_string_lossy()
    }

    /// Says one line on every console.
    pub(crate) fn say(&self, line: &str) {
        let line = format!("sealboot: {line}\n");
        self.with_progress(|progress| progress.log.push_str(&line));
        self.is_alive(Duration::ZERO);
        self.system.print(&line);
    }

    /// Says something in a frame, which stands out between other lines: what is wrong, and what
    /// that means. A line has 66 characters at most.
    pub(crate) fn warn(&self, what: &str, meaning: &[&str]) {
        const RULE: &str = "+-------------------------------------------------------------------+";
        self.say(RULE);
        self.say(&format!("| WARNING: {what:<57}|"));
        self.say(RULE);
        for line in meaning {
            self.say(&format!("| {line:<66}|"));
        }
        self.say(RULE);
    }

    /// What is done from now on, for the screen in case it fails: `finding the boot partition`.
    pub(crate) fn step(&self, step: impl Into<String>) {
        self.with_progress(|progress| progress.step = step.into());
        self.is_alive(Duration::ZERO);
    }

    /// Which release this is, for the screen.
    pub(crate) fn set_release(&self, release: String) {
        self.with_progress(|progress| progress.release = release);
    }

    /// A sign of life: the watchdog is fed for the usual time from now on, and for `longer`.
    pub(crate) fn is_alive(&self, longer: Duration) {
        let patience = self.seconds(cmdline::PATIENCE, watchdog::PATIENCE);
        let until = self.system.now().saturating_add(patience + longer);
        self.with_progress(|progress| progress.lively = until);
    }

    /// Whether there was a sign of life not long ago.
    pub(crate) fn lively(&self) -> bool {
        let until = self.progress.lock().map(|progress| progress.lively);
        until.is_ok_and(|until| self.system.now() <= until)
    }

    /// A copy of what is known so far. Works in a panic, too: it gives up rather than waits.
    pub(crate) fn progress(&self) -> Progress {
        let guard = self.progress.try_lock();
        guard.map(|progress| progress.clone()).unwrap_or_default()
    }

    fn with_progress(&self, change: impl FnOnce(&mut Progress)) {
        if let Ok(mut progress) = self.progress.lock() {
            change(&mut progress);
        }
    }

    /// The number of seconds that the command line gives for `key`, else `default`.
    pub(crate) fn seconds(&self, key: &str, default: u64) -> Duration {
        let line = self.system.command_line();
        let seconds = cmdline::value(&line, key).and_then(|value| value.parse().ok());
        // A day is more patience than anybody has, and keeps clock arithmetic far from its ends.
        Duration::from_secs(seconds.unwrap_or(default).min(86_400))
    }
}

/// The character, when it is one that a console only shows; `?` for what it may obey: texts quote
/// files and logs that anybody may have written.
pub(crate) fn printable(c: char) -> char {
    if c.is_ascii_graphic() || c == ' ' {
        c
    } else {
        '?'
    }
}
