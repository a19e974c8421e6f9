//! What [`crate::verify`] found: one row for each check, and what is broken in those that fail.

use serde::Serialize;

use source::keys::CertificateSummary;

use crate::Certificate;
use crate::kind::Kind;
use crate::part::Part;
use crate::text::Text;

/// Most breaks of one check that are kept; the others are counted.
pub const BREAKS: usize = 8;

/// Column of what the first lines say.
const HEAD: usize = 16;

/// All checks.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was verified: a path.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// The release in it, when that is known.
    pub version: Option<String>,
    /// What everything is measured with.
    pub certificate: Measure,
    /// Whether no check failed, and at least one could be made.
    pub holds: bool,
    /// In the order in which they were done: the chain's, from the certificate on.
    pub checks: Vec<Check>,
}

/// The certificate that everything is measured with.
#[derive(Clone, Debug, Serialize)]
pub struct Measure {
    /// Where it was found.
    pub path: String,
    /// What it says.
    #[serde(flatten)]
    pub summary: CertificateSummary,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What the object is in: `disk.img`, `partition 2`; empty when it is what was verified.
    pub within: String,
    /// What was looked at: a file, or a structure of the disk.
    pub object: String,
    /// What must hold.
    pub check: String,
    /// Whether it does.
    pub state: State,
    /// What was found when it holds; why when it was not checked.
    pub detail: String,
    /// What does not hold.
    pub breaks: Vec<Break>,
    /// How many more breaks there are than [`BREAKS`].
    pub more_breaks: u64,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum State {
    /// It holds.
    #[serde(rename = "ok")]
    Ok,
    /// It does not.
    #[serde(rename = "failed")]
    Failed,
    /// It could not be checked, or there is nothing to compare with.
    #[serde(rename = "not checked")]
    NotChecked,
}

/// One thing that does not hold. Offsets are in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Break {
    /// What: `data block 1234 of the image root`.
    pub what: String,
    /// In which file.
    pub file: String,
    /// Where in the file.
    pub offset: Option<u64>,
    /// Where on the disk.
    pub disk_offset: Option<u64>,
    /// What should be there.
    pub expected: Option<String>,
    /// What is there.
    pub found: Option<String>,
}

impl Break {
    /// Something about a file as a whole.
    pub(crate) fn of(file: &str, what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            file: file.to_owned(),
            ..Self::default()
        }
    }

    /// Where in an artefact it is, and on the disk when that is one.
    pub(crate) fn at(mut self, part: &Part<'_>, offset: u64) -> Self {
        self.offset = Some(offset);
        self.disk_offset = part.map().disk_offset(offset);
        self
    }

    /// What should be there, and what is.
    pub(crate) fn differs(mut self, expected: impl ToString, found: impl ToString) -> Self {
        self.expected = Some(expected.to_string());
        self.found = Some(found.to_string());
        self
    }
}

/// Breaks of one check, as they are found.
#[derive(Debug, Default)]
pub(crate) struct Breaks {
    kept: Vec<Break>,
    more: u64,
}

impl Breaks {
    pub(crate) fn push(&mut self, found: Break) {
        match self.kept.len() < BREAKS {
            true => self.kept.push(found),
            false => self.more += 1,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

impl From<Break> for Breaks {
    fn from(found: Break) -> Self {
        Self {
            kept: vec![found],
            more: 0,
        }
    }
}

impl Report {
    pub(crate) fn new(path: &str, kind: Kind, certificate: &Certificate) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            version: None,
            certificate: Measure {
                path: certificate.name.clone(),
                summary: certificate.summary.clone(),
            },
            holds: true,
            checks: Vec::new(),
        }
    }

    /// It holds.
    pub(crate) fn ok(&mut self, object: &str, check: &str, detail: impl Into<String>) {
        self.add(object, check, State::Ok, detail.into(), Breaks::default());
    }

    /// It could not be checked.
    pub(crate) fn not_checked(&mut self, object: &str, check: &str, why: impl Into<String>) {
        self.add(
            object,
            check,
            State::NotChecked,
            why.into(),
            Breaks::default(),
        );
    }

    /// It does not hold.
    pub(crate) fn failed(&mut self, object: &str, check: &str, breaks: impl Into<Breaks>) {
        let breaks = breaks.into();
        self.add(object, check, State::Failed, String::new(), breaks);
    }

    /// It holds when nothing broke.
    pub(crate) fn settle(
        &mut self,
        object: &str,
        check: &str,
        breaks: Breaks,
        detail: impl Into<String>,
    ) {
        match breaks.is_empty() {
            true => self.ok(object, check, detail),
            false => self.failed(object, check, breaks),
        }
    }

    fn add(&mut self, object: &str, check: &str, state: State, detail: String, breaks: Breaks) {
        self.holds &= state != State::Failed;
        self.checks.push(Check {
            within: String::new(),
            object: object.to_owned(),
            check: check.to_owned(),
            state,
            detail,
            breaks: breaks.kept,
            more_breaks: breaks.more,
        });
    }

    /// The checks of an artefact inside of this one.
    pub(crate) fn append(&mut self, inner: Self, within: &str) {
        self.holds &= inner.holds;
        self.version = self.version.take().or(inner.version);
        for mut check in inner.checks {
            let parts = [within, &check.within];
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            check.within = parts.join(", ");
            self.checks.push(check);
        }
    }

    /// How many checks ended so.
    pub fn count(&self, state: State) -> usize {
        self.checks.iter().filter(|c| c.state == state).count()
    }

    /// For a person: one row for each check, and below it what is broken.
    pub fn render(&self) -> String {
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
        text.gap();
        let (mut within, mut object) = ("", "");
        for check in &self.checks {
            if check.within != within {
                within = &check.within;
                object = "";
                text.line(&format!("In {within}:"));
            }
            let state = match check.state {
                State::Ok => "ok",
                State::Failed => "FAILED",
                State::NotChecked => "not checked",
            };
            let sentence = match check.detail.as_str() {
                "" => check.check.clone(),
                detail => format!("{}: {detail}", check.check),
            };
            // What failed is named in its own row.
            let again = check.object == object && check.state != State::Failed;
            object = &check.object;
            let shown = if again { "" } else { object };
            text.columns(2, (state, 13), (shown, 22), &sentence);
            for found in &check.breaks {
                broken(&mut text, found);
            }
            if check.more_breaks > 0 {
                text.row(6, "", 0, &format!("and {} more", check.more_breaks));
            }
        }
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
        text.finish()
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
