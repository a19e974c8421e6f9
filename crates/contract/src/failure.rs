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
