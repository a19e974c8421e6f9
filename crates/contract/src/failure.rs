//! Why a boot failed, kept for the next one: init writes it into a firmware variable before it
//! restarts the machine; the init that starts next reads it, removes it, and leaves it to the
//! running system ([`crate::running::LAST_FAILURE`]).
//!
//! Firmware gives no protection to what is in it: it is shown to people and decides nothing.

use serde::{Deserialize, Serialize};
use uguid::{Guid, guid};

/// The variable's name (UEFI 2.10, section 8.2).
pub const VARIABLE: &str = "SealbootLastFailure";

/// The vendor GUID of sealboot's variables.
pub const VENDOR: Guid = guid!("6ca28501-1552-4070-9d67-ff601005dabf");

/// The most bytes that the variable takes: firmware may refuse more than 1 KiB in one.
pub const LARGEST: usize = 1024;

/// What the screen said, or what the kernel left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Failure {
    /// Version of the release that did not start; empty when it was not known yet.
    pub release: String,
    /// What was being done: `mapping root`.
    pub step: String,
    /// What went wrong.
    pub problem: String,
    /// What should have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was there instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What the kernel or a parser said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the person can do.
    pub next: String,
    /// The end of the kernel's log, when it was the kernel that stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_log: Option<String>,
}

/// Why the variable's content is no failure.
#[derive(Debug, thiserror::Error)]
#[error("the EFI variable {VARIABLE} holds no failure: {0}")]
pub struct Error(#[from] serde_json::Error);

impl Failure {
    /// The variable's name in efivarfs.
    pub fn file_name() -> String {
        format!("{VARIABLE}-{VENDOR}")
    }

    /// Reads it.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// All of it.
    pub fn to_json(&self) -> Vec<u8> {
        // Serialising strings into memory has no way to fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// At most `largest` bytes of it, still JSON: what helps a person least goes first. `largest`
    /// must have room for the names of the fields: 100 bytes.
    pub fn to_json_within(&self, largest: usize) -> Vec<u8> {
        let mut short = self.clone();
        let mut json = short.to_json();
        if json.len() > largest {
            (short.expected, short.found) = (None, None);
            json = short.to_json();
        }
        type Field = fn(&mut Failure) -> Option<&mut String>;
        let fields: [(Field, bool); 6] = [
            // The end of a log says more than its start.
            (|failure| failure.kernel_log.as_mut(), true),
            (|failure| failure.reason.as_mut(), false),
            (|failure| Some(&mut failure.next), false),
            (|failure| Some(&mut failure.problem), false),
            (|failure| Some(&mut failure.step), false),
            (|failure| Some(&mut failure.release), false),
        ];
        for (field, keep_end) in fields {
            while let Some(over) = json.len().checked_sub(largest).filter(|over| *over > 0) {
                let Some(text) = field(&mut short).filter(|text| !text.is_empty()) else {
                    break;
                };
                cut(text, over, keep_end);
                json = short.to_json();
            }
        }
        json
    }
}

/// Takes some characters off the end of a text (or its start) that is `over` bytes of JSON too
/// long: a character is at most 6 bytes there, so never more are taken than needed.
fn cut(text: &mut String, over: usize, keep_end: bool) {
    let count = over.div_ceil(6);
    *text = match keep_end {
        true => text.chars().skip(count).collect(),
        false => {
            let left = text.chars().count().saturating_sub(count);
            text.chars().take(left).collect()
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> Failure {
        Failure {
            release: "1.4".to_owned(),
            step: "mapping root".to_owned(),
            problem: "the image cannot be mapped".to_owned(),
            expected: Some("a".to_owned()),
            found: Some("b".to_owned()),
            reason: Some("Input/output error".to_owned()),
            next: "write it again".to_owned(),
            kernel_log: None,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let json = failure().to_json_within(LARGEST);
        assert_eq!(Failure::from_json(&json).unwrap(), failure());
        assert!(Failure::from_json(b"{\"x\":1}").is_err());
        assert!(Failure::from_json(b"\xff").is_err());
    }

    #[test]
    fn what_was_expected_and_found_goes_first() {
        let mut long = failure();
        long.found = Some("x".repeat(LARGEST));
        let read = Failure::from_json(&long.to_json_within(LARGEST)).unwrap();
        (long.expected, long.found) = (None, None);
        assert_eq!(read, long);
    }

    #[test]
    fn of_the_kernels_log_the_end_is_kept_and_the_rest_is_whole() {
        let mut long = failure();
        long.kernel_log = Some("a line\n".repeat(1000) + "the end");
        let json = long.to_json_within(LARGEST);
        assert!(
            (LARGEST - 20..=LARGEST).contains(&json.len()),
            "{}",
            json.len()
        );
        let read = Failure::from_json(&json).unwrap();
        assert!(read.kernel_log.unwrap().ends_with("a line\nthe end"));
        assert_eq!((read.reason, read.next), (long.reason, long.next));
    }

    #[test]
    fn whatever_is_long_it_fits() {
        for text in ["x", "\u{1}", "\"", "\u{20ac}", "\u{1f600}"] {
            let text = text.repeat(3 * LARGEST);
            let long = Failure {
                release: text.clone(),
                step: text.clone(),
                problem: text.clone(),
                expected: Some(text.clone()),
                found: Some(text.clone()),
                reason: Some(text.clone()),
                next: text.clone(),
                kernel_log: Some(text),
            };
            let json = long.to_json_within(LARGEST);
            assert!(json.len() <= LARGEST, "{}", json.len());
            let release = Failure::from_json(&json).unwrap().release;
            assert!(release.len() > LARGEST / 8, "{release}");
        }
    }
}
