//! What the run's end means.

use std::io::IsTerminal;

use anyhow::anyhow;

use super::expect::Expectation;
use super::watch::Ending;
use crate::exit::{Code, WithCode};
use crate::output;

/// Why a machine stopped, in QEMU's words (`ShutdownCause` of its QAPI) and in ours.
const REASONS: &[(&str, &str)] = &[
    ("guest-reset", "restarted"),
    ("guest-shutdown", "powered itself off"),
    ("guest-panic", "panicked"),
];

/// An error when texts were awaited and did not all come.
pub fn verdict(ending: &Ending, seen: &Expectation<'_, String>) -> anyhow::Result<()> {
    if std::io::stderr().is_terminal() {
        output::tell("");
    }
    let what = match (ending, seen.next()) {
        (Ending::Seen, _) => {
            output::tell(&format!("seen: {}", seen.texts().join(", then ")));
            return Ok(());
        }
        (Ending::Quit | Ending::Stopped(_) | Ending::TimedOut, None) | (Ending::Quit, _) => {
            return Ok(());
        }
        (Ending::Stopped(reason), Some(text)) => {
            let mut rows = REASONS.iter();
            let row = rows.find(|(name, _)| reason.as_deref() == Some(name));
            let stopped = row.map_or("stopped", |(_, words)| words);
            format!("the machine {stopped} before it printed {text:?}")
        }
        (Ending::TimedOut, Some(text)) => format!("time ran out before {text:?} was printed"),
        (Ending::Silent, _) => "the machine printed nothing at all".to_owned(),
    };
    let last = match seen.tail() {
        tail if tail.is_empty() => String::new(),
        tail => format!("; the last it printed:\n{tail}"),
    };
    Err(anyhow!("{what}{last}")).code(Code::Unexpected)
}
