//! A report for a person: [`Report::render`] fits on a screen, [`Report::explain`] has every check.

use super::{Break, Check, Measure, Report, State};
use crate::text::Text;

/// Column of what the first lines say.
const HEAD: usize = 16;

/// Most signers that are named.
const SIGNERS: usize = 4;

impl Report {
    /// What follows from the checks, and what is broken.
    pub fn render(&self) -> String {
        let mut text = self.head();
        text.gap();
        self.summary(&mut text);
        let mut within = "";
        let failed = |check: &&Check| check.state == State::Failed;
        for (index, check) in self.checks.iter().filter(failed).enumerate() {
            if index == 0 {
                text.gap();
            }
            if check.within != within {
                within = &check.within;
                text.line(&format!("In {within}:"));
            }
            row(&mut text, check, &check.object);
        }
        self.verdict(&mut text);
        text.finish()
    }

    /// One row for each check, below it what is broken; with reasons also why it must hold.
    pub fn explain(&self) -> String {
        let mut text = self.head();
        text.gap();
        let (mut within, mut object) = ("", "");
        for check in &self.checks {
            if check.within != within {
                within = &check.within;
                object = "";
                text.line(&format!("In {within}:"));
            }
            // What failed is named in its own row.
            let again = check.object == object && check.state != State::Failed;
            object = &check.object;
            row(&mut text, check, if again { "" } else { object });
            text.row(6, "", 0, check.because);
        }
        text.gap();
        self.summary(&mut text);
        self.verdict(&mut text);
        text.finish()
    }

    fn head(&self) -> Text {
        let mut text = Text::default();
        let release = self.version.as_ref();
        let release = release.map_or(String::new(), |version| format!(", release {version}"));
        text.row(
            0,
            &self.path,
            HEAD,
            &format!("{}{release}", self.kind.words()),
        );
        let Measure { path, summary } = &self.certificate;
        text.row(0, path, HEAD, &summary.subject);
        let (first, second) = summary.sha256.split_at(summary.sha256.len() / 2);
        text.row(0, "", HEAD, &format!("SHA-256 {first}"));
        text.row(0, "", HEAD, &format!("        {second}"));
        for (index, other) in self.others.iter().enumerate() {
            if index == SIGNERS {
                let more = self.others.len() - SIGNERS;
                text.row(0, "", HEAD, &format!("and {more} certificates more"));
                break;
            }
            text.row(0, "", HEAD, &format!("or {}", other.summary.subject));
        }
        text
    }

    fn summary(&self, text: &mut Text) {
        let firmware = self.summary.firmware.iter().map(|program| {
            let path = match program.within.as_str() {
                "" => program.path.clone(),
                within => format!("{} of {within}", program.path),
            };
            match program.starts {
                true => format!("starts {path}"),
                false => format!("does NOT start {path}: {}", program.why),
            }
        });
        list(text, "Firmware", firmware);
        list(text, "What runs", self.summary.runs.iter().cloned());
        list(text, "Verified", self.verified());
        let unchecked = self.checks.iter().filter(|c| c.state == State::NotChecked);
        let unchecked = unchecked.map(|check| {
            let within = match check.within.as_str() {
                "" => String::new(),
                within => format!(" of {within}"),
            };
            format!("{}{within}: {}", check.object, check.detail)
        });
        let open = self.summary.not_covered.iter().cloned().chain(unchecked);
        list(text, "Not covered", open);
    }

    /// What was looked at whole: signatures and images.
    fn verified(&self) -> Vec<String> {
        let ok = |check: &&Check| check.state == State::Ok;
        let ended = |end: &'static str| {
            let rows = self.checks.iter().filter(ok);
            rows.filter(move |check| check.check == end)
        };
        let mut lines = Vec::new();
        let signatures = ended(crate::check::SIGNED).count();
        if signatures > 0 {
            let by = match self.others.is_empty() {
                true => "this certificate",
                false => "one of these certificates",
            };
            let many = if signatures == 1 { "" } else { "s" };
            lines.push(format!("{signatures} signature{many} by {by}"));
        }
        let mut images: Vec<&str> = Vec::new();
        for check in ended(crate::check::BLOCKS) {
            let name = check.object.rsplit('/').next().unwrap_or_default();
            if !images.contains(&name) {
                images.push(name);
            }
        }
        if !images.is_empty() {
            lines.push(format!("every block of {}", images.join(", ")));
        }
        lines
    }

    fn verdict(&self, text: &mut Text) {
        text.gap();
        let (failed, all) = (self.count(State::Failed), self.checks.len());
        let skipped = match self.count(State::NotChecked) {
            0 => String::new(),
            count => format!(", {count} not checked"),
        };
        text.line(&match failed {
            0 if !self.holds => "It does NOT hold: nothing of it could be checked.".to_owned(),
            0 => format!("Everything that was checked holds: {all} checks{skipped}."),
            _ => format!("It does NOT hold: {failed} of {all} checks failed{skipped}."),
        });
    }
}

fn list(text: &mut Text, label: &str, lines: impl IntoIterator<Item = String>) {
    let mut label = label;
    for line in lines {
        text.row(0, label, HEAD, &line);
        label = "";
    }
}

fn row(text: &mut Text, check: &Check, object: &str) {
    let state = match check.state {
        State::Ok => "ok",
        State::Failed => "FAILED",
        State::NotChecked => "not checked",
    };
    let sentence = match check.detail.as_str() {
        "" => check.check.clone(),
        detail => format!("{}: {detail}", check.check),
    };
    text.columns(2, (state, 13), (object, 22), &sentence);
    for found in &check.breaks {
        broken(text, found);
    }
    if check.more_breaks > 0 {
        text.row(6, "", 0, &format!("and {} more", check.more_breaks));
    }
}

fn broken(text: &mut Text, found: &Break) {
    text.row(6, "", 0, &found.what);
    let place = match (found.offset, found.disk_offset) {
        (Some(offset), Some(disk)) => {
            format!("byte {offset} of {}, byte {disk} of the disk", found.file)
        }
        (Some(offset), None) => format!("byte {offset} of {}", found.file),
        (None, Some(disk)) => format!("byte {disk} of the disk"),
        (None, None) => String::new(),
    };
    let rows = [
        ("at", (!place.is_empty()).then_some(&place)),
        ("expected", found.expected.as_ref()),
        ("found", found.found.as_ref()),
    ];
    for (label, value) in rows {
        if let Some(value) = value {
            text.row(6, label, 9, value);
        }
    }
}
