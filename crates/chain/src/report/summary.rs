//! What all checks together mean: on one screen, for who has to decide.

use serde::Serialize;

/// What firmware does, what runs then, and what nobody vouches for.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Programs that firmware finds, and what it does with them while Secure Boot is on and its db is the one that
    /// was verified with.
    pub firmware: Vec<Program>,
    /// What runs then.
    pub runs: Vec<String>,
    /// What is there and no signature covers.
    pub not_covered: Vec<String>,
}

/// A program, as firmware sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Program {
    /// Its path.
    pub path: String,
    /// What that is in; empty when it is what was verified.
    pub within: String,
    /// Whether firmware starts it.
    pub starts: bool,
    /// Why it does not.
    pub why: String,
}

impl Summary {
    /// Firmware starts this one.
    pub(crate) fn starts(&mut self, path: &str) {
        self.program(path, true, String::new());
    }

    /// Firmware does not start this one.
    pub(crate) fn refuses(&mut self, path: &str, why: impl Into<String>) {
        self.program(path, false, why.into());
    }

    fn program(&mut self, path: &str, starts: bool, why: String) {
        self.firmware.push(Program {
            path: path.to_owned(),
            within: String::new(),
            starts,
            why,
        });
    }

    /// This runs.
    pub(crate) fn runs(&mut self, what: impl Into<String>) {
        once(&mut self.runs, what.into());
    }

    /// No signature covers this.
    pub(crate) fn not_covered(&mut self, what: impl Into<String>) {
        once(&mut self.not_covered, what.into());
    }

    /// What is said of an artefact inside of this one.
    pub(super) fn append(&mut self, inner: Self, within: &str) {
        for mut program in inner.firmware {
            let parts = [within, &program.within];
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            program.within = parts.join(", ");
            self.firmware.push(program);
        }
        inner.runs.into_iter().for_each(|what| self.runs(what));
        for what in inner.not_covered {
            self.not_covered(what);
        }
    }
}

/// A folder and the disk image in it say much twice.
fn once(list: &mut Vec<String>, what: String) {
    if !list.contains(&what) {
        list.push(what);
    }
}
