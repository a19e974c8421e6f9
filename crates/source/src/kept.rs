//! Results that are kept from one run to the next.

/// Where such results are: checked as they are found, and none when anything is wrong with them.
pub trait Kept: Sync {
    /// What was kept of `inputs`; `kind` says what it is.
    fn find(&self, kind: &str, inputs: &[&[u8]]) -> Option<Vec<u8>>;
    /// Keeps a result, if that can be done.
    fn keep(&self, kind: &str, inputs: &[&[u8]], result: &[u8]);
}
