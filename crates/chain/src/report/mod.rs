//! What [`crate::verify`] found: one row for each check, and what is broken in those that fail; [`Summary`] is what
//! that means.

mod render;
mod summary;

use serde::Serialize;

use source::keys::CertificateSummary;

use crate::check::reason::because;
use crate::kind::Kind;
use crate::part::Part;
use crate::{Certificate, Owner};

/// Most breaks of one check that are kept; the others are counted.
pub const BREAKS: usize = 8;

pub use summary::{Program, Summary};

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
    /// What counts beside it: the rest of a db.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Measure>,
    /// Whether no check failed, and at least one could be made.
    pub holds: bool,
    /// What follows from the checks.
    pub summary: Summary,
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

impl Measure {
    fn with(certificate: &Certificate) -> Self {
        Self {
            path: certificate.name.clone(),
            summary: certificate.summary.clone(),
        }
    }
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
    /// Why it must.
    pub because: &'static str,
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
    pub(crate) fn new(path: &str, kind: Kind, owner: &Owner) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            version: None,
            certificate: Measure::with(&owner.db),
            others: owner.others.iter().map(Measure::with).collect(),
            holds: true,
            summary: Summary::default(),
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
            because: because(object, check),
            state,
            detail,
            breaks: breaks.kept,
            more_breaks: breaks.more,
        });
    }

    /// The checks of an artefact inside of this one.
    pub(crate) fn append(&mut self, inner: Self, within: &str) {
        self.holds &= inner.holds;
        self.summary.append(inner.summary, within);
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
}
